"""A node of the sandbox: takes its cluster's pods and runs them as local processes.

It is also the scheduler (one node in a cluster runs pods, and takes all but those for another one) and
speaks to the cluster through its API only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import aiohttp

from tidegate.sandbox.client import (
    NODES,
    PODS,
    STATUS,
    ClusterClient,
    ConflictError,
    NotFoundError,
    Object,
)
from tidegate.sandbox.images.registry import REGISTRY, Known
from tidegate.sandbox.informer import Informer, Key, Reconciler, key_of
from tidegate.sandbox.node.addresses import AddressPool
from tidegate.sandbox.node.container import NodeParts
from tidegate.sandbox.node.pod import PodRunner
from tidegate.sandbox.node.processes import ZygoteClient
from tidegate.sandbox.node.status import moment
from tidegate.sandbox.placement import pinned_node

log = logging.getLogger(__name__)


class Node:
    """Runs the pods of one cluster. Use it as an async context manager, or `start()` and `stop()` it.

    `pod_subnet` is a loopback subnet (`127.x.y.0/24`) that no other node on the machine uses; `log_dir`
    gets a file per container; `environment` is given to every container before its own variables.
    Volumes, resources and security contexts are accepted, and mean nothing to a process.
    """

    def __init__(
        self,
        client: ClusterClient,
        *,
        name: str,
        pod_subnet: str,
        log_dir: Path,
        images: Sequence[Known] = REGISTRY,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._client = client
        self._log_dir = log_dir
        self._images = tuple(images)
        self._environment = dict(environment or {})
        self._addresses = AddressPool(pod_subnet)
        self._pods = Informer(client, PODS)
        self._runners: dict[str, PodRunner] = {}
        self._uids: dict[Key, str] = {}
        self._removals: set[asyncio.Task[None]] = set()
        self._reconciler = Reconciler(f"node {name}", self._reconcile, workers=8)
        self._zygote: ZygoteClient | None = None
        self._session: aiohttp.ClientSession | None = None
        self._pods.on_change(lambda pod, _: self._reconciler.queue.add(key_of(pod)))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Register, and begin to run pods; returns when the pods that exist are known."""
        self._log_dir.mkdir(parents=True, exist_ok=True)
        modules = sorted({known.module for known in self._images})
        self._zygote = ZygoteClient(modules, self._log_dir / f"{self.name}.log")
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
        await self._zygote.start()
        await self._register()
        await self._pods.start()
        self._reconciler.start()

    async def stop(self) -> None:
        """End all pods' processes at once; their objects stay as they are."""
        await self._reconciler.stop()
        await self._pods.stop()
        await asyncio.gather(*(runner.stop() for runner in self._runners.values()))
        for task in list(self._removals):
            task.cancel()
        if self._zygote is not None:
            await self._zygote.stop()
        if self._session is not None:
            await self._session.close()

    async def _register(self) -> None:
        """Make this node known to the cluster, as ready.

        A real API server taints a new node, which no controller of the sandbox's takes back.
        """
        labels = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux"}
        node: Object = {"metadata": {"name": self.name, "labels": labels}, "spec": {}}
        with contextlib.suppress(ConflictError):
            await self._client.create(NODES, node)
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "the sandbox's node runs pods as processes",
            "lastHeartbeatTime": moment(),
            "lastTransitionTime": moment(),
        }
        status = {
            "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "nodeInfo": {"kubeletVersion": "v1.33.0", "operatingSystem": "linux"},
        }
        await self._client.patch(NODES, node, {"status": status}, STATUS)
        await self._client.patch(NODES, node, {"spec": {"taints": None}})

    async def _reconcile(self, key: Key) -> None:
        """Start a pod that is new, end one that is being deleted, forget one that is gone."""
        pod = self._pods.get(key)
        uid = self._uids.get(key)
        if uid is not None and (pod is None or pod["metadata"]["uid"] != uid):
            self._lost(key, uid)
        if pod is None or (pinned_node(pod) or self.name) != self.name:
            return
        if "deletionTimestamp" in pod["metadata"]:
            await self._end(key, pod)
        elif pod["metadata"]["uid"] not in self._runners and not _over(pod):
            await self._begin(key, pod)

    async def _begin(self, key: Key, pod: Object) -> None:
        address = self._addresses.take()
        if address is None or self._zygote is None or self._session is None:
            raise RuntimeError(f"node {self.name} has no address left for pod {key.name}")
        if not pod["spec"].get("nodeName"):
            try:
                await self._bind(pod)
            except BaseException:
                self._addresses.give_back(address)
                raise
        parts = NodeParts(self._client, self._zygote, self._session, self._images, self._environment)
        pod = {**pod, "spec": {**pod["spec"], "nodeName": self.name}}
        runner = PodRunner(parts, pod, address, self._log_dir)
        self._runners[pod["metadata"]["uid"]] = runner
        self._uids[key] = pod["metadata"]["uid"]
        runner.start()

    async def _bind(self, pod: Object) -> None:
        """Assign the pod to this node, as a scheduler does (an API without bindings lets it be written)."""
        meta = {name: pod["metadata"][name] for name in ("name", "namespace")}
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": meta,
            "target": {"apiVersion": "v1", "kind": "Node", "name": self.name},
        }
        try:
            await self._client.create(PODS, binding, "binding")
        except NotFoundError:
            await self._client.patch(PODS, pod, {"spec": {"nodeName": self.name}})

    async def _end(self, key: Key, pod: Object) -> None:
        runner = self._runners.get(pod["metadata"]["uid"])
        if runner is not None:
            runner.end(pod)
            return
        with contextlib.suppress(NotFoundError, ConflictError):
            await self._client.delete(PODS, pod, grace_seconds=0)

    def _lost(self, key: Key, uid: str) -> None:
        """The object is gone: end what still runs, then free the address."""
        runner = self._runners.pop(uid)
        del self._uids[key]
        runner.end({"metadata": {}, "spec": {"terminationGracePeriodSeconds": 30}})
        task = asyncio.create_task(self._free(runner))
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def _free(self, runner: PodRunner) -> None:
        await runner.ended()
        self._addresses.give_back(runner.address)


def _over(pod: Object) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
