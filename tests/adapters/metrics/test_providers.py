"""Each provider against answers as its API gives them: values, none, refusals, and what is not its own."""

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.adapters.metrics.conftest import KEY, Recorded, pem
from tidegate.adapters.metrics.source import MetricsServer
from tidegate.decisions.judge import Sample
from tidegate.domain.errors import AccessDenied, InvalidInput, Unreachable

NOW = int(time.time())

PROVIDERS: dict[str, dict[str, Any]] = {
    "datadog": {"datadog_api_key": "a-p-i-key", "datadog_application_key": "application-key"},
    "newrelic": {"newrelic_account_id": "1234567", "newrelic_query_key": "NRIQ-query-key"},
    "graphite": {"username": "graphite-user", "password": "graphite-password"},
    "influxdb": {"token": "influx-token", "org": "an-organisation"},
    "dynatrace": {"dynatrace_token": "dt0c01.dynatrace-token"},
    "splunk": {"sf_token_key": "splunk-token"},
    "cloudwatch": {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "aws-secret-key"},
    "stackdriver": {"project": "a-project"},
    "prometheus": {"token": "prometheus-token"},
}
"""Type -> the keys of its Secret, which are Flagger's where Flagger has any."""

CLOUDWATCH = '[{"Id": "e1", "Expression": "m1"}, {"Id": "m1", "MetricStat": {"Period": 60}}]'
QUERIES = {"graphite": "target=summarize(stats.podinfo, '1min', 'avg')", "cloudwatch": CLOUDWATCH}

SIGNALFLOW = f"""event: control-message
data: {{
data:   "event" : "STREAM_START",
data:   "timestampMs" : 1461353198000
data: }}

event: metadata
data: {{"tsId": "AAAAAOz7Vi8", "properties": {{"sf_metric": "latency"}}}}

event: data
data: {{
data:   "data" : [ {{ "tsId" : "AAAAAOz7Vi8", "value" : 20.5 }} ],
data:   "logicalTimestampMs" : {NOW * 1000 - 1000}
data: }}

event: data
data: {{"data": [{{"tsId": "AAAAAOz7Vi8", "value": 23}}], "logicalTimestampMs": {NOW * 1000}}}

event: control-message
data: {{"event": "END_OF_CHANNEL", "timestampMs": 1461353200000}}

"""

FLUX = """#group,false,false,true,true,false,false,true,true\r
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string\r
#default,_result,,,,,,,\r
,result,table,_start,_stop,_time,_value,_field,_measurement\r
,,0,2026-01-31T05:41:24Z,2026-01-31T07:41:24Z,2026-01-31T05:50:00Z,15.43,gauge,istio_requests_total\r
,,0,2026-01-31T05:41:24Z,2026-01-31T07:41:24Z,2026-01-31T05:51:00Z,59.25,gauge,istio_requests_total\r
\r
"""


def datadog(*points: list[Any]) -> str:
    """Buckets of two minutes."""
    series = {"metric": "x", "interval": 120, "length": len(points), "pointlist": list(points)}
    return json.dumps({"status": "ok", "res_type": "time_series", "series": [series], "error": None})


def point(seconds_ago: float, value: float | None) -> list[Any]:
    return [(NOW - seconds_ago) * 1000, value]


def signalflow(seconds_ago: float, **values: float) -> str:
    """One message with a value for each time series."""
    points = [{"tsId": name, "value": value} for name, value in values.items()]
    message = {"data": points, "logicalTimestampMs": (NOW - seconds_ago) * 1000}
    return f"event: data\ndata: {json.dumps(message)}\n\n"


def metric(seconds_ago: float, *values: float) -> dict[str, Any]:
    """A result of CloudWatch, with the newest value of so long ago first, and one a minute before that."""
    times = [NOW - seconds_ago - 60 * index for index in range(len(values))]
    return {"Id": "e1", "StatusCode": "Complete", "Timestamps": times, "Values": list(values)}


def metric_data(*results: dict[str, Any]) -> str:
    return json.dumps({"MetricDataResults": results, "Messages": []})


def time_series(*values: dict[str, Any]) -> str:
    points = [{"values": [value], "timeInterval": {"endTime": "2026-01-31T05:41:24Z"}} for value in values]
    return json.dumps({"timeSeriesDescriptor": {}, "timeSeriesData": [{"pointData": points}]})


def aws(name: str, message: str = "no") -> str:
    return json.dumps({"__type": f"com.amazonaws.cloudwatch.v2010_08_01#{name}", "message": message})


ANSWERED = [
    ("datadog", datadog(point(280, 9.0), point(150, 1.5), point(5, 7.0)), Sample(value=1.5, series=1)),
    ("datadog", datadog(point(280, 9.0), point(150, None), point(5, None)), Sample(value=9.0, series=1)),
    ("datadog", datadog(point(420, 9.0), point(5, None)), Sample(series=1, aged=300)),
    ("datadog", datadog(point(5, 7.0)), Sample(value=7.0, series=1)),
    ("datadog", datadog(), Sample(series=1)),
    ("datadog", '{"status": "ok", "series": []}', Sample()),
    ("newrelic", '{"results": [{"result": 1.52}]}', Sample(value=1.52, series=1)),
    ("newrelic", '{"results": [{"average": 7}]}', Sample(value=7, series=1)),
    ("newrelic", '{"results": [{"percentiles": {"99": 12.5}}]}', Sample(value=12.5, series=1)),
    ("newrelic", '{"results": [{"result": null}]}', Sample(series=1)),
    ("newrelic", '{"results": []}', Sample()),
    (
        "graphite",
        '[{"target": "a", "datapoints": [[1.0, 1], [98.5, 2], [null, 3]]}]',
        Sample(value=98.5, series=1),
    ),
    (
        "graphite",
        '[{"target": "a", "datapoints": [[1, 1]]}, {"target": "b", "datapoints": [["2.5", 1]]}]',
        Sample(value=2.5, series=2),
    ),
    ("graphite", '[{"target": "a", "datapoints": [[null, 1], ["NaN", 2]]}]', Sample(series=1)),
    ("graphite", "[]", Sample()),
    ("influxdb", FLUX, Sample(value=15.43, series=2)),
    ("influxdb", ",result,table,_value\r\n,_result,0,7\r\n\r\n", Sample(value=7, series=1)),
    ("influxdb", ",result,table,_value\r\n,_result,0,\r\n\r\n", Sample(series=1)),
    ("influxdb", "", Sample()),
    (
        "dynatrace",
        '{"result": [{"metricId": "x", "data": [{"timestamps": [1], "values": [0.25]}]}]}',
        Sample(value=0.25, series=1),
    ),
    (
        "dynatrace",
        '{"result": [{"data": [{"values": [1]}, {"values": [2]}]}]}',
        Sample(value=2, series=2),
    ),
    ("dynatrace", '{"result": [{"data": [{"timestamps": [1], "values": [null]}]}]}', Sample(series=1)),
    ("dynatrace", '{"result": [{"metricId": "x", "data": []}]}', Sample()),
    ("dynatrace", '{"totalCount": 0, "result": []}', Sample()),
    ("splunk", SIGNALFLOW, Sample(value=23, series=1)),
    (
        "splunk",
        signalflow(5, A=1, B=2),
        Sample(value=2, series=2),
    ),
    ("splunk", signalflow(170, A=1) + signalflow(900, B=2), Sample(value=1, series=2)),
    ("splunk", signalflow(900, A=1) + signalflow(600, B=2), Sample(series=2, aged=600)),
    ("splunk", 'event: control-message\ndata: {"event": "END_OF_CHANNEL"}\n\n', Sample()),
    (
        "cloudwatch",
        metric_data(metric(90, 0.02, 0.5)),
        Sample(value=0.02, series=1),
    ),
    ("cloudwatch", metric_data(metric(230, 0.02)), Sample(value=0.02, series=1)),
    ("cloudwatch", metric_data(metric(540, 0.02)), Sample(series=1, aged=480)),
    ("cloudwatch", metric_data({"Id": "e1", "StatusCode": "Complete", "Values": []}), Sample(series=1)),
    ("cloudwatch", metric_data(), Sample()),
    ("stackdriver", time_series({"doubleValue": 3.5}, {"doubleValue": 9}), Sample(value=3.5, series=1)),
    ("stackdriver", time_series({"int64Value": "12"}), Sample(value=12, series=1)),
    ("stackdriver", time_series({"doubleValue": "NaN"}), Sample(series=1)),
    ("stackdriver", '{"timeSeriesDescriptor": {"labelDescriptors": []}}', Sample()),
    ("stackdriver", "{}", Sample()),
]

REFUSED: list[tuple[str, int, str, type[Exception], str]] = [
    ("datadog", 200, '{"status": "error", "error": "Error parsing query"}', InvalidInput, "parsing query"),
    ("datadog", 400, '{"errors": ["Error parsing query"]}', InvalidInput, "Error parsing query"),
    ("datadog", 403, '{"errors": ["Forbidden"]}', AccessDenied, "Forbidden"),
    ("datadog", 429, '{"errors": ["Rate limit"]}', Unreachable, "Rate limit"),
    ("datadog", 500, "<html>", Unreachable, "status 500"),
    ("datadog", 200, "<html>", Unreachable, "does not answer as Datadog does"),
    ("newrelic", 400, '{"error": "NRQL Syntax Error"}', InvalidInput, "NRQL Syntax Error"),
    ("newrelic", 403, '{"error": "Invalid query key"}', AccessDenied, "Invalid query key"),
    ("newrelic", 200, '{"results": [{"a": 1}, {"a": 2}]}', InvalidInput, "gives 2 results"),
    ("newrelic", 200, '{"results": [{"a": 1, "b": 2}]}', InvalidInput, "gives 2 results"),
    ("newrelic", 503, "", Unreachable, "status 503"),
    ("newrelic", 200, "[]", Unreachable, "does not answer as New Relic does"),
    ("graphite", 400, "Invalid target", InvalidInput, "status 400"),
    ("graphite", 401, "", AccessDenied, "status 401"),
    ("graphite", 500, "<html>", Unreachable, "status 500"),
    ("graphite", 200, '{"a": 1}', Unreachable, "does not answer as Graphite does"),
    ("graphite", 200, '[{"target": "a"}]', Unreachable, "does not answer as Graphite does"),
    (
        "influxdb",
        400,
        '{"code": "invalid", "message": "error @1:1: undefined identifier"}',
        InvalidInput,
        "undefined identifier",
    ),
    ("influxdb", 401, '{"code": "unauthorized", "message": "no token"}', AccessDenied, "no token"),
    ("influxdb", 200, "error,reference\r\nout of memory,897\r\n", InvalidInput, "out of memory"),
    ("influxdb", 200, ",result,table,_value\r\n,_result,0,high\r\n", InvalidInput, "gives no number"),
    ("influxdb", 200, ",result,table,mean\r\n,_result,0,7\r\n", InvalidInput, "gives no _value"),
    ("influxdb", 503, "", Unreachable, "status 503"),
    ("influxdb", 200, "<html>\n<body>\n", Unreachable, "does not answer as InfluxDB does"),
    (
        "dynatrace",
        400,
        '{"error": {"code": 400, "message": "The metric key is unknown"}}',
        InvalidInput,
        "metric key is unknown",
    ),
    ("dynatrace", 401, '{"error": {"message": "Token is missing"}}', AccessDenied, "Token is missing"),
    ("dynatrace", 200, '{"result": 1}', Unreachable, "does not answer as Dynatrace does"),
    ("splunk", 400, '{"code": 400, "message": "Unexpected token"}', InvalidInput, "Unexpected token"),
    ("splunk", 401, '{"code": 401, "message": "Unauthorized"}', AccessDenied, "Unauthorized"),
    (
        "splunk",
        200,
        'event: error\ndata: {"errors": [{"code": "ANALYTICS_PROGRAM_NAME_ERROR"}]}\n\n',
        InvalidInput,
        "ANALYTICS_PROGRAM_NAME_ERROR",
    ),
    ("splunk", 200, "<html>", Unreachable, "does not answer as SignalFlow does"),
    ("splunk", 200, "event: data\ndata: {\n\n", Unreachable, "does not answer as SignalFlow does"),
    ("cloudwatch", 400, aws("ValidationError", "bad Id"), InvalidInput, "ValidationError bad Id"),
    ("cloudwatch", 400, aws("UnrecognizedClientException"), AccessDenied, "UnrecognizedClientException"),
    ("cloudwatch", 403, aws("AccessDeniedException"), AccessDenied, "AccessDeniedException"),
    ("cloudwatch", 400, aws("ThrottlingException", "Rate exceeded"), Unreachable, "Rate exceeded"),
    ("cloudwatch", 500, "", Unreachable, "status 500"),
    ("cloudwatch", 200, metric_data({"StatusCode": "Forbidden"}), AccessDenied, "is forbidden"),
    ("cloudwatch", 200, metric_data({"Values": [1]}), Unreachable, "does not answer as CloudWatch does"),
    ("cloudwatch", 200, "<xml>", Unreachable, "does not answer as CloudWatch does"),
    (
        "stackdriver",
        400,
        '{"error": {"code": 400, "message": "Line 1: Unable to parse", "status": "INVALID_ARGUMENT"}}',
        InvalidInput,
        "Unable to parse",
    ),
    (
        "stackdriver",
        403,
        '{"error": {"code": 403, "message": "Permission denied", "status": "PERMISSION_DENIED"}}',
        AccessDenied,
        "Permission denied",
    ),
    ("stackdriver", 200, '{"timeSeriesData": 1}', Unreachable, "does not answer as Cloud Monitoring does"),
]


def of(recorded: Recorded, kind: str) -> MetricsServer:
    """The provider's adapter, with its Secret."""
    secret = dict(PROVIDERS[kind])
    provider: dict[str, Any] = {"type": kind, "secretRef": {"name": "credentials"}}
    if kind == "cloudwatch":
        provider["region"] = "eu-west-1"
    if kind == "stackdriver":
        account = {
            "client_email": "a@b.iam",
            "private_key": pem(KEY),
            "token_uri": f"{recorded.address}/token",
        }
        secret["serviceAccountKey"] = json.dumps(account)
        recorded.answers.insert(0, (200, '{"access_token": "ya29.a-token", "expires_in": 3599}'))
    return recorded.server(provider, secret)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time at which the answers were recorded, though the test may come to them later."""
    for kind in ("datadog", "splunk", "cloudwatch"):
        monkeypatch.setattr(f"tidegate.adapters.metrics.{kind}.time", SimpleNamespace(time=lambda: NOW))


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(("kind", "body", "expected"), ANSWERED)
async def test_an_answer_is_one_number_or_no_data(
    recorded: Recorded, kind: str, body: str, expected: Sample
) -> None:
    recorded.answers = [(200, body)]
    found = await of(recorded, kind).query(QUERIES.get(kind, "query"))
    assert (found.value, found.series, found.aged) == (expected.value, expected.series, expected.aged)


@pytest.mark.parametrize(("kind", "status", "body", "error", "told"), REFUSED)
async def test_a_refusal_says_whose_fault_it_is_in_the_server_s_words(
    recorded: Recorded, kind: str, status: int, body: str, error: type[Exception], told: str
) -> None:
    recorded.answers = [(status, body)]
    with pytest.raises(error, match=told):
        await of(recorded, kind).query(QUERIES.get(kind, "query"))


@pytest.mark.parametrize("kind", PROVIDERS)
async def test_a_server_that_is_not_there_is_out_of_reach(
    recorded: Recorded, kind: str, free_port: int
) -> None:
    recorded.answers = []
    recorded.address = f"http://127.0.0.1:{free_port}"
    with pytest.raises(Unreachable, match=rf"http://127\.0\.0\.1:{free_port} is out of reach: \S"):
        await of(recorded, kind).query(QUERIES.get(kind, "query"))


@pytest.mark.parametrize("kind", [kind for kind in PROVIDERS if kind != "stackdriver"])
async def test_each_key_of_the_secret_is_needed_and_named(recorded: Recorded, kind: str) -> None:
    for key in PROVIDERS[kind]:
        secret = {name: value for name, value in PROVIDERS[kind].items() if name != key} or {"other": "x"}
        named = "username" if kind == "prometheus" else key
        provider = {"type": kind, "secretRef": {"name": "credentials"}, "region": "eu-west-1"}
        with pytest.raises(InvalidInput, match=f"the Secret test/credentials has no {named}; add the key"):
            recorded.server(provider, secret)


@pytest.mark.parametrize("kind", PROVIDERS)
@pytest.mark.parametrize("status", [200, 400, 403, 500])
async def test_no_credential_is_told_that_a_server_repeats(
    recorded: Recorded, kind: str, status: int
) -> None:
    told = json.dumps({"error": " ".join(PROVIDERS[kind].values()), "status": "error"})
    recorded.answers = [(status, told)]
    with pytest.raises((InvalidInput, AccessDenied, Unreachable)) as refused:
        await of(recorded, kind).query(QUERIES.get(kind, "query"))
    assert [value for value in PROVIDERS[kind].values() if value in str(refused.value)] == []


@pytest.mark.parametrize(
    ("kind", "method", "path", "headers"),
    [
        (
            "datadog",
            "GET",
            "/api/v1/query",
            {"DD-API-KEY": "a-p-i-key", "DD-APPLICATION-KEY": "application-key"},
        ),
        ("newrelic", "GET", "/v1/accounts/1234567/query", {"X-Query-Key": "NRIQ-query-key"}),
        (
            "graphite",
            "GET",
            "/render",
            {"Authorization": "Basic Z3JhcGhpdGUtdXNlcjpncmFwaGl0ZS1wYXNzd29yZA=="},
        ),
        (
            "influxdb",
            "POST",
            "/api/v2/query",
            {"Authorization": "Token influx-token", "Content-Type": "application/vnd.flux"},
        ),
        ("dynatrace", "GET", "/api/v2/metrics/query", {"Authorization": "Api-Token dt0c01.dynatrace-token"}),
        ("splunk", "POST", "/v2/signalflow/execute", {"X-SF-Token": "splunk-token"}),
        ("cloudwatch", "POST", "/", {"X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData"}),
        (
            "stackdriver",
            "POST",
            "/v3/projects/a-project/timeSeries:query",
            {"Authorization": "Bearer ya29.a-token"},
        ),
    ],
)
async def test_the_question_is_put_as_the_api_has_it(
    recorded: Recorded, kind: str, method: str, path: str, headers: dict[str, str]
) -> None:
    body = next(body for each, body, _ in ANSWERED if each == kind)
    recorded.answers = [(200, body)]
    await of(recorded, kind).query(QUERIES.get(kind, "query"))
    asked = recorded.asked[-1]
    assert (asked.method, asked.path) == (method, path)
    assert {name: asked.headers[name] for name in headers} == headers


@pytest.mark.parametrize(
    ("kind", "since", "until", "unit"),
    [
        ("datadog", "from", "to", 1),
        ("dynatrace", "from", "to", 1000),
        ("splunk", "start", "stop", 1000),
    ],
)
async def test_the_window_is_ten_intervals(
    recorded: Recorded, kind: str, since: str, until: str, unit: int
) -> None:
    recorded.answers = [(200, next(body for each, body, _ in ANSWERED if each == kind))]
    await of(recorded, kind).query("query")
    (asked,) = recorded.asked
    assert int(asked.query[until]) - int(asked.query[since]) == 600 * unit
    assert abs(int(asked.query[until]) / unit - time.time()) < 30


async def test_nrql_looks_back_one_interval(recorded: Recorded) -> None:
    recorded.answers = [(200, '{"results": []}')]
    await of(recorded, "newrelic").query("SELECT 1 FROM Metric")
    assert recorded.asked[0].query["nrql"] == "SELECT 1 FROM Metric SINCE 60 seconds ago"


async def test_graphite_gets_every_field_of_the_query_string(recorded: Recorded) -> None:
    recorded.answers = [(200, "[]")]
    await of(recorded, "graphite").query("target=a(\n  b.{c,d}.*,\n  '1min')\n&from=-5min&format=png\n")
    assert dict(recorded.asked[0].query) == {
        "target": "a( b.{c,d}.*, '1min')",
        "from": "-5min",
        "format": "json",
    }


async def test_a_query_that_cannot_be_asked_is_refused_unasked(recorded: Recorded) -> None:
    for kind, query in (("graphite", "sumSeries(a)"), ("cloudwatch", '{"Id": "m1"}'), ("cloudwatch", "m1")):
        with pytest.raises(InvalidInput, match="query"):
            await of(recorded, kind).query(query)
    assert recorded.asked == []


async def test_without_a_secret_graphite_and_influxdb_are_asked_without_credentials(
    recorded: Recorded,
) -> None:
    for kind, body in (("graphite", "[]"), ("influxdb", "")):
        recorded.answers = [(200, body)]
        await recorded.server({"type": kind}, {}).query(QUERIES.get(kind, "query"))
    assert [each.headers.get("Authorization") for each in recorded.asked] == [None, None]
