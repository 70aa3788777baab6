"""metrics_judge against a real Prometheus."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest
from aiohttp import web
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.metrics import MetricsActivities
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.adapters.reach import Direct
from tidegate.contracts import CanaryRef, JudgeCommand, Judgement
from tidegate.settings import ClusterSettings, Settings

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]
MakeRef = Callable[..., CanaryRef]

RATE = {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}
DURATION = {"name": "request-duration", "interval": "1m", "thresholdRange": {"max": 500}}
EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}


class NoClusters:
    def cluster(self, name: str) -> NoReturn:
        raise AssertionError(name)


class Proxy:
    """Every cluster passes requests on to one address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []

    def cluster(self, _: str) -> "Proxy":
        return self

    def service_proxy(self, url: str) -> Direct:
        self.asked.append(url)
        return Direct(self.url)


@pytest.fixture
def judged(manifest_source: ManifestSource) -> Callable[..., Awaitable[Judgement]]:
    async def run(
        ref: CanaryRef,
        seconds_ago: float = 0,
        clusters: Any = None,
        environ: dict[str, str] | None = None,
        checks: tuple[str, ...] | None = None,
        **cluster: Any,
    ) -> Judgement:
        settings = Settings(clusters={"mesh02": ClusterSettings(**cluster)})
        activities = MetricsActivities(manifest_source, settings, clusters or NoClusters(), environ or {})
        environment = ActivityEnvironment()
        # The server's clock is an hour behind ours: no verdict hangs on what this machine's says.
        started = datetime.now(UTC) - timedelta(hours=1)
        scheduled = started - timedelta(seconds=seconds_ago)
        environment.info = dataclasses.replace(
            environment.info, scheduled_time=scheduled, started_time=started
        )
        return await environment.run(activities.judge, JudgeCommand(ref=ref, checks=checks))

    return run


Judged = Callable[..., Awaitable[Judgement]]


@pytest.mark.parametrize(
    ("target", "verdicts"),
    [
        (
            "healthy",
            [
                ("passed", "success rate 99.50% >= 99%"),
                ("passed", "request duration 99.5ms <= 500ms"),
            ],
        ),
        (
            "broken",
            [
                ("failed", "success rate 0.00% < 99%"),
                (
                    "inconclusive",
                    "no values found for metric request-duration, "
                    "probably podinfo.test is not receiving traffic",
                ),
            ],
        ),
    ],
)
async def test_every_check_gets_its_verdict_in_order(
    prometheus: str, canary_ref: MakeRef, judged: Judged, target: str, verdicts: list[tuple[str, str]]
) -> None:
    judgement = await judged(canary_ref(metrics=(RATE, DURATION), target=target), prometheus=prometheus)
    assert [(verdict.result, verdict.reason) for verdict in judgement.verdicts] == verdicts


async def test_a_step_of_its_own_checks_has_the_others_unasked(
    prometheus: str, canary_ref: MakeRef, judged: Judged
) -> None:
    ref = canary_ref(metrics=(RATE, DURATION), target="healthy")
    judgement = await judged(ref, prometheus=prometheus, checks=("request-duration",))
    assert [verdict.check for verdict in judgement.verdicts] == ["request-duration"]


def careful(**analysis: Any) -> dict[str, Any]:
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "ReleasePolicy",
        "metadata": {"name": "careful"},
        "spec": {"canaryRef": {"name": "podinfo"}, "analysis": analysis},
    }


@pytest.mark.parametrize(("minimum", "result"), [(1, "passed"), (1_000_000, "inconclusive")])
async def test_a_policy_s_minimum_of_requests_is_counted_by_istio(
    prometheus: str, canary_ref: MakeRef, judged: Judged, minimum: int, result: str
) -> None:
    ref = canary_ref(careful(minimumRequests=minimum), metrics=(RATE, DURATION), target="healthy")
    judgement = await judged(ref, prometheus=prometheus)
    assert [(verdict.result, verdict.waits) for verdict in judgement.verdicts] == [
        (result, result != "passed")
    ] * 2


async def test_a_target_without_any_request_has_too_few(
    prometheus: str, canary_ref: MakeRef, judged: Judged
) -> None:
    ref = canary_ref(careful(minimumRequests=1), metrics=(RATE,), target="nobody")
    (verdict,) = (await judged(ref, prometheus=prometheus)).verdicts
    assert verdict.reason.startswith("0 of the 1 requests that request-success-rate needs")
    assert not verdict.waits


async def test_a_dry_run_whose_query_is_refused_fails_nothing(
    prometheus: str, canary_ref: MakeRef, judged: Judged
) -> None:
    spoilt = {"name": "spoilt", "query": "sum(", "thresholdRange": {"max": 1}}
    ref = canary_ref(
        careful(checks=[{"name": "spoilt", "dryRun": True}]), metrics=(RATE, spoilt), target="healthy"
    )
    rate, dry = (await judged(ref, prometheus=prometheus)).verdicts
    assert (rate.passed, dry.result, dry.halts) == (True, "inconclusive", False)
    assert dry.reason.endswith("; dry run, not counted")


async def test_a_dry_run_whose_template_has_gone_is_told_in_a_warning(
    prometheus: str, canary_ref: MakeRef, judged: Judged
) -> None:
    class Emptied:
        def cluster(self, _: str) -> "Emptied":
            return self

        def get(self, *_: str) -> None:
            return None

    gone = {"name": "gone", "templateRef": {"name": "gone"}, "thresholdRange": {"max": 1}}
    ref = canary_ref(
        careful(checks=[{"name": "gone", "dryRun": True}]), metrics=(RATE, gone), target="healthy"
    )
    judgement = await judged(ref, prometheus=prometheus, clusters=Emptied())
    assert [verdict.check for verdict in judgement.verdicts] == ["request-success-rate"]
    (warning,) = judgement.warnings
    assert warning.startswith(
        "the dry runs were not asked: spec.analysis.metrics[1].templateRef.name: no Metric"
    )


async def test_a_template_s_own_server_is_asked_without_our_token(
    serve: Serve, canary_ref: MakeRef, judged: Judged
) -> None:
    seen: list[tuple[str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.query["query"], request.headers.get("Authorization")))
        return web.json_response(
            {"status": "success", "data": {"resultType": "vector", "result": [{"value": [0, "612"]}]}}
        )

    template = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "latency", "namespace": "istio-system"},
        "spec": {
            "provider": {"type": "prometheus", "address": await serve(answer)},
            "query": "latency{app='{{ target }}'}",
        },
    }
    metric = {
        "name": "latency",
        "templateRef": {"name": "latency", "namespace": "istio-system"},
        "thresholdRange": {"max": 500},
    }
    own = {"prometheus": "http://127.0.0.1:9", "prometheus_token_env": "TOKEN"}
    judgement = await judged(canary_ref(template, metrics=(metric,)), environ={"TOKEN": "s3cret"}, **own)
    assert [verdict.reason for verdict in judgement.verdicts] == ["latency 612.00 > 500"]
    assert seen == [("latency{app='podinfo'}", None)]


async def test_the_cluster_s_own_server_gets_the_token(
    serve: Serve, canary_ref: MakeRef, judged: Judged
) -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response(EMPTY)

    own = {"prometheus": await serve(answer), "prometheus_token_env": "TOKEN"}
    await judged(canary_ref(metrics=(RATE,)), environ={"TOKEN": "s3cret"}, **own)
    assert seen == ["Bearer s3cret"]


async def test_checks_are_asked_at_the_same_time(serve: Serve, canary_ref: MakeRef, judged: Judged) -> None:
    together = asyncio.Barrier(3)

    async def answer(_: web.Request) -> web.Response:
        await asyncio.wait_for(together.wait(), 5)
        return web.json_response(EMPTY)

    metrics = (RATE, DURATION, {"name": "up", "query": "up", "threshold": 1})
    assert len((await judged(canary_ref(metrics=metrics), prometheus=await serve(answer))).verdicts) == 3


async def test_an_in_cluster_server_is_asked_through_the_proxy(
    prometheus: str, canary_ref: MakeRef, judged: Judged
) -> None:
    proxy = Proxy(f"{prometheus}/api/v1/query")
    judgement = await judged(
        canary_ref(metrics=(RATE,), target="healthy"),
        clusters=proxy,
        prometheus="http://prometheus.istio-system:9090",
        service_proxy=True,
    )
    assert [verdict.passed for verdict in judgement.verdicts] == [True]
    assert proxy.asked == ["http://prometheus.istio-system:9090/api/v1/query"]


async def test_an_outage_is_retried_first(free_port: int, canary_ref: MakeRef, judged: Judged) -> None:
    with pytest.raises(ApplicationError, match="is out of reach") as failure:
        await judged(canary_ref(metrics=(RATE,)), seconds_ago=3, prometheus=f"http://127.0.0.1:{free_port}")
    assert (failure.value.type, failure.value.non_retryable) == ("Unreachable", False)


async def test_an_outage_that_lasts_is_inconclusive(
    free_port: int, canary_ref: MakeRef, judged: Judged
) -> None:
    address = f"http://127.0.0.1:{free_port}"
    (verdict,) = (await judged(canary_ref(metrics=(RATE,)), seconds_ago=9, prometheus=address)).verdicts
    assert verdict.result == "inconclusive"
    assert verdict.reason.startswith(f"Prometheus {address} is out of reach: ")


async def test_a_canary_that_waits_says_so_of_whatever_is_missing(
    prometheus: str, free_port: int, canary_ref: MakeRef, judged: Judged
) -> None:
    waits = {"annotations": {"tidegate.dev/no-data": "wait"}, "target": "idle"}
    custom = {"name": "mine", "query": "absent(vector(1))", "thresholdRange": {"max": 1}}
    nobody = {"provider": {"type": "prometheus", "address": f"http://127.0.0.1:{free_port}"}, "query": "up"}
    template = {"apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "nobody"}}
    asked = {"name": "nobody", "templateRef": {"name": "nobody"}, "thresholdRange": {"max": 1}}
    ref = canary_ref(template | {"spec": nobody}, metrics=(RATE, custom, asked), **waits)
    verdicts = (await judged(ref, seconds_ago=9, prometheus=prometheus)).verdicts
    assert [(each.result, each.missing, each.waits) for each in verdicts] == [
        ("inconclusive", "traffic", True),
        ("inconclusive", "data", True),
        ("inconclusive", "answer", True),
    ]


class Vault(Proxy):
    """A cluster with one object."""

    def __init__(self, found: Any) -> None:
        super().__init__("")
        self.found = found

    def get(self, *which: str) -> Any:
        self.asked.append("/".join(which))
        return self.found


KEYS = {"datadog_api_key": "a2V5", "datadog_application_key": "YXBw"}


def upstairs(address: str) -> dict[str, Any]:
    """A template that Git does not hold."""
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "up", "namespace": "istio-system", "managedFields": []},
        "spec": {"provider": {"type": "prometheus", "address": address}, "query": "vector(3)"},
        "status": {"anything": 1},
    }


UP = {"name": "up", "templateRef": {"name": "up", "namespace": "istio-system"}, "thresholdRange": {"min": 2}}


async def test_a_template_that_git_does_not_hold_is_the_cluster_s(
    prometheus: str, canary_ref: MakeRef, judged: Judged
) -> None:
    vault = Vault(upstairs(prometheus))
    (verdict,) = (await judged(canary_ref(metrics=(UP,)), clusters=vault)).verdicts
    assert verdict.reason == "up 3.00 >= 2"
    assert vault.asked == ["flagger.app/v1beta1/MetricTemplate/istio-system/up"]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (None, "no MetricTemplate istio-system/up among the manifests, nor in the cluster"),
        (
            {"metadata": {"name": "up"}, "spec": {"provider": {"type": "abacus"}, "query": "x"}},
            "MetricTemplate istio-system/up of the cluster: spec.provider.type: ",
        ),
    ],
)
async def test_a_template_that_is_nowhere_or_of_no_use_is_named(
    canary_ref: MakeRef, judged: Judged, found: Any, told: str
) -> None:
    with pytest.raises(ApplicationError, match=told):
        await judged(canary_ref(metrics=(UP,)), clusters=Vault(found))


async def test_another_provider_is_asked_with_the_credentials_of_its_secret(
    serve: Serve, canary_ref: MakeRef, judged: Judged
) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert (request.headers["DD-API-KEY"], request.headers["DD-APPLICATION-KEY"]) == ("key", "app")
        assert request.query["query"] == "sum:errors{kube_deployment:podinfo}"
        return web.json_response({"series": [{"interval": 20, "pointlist": [[1000 * time.time(), 0.5]]}]})

    template = secretive(await serve(answer), "test")
    vault = Vault({"kind": "Secret", "data": KEYS})
    judgement = await judged(canary_ref(template, metrics=(ERRORS,)), clusters=vault)
    assert [verdict.reason for verdict in judgement.verdicts] == ["errors 0.50 <= 1"]
    assert vault.asked == ["v1/Secret/test/datadog"]


ERRORS = {"name": "errors", "templateRef": {"name": "errors"}, "thresholdRange": {"max": 1}}


def secretive(address: str, namespace: str) -> dict[str, Any]:
    """A template with a Secret."""
    provider = {"type": "datadog", "address": address, "secretRef": {"name": "datadog"}}
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "errors", "namespace": namespace},
        "spec": {"provider": provider, "query": "sum:errors{kube_deployment:{{ target }}}"},
    }


class Tenants(Vault):
    """A cluster with a template of the namespace monitoring, or without, and its Secret."""

    def get(self, *which: str) -> Any:
        found = super().get(*which)
        return {"kind": "Secret", "data": KEYS} if "Secret" in which else found


@pytest.mark.parametrize("ref", [{"name": "errors", "namespace": "monitoring"}, {"name": "errors"}])
async def test_a_template_in_git_collects_no_other_namespace_s_secret(
    serve: Serve, canary_ref: MakeRef, judged: Judged, ref: dict[str, str]
) -> None:
    """It is the cluster's that counts, with the address that its owner gave."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers["DD-API-KEY"])
        return web.json_response({"series": [{"interval": 20, "pointlist": [[1000 * time.time(), 0.5]]}]})

    async def thief(request: web.Request) -> web.Response:
        raise AssertionError(request.headers["DD-API-KEY"])

    theirs, owned = secretive(await serve(thief), "monitoring"), secretive(await serve(answer), "monitoring")
    canary = canary_ref(theirs, metrics=(ERRORS | {"templateRef": ref},))
    cluster = Tenants(None)
    with pytest.raises(
        ApplicationError,
        match=r"MetricTemplate monitoring/errors: spec.provider.secretRef: refers to a Secret of the "
        "namespace monitoring, and the Canary is in test; apply it in the cluster, or move both",
    ) as refused:
        await judged(canary, clusters=cluster)
    assert refused.value.type == "InvalidInput"
    assert cluster.asked == ["flagger.app/v1beta1/MetricTemplate/monitoring/errors"]
    (verdict,) = (await judged(canary, clusters=Tenants(owned))).verdicts
    assert (verdict.reason, asked) == ("errors 0.50 <= 1", ["key"])


async def test_a_wrong_query_ends_it_and_names_the_metric(
    prometheus: str, canary_ref: MakeRef, judged: Judged
) -> None:
    metric = {"name": "mine", "query": "rate(", "thresholdRange": {"max": 1}}
    with pytest.raises(
        ApplicationError, match=r"metric mine: .* refuses the query: .*parse error"
    ) as failure:
        await judged(canary_ref(metrics=(metric,)), prometheus=prometheus)
    assert (failure.value.type, failure.value.non_retryable) == ("InvalidInput", True)


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ({}, "set clusters.mesh02.prometheus"),
        ({"prometheus": "http://127.0.0.1:9", "prometheus_token_env": "TOKEN"}, "TOKEN holds no token"),
    ],
)
async def test_a_missing_setting_is_named(
    canary_ref: MakeRef, judged: Judged, cluster: dict[str, Any], message: str
) -> None:
    with pytest.raises(ApplicationError, match=message):
        await judged(canary_ref(metrics=(RATE,)), **cluster)


async def test_a_token_does_not_go_through_the_service_proxy(canary_ref: MakeRef, judged: Judged) -> None:
    own = {"prometheus": "http://prometheus.istio-system:9090", "prometheus_token_env": "TOKEN"}
    with pytest.raises(ApplicationError, match="cannot pass the service proxy"):
        await judged(canary_ref(metrics=(RATE,)), environ={"TOKEN": "x"}, service_proxy=True, **own)


async def test_a_canary_without_metrics_has_no_verdicts(canary_ref: MakeRef, judged: Judged) -> None:
    assert await judged(canary_ref()) == Judgement()
