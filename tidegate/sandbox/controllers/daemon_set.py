"""The DaemonSet controller: a pod on every node that the template's node selector allows, renewed in bounds.

Of what decides on a node, the node selector alone is looked at: no affinity, and no taints. Revisions are
told by a label of the pods; no ControllerRevision is made.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tidegate.sandbox.client import DAEMON_SETS, STATUS, ClusterClient, Object
from tidegate.sandbox.controllers.objects import (
    controller_key,
    deleting,
    field,
    owned_by,
    pod_active,
    pod_ready,
    seconds_until_available,
    template_hash,
)
from tidegate.sandbox.controllers.pods import PodWriter, pod_of
from tidegate.sandbox.controllers.rollout import share
from tidegate.sandbox.informer import Informer, Key, Reconciler, key_of
from tidegate.sandbox.placement import pinned, pinned_node

REVISION = "controller-revision-hash"


class DaemonSetController:
    """Keeps each DaemonSet's pods on its nodes."""

    def __init__(self, client: ClusterClient, daemon_sets: Informer, nodes: Informer, pods: Informer) -> None:
        self._client = client
        self._daemon_sets = daemon_sets
        self._nodes = nodes
        self._pods = pods
        self._writer = PodWriter(client, pods)
        self.reconciler = Reconciler("daemonset", self.reconcile)
        daemon_sets.on_change(lambda obj, _: self.reconciler.queue.add(key_of(obj)))
        nodes.on_change(self._node_changed)
        pods.on_change(self._pod_changed)

    async def reconcile(self, key: Key) -> None:
        """Create and delete what the nodes lack or have too many of, then report."""
        daemon_set = self._daemon_sets.get(key)
        if daemon_set is None or deleting(daemon_set):
            return
        nodes = self._look(daemon_set)
        made = [self._writer.create(_pod(daemon_set, name)) for name in _lacking(daemon_set, nodes)]
        doomed = [*_strays(nodes), *_outdated(daemon_set, nodes)]
        await asyncio.gather(*made, *map(self._writer.delete, doomed))
        await self._report(daemon_set, self._look(daemon_set))

    def _node_changed(self, node: Object, before: Object | None) -> None:
        if before is None or node["metadata"].get("labels") != before["metadata"].get("labels"):
            for daemon_set in self._daemon_sets.all():
                self.reconciler.queue.add(key_of(daemon_set))

    def _pod_changed(self, pod: Object, _: Object | None) -> None:
        key = controller_key(pod, DAEMON_SETS)
        if key is not None:
            self.reconciler.queue.add(key)

    def _look(self, daemon_set: Object) -> list[_Node]:
        """Every node that there is, or that a pod is left on."""
        pods: Mapping[str, list[Object]] = defaultdict(list)
        for pod in self._pods.all(daemon_set["metadata"]["namespace"]):
            if owned_by(pod, daemon_set):
                pods[pinned_node(pod)].append(pod)
        selector = daemon_set["spec"]["template"]["spec"].get("nodeSelector") or {}
        wanted = {key_of(node).name: _matches(selector, node) for node in self._nodes.all()}
        names = sorted({*wanted, *pods})
        return [_node(daemon_set, name, wanted.get(name, False), pods[name]) for name in names]

    async def _report(self, daemon_set: Object, nodes: list[_Node]) -> None:
        status = _status(daemon_set, nodes)
        waits = [wait for node in nodes for pod in node.pods if (wait := _wait(daemon_set, pod))]
        if waits:
            self.reconciler.queue.add_after(key_of(daemon_set), min(waits))
        if (daemon_set.get("status") or {}) != status:
            answer = await self._client.replace(DAEMON_SETS, {**daemon_set, "status": status}, STATUS)
            self._daemon_sets.observe(answer)


class _Node(NamedTuple):
    """A node for one DaemonSet: whether it is to have a pod, and those that it has, ending ones too."""

    name: str
    wanted: bool
    new: tuple[Object, ...]
    old: tuple[Object, ...]
    available: bool
    renewed: bool
    """Whether a pod of the last template is available."""

    @property
    def pods(self) -> tuple[Object, ...]:
        """The oldest first."""
        return (*self.old, *self.new)


def _node(daemon_set: Object, name: str, wanted: bool, pods: list[Object]) -> _Node:
    revision = template_hash(daemon_set["spec"]["template"])
    new = tuple(pod for pod in pods if pod["metadata"]["labels"].get(REVISION) == revision)
    old = tuple(pod for pod in pods if pod not in new)
    renewed, kept = (any(_available(daemon_set, pod) for pod in each) for each in (new, old))
    return _Node(name, wanted, new, old, renewed or kept, renewed)


def _status(daemon_set: Object, nodes: list[_Node]) -> Object:
    """As the API tells it: a node counts by its oldest pod, and zeros that may be missing are."""
    wanted = [node for node in nodes if node.wanted]
    oldest = [node.pods[0] for node in wanted if node.pods]
    available = sum(_available(daemon_set, pod) for pod in oldest)
    known = {
        "observedGeneration": daemon_set["metadata"]["generation"],
        "updatedNumberScheduled": sum(bool(node.new) and not node.old for node in wanted),
        "numberAvailable": available,
        "numberUnavailable": len(wanted) - available,
    }
    return {
        "desiredNumberScheduled": len(wanted),
        "currentNumberScheduled": len(oldest),
        "numberMisscheduled": sum(bool(node.pods) for node in nodes if not node.wanted),
        "numberReady": sum(map(pod_ready, oldest)),
    } | {name: count for name, count in known.items() if count}


def _available(daemon_set: Object, pod: Object) -> bool:
    return pod_active(pod) and _wait(daemon_set, pod) == 0


def _wait(daemon_set: Object, pod: Object) -> float | None:
    return seconds_until_available(pod, field(daemon_set, "spec", "minReadySeconds"))


def _matches(selector: Mapping[str, str], node: Object) -> bool:
    return selector.items() <= (node["metadata"].get("labels") or {}).items()


def _lacking(daemon_set: Object, nodes: list[_Node]) -> Iterable[str]:
    """The nodes to make a pod for: those without any, and so many with one of an earlier template."""
    wanted = [node for node in nodes if node.wanted]
    spare = _bound(daemon_set, "maxSurge", len(wanted)) - sum(bool(node.new and node.old) for node in wanted)
    for node in wanted:
        if not node.pods:
            yield node.name
        elif not node.new and spare > 0:
            spare -= 1
            yield node.name


def _pod(daemon_set: Object, node: str) -> Object:
    pod = pinned(pod_of(DAEMON_SETS, daemon_set), node)
    mark = {REVISION: template_hash(daemon_set["spec"]["template"])}
    labels = pod["metadata"]["labels"] | mark
    return pod | {"metadata": pod["metadata"] | {"labels": labels}}


def _strays(nodes: Iterable[_Node]) -> Iterable[Object]:
    """The pods of nodes that are to have none."""
    return (pod for node in nodes if not node.wanted for pod in node.pods if not deleting(pod))


def _outdated(daemon_set: Object, nodes: list[_Node]) -> Iterable[Object]:
    """The pods of earlier templates whose time has come."""
    if (daemon_set["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
        return
    wanted = [node for node in nodes if node.wanted]
    surges = _bound(daemon_set, "maxSurge", len(wanted)) > 0
    spare = _bound(daemon_set, "maxUnavailable", len(wanted)) - sum(not node.available for node in wanted)
    for node in wanted:
        living = [pod for pod in node.old if not deleting(pod)]
        if not living or (surges and not node.renewed):
            continue
        if not surges and node.available:
            if spare <= 0:
                continue
            spare -= 1
        yield from living


def _bound(daemon_set: Object, name: str, nodes: int) -> int:
    rolling = (daemon_set["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    return share(rolling.get(name, 1 if name == "maxUnavailable" else 0), nodes, math.ceil)
