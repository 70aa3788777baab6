"""The comparisons that a ReleasePolicy asks for: samples of the canary and of the current version, judged."""

from functools import partial

from activities.answers import all_of, is_outage
from activities.inspection import Inspects, answerable_in
from activities.offload import offload
from activities.whereabouts import named
from tidegate.adapters.metrics import Servers
from tidegate.contracts import CanaryRef, JudgeCommand, Judgement
from tidegate.decisions.clusters import asked_in, verdict_in
from tidegate.decisions.comparison import compare, compare_series, left_out, unanswered
from tidegate.decisions.contests import Contest, contests
from tidegate.decisions.queries import TemplateOf, waits_for_data
from tidegate.domain.comparison import HEAVIEST, Comparison
from tidegate.domain.duration import format_duration
from tidegate.domain.errors import InvalidInput, Unreachable
from tidegate.domain.verdict import Verdict
from tidegate.manifests.bundle import Bundle


class Comparisons:
    """Asks metrics servers for samples of both versions. Errors are those of metrics_judge."""

    def __init__(self, servers: Servers, inspection: Inspects | None = None) -> None:
        """`inspection` tells the workloads behind a Service."""
        self._servers = servers
        self._inspection = inspection

    async def judge(self, command: JudgeCommand, bundle: Bundle, template_of: TemplateOf) -> Judgement:
        """A verdict for every comparison, in the policy's order; none without a policy that has some."""
        comparison = bundle.policy.spec.comparison if bundle.policy else None
        if comparison is None:
            return Judgement()
        found = await offload(_contests, bundle, comparison, command, template_of)
        asked = [_as_young(each, comparison, command.observed_seconds) for each in found]
        if command.weight is not None and command.weight > HEAVIEST:
            return Judgement(verdicts=tuple(left_out(each.rule, command.weight) for each in asked))
        seconds = min(comparison.window, command.observed_seconds) - comparison.step
        young = command.observed_seconds < comparison.window
        verdicts = await all_of(
            *(
                self._verdict(ref, each, seconds, young=young)
                for ref in command.ref.everywhere
                for each in asked
                if asked_in(ref, (each.check,))
            )
        )
        return Judgement(verdicts=tuple(verdicts))

    async def _verdict(self, ref: CanaryRef, contest: Contest, seconds: float, *, young: bool) -> Verdict:
        with named(ref):
            verdict = await self._compared(ref, contest, seconds, young=young)
        return verdict_in(ref.cluster if contest.check.asks_own_prometheus else "", verdict)

    async def _compared(self, ref: CanaryRef, contest: Contest, seconds: float, *, young: bool) -> Verdict:
        """Samples reach back for so many seconds; each counts what happened in the step before its time.

        `young`: the analysis is shorter than the window, and too few samples may just need more time.
        """
        check, rule = contest.check, contest.rule
        patient = rule.model_copy(update={"waits": True}) if young else rule
        if seconds < check.window_seconds:
            return compare(patient, (), ())
        try:
            server = await offload(self._servers.prometheus, ref.workload_cluster, check)
            ask = partial(server.samples, seconds=seconds, step=check.window_seconds)
            sides = (check.query, contest.other)
            queries = [await answerable_in(self._inspection, ref, each) for each in sides]
            canary, other = await all_of(*map(ask, queries))
        except Unreachable as error:
            if not is_outage():
                raise
            return unanswered(rule, str(error))
        except InvalidInput as error:
            raise error.within(f"the comparison of {rule.check}") from None
        return compare_series(patient, canary, other)


def _as_young(contest: Contest, comparison: Comparison, seconds: float) -> Contest:
    """Before there can be enough samples, nothing is wrong with those that there are."""
    if seconds >= comparison.shortest_seconds:
        return contest
    after = format_duration(comparison.shortest_seconds)
    return contest.model_copy(
        update={"rule": contest.rule.model_copy(update={"enough_after": after, "waits": True})}
    )


def _contests(
    bundle: Bundle, comparison: Comparison, command: JudgeCommand, template_of: TemplateOf
) -> tuple[Contest, ...]:
    names, waits = bundle.names, waits_for_data(bundle.canary, bundle.policy)
    other = names.baseline if comparison.with_baseline else names.primary
    return contests(bundle.canary, comparison, other, template_of, command.checks, waits=waits)
