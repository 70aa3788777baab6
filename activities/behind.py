"""The workloads behind a Service that is judged: its built-in metrics are asked for by their names."""

from activities.site import Place
from tidegate.decisions.rollout import workload_of
from tidegate.domain.workload import SERVICE


def told_apart(place: Place, service: str) -> frozenset[str]:
    """The same where these are not behind the other side as well, as when no more than a port has changed.

    None else: the sidecars of those that both sides lead to count the requests of both.
    """
    found = workloads_behind(place, service)
    others = {place.ref.carrier, place.ref.primary} - {service}
    return frozenset() if any(found & workloads_behind(place, each) for each in others) else found


def workloads_behind(place: Place, service: str) -> frozenset[str]:
    """The names of the workloads whose pods a Service selects; none where it selects nobody."""
    live = place.service(service)
    if live is None or not SERVICE.selector(live):
        return frozenset()
    return frozenset(map(workload_of, place.pods(live)))
