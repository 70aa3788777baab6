"""The load of a bake: a canary's rollout hooks called, or their load sent from here."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from temporalio import activity

from activities.offload import offload
from activities.step import step
from tidegate.adapters.load import send_load
from tidegate.adapters.load_recorder import LoadRecorder
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.adapters.reach import Clusters, Reach
from tidegate.adapters.webhook import Payload, call_webhook
from tidegate.contracts import BakeCommand, BakeReport
from tidegate.decisions.hey import HeyCommand
from tidegate.decisions.hooks import is_native_load, native_load
from tidegate.domain.canary import Webhook
from tidegate.domain.verdict import LoadReport, Result, Verdict
from tidegate.settings import Settings

HEARTBEAT_SECONDS = 1.0


class LoadTestActivities:
    """Everything that puts a canary under load."""

    def __init__(self, manifests: ManifestSource, settings: Settings, clusters: Clusters) -> None:
        self._manifests = manifests
        self._settings = settings
        self._reach = Reach(settings, clusters)

    @activity.defn(name="load_test_run")
    @step
    async def run(self, command: BakeCommand) -> BakeReport:
        """Post the canary's rollout hooks, and send native load until the bake's end.

        The bake began when this activity was scheduled: one that starts late, or again after a worker's
        death, loads for what remains. Posts alone return at once.
        """
        bundle = await offload(self._manifests.bundle, command.ref)
        hooks = bundle.canary.spec.analysis.webhooks
        mode = self._settings.load.mode
        loads = [native_load(hook) for hook in hooks if is_native_load(hook, mode)]
        posts = [hook for hook in hooks if not is_native_load(hook, mode)]
        async with _under_load(loads, _remaining(command.seconds), self._settings) as load:
            verdicts = await self._post(posts, command)
            return BakeReport(load=await load if load else None, verdicts=verdicts)

    async def _post(self, hooks: Sequence[Webhook], command: BakeCommand) -> tuple[Verdict, ...]:
        """Call the hooks in order, up to the first that fails: its verdict, if any."""
        for hook in hooks:
            reason = await self._call(hook, command)
            if reason:
                return (Verdict(check=hook.name, result=Result.FAILED, reason=f"{hook.name}: {reason}"),)
        return ()

    async def _call(self, hook: Webhook, command: BakeCommand) -> str:
        ref = command.ref
        cluster = self._settings.load_cluster(ref.owner.cluster)
        payload = Payload(
            name=ref.name,
            namespace=ref.namespace,
            phase=command.phase,
            checksum=ref.owner.source.sha,
            metadata=hook.metadata,
        )
        return await call_webhook(hook, payload, await offload(self._reach.target, cluster, hook.url))


@contextlib.asynccontextmanager
async def _under_load(
    loads: Sequence[HeyCommand], seconds: float, settings: Settings
) -> AsyncIterator[asyncio.Task[LoadReport] | None]:
    """Loads and heartbeats while the block runs; the task gives the report of all loads together."""
    recorder, began = LoadRecorder(), time.monotonic()
    beats = asyncio.create_task(_beat(recorder, began))
    load = asyncio.create_task(_send(loads, seconds, settings, recorder)) if loads else None
    try:
        yield load
    finally:
        running = [task for task in (beats, load) if task]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _send(
    loads: Sequence[HeyCommand], seconds: float, settings: Settings, recorder: LoadRecorder
) -> LoadReport:
    began = time.monotonic()
    share = settings.load.max_rate / len(loads)
    async with asyncio.TaskGroup() as group:
        for load in loads:
            group.create_task(send_load(load, seconds, recorder, max_rate=share, proxy=settings.load.proxy))
    return recorder.report(time.monotonic() - began)


async def _beat(recorder: LoadRecorder, began: float) -> None:
    """Tell Temporal that we live, and how far the load is; its answer to this is how a cancellation comes."""
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        activity.heartbeat(recorder.report(time.monotonic() - began))


def _remaining(seconds: float) -> float:
    """Of a bake of `seconds` that began when the activity was scheduled; the clocks may differ a little."""
    gone = (datetime.now(UTC) - activity.info().scheduled_time).total_seconds()
    return max(min(seconds - gone, seconds), 0.0)
