"""What a Release and its coordinated Canaries tell one another, by signals."""

from tidegate.domain.base import Model


class Report(Model):
    """A Canary to its release: where it stands. `canary` is its workflow id, `epoch` its request's.

    `passed`: it may be promoted as soon as all others may. `promoted`: its primary runs the new version, and
    it may stay as soon as all others may. `turned_back` says why it did so before that. `place` is told to
    those who wait for it: "at 40 %". `anew`: it was reset, and may have lost what it heard.
    """

    canary: str
    epoch: int
    passed: bool = False
    promoted: bool = False
    turned_back: str = ""
    place: str = ""
    anew: bool = False


class Directive(Model):
    """A Release to one of its canaries: where the others stand. The last one counts.

    `go`: all have passed, and it is promoted with them. `stay`: all are promoted, and none goes back because
    of another any more. `turn_back` says why it must. `waits_for` names those that it waits for; `awaited`
    tells one of these to report its place from now on.
    """

    go: bool = False
    stay: bool = False
    turn_back: str = ""
    waits_for: str = ""
    awaited: bool = False
