"""Which addresses of manifests may be called."""

import re
from typing import Any

import pytest

from tidegate.decisions.egress import Egress, check_addresses
from tidegate.domain.alert_provider import AlertProvider
from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.metric_template import MetricTemplate

ANYTHING = Egress()
LISTED = Egress(hosts=("loadtester.test", "*.example.com", "10.0.0.7:8080", "[fd00::1]:443", "169.254.1.1"))


@pytest.mark.parametrize(
    "url",
    [
        "http://loadtester.test/",
        "http://LOADTESTER.test./x?y=z",
        "https://user:pass@loadtester.test:8443/",
        "http://hooks.example.com/",
        "http://a.b.example.com/",
        "http://10.0.0.7:8080/",
        "https://[fd00::1]/",
        "http://169.254.1.1/",
    ],
)
def test_what_is_listed_is_allowed(url: str) -> None:
    LISTED.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://badexample.com/",
        "http://hooks.example.com.evil.test/",
        "http://loadtester.test.evil.test/",
        "http://evil.test/loadtester.test",
        "http://loadtester.test@evil.test/",
        "http://evil.test#@loadtester.test/",
        "http://evil.test?@loadtester.test/",
        "http://10.0.0.7/",
        "http://10.0.0.7:8081/",
        "http://[fd00::1]/",
    ],
)
def test_what_is_not_listed_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"not among addresses.allowed_hosts"):
        LISTED.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://169.254.169.254./",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]:80/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[fe80::1%25eth0]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://METADATA.google.internal./",
    ],
)
def test_metadata_addresses_are_refused_in_every_spelling(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"link-local or metadata|not a valid http address"):
        ANYTHING.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://loadtester.test/",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://evil.test\\@loadtester.test/",
        "http://loadtester.test\t.evil.test/",
        "http://loadtester.test:99999/",
        "http://loadtester.test:x/",
        "http://[::1/",
        "http://l\u00f6adtester.test/",
        "http://loadtester\u3002test/",
        "",
    ],
)
def test_what_readers_of_urls_may_disagree_about_is_no_address(url: str) -> None:
    with pytest.raises(InvalidInput, match="is not a valid http address"):
        ANYTHING.check(url)


def test_a_scheme_that_is_not_allowed_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"uses http, which addresses.allowed_schemes .*; use https"):
        Egress(schemes=("https",)).check("http://loadtester.test/")


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254"])
def test_a_name_that_resolves_to_a_metadata_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match=r"'hooks.example.com' is at "):
        LISTED.check_peer("http://hooks.example.com/", address)


def test_a_host_that_is_listed_by_itself_may_be_link_local() -> None:
    LISTED.check_peer("http://169.254.1.1/", "169.254.1.1")


def test_other_addresses_of_a_name_are_its_own_affair() -> None:
    ANYTHING.check_peer("http://hooks.example.com/", "10.1.2.3")


def _canary(**analysis: Any) -> Canary:
    return Canary.parse(
        {
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {
                "targetRef": {"kind": "Deployment", "name": "podinfo"},
                "service": {"port": 80},
                "analysis": {"stepWeight": 10, **analysis},
            },
        }
    )


def _template(address: str) -> MetricTemplate:
    provider = {"type": "prometheus", "address": address}
    spec = {"provider": provider, "query": "1"}
    return MetricTemplate.parse({"metadata": {"name": "t"}, "spec": spec})


def _check(
    canary: Canary, template: MetricTemplate | None = None, chat: AlertProvider | None = None, **settings: str
) -> None:
    """With this template for every metric, and this chat for every alert."""

    usual = {"load_mode": "webhook", "prometheus": ""}
    check_addresses(canary, lambda _: template, lambda _: chat, LISTED, **(usual | settings))


def _chat(**spec: Any) -> AlertProvider:
    return AlertProvider.parse({"metadata": {"name": "chat"}, "spec": {"type": "slack", **spec}})


HOOK = {"name": "load", "url": "http://evil.test/", "metadata": {"cmd": "hey http://evil.test/"}}
METRIC = {"name": "rate", "templateRef": {"name": "t"}, "thresholdRange": {"min": 1}}
ALERT = {"name": "team", "providerRef": {"name": "chat"}}
EVIL, GOOD = "http://evil.test/x", "https://hooks.example.com/services/T0KEN"


@pytest.mark.parametrize(
    ("analysis", "mode", "field"),
    [
        ({"webhooks": [HOOK]}, "webhook", "spec.analysis.webhooks[0].url"),
        ({"webhooks": [HOOK]}, "native", "spec.analysis.webhooks[0].metadata.cmd"),
        ({"metrics": [METRIC]}, "webhook", "spec.analysis.metrics[0].templateRef"),
    ],
)
def test_every_address_of_a_canary_is_looked_at(analysis: Any, mode: str, field: str) -> None:
    with pytest.raises(
        InvalidInput, match=rf"Canary test/podinfo: {re.escape(field)}: the host 'evil.test' is not"
    ):
        _check(_canary(**analysis), _template("http://evil.test"), load_mode=mode)


@pytest.mark.parametrize("spec", [{"address": EVIL}, {"address": GOOD, "proxy": EVIL}])
def test_a_chat_s_address_and_proxy_are_looked_at(spec: dict[str, str]) -> None:
    told = r"spec\.analysis\.alerts\[0\]\.providerRef: the host 'evil\.test' is not among"
    with pytest.raises(InvalidInput, match=told) as refused:
        _check(_canary(alerts=[ALERT]), chat=_chat(**spec))
    assert "T0KEN" not in str(refused.value)


@pytest.mark.parametrize("spec", [{"address": GOOD}, {"secretRef": {"name": "chat"}}])
def test_a_chat_that_is_listed_or_only_its_secret_knows_is_no_obstacle(spec: dict[str, Any]) -> None:
    _check(_canary(alerts=[ALERT]), chat=_chat(**spec))


def test_a_template_and_a_chat_that_only_the_cluster_has_are_no_obstacle_without_it() -> None:
    _check(_canary(alerts=[ALERT], metrics=[METRIC]))


def test_the_metrics_server_is_looked_at() -> None:
    canary = _canary()
    spec = canary.spec.model_copy(update={"metrics_server": "http://evil.test"})
    with pytest.raises(InvalidInput, match=r"spec\.metricsServer: the host 'evil\.test' is not among"):
        _check(canary.model_copy(update={"spec": spec}))


def test_a_provider_s_public_address_is_looked_at() -> None:
    provider = {"type": "datadog", "secretRef": {"name": "datadog"}}
    template = MetricTemplate.parse({"metadata": {"name": "t"}, "spec": {"provider": provider, "query": "1"}})
    with pytest.raises(InvalidInput, match=r"the host 'api\.datadoghq\.com' is not among"):
        _check(_canary(metrics=[METRIC]), template)


def test_a_template_may_repeat_the_cluster_s_own_prometheus() -> None:
    own = "http://127.0.0.1:9090"
    _check(_canary(metrics=[METRIC]), _template(f"{own}/"), prometheus=own)
