"""The arithmetic of a Deployment's rollout: how many replicas each ReplicaSet should have next.

Pure functions after Kubernetes' documented rules: never more than `replicas + maxSurge` pods, never
fewer than `replicas - maxUnavailable` available ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from tidegate.sandbox.client import Object
from tidegate.sandbox.controllers.objects import field, total


class Bounds(NamedTuple):
    """What a rolling update must stay within."""

    replicas: int
    max_surge: int
    max_unavailable: int

    @property
    def most(self) -> int:
        """The most pods there may be."""
        return self.replicas + self.max_surge

    @property
    def fewest_available(self) -> int:
        """The fewest pods that have to be available."""
        return self.replicas - self.max_unavailable


def bounds_of(deployment: Object) -> Bounds:
    """The Deployment's bounds: percentages rounded up for the surge, down for the unavailable.

    Both of them zero would never get anywhere: then one may be unavailable.
    """
    replicas = desired_replicas(deployment)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = share(rolling.get("maxSurge", "25%"), replicas, math.ceil)
    unavailable = share(rolling.get("maxUnavailable", "25%"), replicas, math.floor)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(replicas, surge, min(unavailable, replicas))


def share(value: int | str, replicas: int, rounding: type[int] | object) -> int:
    """A bound of a rolling update: a count, or a percentage of the replicas."""
    if isinstance(value, int):
        return value
    if value.endswith("%"):
        return int(rounding(int(value[:-1]) * replicas / 100))  # type: ignore[operator]
    return int(value)


def desired_replicas(obj: Object) -> int:
    """`spec.replicas`, which is 1 when absent."""
    return int(obj["spec"].get("replicas", 1))


def next_new_size(bounds: Bounds, new: Object, old: Sequence[Object]) -> int:
    """The new ReplicaSet's next size: as large as the surge allows."""
    size = desired_replicas(new)
    if size >= bounds.replicas:
        return bounds.replicas
    room = bounds.most - size - sum(map(desired_replicas, old))
    return size + max(0, min(room, bounds.replicas - size))


def next_old_sizes(bounds: Bounds, new: Object, old: Sequence[Object]) -> dict[str, int]:
    """The next size by name of each old ReplicaSet: unhealthy pods go first."""
    sizes = {rs["metadata"]["name"]: desired_replicas(rs) for rs in old}
    new_missing = max(0, desired_replicas(new) - field(new, "status", "availableReplicas"))
    removable = sum(sizes.values()) + desired_replicas(new) - bounds.fewest_available - new_missing
    for rs in old:
        name = rs["metadata"]["name"]
        unhealthy = max(0, sizes[name] - field(rs, "status", "availableReplicas"))
        taken = max(0, min(unhealthy, removable))
        sizes[name] -= taken
        removable -= taken
    spare = total([new, *old], "status", "availableReplicas") - bounds.fewest_available
    for rs in old:
        name = rs["metadata"]["name"]
        healthy = min(sizes[name], field(rs, "status", "availableReplicas"))
        taken = max(0, min(healthy, spare, removable))
        sizes[name] -= taken
        spare -= taken
        removable -= taken
    return sizes


def proportional_sizes(replica_sets: Sequence[Object], allowed: int) -> dict[str, int]:
    """Sizes that add up to `allowed`, in the proportion of the present ones; larger ones round up."""
    sizes = {rs["metadata"]["name"]: desired_replicas(rs) for rs in replica_sets}
    present = sum(sizes.values())
    if present == 0:
        return sizes
    shares = {name: size * allowed // present for name, size in sizes.items()}
    for name in sorted(sizes, key=lambda name: -sizes[name])[: allowed - sum(shares.values())]:
        shares[name] += 1
    return shares
