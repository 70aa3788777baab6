"""The checks of a bake: every one of a canary's metrics asked once, and judged."""

import asyncio
import os
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from temporalio import activity

from activities.elapsed import seconds_since_scheduled
from activities.heartbeat import beating
from activities.inspection import Inspects
from activities.offload import offload
from activities.step import step
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.adapters.prometheus import Prometheus, query_url
from tidegate.adapters.reach import Clusters, Reach
from tidegate.contracts import CanaryRef, JudgeCommand, Judgement
from tidegate.decisions.judge import Sample, judge
from tidegate.decisions.queries import Check, checks
from tidegate.domain.errors import InvalidInput, Permanent, Unreachable
from tidegate.domain.verdict import Verdict
from tidegate.settings import Settings

T = TypeVar("T")

OUTAGE_SECONDS = 8.0
"""An outage this long is no hiccup: the check says so, and counts as failed as in Flagger."""


class MetricsActivities:
    """Everything that a release asks of Prometheus."""

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
        self._settings = settings
        self._reach = Reach(settings, clusters)
        self._environ = os.environ if environ is None else environ

    @activity.defn(name="metrics_judge")
    @step
    @beating
    async def judge(self, command: JudgeCommand) -> Judgement:
        """A verdict for every check, in the manifest's order. InvalidInput when a query is at fault.

        A server out of reach is Unreachable at first, for Temporal to try again, and in the end inconclusive.
        The workload is a check of its own when none of its pods is ready. ReleaseFailed: nothing to judge.
        """
        ill, measured = await _all(self._look(command.ref), self._measure(command.ref))
        return Judgement(verdicts=(*ill, *measured))

    async def _look(self, ref: CanaryRef) -> tuple[Verdict, ...]:
        return await offload(self._inspection.look, ref) if self._inspection else ()

    async def _measure(self, ref: CanaryRef) -> tuple[Verdict, ...]:
        bundle = await offload(self._manifests.bundle, ref)
        asked = checks(bundle.canary, bundle.template_of)
        samples = await _all(*(self._sample(ref, check) for check in asked))
        return judge(zip((check.criterion for check in asked), samples, strict=True))

    async def _sample(self, ref: CanaryRef, check: Check) -> Sample:
        try:
            server = await offload(self._server, ref.owner.cluster, check)
            return await server.query(check.query)
        except Unreachable as error:
            if seconds_since_scheduled() < OUTAGE_SECONDS:
                raise
            return Sample(unanswered=str(error))
        except InvalidInput as error:
            raise error.within(f"metric {check.criterion.check}") from None

    def _server(self, cluster: str, check: Check) -> Prometheus:
        own = self._settings.clusters[cluster].prometheus if cluster in self._settings.clusters else ""
        address = check.address.rstrip("/") or own
        if not address:
            raise InvalidInput(
                f"has no Prometheus to ask: cluster {cluster} has none in the settings",
                mend=f"set clusters.{cluster}.prometheus",
            )
        # A template's address is the manifest's word, and must not be able to collect our token.
        token = self._token(cluster) if address == own else ""
        if token and self._reach.is_proxied(cluster, address):
            raise InvalidInput(
                f"clusters.{cluster}.prometheus_token_env cannot pass the service proxy",
                mend="unset it, or give an address that the worker reaches directly",
            )
        target = self._reach.own_target if address == own else self._reach.target
        return Prometheus(address, target(cluster, query_url(address)), token)

    def _token(self, cluster: str) -> str:
        name = self._settings.clusters[cluster].prometheus_token_env
        if name and not self._environ.get(name):
            raise InvalidInput(
                f"the environment variable {name} holds no token",
                mend=f"set it for the worker, or unset clusters.{cluster}.prometheus_token_env",
            )
        return self._environ[name] if name else ""


async def _all(*questions: Coroutine[Any, Any, T]) -> list[T]:
    """All answers; of several failures the one that no retry mends."""
    answers = await asyncio.gather(*questions, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    if failures:
        raise min(failures, key=lambda failure: not isinstance(failure, Permanent))
    return [answer for answer in answers if not isinstance(answer, BaseException)]
