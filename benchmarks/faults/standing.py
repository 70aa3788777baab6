"""How a canary has to stand between releases: its traffic with the primary, and nothing else running."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.faults.canary import Canary, version_of
from tidegate.domain.marks import ROLLBACK, annotations
from tidegate.manifests.primary import rollout_of
from tidegate.sandbox.client import NotFoundError, Object

Violations = list[str]


async def traffic(canary: Canary) -> Violations:
    """All of it is the primary's, in Envoy and by the VirtualService."""
    violations = []
    share = await canary.envoy_share()
    if share != 0:
        violations.append(f"Envoy gives the canary {'no route' if share is None else f'{share} %'}")
    try:
        routes = (await canary.virtual_service())["spec"]["http"]
    except NotFoundError as error:
        return [*violations, str(error)]
    for route in routes:
        weights = {_service(each): each.get("weight", 100) for each in route["route"]}
        if (weights.get(canary.primary), weights.get(canary.service, 0)) != (100, 0):
            violations.append(f"the VirtualService has weights {weights}")
    return violations


def _service(part: Object) -> str:
    """A destination's Service, where another writer has written its host in full."""
    host: str = part["destination"]["host"]
    return host.partition(".")[0]


async def workload(canary: Canary, cluster: str, sides: Mapping[str, Any], target_lost: bool) -> Violations:
    """In one cluster the primary runs one of the sides, the target has no pods, and no baseline stands.

    `sides` are the pod templates that are right, "old" or "new"; the new one is None, as it is the target's.
    """
    try:
        primary = await canary.deployment(canary.primary, cluster)
        target = None if target_lost else await canary.deployment(canary.name, cluster)
    except NotFoundError as error:
        return [str(error)]
    return [
        *_primary(sides, primary, target),
        *await _baseline(canary, cluster),
        *(_target(target, await canary.pods(cluster)) if target else ()),
    ]


async def _baseline(canary: Canary, cluster: str) -> Violations:
    """None stands between releases, whoever made it."""
    try:
        live = await canary.deployment(canary.baseline, cluster)
    except NotFoundError:
        return []
    return [f"{live['metadata']['name']} is left with {live['spec'].get('replicas')} replicas"]


def _primary(sides: Mapping[str, Any], primary: Object, target: Object | None) -> Violations:
    violations = []
    # Without the target, its version has to do.
    new = rollout_of(target)["template"] if target else primary["spec"]["template"]
    right = {side: new if side == "new" else template for side, template in sides.items()}
    if primary["spec"]["template"] not in right.values():
        wanted = " or the ".join(right)
        violations.append(f"the primary's template is not exactly the {wanted} one: {version_of(primary)}")
    if ROLLBACK in annotations(primary):
        violations.append("the primary still has the record of an unfinished promotion")
    status, replicas = primary.get("status") or {}, primary["spec"]["replicas"]
    ready = [status.get(field, 0) for field in ("replicas", "updatedReplicas", "readyReplicas")]
    if ready != [replicas] * 3:
        violations.append(f"the primary's pods do not all run it: {ready} of {replicas}")
    return violations


def _target(target: Object, pods: Sequence[Object]) -> Violations:
    labels = target["spec"]["selector"]["matchLabels"].items()
    left = [pod["metadata"]["name"] for pod in pods if labels <= pod["metadata"]["labels"].items()]
    violations = [f"the target still has pods: {', '.join(left)}"] if left else []
    if target["spec"].get("replicas") != 0:
        violations.append(f"the target is at {target['spec'].get('replicas')} replicas, not at zero")
    return violations
