"""What a template's provider may say, and what its address then is."""

from typing import Any

import pytest

from tidegate.domain.errors import InvalidInput
from tidegate.domain.metric_template import MetricTemplate, Provider

SECRET = {"secretRef": {"name": "credentials"}}


@pytest.mark.parametrize(
    ("provider", "address"),
    [
        ({"type": "prometheus"}, ""),
        ({"type": "prometheus", "address": "http://p:9090/"}, "http://p:9090"),
        ({"type": "datadog", **SECRET}, "https://api.datadoghq.com"),
        ({"type": "datadog", **SECRET, "address": "https://api.datadoghq.eu"}, "https://api.datadoghq.eu"),
        ({"type": "newrelic", **SECRET}, "https://insights-api.newrelic.com"),
        ({"type": "stackdriver", **SECRET}, "https://monitoring.googleapis.com"),
        ({"type": "cloudwatch", "region": "eu-west-1"}, "https://monitoring.eu-west-1.amazonaws.com"),
        ({"type": "cloudwatch", "region": "cn-north-1"}, "https://monitoring.cn-north-1.amazonaws.com.cn"),
        (
            {"type": "splunk", **SECRET, "address": "https://api.us1.signalfx.com"},
            "https://stream.us1.signalfx.com",
        ),
        (
            {"type": "splunk", **SECRET, "address": "wss://stream.us1.signalfx.com"},
            "https://stream.us1.signalfx.com",
        ),
        ({"type": "splunk", **SECRET, "address": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
        ({"type": "keptn"}, ""),
    ],
)
def test_the_address_is_the_given_one_or_the_provider_s_own(provider: dict[str, Any], address: str) -> None:
    assert Provider.parse(provider).base_address == address


@pytest.mark.parametrize(
    ("provider", "warnings"),
    [
        ({"type": "prometheus", "address": "http://p", **SECRET, "headers": {"X-A": ["b"]}}, []),
        ({"type": "cloudwatch", "region": "eu-west-1"}, []),
        ({"type": "prometheus", "region": "eu-west-1"}, ["region changes nothing for prometheus"]),
        (
            {"type": "keptn", "address": "http://k", "insecureSkipVerify": True},
            ["address, insecureSkipVerify changes nothing for keptn"],
        ),
        ({"type": "graphite", "address": "https://g", "insecureSkipVerify": True}, ["nobody verifies whose"]),
    ],
)
def test_a_reader_of_the_plan_is_warned(provider: dict[str, Any], warnings: list[str]) -> None:
    spec = {"provider": provider, "query": "q"}
    template = MetricTemplate.parse({"metadata": {"name": "t", "namespace": "test"}, "spec": spec})
    assert len(template.warnings) == len(warnings)
    for told, wanted in zip(template.warnings, warnings, strict=True):
        assert told.startswith("MetricTemplate test/t")
        assert wanted in told


@pytest.mark.parametrize(
    ("provider", "missing"),
    [
        ({"type": "datadog"}, "secretRef"),
        ({"type": "newrelic"}, "secretRef"),
        ({"type": "graphite"}, "address"),
        ({"type": "influxdb"}, "address"),
        ({"type": "dynatrace", **SECRET}, "address"),
        ({"type": "dynatrace", "address": "https://abc.live.dynatrace.com"}, "secretRef"),
        ({"type": "splunk", **SECRET}, "address"),
        ({"type": "cloudwatch"}, "region"),
        ({"type": "stackdriver"}, "secretRef"),
    ],
)
def test_what_a_provider_cannot_do_without_is_named(provider: dict[str, Any], missing: str) -> None:
    with pytest.raises(InvalidInput, match=f"the provider {provider['type']} has no {missing}; add it"):
        Provider.parse(provider)


@pytest.mark.parametrize(
    "provider",
    [
        {"type": "prometheus", **SECRET},
        {"type": "externalmetrics"},
        {"type": "cloudwatch", "region": "x.evil.test/"},
        {"type": "prometheus", "headers": {"Host": ["elsewhere"]}},
        {"type": "prometheus", "headers": {"X-A": ["b\r\nX-B: c"]}},
        {"type": "prometheus", "headers": {"X-A:": ["b"]}},
        {"type": "prometheus", "headers": {"X-A": "b"}},
    ],
)
def test_what_cannot_be_asked_is_refused(provider: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Provider.parse(provider)
