"""Routes as Flagger's users know them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.manifests.strategies import CASES, STICKY, VERSION, analysed
from tidegate.domain.canary import Canary
from tidegate.domain.percent import exact, rest
from tidegate.domain.plan import Routing
from tidegate.manifests.drift import drift, last_writer
from tidegate.manifests.istio import destination_rules, virtual_service, weights
from tidegate.manifests.sessions import session_of
from tidegate.manifests.splits import described, exposes, routed_back

PLAIN = Canary.parse(
    {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "podinfo"},
            "service": {"port": 9898},
            "analysis": {"stepWeight": 5},
        },
    }
)


def test_the_virtual_service_has_all_that_the_manifest_asks_for(samples: Any) -> None:
    rules = {
        "match": [{"uri": {"prefix": "/"}}],
        "rewrite": {"uri": "/v2"},
        "timeout": "15s",
        "retries": {"attempts": 3, "perTryTimeout": "1s"},
        "headers": {"request": {"add": {"x-release": "yes"}}},
        "corsPolicy": {"allowOrigins": [{"exact": "https://example.com"}]},
    }
    assert virtual_service(samples.parsed(**rules), VERSION, Routing(canary=5)) == {
        "apiVersion": VERSION,
        "kind": "VirtualService",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "hosts": ["app.istio.example.com", "podinfo"],
            "gateways": ["public-gateway.istio-system.svc.cluster.local"],
            "http": [
                {
                    **rules,
                    "route": [
                        {"destination": {"host": "podinfo-primary"}, "weight": 95},
                        {"destination": {"host": "podinfo-canary"}, "weight": 5},
                    ],
                }
            ],
        },
    }


def test_without_gateways_and_hosts_the_route_is_for_the_mesh() -> None:
    spec = virtual_service(PLAIN, VERSION, Routing())["spec"]
    assert (spec["gateways"], spec["hosts"]) == (["mesh"], ["podinfo"])
    assert set(spec["http"][0]) == {"route"}


@pytest.mark.parametrize(
    ("given_hosts", "hosts"),
    [(["*"], ["*"]), (["podinfo", "a.b"], ["podinfo", "a.b"]), (["a.b"], ["a.b", "podinfo"])],
)
def test_the_apex_is_a_host_unless_covered(samples: Any, given_hosts: list[str], hosts: list[str]) -> None:
    canary = samples.parsed(hosts=given_hosts)
    assert virtual_service(canary, VERSION, Routing())["spec"]["hosts"] == hosts


@given(st.integers(0, 100))
def test_weights_lie_within_bounds_and_sum_to_a_hundred(weight: int) -> None:
    written = virtual_service(PLAIN, VERSION, Routing(canary=weight))
    primary, target = (each["weight"] for each in written["spec"]["http"][0]["route"])
    assert 0 <= primary <= 100
    assert (primary + target, target) == (100, weight)
    assert weights(written, PLAIN) == (primary, target, 0, 0)


@given(st.integers(0, 10_000))
def test_fractions_are_written_as_whole_weights_and_read_as_shares(hundredths: int) -> None:
    share = exact(hundredths / 100)
    written = virtual_service(PLAIN, VERSION, Routing(canary=share))
    assert all(isinstance(each["weight"], int) for each in written["spec"]["http"][0]["route"])
    assert weights(written, PLAIN) == (rest(share), share, 0, 0)
    assert described(written, "podinfo") == (f"traffic {rest(share)}/{share}" if share else "")
    assert weights(routed_back(written, "podinfo"), PLAIN) == (100, 0, 0, 0)


@given(st.integers(1, 5_000))
def test_three_sides_sum_to_a_hundred_are_read_as_written_and_lead_home(hundredths: int) -> None:
    share = exact(hundredths / 100)
    written = virtual_service(PLAIN, VERSION, Routing(canary=share, baseline=share))
    parts = [each["weight"] for each in written["spec"]["http"][0]["route"]]
    assert sum(parts) in (100, 1_000, 10_000)
    assert parts[1] == parts[2] == pytest.approx(share * sum(parts) / 100)
    assert weights(written, PLAIN) == (rest(2 * share), share, share, 0)
    assert exposes(written, "podinfo")
    assert described(written, "podinfo") == (
        f"traffic {rest(2 * share)}/{share} and {share}% to the baseline"
    )
    back = routed_back(written, "podinfo")
    assert (weights(back, PLAIN), exposes(back, "podinfo")) == ((100, 0, 0, 0), False)
    assert "baseline" not in str(back)


def test_a_baseline_beside_somebody_else_s_destination_gives_its_share_back() -> None:
    route = [
        {"destination": {"host": host}, "weight": weight}
        for host, weight in (("theirs", 70), ("podinfo-baseline", 20), ("podinfo-canary", 10))
    ]
    mixed = {"spec": {"http": [{"route": route}]}}
    assert exposes(mixed, "podinfo")
    (rule,) = routed_back(mixed, "podinfo")["spec"]["http"]
    assert rule["route"] == [{"destination": {"host": "theirs"}, "weight": 100}]


@given(st.integers().filter(lambda weight: not 0 <= weight <= 100))
def test_no_other_weight_is_written(weight: int) -> None:
    with pytest.raises(ValueError, match=r"greater than or equal|less than or equal"):
        virtual_service(PLAIN, VERSION, Routing(canary=weight))


@pytest.mark.parametrize(
    ("route", "found"),
    [
        ([{"destination": {"host": "podinfo-primary"}}], (100, 0, 0, 0)),
        ([{"destination": {"host": "podinfo-canary"}, "weight": 100}], (0, 100, 0, 0)),
        ([{"destination": {"host": "podinfo"}}], None),
        ([], None),
    ],
)
def test_weights_are_read_only_from_the_releases_own_destinations(route: Any, found: Any) -> None:
    assert weights({"spec": {"http": [{"route": route}]}}, PLAIN) == found


def test_each_side_has_a_destination_rule_with_the_policy(samples: Any) -> None:
    rules = destination_rules(samples.parsed(name="api"), VERSION)
    assert [rule["metadata"]["name"] for rule in rules] == ["api-primary", "api-canary"]
    assert [rule["spec"] for rule in rules] == [
        {"host": host, "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
        for host in ("api-primary", "api-canary")
    ]


def _written(weight: int, **spec: Any) -> dict[str, Any]:
    manifest = virtual_service(PLAIN, VERSION, Routing(canary=weight))
    return manifest | {"spec": manifest["spec"] | spec}


ELSEWHERE = [{"route": [{"destination": {"host": "x"}}]}]


@pytest.mark.parametrize(
    ("live", "expected", "found"),
    [
        (_written(10), 10, ""),
        (_written(30), 10, "weights 70/30 instead of 90/10"),
        (_written(10, hosts=["other"]), 10, "hosts changed"),
        (_written(10, gateways=["other"]), 10, "gateways changed"),
        (_written(10, exportTo=["."]), 10, ""),
        (_written(10, http=[_written(10)["spec"]["http"][0] | {"timeout": "1s"}]), 10, "rules changed"),
        (_written(10, http=ELSEWHERE), 10, "it leads elsewhere"),
    ],
)
def test_drift_is_told(live: Any, expected: int, found: str) -> None:
    assert drift(live, _written(expected), PLAIN) == found


def test_the_last_other_writer_of_the_spec_is_named() -> None:
    fields = [
        {"manager": "tidegate-canary", "time": "2026-01-01T00:00:09Z", "fieldsV1": {"f:spec": {}}},
        {"manager": "kubectl-edit", "time": "2026-01-01T00:00:02Z", "fieldsV1": {"f:spec": {}}},
        {"manager": "helm", "time": "2026-01-01T00:00:01Z", "fieldsV1": {"f:spec": {}}},
        {"manager": "labeller", "time": "2026-01-01T00:00:03Z", "fieldsV1": {"f:metadata": {}}},
    ]
    assert last_writer({"metadata": {"managedFields": fields}}, "tidegate-canary") == "kubectl-edit"
    assert last_writer({"metadata": {}}, "tidegate-canary") == "another writer"


def test_the_last_writer_of_a_part_is_none_who_wrote_another_part() -> None:
    fields: list[Any] = [
        {"manager": "tidegate", "time": "2026-01-01T00:00:09Z", "fieldsV1": {"f:spec": {"f:template": {}}}},
        {
            "manager": "kubectl-set",
            "time": "2026-01-01T00:00:02Z",
            "fieldsV1": {"f:spec": {"f:template": {}}},
        },
        {"manager": "hpa", "time": "2026-01-01T00:00:03Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ]
    live = {"metadata": {"managedFields": fields}}
    assert last_writer(live, "tidegate-canary", "tidegate", part=("spec", "template")) == "kubectl-set"


@pytest.mark.parametrize("name", CASES)
def test_each_strategy_has_these_routes(name: str, golden: Any) -> None:
    analysis, service, routing = CASES[name]
    canary = analysed(analysis, **service)
    written = virtual_service(canary, VERSION, routing, session="abc")
    golden(f"routes/{name}", written)


@pytest.mark.parametrize("name", CASES)
def test_in_each_strategy_the_routes_tell_the_split_and_lead_home(name: str) -> None:
    analysis, service, routing = CASES[name]
    canary = analysed(analysis, **service)
    written = virtual_service(canary, VERSION, routing, session="abc")
    assert weights(written, canary) == (
        100 - routing.canary - routing.baseline,
        *routing.shares,
        routing.mirror,
    )
    assert (described(written, "podinfo") == "") is (routing == Routing())
    back = routed_back(written, "podinfo")
    assert weights(back, canary) == (100, 0, 0, 0)
    rules = [rule for protocol in ("http", "tcp") for rule in back["spec"].get(protocol, ())]
    assert all(each["weight"] == 0 for rule in rules for each in rule["route"] if "canary" in str(each))


@given(st.integers(0, 100), st.sampled_from(sorted(CASES)))
def test_no_rule_of_any_strategy_has_weights_that_do_not_sum_to_a_hundred(weight: int, name: str) -> None:
    analysis, service, _ = CASES[name]
    spec = virtual_service(analysed(analysis, **service), VERSION, Routing(canary=weight), session="a")[
        "spec"
    ]
    for rule in (*spec.get("http", ()), *spec.get("tcp", ())):
        assert sum(each["weight"] for each in rule["route"]) == 100


def test_a_drift_of_the_mirror_is_told() -> None:
    canary = analysed({"iterations": 5, "mirror": True})
    live = virtual_service(canary, VERSION, Routing(mirror=40))
    written = virtual_service(canary, VERSION, Routing(mirror=100))
    assert (
        drift(live, written, canary) == "weights 100/0 with 40% mirrored instead of 100/0 with 100% mirrored"
    )


@pytest.mark.parametrize(
    ("brought", "fits"),
    [
        ("canary-cookie=abc", True),
        ("a=1; canary-cookie=abc; b=2", True),
        ("not-canary-cookie=abc", False),
        ("canary-cookie=abcd", False),
        ("canary-cookie=old", False),
        ("a=canary-cookie=abc", False),
    ],
)
def test_only_the_releases_own_cookie_is_followed(brought: str, fits: bool) -> None:
    rules = virtual_service(analysed(STICKY), VERSION, Routing(canary=20), session="abc")["spec"]["http"]
    pattern = rules[0]["match"][0]["headers"]["cookie"]["regex"]
    assert bool(re.fullmatch(pattern, brought)) is fits


@pytest.mark.parametrize(
    ("attribute", "told"),
    [
        ({}, ""),
        ({"domain": "example.com"}, "; Domain=example.com"),
        ({"path": "/shop"}, "; Path=/shop"),
        ({"sameSite": "Strict"}, "; SameSite=Strict"),
        ({"httpOnly": True}, "; HttpOnly"),
        ({"secure": True}, "; Secure"),
        ({"partitioned": True}, "; Partitioned"),
        (
            {"partitioned": True, "secure": True, "sameSite": "None", "domain": "a.b"},
            "; Domain=a.b; SameSite=None; Secure; Partitioned",
        ),
    ],
)
def test_every_cookie_has_the_attributes_that_are_asked_for_its_end_included(
    attribute: dict[str, Any], told: str
) -> None:
    names = {"cookieName": "canary", "primaryCookieName": "primary", "maxAge": 600}
    canary = analysed({"stepWeight": 10, "sessionAffinity": names | attribute})
    assert _cookies(canary, Routing(canary=20)) == [
        f"primary=abc; Max-Age=30{told}",
        f"canary=abc; Max-Age=600{told}",
    ]
    # A browser takes the end of a cookie for another cookie's, unless Domain and Path are the same.
    assert _cookies(canary, Routing()) == [f"canary=; Max-Age=-1{told}"]


def _cookies(canary: Canary, routing: Routing) -> list[str]:
    """What the routes' answers set, in the order of their rules and destinations."""
    spec = virtual_service(canary, VERSION, routing, session="abc")["spec"]
    parts = [part for rule in spec["http"] for part in (rule, *rule["route"])]
    added = [(part.get("headers") or {}).get("response", {}).get("add", {}) for part in parts]
    return [each["Set-Cookie"] for each in added if "Set-Cookie" in each]


def test_the_cookie_of_another_release_is_another() -> None:
    canary = analysed(STICKY)
    assert session_of(canary, 1) == session_of(canary, 1) != session_of(canary, 2)
