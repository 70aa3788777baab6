"""What is asked for each check."""

from typing import Any

import pytest

from tidegate.decisions.judge import Measure
from tidegate.decisions.queries import answerable, asks_behind, checks, render_query, request_counts
from tidegate.domain.analysis import Metric
from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.metric_template import MetricTemplate
from tidegate.domain.release_policy import ReleasePolicy


def canary(*metrics: dict[str, Any], service: dict[str, Any] | None = None, **spec: Any) -> Canary:
    return Canary.parse(
        {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "Canary",
            "metadata": {"name": "podinfo-release", "namespace": "test"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
                "service": {"port": 9898} | (service or {}),
                "analysis": {"interval": "30s", "stepWeight": 5, "metrics": list(metrics)},
                **spec,
            },
        }
    )


def template(query: str, address: str = "") -> MetricTemplate:
    return MetricTemplate.parse(
        {
            "metadata": {"name": "latency", "namespace": "istio-system"},
            "spec": {"provider": {"type": "prometheus", "address": address}, "query": query},
        }
    )


def none(_: Metric) -> None:
    return None


def test_the_built_in_queries_select_the_target_as_its_pods_see_it() -> None:
    rate, duration = checks(
        canary(
            {"name": "request-success-rate", "interval": "1m", "threshold": 99},
            {"name": "request-duration", "interval": "30s", "thresholdRange": {"max": 500}},
        ),
        none,
    )
    labels = 'reporter="destination",destination_workload_namespace="test",destination_workload="podinfo"'
    assert rate.query == (
        f'(sum(rate(istio_requests_total{{{labels},response_code!~"5.*"}}[1m])) or vector(0))'
        f" / sum(rate(istio_requests_total{{{labels}}}[1m])) * 100"
    )
    assert duration.query == (
        "histogram_quantile(0.99, sum(rate("
        f"istio_request_duration_milliseconds_bucket{{{labels}}}[30s])) by (le))"
    )
    assert [rate.criterion.measure, duration.criterion.measure] == [
        Measure.SUCCESS_RATE,
        Measure.REQUEST_DURATION,
    ]
    assert (rate.criterion.range.min, duration.criterion.range.max) == (99, 500)
    assert rate.criterion.canary == "podinfo-release.test"


def test_a_template_s_gaps_are_filled() -> None:
    metric = {
        "name": "latency",
        "interval": "30s",
        "thresholdRange": {"max": 500},
        "templateRef": {"name": "latency", "namespace": "istio-system"},
        "templateVariables": {"code": "404"},
    }
    query = (
        "{{ name }}|{{namespace}}|{{ target }}|{{ service }}|{{ ingress }}|{{ route }}"
        "|{{ interval }}|{{ variables.code }}"
    )
    (check,) = checks(
        canary(metric, service={"name": "front"}), lambda _: template(query, "http://prometheus:9090")
    )
    assert check.query == "podinfo-release|test|podinfo|front|||30s|404"
    assert check.address == "http://prometheus:9090"
    assert check.criterion.measure is Measure.CUSTOM


def test_an_inline_query_goes_to_the_cluster_s_own_prometheus() -> None:
    (check,) = checks(
        canary({"name": "up", "query": 'up{app="{{ target }}"}', "thresholdRange": {"min": 1}}), none
    )
    assert (check.query, check.address) == ('up{app="podinfo"}', "")


def test_the_metrics_server_is_for_all_checks_but_templates() -> None:
    metrics = (
        {"name": "request-success-rate", "threshold": 99},
        {"name": "up", "query": "up", "threshold": 1},
        {"name": "latency", "templateRef": {"name": "latency"}, "threshold": 1},
    )
    found = checks(
        canary(*metrics, metricsServer="http://thanos.monitoring:9090/"),
        lambda metric: template("q", "http://elsewhere:9090") if metric.template_ref else None,
    )
    assert [check.address for check in found] == [
        "http://thanos.monitoring:9090",
        "http://thanos.monitoring:9090",
        "http://elsewhere:9090",
    ]


@pytest.mark.parametrize(("written", "seconds"), [("1m", 60), ("60s", 60), ("1min", 60), ("1m30s", 90)])
def test_the_interval_goes_into_the_query_as_it_is_written(written: str, seconds: float) -> None:
    metric = {"name": "x", "query": "[{{ interval }}]", "interval": written, "threshold": 1}
    (check,) = checks(canary(metric), none)
    assert (check.query, check.window_seconds) == (f"[{written}]", seconds)


def test_a_template_without_an_interval_looks_back_a_minute() -> None:
    (check,) = checks(canary({"name": "x", "query": "[{{ interval }}]", "threshold": 1}), none)
    assert (check.query, check.window_seconds) == ("[1m]", 60)


@pytest.mark.parametrize("interval", ["soon", "min", 60, "-1m", "1min30s"])
def test_an_interval_that_is_no_duration_is_refused(interval: object) -> None:
    with pytest.raises(InvalidInput, match="is not a duration; write a number with a unit"):
        canary({"name": "x", "query": "q", "interval": interval, "threshold": 1})


def test_the_service_is_the_target_s_unless_named() -> None:
    (check,) = checks(canary({"name": "x", "query": "{{ service }}", "threshold": 1}), none)
    assert check.query == "podinfo"


@pytest.mark.parametrize("gap", ["nmae", "variables.code", ".Name", "", "name | printf"])
def test_an_unknown_gap_is_refused_with_its_metric(gap: str) -> None:
    metric = {"name": "x", "query": f"a{{{{ {gap} }}}}", "threshold": 1}
    with pytest.raises(InvalidInput, match=r"^spec.analysis.metrics\[0\]: has \{\{") as refused:
        checks(canary(metric), none)
    assert "use one of name, namespace" in refused.value.mend


WAIT = {"tidegate.dev/no-data": "wait"}


def annotated(annotations: dict[str, str] | None) -> Canary:
    manifest = canary({"name": "request-success-rate", "threshold": 99}).model_dump(exclude_unset=True)
    return Canary.parse(manifest | {"metadata": manifest["metadata"] | {"annotations": annotations}})


@pytest.mark.parametrize(
    ("annotations", "waits"),
    [
        (None, False),
        ({"another": "wait"}, False),
        ({"tidegate.dev/no-data": "fail"}, False),
        ({"tidegate.dev/no-data": "wait"}, True),
    ],
)
def test_a_canary_says_whether_its_checks_wait_for_data(
    annotations: dict[str, str] | None, waits: bool
) -> None:
    (check,) = checks(annotated(annotations), none)
    assert check.criterion.waits is waits


def careful(**analysis: Any) -> ReleasePolicy:
    metadata = {"name": "careful", "namespace": "test"}
    spec = {"canaryRef": {"name": "podinfo-release"}, "analysis": analysis}
    return ReleasePolicy.parse({"metadata": metadata, "spec": spec})


@pytest.mark.parametrize(
    ("annotations", "no_data", "waits"),
    [
        (None, "wait", True),
        (None, "fail", False),
        (None, None, False),
        (WAIT, None, True),
        (WAIT, "wait", True),
    ],
)
def test_a_policy_says_what_no_data_means_and_leaves_it_else_to_the_annotation(
    annotations: dict[str, str] | None, no_data: str | None, waits: bool
) -> None:
    (check,) = checks(annotated(annotations), none, careful(noData=no_data))
    assert check.criterion.waits is waits


def test_a_step_s_own_checks_alone_are_asked_and_a_dry_run_may_be_left_out() -> None:
    two = canary(
        {"name": "request-success-rate", "threshold": 99}, {"name": "request-duration", "threshold": 5}
    )
    policy = careful(checks=[{"name": "request-duration", "dryRun": True}])
    found = [check.criterion for check in checks(two, none, policy)]
    assert [(each.check, each.dry_run) for each in found] == [
        ("request-success-rate", False),
        ("request-duration", True),
    ]
    assert [each.criterion.check for each in checks(two, none, policy, ("request-duration",))] == [
        "request-duration"
    ]
    assert [each.criterion.check for each in checks(two, none, policy, dry_runs=False)] == [
        "request-success-rate"
    ]


def test_requests_are_counted_once_for_each_window() -> None:
    asked = checks(
        canary(
            {"name": "request-success-rate", "interval": "1m", "threshold": 99},
            {"name": "request-duration", "interval": "1m", "threshold": 500},
            {"name": "x", "interval": "5min", "query": "x", "threshold": 1},
            metricsServer="http://prometheus.test",
        ),
        none,
        careful(minimumRequests=100),
    )
    counts = request_counts(canary(metricsServer="http://prometheus.test"), asked, 60.0)
    assert [(window, check.address) for window, check in counts.items()] == [
        (60.0, "http://prometheus.test"),
        (300.0, "http://prometheus.test"),
    ]
    assert counts[300.0].query == (
        'sum(increase(istio_requests_total{reporter="destination",destination_workload_namespace="test",'
        'destination_workload="podinfo"}[5m]))'
    )


def test_without_a_minimum_nothing_is_counted() -> None:
    asked = checks(canary({"name": "request-success-rate", "threshold": 99}), none, careful(noData="wait"))
    assert request_counts(canary(), asked, 60.0) == {}


def test_requests_of_a_bake_longer_than_the_window_are_all_counted() -> None:
    asked = checks(
        canary({"name": "request-success-rate", "interval": "1m", "threshold": 99}),
        none,
        careful(minimumRequests=100),
    )
    (count,) = request_counts(canary(), asked, 600.0).values()
    assert count.query.endswith("[10m]))")


def test_a_canary_that_wants_something_else_of_no_data_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"the annotation tidegate.dev/no-data is 'pass'; write fail or"):
        annotated({"tidegate.dev/no-data": "pass"})


def test_a_template_that_is_not_there_is_refused() -> None:
    metric = {"name": "x", "templateRef": {"name": "gone"}, "threshold": 1}
    with pytest.raises(
        InvalidInput, match=r"metrics\[0\].templateRef.name: no MetricTemplate test/gone among"
    ):
        checks(canary(metric), none)


def test_trim_markers_take_the_white_space_with_them() -> None:
    assert render_query("a  {{- name -}}\n b", {"name": "X"}) == "aXb"


def test_braces_of_promql_stay() -> None:
    assert render_query('x{a="{{ name }}"}', {"name": "n"}) == 'x{a="n"}'


def test_a_service_that_is_judged_is_asked_for_by_the_workloads_behind_it() -> None:
    target = {"apiVersion": "v1", "kind": "Service", "name": "podinfo"}
    metrics = [
        {"name": "request-success-rate", "interval": "1m", "threshold": 99},
        {"name": "calls", "interval": "1m", "query": 'calls{of="{{ target }}"}', "threshold": 1},
    ]
    policy = ReleasePolicy.parse(
        {
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {"canaryRef": {"name": "podinfo"}, "analysis": {"minimumRequests": 100}},
        }
    )
    released = canary(*metrics, targetRef=target)
    rate, calls = asked = checks(released, none, policy)
    (count,) = request_counts(released, asked).values()
    for query in (rate.query, count.query):
        assert asks_behind(query)
        known = answerable(query, {"podinfo-canary": ("web", "a.b")}.__getitem__)
        assert 'reporter="destination",destination_workload_namespace="test"' in known
        assert 'destination_workload=~"a[.]b|web"' in known
        unknown = answerable(query, lambda service: ())
        assert 'reporter="source",destination_service_namespace="test"' in unknown
        assert 'destination_service_name="podinfo-canary"' in unknown
        assert not asks_behind(known + unknown)
    assert not asks_behind(calls.query)
    assert calls.query == 'calls{of="podinfo"}'


@pytest.mark.parametrize("name", ['a"} or vector(1) #', "a|.*", "a\\\\", "", "a\n"])
def test_what_no_workload_can_be_called_gets_into_no_query(name: str) -> None:
    asked = answerable('requests{tidegate_behind="test/podinfo-canary"}', lambda service: ("web", name))
    assert asked == (
        'requests{reporter="source",destination_service_namespace="test",'
        'destination_service_name="podinfo-canary"}'
    )
