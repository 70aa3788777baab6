"""metrics_judge with a ReleasePolicy's comparison, against a real Prometheus."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.metrics import MetricsActivities
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.contracts import CanaryRef, JudgeCommand, Judgement
from tidegate.domain.verdict import Result, Verdict
from tidegate.settings import ClusterSettings, Settings

RATE = {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 0}}
DURATION = {"name": "request-duration", "interval": "1m", "thresholdRange": {"max": 500}}
MakeRef = Callable[..., CanaryRef]
Judged = Callable[..., Awaitable[Judgement]]


class NoClusters:
    def cluster(self, name: str) -> NoReturn:
        raise AssertionError(name)


def policy(*names: str, **more: Any) -> dict[str, Any]:
    comparison = {"with": "primary", "metrics": [{"name": name} for name in names]}
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "ReleasePolicy",
        "metadata": {"name": "careful"},
        "spec": {
            "canaryRef": {"name": "podinfo"},
            "comparison": comparison | {"step": "10s", "minimumSamples": 8} | more,
        },
    }


@pytest.fixture
def judged(manifest_source: ManifestSource, prometheus: str) -> Judged:
    async def run(ref: CanaryRef, observed: float = 110, seconds_ago: float = 0, **command: Any) -> Judgement:
        address = command.pop("address", prometheus)
        settings = Settings(clusters={"mesh02": ClusterSettings(prometheus=address)})
        activities = MetricsActivities(manifest_source, settings, NoClusters(), {})
        environment = ActivityEnvironment()
        started = datetime.now(UTC)
        environment.info = dataclasses.replace(
            environment.info,
            scheduled_time=started - timedelta(seconds=seconds_ago),
            started_time=started,
        )
        told = JudgeCommand(ref=ref, observed_seconds=observed, **command)
        return await environment.run(activities.judge, told)

    return run


@pytest.mark.parametrize(
    ("target", "metric", "result", "reason"),
    [
        ("healthy", RATE, "passed", "error rate of canary is alike: 0."),
        ("broken", RATE, "failed", "error rate of canary is higher: 100.00% against 0."),
        (
            "healthy",
            DURATION,
            "passed",
            "request duration of canary is alike: 99.5ms against 99.5ms of primary",
        ),
        (
            "slow",
            DURATION,
            "failed",
            "request duration of canary is higher: 248.5ms against 99.5ms of primary",
        ),
    ],
)
async def test_a_canary_is_compared_with_its_primary(
    canary_ref: MakeRef, judged: Judged, target: str, metric: dict[str, Any], result: str, reason: str
) -> None:
    ref = canary_ref(policy(metric["name"]), metrics=(metric,), target=target)
    *_, verdict = (await judged(ref)).verdicts
    assert (verdict.check, verdict.result) == (f"{metric['name']} against primary", result)
    assert verdict.reason.startswith(reason)
    assert verdict.reason.endswith(("10 samples each", "11 samples each"))


@pytest.mark.parametrize(("other", "result"), [("primary", Result.FAILED), ("baseline", Result.PASSED)])
async def test_with_a_baseline_the_canary_is_compared_with_that_and_not_with_the_primary(
    canary_ref: MakeRef, judged: Judged, other: str, result: Result
) -> None:
    careful = policy("request-duration", **{"with": other})
    ref = canary_ref(careful, metrics=(DURATION,), target="slow")
    *_, verdict = (await judged(ref, weight=10)).verdicts
    assert (verdict.check, verdict.result) == (f"request-duration against {other}", result)
    assert f" of {other}, " in verdict.reason


async def test_above_half_of_the_requests_there_is_no_baseline_to_compare_with(
    canary_ref: MakeRef, judged: Judged
) -> None:
    careful = policy("request-duration")
    careful["spec"]["comparison"]["with"] = "baseline"
    ref = canary_ref(careful, metrics=(DURATION,), target="slow")
    *_, verdict = (await judged(ref, weight=60)).verdicts
    assert verdict.passed
    assert verdict.reason.endswith("is not compared at 60%: above 50% a baseline as large has no room")


@pytest.mark.parametrize(("weight", "asked"), [(10, True), (50, True), (50.5, False), (None, False)])
async def test_its_pods_are_looked_at_where_it_has_traffic(
    canary_ref: MakeRef,
    manifest_source: ManifestSource,
    prometheus: str,
    weight: float | None,
    asked: bool,
) -> None:
    looks: list[bool] = []

    class Looks:
        def look(self, ref: CanaryRef, *, baseline: bool = False) -> tuple[Verdict, ...]:
            looks.append(baseline)
            return ()

        def answerable(self, ref: CanaryRef, query: str) -> str:
            return query

    careful = policy("request-duration")
    careful["spec"]["comparison"]["with"] = "baseline"
    ref = canary_ref(careful, metrics=(DURATION,), target="healthy")
    settings = Settings(clusters={"mesh02": ClusterSettings(prometheus=prometheus)})
    activities = MetricsActivities(manifest_source, settings, NoClusters(), {}, inspection=Looks())
    await ActivityEnvironment().run(activities.judge, JudgeCommand(ref=ref, weight=weight))
    assert looks == [asked]


@pytest.mark.parametrize(("target", "observed"), [("healthy", 60), ("healthy", 5), ("idle", 110)])
async def test_too_short_an_analysis_or_no_traffic_waits_for_samples(
    canary_ref: MakeRef, judged: Judged, target: str, observed: float
) -> None:
    ref = canary_ref(policy("request-success-rate"), metrics=(RATE,), target=target)
    *_, verdict = (await judged(ref, observed)).verdicts
    assert (verdict.result, verdict.missing, verdict.waits) == ("inconclusive", "samples", True)


@pytest.mark.parametrize(("weight", "result"), [(None, "failed"), (50, "failed"), (50.01, "passed")])
async def test_only_a_canary_of_at_most_half_the_requests_is_compared(
    canary_ref: MakeRef, judged: Judged, weight: float | None, result: str
) -> None:
    ref = canary_ref(policy("request-duration"), metrics=(DURATION,), target="slow")
    *_, verdict = (await judged(ref, weight=weight)).verdicts
    assert (verdict.result, "is not compared at 50.01%" in verdict.reason) == (result, result == "passed")


@pytest.mark.parametrize(("analysis", "waits"), [({}, False), ({"analysis": {"noData": "wait"}}, True)])
async def test_after_a_whole_window_too_few_samples_wait_only_where_no_data_does(
    canary_ref: MakeRef, judged: Judged, analysis: dict[str, Any], waits: bool
) -> None:
    careful = policy("request-success-rate", window="100s")
    careful["spec"] |= analysis
    *_, verdict = (await judged(canary_ref(careful, metrics=(RATE,), target="idle"), 100)).verdicts
    assert (verdict.missing, verdict.waits) == ("samples", waits)
    assert "neither has a value: no traffic, or a step of less than two scrapes" in verdict.reason


async def test_a_comparison_comes_on_top_of_the_checks(canary_ref: MakeRef, judged: Judged) -> None:
    ref = canary_ref(
        policy("request-duration", "request-success-rate"), metrics=(RATE, DURATION), target="healthy"
    )
    assert [verdict.check for verdict in (await judged(ref)).verdicts] == [
        "request-success-rate",
        "request-duration",
        "request-duration against primary",
        "request-success-rate against primary",
    ]


async def test_a_step_compares_what_it_judges(canary_ref: MakeRef, judged: Judged) -> None:
    ref = canary_ref(policy("request-duration"), metrics=(RATE, DURATION), target="healthy")
    assert len((await judged(ref, checks=("request-success-rate",))).verdicts) == 1


@pytest.mark.parametrize(("seconds_ago", "no_data"), [(3, "fail"), (9, "fail"), (9, "wait")])
async def test_an_outage_is_retried_first_and_then_told(
    canary_ref: MakeRef, judged: Judged, free_port: int, seconds_ago: float, no_data: str
) -> None:
    ref = canary_ref(
        policy("request-success-rate"), metrics=(RATE,), annotations={"tidegate.dev/no-data": no_data}
    )
    asked = judged(ref, seconds_ago=seconds_ago, address=f"http://127.0.0.1:{free_port}")
    if seconds_ago < 8:
        with pytest.raises(ApplicationError, match="is out of reach"):
            await asked
    else:
        *_, verdict = (await asked).verdicts
        assert (verdict.result, verdict.missing) == ("inconclusive", "answer")
        assert verdict.waits is (no_data == "wait")


async def test_a_query_of_several_series_names_the_comparison(canary_ref: MakeRef, judged: Judged) -> None:
    query = 'sum(istio_requests_total{destination_workload=~"{{ target }}.*"}) by (response_code)'
    metric = {"name": "mine", "query": query, "thresholdRange": {"min": 0}}
    with pytest.raises(
        ApplicationError, match=r"the comparison of mine: .*the query gives 2 series"
    ) as failure:
        await judged(canary_ref(policy("mine"), metrics=(metric,), target="healthy"))
    assert failure.value.non_retryable
