"""A case: one kind of release, one fault in it, and what may come of it."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.gateway import Answer
from benchmarks.installation import NAME
from tidegate.domain.release import Outcome

if TYPE_CHECKING:
    from benchmarks.faults.release import Release
    from benchmarks.faults.scene import Scene

Inject = Callable[["Scene", "Release"], Awaitable[None]]
"""Does harm to a release that has just been started; returns when the harm is over."""


class Kind(StrEnum):
    """The kinds of release."""

    GOOD = "good"
    """A version that passes its analysis."""
    BAD = "bad"
    """A version that answers a third of its requests with an error."""
    ABORTED = "aborted"
    """A good version that somebody aborts in its first bake."""
    UNINSTALLED = "uninstalled"
    """No version: the application is uninstalled."""


RELEASES = (Kind.GOOD, Kind.BAD, Kind.ABORTED)
"""Those that bring a version."""


USUAL = {
    Kind.GOOD: Outcome.PROMOTED,
    Kind.BAD: Outcome.ROLLED_BACK,
    Kind.ABORTED: Outcome.ABORTED,
    Kind.UNINSTALLED: Outcome.UNINSTALLED,
}
"""How each kind ends when nothing goes wrong."""


def none_allowed(_: Answer) -> bool:
    """No request may fail."""
    return False


def all_allowed(_: Answer) -> bool:
    """The fault itself makes failures unavoidable."""
    return True


COMPARED: dict[str, Any] = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "ReleasePolicy",
    "metadata": {"name": "careful"},
    "spec": {
        "canaryRef": {"name": NAME},
        "comparison": {
            "with": "baseline",
            "metrics": [{"name": "request-success-rate"}],
            "minimumSamples": 5,
            "step": "1s",
            "window": "1m",
        },
    },
}
"""A policy by which a baseline stands beside the canary."""

UNTESTED: dict[str, Any] = {"webhooks": None}
"""No load test: at the canary's own Service it would spoil the comparison."""


class Case(NamedTuple):
    """One case.

    `inject` runs beside the release from its start; it waits for the point it wants with
    `release.until(point)`, and brackets the harm with `with release.fault():` (else its own begin and end
    count). `outcomes` are the ends that are right; empty means the kind's usual one. `named` is a regular
    expression that what the release says (reasons, notes, warnings, failures of its steps) has to match;
    empty where the fault leaves no trace that a person would miss. `allowed` says which failed requests the
    fault excuses, beside those that the broken version answered itself. `analysis` replaces fields of the
    Canary's analysis; `policy` is a ReleasePolicy that comes with the new version. `failures` are the ends
    without an outcome that are right: "CancelledError" or "TerminatedError"; `side` is the version that the
    primary has to run then, "old" or "new", where it is certain. `waiting`: the release does not end by
    itself, but has to say what it waits for. `target_lost`: the fault took the target or changed its
    template, so that it does not tell the new one; `all_lost`: it took what no release can bring back, and
    how the release ends is all that counts. `prepare` is done before the release is started; `container`
    replaces fields of the new version's container. `fresh`: the case needs an application that was never
    released, and its release initialises it.
    """

    name: str
    group: str
    kind: Kind
    inject: Inject
    outcomes: frozenset[Outcome] = frozenset()
    failures: frozenset[str] = frozenset()
    side: str = ""
    named: str = ""
    allowed: Callable[[Answer], bool] = none_allowed
    analysis: dict[str, Any] | None = None
    policy: dict[str, Any] | None = None
    container: dict[str, Any] | None = None
    waiting: bool = False
    target_lost: bool = False
    all_lost: bool = False
    fresh: bool = False
    prepare: Callable[["Scene"], Awaitable[None]] | None = None
    patience: float = 120.0
    may_be_missed: bool = False
    """Whether the fault may lie between two calls: then the usual end comes, and there is nothing to name."""
    bounded: bool = True
    """Whether it is among the cases that are run without --all."""
