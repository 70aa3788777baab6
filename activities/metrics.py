"""The checks of a bake: every one of a canary's metrics asked once, and judged."""

import os
from collections.abc import Mapping, Sequence
from functools import partial

from temporalio import activity

from activities.answers import all_of, is_outage
from activities.comparisons import Comparisons
from activities.heartbeat import beating
from activities.inspection import Inspects, answerable_in
from activities.offload import offload
from activities.references import templates_of
from activities.step import step
from activities.whereabouts import named
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.adapters.metrics import Clusters, Servers
from tidegate.contracts import CanaryRef, JudgeCommand, Judgement
from tidegate.decisions.clusters import asked_in, told, verdict_in
from tidegate.decisions.judge import Sample, judge
from tidegate.decisions.queries import Check, TemplateOf, checks, request_counts
from tidegate.domain.errors import InvalidInput, Permanent, Unreachable
from tidegate.domain.verdict import Verdict
from tidegate.manifests.bundle import Bundle
from tidegate.settings import Settings


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
        self._comparisons = Comparisons(self._servers, inspection)

    @activity.defn(name="metrics_judge")
    @step
    @beating
    async def judge(self, command: JudgeCommand) -> Judgement:
        """A verdict for every check, in the manifest's order. InvalidInput when a query is at fault.

        A server out of reach is Unreachable at first, for Temporal to try again, and in the end inconclusive.
        The workload is a check of its own when none of its pods is ready. ReleaseFailed: nothing to judge.
        """
        bundle = await offload(self._manifests.bundle, command.ref)
        template_of = templates_of(bundle, partial(self._clusters.cluster, command.ref.owner.cluster))
        parts = await all_of(
            *(self._look(ref, command, bundle) for ref in command.ref.everywhere),
            self._measure(command, bundle, template_of),
            self._comparisons.judge(command, bundle, template_of),
        )
        return Judgement(
            verdicts=tuple(verdict for part in parts for verdict in part.verdicts),
            warnings=tuple(warning for part in parts for warning in part.warnings),
        )

    async def _look(self, ref: CanaryRef, command: JudgeCommand, bundle: Bundle) -> Judgement:
        if self._inspection is None:
            return Judgement()
        share = bundle.policy.baseline_share(command.weight or 0) if bundle.policy else 0
        look = partial(self._inspection.look, ref, baseline=bool(share))
        try:
            return Judgement(verdicts=await offload(look))
        except Unreachable as error:
            line = told(ref.cluster, f"the workload was not looked at: {error}")
            return Judgement(warnings=(line,))

    async def _measure(self, command: JudgeCommand, bundle: Bundle, template_of: TemplateOf) -> Judgement:
        asked, warnings = await offload(_askable, bundle, template_of, command.checks)
        judged = [
            self._judged(each, bundle, asked_in(each, asked), command) for each in command.ref.everywhere
        ]
        verdicts = [verdict for found in await all_of(*judged) for verdict in found]
        return Judgement(verdicts=tuple(verdicts), warnings=warnings)

    async def _judged(
        self, ref: CanaryRef, bundle: Bundle, asked: Sequence[Check], command: JudgeCommand
    ) -> tuple[Verdict, ...]:
        """The verdicts on one workload cluster."""
        counts = request_counts(bundle.canary, asked, command.bake_seconds)
        with named(ref):
            answers = await all_of(*(self._sample(ref, check) for check in (*asked, *counts.values())))
        counted = dict(zip(counts, answers[len(asked) :], strict=True))
        pairs = [
            (check.criterion, sample.counted(counted.get(check.window_seconds)))
            for check, sample in zip(asked, answers, strict=False)
        ]
        return tuple(
            verdict_in(ref.cluster if check.asks_own_prometheus else "", verdict)
            for check, verdict in zip(asked, judge(pairs), strict=True)
        )

    async def _sample(self, ref: CanaryRef, check: Check) -> Sample:
        try:
            server = await offload(self._servers.server, ref.workload_cluster, check, _question(ref, check))
            return await server.query(await answerable_in(self._inspection, ref, check.query))
        except Unreachable as error:
            if not is_outage():
                raise
            return Sample(unanswered=str(error))
        except Permanent as error:
            if check.criterion.dry_run:
                return Sample(unanswered=str(error))
            if isinstance(error, InvalidInput):
                raise error.within(f"metric {check.criterion.check}") from None
            raise


def _askable(
    bundle: Bundle, template_of: TemplateOf, names: tuple[str, ...] | None
) -> tuple[tuple[Check, ...], tuple[str, ...]]:
    """The checks, and a warning where a dry run's template has been spoiled since the release began."""
    find = partial(checks, bundle.canary, template_of, bundle.policy)
    try:
        return find(names), ()
    except InvalidInput as error:
        counted = find(names, dry_runs=False)
        return counted, (f"the dry runs were not asked: {error}",)


def _question(ref: CanaryRef, check: Check) -> str:
    """The check of this very bake, whichever attempt asks it."""
    return f"{ref.full_name} {check.criterion.check} {activity.info().scheduled_time.isoformat()}"
