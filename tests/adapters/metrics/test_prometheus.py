"""Instant queries, against a real Prometheus and against servers that misbehave."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from tidegate.adapters.metrics.prometheus import own_prometheus, query_url
from tidegate.adapters.reach import Direct
from tidegate.decisions.judge import Sample
from tidegate.decisions.queries import checks
from tidegate.domain.canary import Canary
from tidegate.domain.errors import AccessDenied, InvalidInput, Unreachable

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


def built_in(metric: str, target: str, interval: str = "1m") -> str:
    """What is asked for a check of Flagger's own."""
    asked = {"name": metric, "interval": interval, "thresholdRange": {"min": 1}}
    analysis = {"stepWeight": 10, "metrics": [asked]}
    spec = {
        "targetRef": {"kind": "Deployment", "name": target},
        "service": {"port": 9898},
        "analysis": analysis,
    }
    canary = Canary.parse({"metadata": {"name": "podinfo", "namespace": "test"}, "spec": spec})
    return checks(canary, lambda _: None)[0].query


@pytest.mark.parametrize(
    ("target", "expected"),
    [("healthy", pytest.approx(99.5)), ("broken", 0.0), ("idle", None), ("unknown", None)],
)
async def test_the_success_rate_tells_errors_from_silence(
    prometheus: str, target: str, expected: float | None
) -> None:
    sample = await own_prometheus(prometheus).query(built_in("request-success-rate", target))
    assert sample.value == expected


@pytest.mark.parametrize(("target", "expected"), [("healthy", pytest.approx(99.5)), ("broken", None)])
async def test_the_request_duration_is_the_p99_in_milliseconds(
    prometheus: str, target: str, expected: float | None
) -> None:
    sample = await own_prometheus(prometheus).query(built_in("request-duration", target))
    assert sample.value == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("scalar(vector(42))", Sample(value=42, series=1)),
        ("vector(1) / 0", Sample(value=float("inf"), series=1)),
        ("vector(0) / 0", Sample(value=None, series=1)),
        ("absent(vector(1))", Sample()),
        ('label_replace(vector(1), "x", "1", "", "") or label_replace(vector(2), "x", "2", "", "")', None),
    ],
)
async def test_an_answer_is_one_number_or_no_data(
    prometheus: str, query: str, expected: Sample | None
) -> None:
    sample = await own_prometheus(prometheus).query(query)
    assert sample == (expected or Sample(value=2, series=2))


async def test_samples_are_one_for_each_step_at_times_that_two_queries_share(prometheus: str) -> None:
    server = own_prometheus(prometheus)
    samples = await server.samples(built_in("request-success-rate", "healthy", "10s"), 60, 10)
    assert 6 <= len(samples) <= 7
    assert {at % 10 for at in samples} == {0}
    assert list(samples.values()) == pytest.approx([99.5] * len(samples), abs=0.1)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("absent(vector(1))", []),
        ("vector(7) # seven", [7, 7]),
        ("vector(0) / 0", [float("nan")] * 2),
    ],
)
async def test_samples_may_be_none_or_no_numbers(prometheus: str, query: str, expected: list[float]) -> None:
    values = list((await own_prometheus(prometheus).samples(query, 20, 10)).values())
    assert values[:2] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("rate(", "refuses the query: .*parse error"),
        ("1", "refuses the query: .*subquery"),
        ('label_replace(vector(1), "x", "1", "", "") or vector(2)', "the query gives 2 series"),
    ],
)
async def test_a_query_without_samples_is_the_user_s_to_mend(
    prometheus: str, query: str, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        await own_prometheus(prometheus).samples(query, 20, 10)


async def test_samples_from_a_stranger_are_told_as_such(serve: Serve) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": []}})

    with pytest.raises(Unreachable, match="does not answer as a Prometheus does"):
        await own_prometheus(await serve(answer)).samples("up", 20, 10)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("rate(", "refuses the query: .*parse error"),
        ("istio_requests_total[1m]", "the query gives a matrix"),
        ('"text"', "the query gives a string"),
    ],
)
async def test_a_wrong_query_is_the_user_s_to_mend(prometheus: str, query: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        await own_prometheus(prometheus).query(query)


async def test_a_server_that_is_not_there_is_out_of_reach(free_port: int) -> None:
    address = f"http://127.0.0.1:{free_port}/secret/path"
    with pytest.raises(Unreachable, match=rf"^Prometheus http://127.0.0.1:{free_port} is out of reach: \S"):
        await own_prometheus(address).query("up")


@pytest.mark.parametrize(
    ("status", "body", "error", "reason"),
    [
        (503, '{"status": "error", "error": "query timed out"}', Unreachable, "query timed out"),
        (500, "<html>", Unreachable, "status 500"),
        (429, "", Unreachable, "status 429"),
        (200, "<html>", Unreachable, "status 200"),
        (200, '{"status": "success", "data": 1}', Unreachable, "does not answer as a Prometheus does"),
        (302, "", Unreachable, "status 302"),
        (401, "", AccessDenied, "status 401"),
        (403, '{"message": "services is\\nforbidden"}', AccessDenied, "services is forbidden"),
        (404, "", InvalidInput, "status 404"),
        (422, '{"status": "error", "error": "too many samples"}', InvalidInput, "too many samples"),
        (200, "x" * 1_100_000, Unreachable, "larger than"),
    ],
)
async def test_a_failing_server_is_told_by_its_own_words(
    serve: Serve, status: int, body: str, error: type[Exception], reason: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers={"Location": "http://127.0.0.1:1/"})

    with pytest.raises(error, match=reason):
        await own_prometheus(await serve(answer)).query("up")


async def test_an_answer_that_does_not_come_is_out_of_reach(serve: Serve) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    with pytest.raises(Unreachable, match="no answer in time"):
        await own_prometheus(await serve(hang), timeout=0.1).query("up")


async def test_the_token_and_the_target_s_headers_are_sent(serve: Serve) -> None:
    seen: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, request.query["query"], request.headers["Authorization"]))
        seen.append(request.headers.get("X-Cluster"))
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": []}})

    url = query_url(await serve(answer) + "/mimir/")
    target = Direct(url, headers={"X-Cluster": "mesh02"}, verify=ssl.create_default_context())
    await own_prometheus("http://prometheus.test", target, token="s3cret").query("up")
    assert seen == [("/mimir/api/v1/query", "up", "Bearer s3cret"), "mesh02"]
