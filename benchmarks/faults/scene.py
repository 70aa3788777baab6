"""A scene for faults: one sandbox with workers, and one application whose releases run under traffic.

    async with Scene(folder) as scene:
        release = await scene.begin(Kind.GOOD)      # commits a version and starts its release
        await release.until(PROMOTE)                # a point of its histories
        with release.fault():                       # the harm; its end is where the clock starts
            await scene.kill_worker()
            await scene.start_worker()
        await release.ended(within=60)
        violations = await check(scene, release, case)

The harness itself talks to the world directly (`scene.world.clients`, `scene.client`). Only workers go by
`scene.environment`, so that a proxy can be put between them and anything: give `wire`, a coroutine that gets
the scene and an exit stack when the world is up and no worker is; it starts what it needs, ends it by the
stack, and changes `scene.environment` (variables of every worker started from then on) and
`scene.address_of` (which URL stands for a repository's folder).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from benchmarks.faults import owner
from benchmarks.faults.application import ALONE, Application, Layout
from benchmarks.faults.canary import version_of
from benchmarks.faults.case import Kind
from benchmarks.faults.release import Release
from benchmarks.installation import NotMeasured
from benchmarks.repository import BRANCH
from tidegate.cli.submission import submit
from tidegate.contracts import Mode as RunMode
from tidegate.domain.release import Outcome
from tidegate.sandbox.client import NotFoundError
from tidegate.sandbox.processes import Process
from tidegate.sandbox.world import World

TASK_QUEUE = "tidegate"
BAKE_SECONDS = 1.5
ANALYSIS: dict[str, Any] = {
    "interval": f"{BAKE_SECONDS * 1000:g}ms",
    "threshold": 2,
    "maxWeight": None,
    "stepWeight": None,
    "stepWeights": [25, 50],
}
"""Two bakes, of which the second may be repeated once."""

BROKEN = ("--random-error",)

Wire = Callable[["Scene", AsyncExitStack], Awaitable[None]]


class Scene:
    """It is up inside `async with`, with one worker and an application of a layout that was initialised."""

    def __init__(self, directory: Path, wire: Wire | None = None, layout: Layout = ALONE) -> None:
        self.directory = directory
        self.layout = layout
        self.world = World(directory / "world", further=len(layout.clusters) > 1)
        self.environment: dict[str, str] = {}
        self.address_of: Callable[[Path], str] = lambda folder: folder.as_uri()
        self.workers: list[Process] = []
        self._wire = wire
        self._stack = AsyncExitStack()
        self._applications = count(1)
        self._observing = AsyncExitStack()
        self.application: Application
        self.client: Client

    async def __aenter__(self) -> Self:
        try:
            await self._stack.enter_async_context(self.world)
            if self._wire:
                await self._wire(self, self._stack)
            self.client = await Client.connect(
                self.world.temporal_address, data_converter=pydantic_data_converter
            )
            await self.start_worker()
            await self.new_application()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        with contextlib.suppress(Exception):
            await self._observing.aclose()
        await self._stack.aclose()

    async def start_worker(self, environment: dict[str, str] | None = None) -> Process:
        """Start one more worker, and wait until it is up; `environment` is for it alone."""
        worker = await self.world.start_worker({**self.environment, **(environment or {})})
        self.workers.append(worker)
        return worker

    async def kill_worker(self) -> None:
        """End the oldest worker with SIGKILL."""
        await self.workers.pop(0).kill()

    async def one_worker(self) -> None:
        """Exactly one worker that runs, whatever a case has left."""
        running = [worker for worker in self.workers if worker.running]
        for worker in running[1:]:
            await worker.kill()
        self.workers = running[:1] or [await self.world.start_worker(self.environment)]

    async def new_application(self, *, initialised: bool = True) -> Application:
        """Another application in the place of the current one, which is deleted: Envoy holds some twenty."""
        await self._observing.aclose()
        if hasattr(self, "application"):
            await self.application.remove()
        namespace = f"chaos-{next(self._applications)}"
        folder = self.directory / namespace
        self.application = Application(
            self.world, namespace, folder, lambda path: self.address_of(path), self.layout
        )
        await self.application.repository.create()
        if self.layout.adopted:
            for canary in self.application.canaries:
                await owner.bring(canary)
        if initialised:
            await self._initialise()
        return self.application

    async def begin(
        self,
        kind: Kind,
        analysis: dict[str, Any] | None = None,
        container: dict[str, Any] | None = None,
        policy: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Release:
        """Commit a version of the kind and start its release, as `starter.py start` does; it is followed.

        An `aborted` release gets its abort in the first bake by itself. `changes` replace parts of the
        request, such as on_conflict. An uninstallation has no version of its own.
        """
        application = self.application
        sha, version = BRANCH, application.version
        if kind is Kind.UNINSTALLED:
            changes["mode"] = RunMode.UNINSTALL
        else:
            sha, version = await self.commit(kind, analysis, container, policy)
        release = Release(self.client, application, kind, application.version, version)
        release.sha = sha
        with contextlib.suppress(NotFoundError):
            release.before = await _templates(application)
            release.targets = await _templates(application, of_targets=True)
        submission = await submit(self.client, application.request(sha, **changes), TASK_QUEUE, lambda: None)
        release.attach(submission.run_id)
        if kind is Kind.ABORTED:
            release.aborting = asyncio.create_task(release.abort())
        return release

    async def commit(
        self,
        kind: Kind,
        analysis: dict[str, Any] | None = None,
        container: dict[str, Any] | None = None,
        policy: dict[str, Any] | None = None,
    ) -> tuple[str, str]:
        """Commit a version that was never released: its SHA, and the version.

        `container` replaces fields of its container.
        """
        application = self.application
        version = application.next_version()
        flags = BROKEN if kind is Kind.BAD else ()
        sha = await application.repository.commit(
            version, ANALYSIS | (analysis or {}), flags, container, policy
        )
        application.versions[sha] = version
        return sha, version

    async def again(self, release: Release, **changes: Any) -> None:
        """Start the same revision again, and let the new run take the release's place."""
        request = self.application.request(release.sha, **changes)
        submission = await submit(self.client, request, TASK_QUEUE, lambda: None)
        await release.follow(submission.run_id)

    async def settle(self) -> None:
        """Before the next case: one worker, and the version that serves is known."""
        await self.one_worker()
        with contextlib.suppress(NotFoundError):
            canary = self.application.canary
            self.application.version = version_of(await canary.deployment(canary.primary))

    async def end_releases(self) -> None:
        """Terminate whatever still runs of the current application."""
        application = self.application
        canaries = (canary.workflow_id for canary in application.canaries)
        for workflow_id in (application.request().workflow_id, *canaries):
            with contextlib.suppress(RPCError):
                await self.client.get_workflow_handle(workflow_id).terminate("the case is over")

    async def _initialise(self) -> None:
        release = await self.begin(Kind.GOOD)
        await release.ended(within=60)
        await release.follower.stop()
        if release.outcome is None or release.outcome.outcome is not Outcome.INITIALISED:
            raise NotMeasured(f"the application was not initialised: {release.failure}\n{release.said()}")
        await self.settle()
        await self.observe()

    async def observe(self) -> None:
        """Let visitors come to the application, and watch it, until the next one takes its place."""
        await self._observing.enter_async_context(self.application.observed())


def scene_of(module: ModuleType, directory: Path) -> Scene:
    """The scene of a module's own cases: it may have `wire`, and the `LAYOUT` of its applications."""
    return Scene(directory, getattr(module, "wire", None), getattr(module, "LAYOUT", ALONE))


async def _templates(application: Application, of_targets: bool = False) -> dict[tuple[str, str], Any]:
    """The pod templates of the primaries, or of the targets, by canary and cluster."""
    return {
        (canary.name, cluster): (await canary.deployment(name, cluster))["spec"]["template"]
        for canary in application.canaries
        for name in (canary.name if of_targets else canary.primary,)
        for cluster in canary.clusters
    }
