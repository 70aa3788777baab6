"""The load of a bake: a canary's rollout hooks called, or their load sent from here."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from temporalio import activity

from activities.elapsed import seconds_since_scheduled
from activities.hooks import HookCaller
from activities.offload import offload
from activities.step import step
from tidegate.adapters.load import send_load
from tidegate.adapters.load_recorder import LoadRecorder
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.adapters.reach import Clusters, check_resolved
from tidegate.contracts import BakeCommand, BakeReport, PublishCommand
from tidegate.decisions.hey import HeyCommand
from tidegate.decisions.hooks import is_native_load, native_load
from tidegate.domain.analysis import Webhook
from tidegate.domain.errors import TidegateError
from tidegate.domain.hook import HookType
from tidegate.domain.verdict import LoadReport, Result, Verdict
from tidegate.settings import LoadSettings, Settings

BEAT_SHARE = 0.7
"""Of the heartbeat timeout: the SDK sends none earlier than 0.8 of it after the last, and each is billed."""

_BEAT_SECONDS = 1.0
"""Where no timeout was set."""

T = TypeVar("T")


class Shows(Protocol):
    """Who shows news to kubectl: activities.publication.Publisher."""

    def show(self, command: PublishCommand) -> None: ...


class LoadTestActivities:
    """Everything that puts a canary under load."""

    def __init__(
        self, manifests: ManifestSource, settings: Settings, clusters: Clusters, publisher: Shows
    ) -> None:
        self._publisher = publisher
        self._manifests = manifests
        self._settings = settings
        self._caller = HookCaller(settings, clusters)

    @activity.defn(name="load_test_run")
    @step
    async def run(self, command: BakeCommand) -> BakeReport:
        """Post the canary's rollout hooks, and send native load until the bake's end.

        The bake began when this activity was scheduled: one that starts late, or again after a worker's
        death, loads for what remains. Posts alone return at once. News are shown meanwhile, so that a step
        costs no activity more for them; what takes longer than the bake is left to its own.
        """
        recorder = LoadRecorder()
        async with _beside(_beat(recorder)), _beside(self._show(command.news)) as showing:
            bundle = await offload(self._manifests.bundle, command.ref)
            hooks, mode = bundle.canary.spec.analysis.hooks(HookType.ROLLOUT), self._settings.load.mode
            loads = [native_load(hook, command.ref.namespace) for hook in hooks if is_native_load(hook, mode)]
            await self._refuse_forbidden(loads)
            posts = [hook for hook in hooks if not is_native_load(hook, mode)]
            async with _beside(
                _send(loads, _remaining(command.seconds), self._settings.load, recorder)
            ) as load:
                verdicts = await self._post(posts, command)
                report = BakeReport(load=await load, verdicts=verdicts)
                await asyncio.wait([showing], timeout=_remaining(command.seconds))
                return report.model_copy(update={"shown": showing.done() and showing.result()})

    async def _show(self, news: PublishCommand | None) -> bool:
        """Whether it was taken."""
        try:
            if news:
                await offload(self._publisher.show, news)
        except TidegateError as error:
            activity.logger.warning(
                "kubectl is not told of %s: %s", news.ref.full_name if news else "", error
            )
            return False
        return True

    async def _refuse_forbidden(self, loads: Sequence[HeyCommand]) -> None:
        """Through a proxy, a name means what the proxy says."""
        egress = self._settings.addresses.egress
        for load in loads:
            egress.check(load.url)
            if not self._settings.load.proxy:
                await check_resolved(egress, load.url)

    async def _post(self, hooks: Sequence[Webhook], command: BakeCommand) -> tuple[Verdict, ...]:
        """Call the hooks in order, up to the first that fails: its verdict, if any."""
        for hook in hooks:
            reason = (await self._caller.call(hook, command.ref, command.phase)).reason
            if reason:
                return (Verdict(check=hook.name, result=Result.FAILED, reason=f"{hook.name}: {reason}"),)
        return ()


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Work that goes on while the block runs, and ends with it at the latest."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _send(
    loads: Sequence[HeyCommand], seconds: float, settings: LoadSettings, recorder: LoadRecorder
) -> LoadReport | None:
    """All loads at once, in one report; None without any."""
    if not loads:
        return None
    began, share = time.monotonic(), settings.max_rate / len(loads)
    async with asyncio.TaskGroup() as group:
        for load in loads:
            group.create_task(send_load(load, seconds, recorder, max_rate=share, proxy=settings.proxy))
    return recorder.report(time.monotonic() - began)


async def _beat(recorder: LoadRecorder) -> None:
    """Tell Temporal that we live, and how far the load is; its answer to this is how a cancellation comes."""
    began = time.monotonic()
    timeout = activity.info().heartbeat_timeout
    period = BEAT_SHARE * timeout.total_seconds() if timeout else _BEAT_SECONDS
    while True:
        await asyncio.sleep(period)
        activity.heartbeat(recorder.report(time.monotonic() - began))


def _remaining(seconds: float) -> float:
    """Of a bake of `seconds` that began when the activity was scheduled."""
    return max(seconds - seconds_since_scheduled(), 0.0)
