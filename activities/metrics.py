"""The checks of a bake: every one of a canary's metrics asked once, and judged."""

import asyncio
import os
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

from temporalio import activity

from activities.elapsed import seconds_since_scheduled
from activities.heartbeat import beating
from activities.inspection import Inspects
from activities.offload import offload
from activities.step import step
from activities.templates import templates_of
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.adapters.metrics import Clusters, Servers
from tidegate.contracts import CanaryRef, JudgeCommand, Judgement
from tidegate.decisions.judge import Sample, judge
from tidegate.decisions.queries import Check, checks
from tidegate.domain.errors import InvalidInput, Permanent, Unreachable
from tidegate.manifests.bundle import Bundle
from tidegate.settings import Settings

T = TypeVar("T")

OUTAGE_SECONDS = 8.0
"""An outage this long is no hiccup: the check says so, and counts as failed as in Flagger."""


class MetricsActivities:
    """Everything that a release asks of metrics servers."""

    def __init__(
        self,
        manifests: ManifestSource,
        settings: Settings,
        clusters: Clusters,
        environ: Mapping[str, str] | None = None,
        inspection: Inspects | None = None,
    ) -> None:
        """`environ` holds the tokens that the settings name; the process's by default.

        `inspection` looks at the workload before the numbers; None: the numbers alone count.
        """
        self._inspection = inspection
        self._manifests = manifests
        self._clusters = clusters
        self._servers = Servers(settings, clusters, os.environ if environ is None else environ)

    @activity.defn(name="metrics_judge")
    @step
    @beating
    async def judge(self, command: JudgeCommand) -> Judgement:
        """A verdict for every check, in the manifest's order. InvalidInput when a query is at fault.

        A server out of reach is Unreachable at first, for Temporal to try again, and in the end inconclusive.
        The workload is a check of its own when none of its pods is ready. ReleaseFailed: nothing to judge.
        """
        look, measured = await _all(self._look(command.ref), self._measure(command))
        return Judgement(verdicts=(*look.verdicts, *measured.verdicts), warnings=look.warnings)

    async def _look(self, ref: CanaryRef) -> Judgement:
        if self._inspection is None:
            return Judgement()
        try:
            return Judgement(verdicts=await offload(self._inspection.look, ref))
        except Unreachable as error:
            return Judgement(warnings=(f"the workload was not looked at: {error}",))

    async def _measure(self, command: JudgeCommand) -> Judgement:
        ref = command.ref
        bundle = await offload(self._manifests.bundle, ref)
        asked = _named(await offload(self._checks, bundle, ref.owner.cluster), command.checks)
        samples = await _all(*(self._sample(ref, check) for check in asked))
        return Judgement(verdicts=judge(zip((check.criterion for check in asked), samples, strict=True)))

    def _checks(self, bundle: Bundle, cluster: str) -> tuple[Check, ...]:
        return checks(bundle.canary, templates_of(bundle, partial(self._clusters.cluster, cluster)))

    async def _sample(self, ref: CanaryRef, check: Check) -> Sample:
        try:
            server = await offload(self._servers.server, ref.owner.cluster, check, _question(ref, check))
            return await server.query(check.query)
        except Unreachable as error:
            if seconds_since_scheduled() < OUTAGE_SECONDS:
                raise
            return Sample(unanswered=str(error))
        except InvalidInput as error:
            raise error.within(f"metric {check.criterion.check}") from None


def _named(asked: tuple[Check, ...], names: tuple[str, ...] | None) -> tuple[Check, ...]:
    return tuple(check for check in asked if names is None or check.criterion.check in names)


def _question(ref: CanaryRef, check: Check) -> str:
    """The check of this very bake, whichever attempt asks it."""
    return f"{ref.full_name} {check.criterion.check} {activity.info().scheduled_time.isoformat()}"


async def _all(*questions: Coroutine[Any, Any, T]) -> list[T]:
    """All answers; of several failures the one that no retry mends."""
    answers = await asyncio.gather(*questions, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    if failures:
        raise min(failures, key=lambda failure: not isinstance(failure, Permanent))
    return [answer for answer in answers if not isinstance(answer, BaseException)]
