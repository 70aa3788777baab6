"""The pods that a Service selects: others deploy and scale them, and a release looks whether any is ready.

An external name selects none, and is not judged by pods.
"""

import time
from contextlib import suppress

from activities.endpoints import known_pods
from activities.heartbeat import late_heartbeat
from activities.rollout import remaining_seconds
from activities.site import Place
from tidegate.decisions.rollout import is_ready, troubles
from tidegate.domain.errors import AccessDenied, NotReady
from tidegate.domain.leading import EXTERNAL
from tidegate.domain.manifest import Manifest, dig, name_of
from tidegate.domain.workload import SERVICE

_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 2.0


class Selections:
    """Whether Services lead to anybody."""

    def awaited(
        self, place: Place, name: str, deadline_seconds: float, ready_percent: int = 100
    ) -> tuple[str, ...]:
        """Wait until a Service leads to all ready pods that it selects, one at least, and to nobody else.

        How many there are to be is their team's business: no percent counts. NotReady says what it selects.
        """
        beat, ends = late_heartbeat(), time.monotonic() + remaining_seconds(deadline_seconds)
        pause = _PAUSE_SECONDS
        while problem := self._problem(place, name):
            if time.monotonic() >= ends:
                after = f"is not ready after {deadline_seconds:g}s"
                raise NotReady(f"{place.workload_ref(name)} {after}: {problem}")
            beat(problem)
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE_SECONDS, 1.2 * pause)
        return _unjudged(place.workload(name))

    def complaint(self, place: Place, name: str, ready_percent: int) -> str:
        """Why a Service leads to nobody; empty when it leads to somebody."""
        live = place.workload(name)
        return "it does not exist" if live is None else self.nobody(place, live)

    def nobody(self, place: Place, live: Manifest) -> str:
        """The same of a live one."""
        if not SERVICE.selector(live):
            return "" if dig(live, "spec", "type") == EXTERNAL else f"it leads to {SERVICE.size(live)}"
        pods = place.pods(live)
        if any(map(is_ready, pods)):
            return ""
        found = troubles(pods) or f"{len(pods)} not ready yet"
        found = found if pods else "there are none"
        return f"it selects {SERVICE.size(live)}, of which none is ready: {found}"

    def reached(self, place: Place, service: str) -> tuple[str, ...]:
        """Whoever waited for it has seen it, where we may look."""
        try:
            known_pods(place, service)
        except AccessDenied as error:
            named = f"Service {service}.{place.namespace}"
            return (f"whether {named} knows its pods was not looked at: {error}",)
        return ()

    def require(self, place: Place, service: str, live: Manifest) -> None:
        """Whoever waited for it has seen it."""

    def unserving(self, place: Place, live: Manifest) -> str:
        """A Service always wants the pods that it selects."""
        return self.nobody(place, live)

    def _problem(self, place: Place, name: str) -> str:
        live = place.workload(name)
        if live is None:
            return "it does not exist"
        return self.nobody(place, live) or _not_known(place, live)


def _not_known(place: Place, live: Manifest) -> str:
    """How what a Service leads to differs from what it selects; it follows a moment later."""
    if not SERVICE.selector(live):
        return ""
    pods = place.pods(live)
    selected, ready = ({name_of(each) for each in some} for some in (pods, filter(is_ready, pods)))
    with suppress(AccessDenied):
        known = known_pods(place, name_of(live))
        if left := known - selected:
            return f"it leads to {', '.join(sorted(left))} yet, which it does not select"
        if ready - known:
            return f"it leads to {len(ready & known)} of {len(ready)} ready pods; see to its ports"
    return ""


def _unjudged(live: Manifest | None) -> tuple[str, ...]:
    """That nobody knows whether those are ready whom a Service does not select."""
    if live is None or SERVICE.selector(live):
        return ()
    return (f"{name_of(live)} leads to {SERVICE.size(live)}, and is not judged by pods",)
