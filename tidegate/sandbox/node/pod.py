"""One pod on this node: its containers side by side, its status reported, its end graceful."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import aiohttp

from tidegate.sandbox.client import PODS, STATUS, ApiError, ConflictError, NotFoundError, Object
from tidegate.sandbox.informer import cancel
from tidegate.sandbox.node.container import ContainerRunner, NodeParts
from tidegate.sandbox.node.status import pod_status

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.1


class PodRunner:
    """Runs one pod from its creation to the removal of its object."""

    def __init__(self, parts: NodeParts, pod: Object, address: str, log_dir: Path) -> None:
        self.address = address
        self._parts = parts
        self._pod = pod
        self._known: Object = {}
        self._dirty = asyncio.Event()
        policy = pod["spec"].get("restartPolicy", "Always")
        init_policy = "Never" if policy == "Never" else "OnFailure"
        self._init = self._runners("initContainers", address, log_dir, init_policy)
        self._containers = self._runners("containers", address, log_dir, policy)
        self._running: asyncio.Task[None] | None = None
        self._reporting: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the background."""
        self._running = asyncio.create_task(self._run())
        self._reporting = asyncio.create_task(self._report_changes())
        self._dirty.set()

    def end(self, pod: Object) -> None:
        """Deletion has begun: end gracefully in the background, and remove the object. May be repeated."""
        if self._ending is None:
            grace = pod["metadata"].get("deletionGracePeriodSeconds")
            if grace is None:
                grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
            self._ending = asyncio.create_task(self._end(float(grace)))

    async def ended(self) -> None:
        """Wait for the graceful end that was asked for."""
        if self._ending is not None:
            await self._ending

    async def stop(self) -> None:
        """The node stops: no graces, and the object stays as it is."""
        for task in (self._running, self._reporting, self._ending):
            await cancel(task)
        for runner in (*self._init, *self._containers):
            runner.kill()

    def _runners(self, field: str, address: str, log_dir: Path, policy: str) -> list[ContainerRunner]:
        meta = self._pod["metadata"]
        return [
            ContainerRunner(
                self._parts,
                self._pod,
                spec,
                address,
                log_dir / f"{meta['namespace']}_{meta['name']}_{spec['name']}.log",
                self._dirty.set,
                policy,
            )
            for spec in self._pod["spec"].get(field) or []
        ]

    async def _run(self) -> None:
        try:
            for runner in self._init:
                if await runner.run() != 0:
                    return
            async with asyncio.TaskGroup() as group:
                for runner in self._containers:
                    group.create_task(runner.run())
        except Exception:
            log.exception("pod %s failed on the node", self._pod["metadata"]["name"])

    async def _end(self, grace_seconds: float) -> None:
        await cancel(self._running)
        await asyncio.gather(*(runner.end(grace_seconds) for runner in (*self._init, *self._containers)))
        await cancel(self._reporting)
        await self._remove()

    async def _remove(self) -> None:
        while True:
            try:
                await self._parts.client.delete(PODS, self._pod, grace_seconds=0)
            except (NotFoundError, ConflictError):
                return
            except (ApiError, aiohttp.ClientError, OSError) as error:
                log.debug("pod %s is not removed yet: %s", self._pod["metadata"]["name"], error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _report_changes(self) -> None:
        with contextlib.suppress(NotFoundError):
            while True:
                await self._dirty.wait()
                self._dirty.clear()
                await self._report()

    async def _report(self) -> None:
        containers = [runner.state for runner in self._containers]
        init = [runner.state for runner in self._init]
        status = pod_status(self._pod, containers, init, self.address, self._known)
        if status == self._known:
            return
        try:
            await self._parts.client.patch(PODS, self._pod, {"status": status}, STATUS)
            self._known = status
        except NotFoundError:
            raise
        except (ApiError, aiohttp.ClientError, OSError) as error:
            log.debug("status of pod %s is not reported yet: %s", self._pod["metadata"]["name"], error)
            await asyncio.sleep(RETRY_SECONDS)
            self._dirty.set()
