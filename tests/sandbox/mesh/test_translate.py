"""The pure translation from Istio's objects to Envoy's configuration."""

from collections.abc import Iterator
from typing import Any

import pytest

from tidegate.sandbox.mesh.istio import seconds
from tidegate.sandbox.mesh.listeners import Layout
from tidegate.sandbox.mesh.translate import Configuration, translate

HOST = "app.istio.example.com"


def hosts(configuration: Configuration, listener: str) -> dict[str, dict[str, Any]]:
    """Virtual hosts by their domains."""
    found = configuration.routes[listener]["virtual_hosts"]
    return {domain: host for host in found for domain in host["domains"]}


def only_route(configuration: Configuration) -> dict[str, Any]:
    (route,) = hosts(configuration, "ingress")[HOST]["routes"]
    return dict(route)


def routed(http: dict[str, Any]) -> dict[str, Any]:
    return {"route": [{"destination": {"host": "podinfo-primary"}}]} | http


def test_weights_become_weighted_clusters(mesh: Any, layout: Layout) -> None:
    configuration = translate(mesh.snapshot(mesh.weighted(95, 5)), layout)

    clusters = only_route(configuration)["route"]["weighted_clusters"]["clusters"]
    assert [(cluster["name"], cluster["weight"]) for cluster in clusters] == [
        ("outbound|9898||podinfo-primary.test.svc.cluster.local", 95),
        ("outbound|9898||podinfo-canary.test.svc.cluster.local", 5),
    ]
    assert configuration.problems == ()


@pytest.mark.parametrize(
    "gateway",
    [
        "public-gateway.istio-system.svc.cluster.local",
        "istio-system/public-gateway",
        "public-gateway.istio-system",
    ],
)
def test_a_gateway_is_found_by_each_of_its_names(mesh: Any, layout: Layout, gateway: str) -> None:
    virtual_service = mesh.virtual_service(gateways=[gateway], http=[routed({})])

    assert HOST in hosts(translate(mesh.snapshot(virtual_service), layout), "ingress")


@pytest.mark.parametrize("gateways", [["public-gateway"], ["mesh"], ["istio-system/other"]])
def test_a_host_is_not_served_by_a_gateway_it_does_not_name(
    mesh: Any, layout: Layout, gateways: list[str]
) -> None:
    virtual_service = mesh.virtual_service(gateways=gateways, http=[routed({})])

    assert set(hosts(translate(mesh.snapshot(virtual_service), layout), "ingress")) == {"*"}


@pytest.mark.parametrize(
    ("served", "host", "domain"),
    [
        ("*", HOST, HOST),
        ("*.example.com", HOST, HOST),
        ("test/*", HOST, HOST),
        (HOST, "*", HOST),
        ("other/*", HOST, None),
        ("*.example.org", HOST, None),
    ],
)
def test_a_domain_is_what_gateway_and_virtual_service_share(
    mesh: Any, layout: Layout, served: str, host: str, domain: str | None
) -> None:
    snapshot = mesh.snapshot(mesh.virtual_service(hosts=[host], http=[routed({})]))
    gateway = mesh.gateway | {"spec": {"servers": [{"port": {"protocol": "HTTP"}, "hosts": [served]}]}}
    snapshot = snapshot.model_copy(update={"gateways": (gateway,)})

    expected = {"*"} | ({domain} if domain else set())
    assert set(hosts(translate(snapshot, layout), "ingress")) == expected


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"uri": {"exact": "/a"}}, {"path": "/a"}),
        ({"uri": {"prefix": "/a"}}, {"prefix": "/a"}),
        ({"uri": {"regex": "/a.*"}}, {"safe_regex": {"regex": "/a.*"}}),
        ({"uri": {"prefix": "/A"}, "ignoreUriCase": True}, {"prefix": "/A", "case_sensitive": False}),
        (
            {"headers": {"x-user": {"exact": "a"}}},
            {"prefix": "/", "headers": [{"name": "x-user", "string_match": {"exact": "a"}}]},
        ),
        (
            {"headers": {"x-user": {}}},
            {"prefix": "/", "headers": [{"name": "x-user", "present_match": True}]},
        ),
        (
            {"withoutHeaders": {"x-user": {"prefix": "a"}}},
            {
                "prefix": "/",
                "headers": [
                    {
                        "name": "x-user",
                        "string_match": {"prefix": "a"},
                        "invert_match": True,
                        "treat_missing_header_as_empty": True,
                    }
                ],
            },
        ),
        (
            {"method": {"exact": "GET"}},
            {"prefix": "/", "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]},
        ),
        (
            {"queryParams": {"v": {"regex": "[0-9]+"}}},
            {
                "prefix": "/",
                "query_parameters": [{"name": "v", "string_match": {"safe_regex": {"regex": "[0-9]+"}}}],
            },
        ),
    ],
)
def test_a_match_is_translated(
    mesh: Any, layout: Layout, match: dict[str, Any], expected: dict[str, Any]
) -> None:
    virtual_service = mesh.virtual_service(http=[routed({"match": [match]})])

    found = only_route(translate(mesh.snapshot(virtual_service), layout))["match"]
    assert {name: value for name, value in found.items() if value != []} == expected


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        ({}, {"timeout": "0s"}),
        ({"timeout": "1m30s"}, {"timeout": "90s"}),
        ({"timeout": "250ms"}, {"timeout": "0.25s"}),
        (
            {"retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error,503"}},
            {
                "retry_policy": {
                    "num_retries": 3,
                    "retry_on": "gateway-error,retriable-status-codes",
                    "retriable_status_codes": [503],
                    "per_try_timeout": "1s",
                }
            },
        ),
        (
            {"rewrite": {"uri": "/b", "authority": "b.example"}},
            {"prefix_rewrite": "/b", "host_rewrite_literal": "b.example"},
        ),
        (
            {"headers": {"request": {"set": {"Host": "b.example"}}}},
            {"host_rewrite_literal": "b.example"},
        ),
        (
            {"mirror": {"host": "podinfo-canary"}, "mirrorPercentage": {"value": 12.5}},
            {
                "request_mirror_policies": [
                    {
                        "cluster": "outbound|9898||podinfo-canary.test.svc.cluster.local",
                        "runtime_fraction": {
                            "default_value": {"numerator": 125_000, "denominator": "MILLION"}
                        },
                    }
                ]
            },
        ),
    ],
)
def test_a_routes_action_is_translated(
    mesh: Any, layout: Layout, http: dict[str, Any], expected: dict[str, Any]
) -> None:
    action = only_route(translate(mesh.snapshot(mesh.virtual_service(http=[routed(http)])), layout))["route"]

    assert {name: action[name] for name in expected} == expected


def test_headers_are_set_added_and_removed_in_both_directions(mesh: Any, layout: Layout) -> None:
    operations = {"set": {"a": "100%"}, "add": {"b": "2"}, "remove": ["c"]}
    http = routed({"headers": {"request": operations, "response": operations}})

    route = only_route(translate(mesh.snapshot(mesh.virtual_service(http=[http])), layout))
    for direction in ("request", "response"):
        added = route[f"{direction}_headers_to_add"]
        assert [
            (each["header"]["key"], each["header"]["value"], each["append_action"]) for each in added
        ] == [
            ("a", "100%%", "OVERWRITE_IF_EXISTS_OR_ADD"),
            ("b", "2", "APPEND_IF_EXISTS_OR_ADD"),
        ]
        assert route[f"{direction}_headers_to_remove"] == ["c"]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"http": [{"route": []}]}, "one of route, redirect, directResponse and delegate"),
        (
            {"http": [routed({"redirect": {"uri": "/"}})]},
            "one of route, redirect, directResponse and delegate",
        ),
        ({"http": [routed({"match": [{"uri": {"regex": "("}}]})]}, "not a regular expression"),
        ({"http": [routed({"match": [{"uri": {"regex": "(?=a)"}}]})]}, "look-around"),
        ({"http": [routed({"match": [{"sourcePort": 80}]})]}, "sourcePort"),
        ({"http": [routed({"timeout": "soon"})]}, "not a duration"),
        ({"hosts": ["a b"]}, "not a host"),
        ({"http": [{"route": [{"destination": {"host": "a"}, "weight": -1}]}]}, "weight"),
        (
            {"http": [{"route": [{"destination": {"host": "a"}}, {"destination": {"host": "b"}}]}]},
            "add up to 0",
        ),
    ],
)
def test_an_invalid_virtual_service_is_left_out_and_named(
    mesh: Any, layout: Layout, spec: dict[str, Any], reason: str
) -> None:
    broken = mesh.virtual_service("broken", **spec)
    configuration = translate(mesh.snapshot(mesh.weighted(95, 5), broken), layout)

    (problem,) = configuration.problems
    assert (problem.kind, problem.key.name) == ("VirtualService", "broken")
    assert reason in problem.reason
    assert HOST in hosts(configuration, "ingress")


@pytest.mark.parametrize(
    ("match", "hear"),
    [
        ({"sourceLabels": {"tier": "beta"}}, {"sidecar_test_beta"}),
        ({"sourceLabels": {"tier": "beta", "app": "shop"}}, set()),
        ({"sourceLabels": {"app": "loadtester"}}, {"egress"}),
        ({"sourceLabels": {"istio": "ingressgateway"}}, {"ingress"}),
        ({"sourceNamespace": "test"}, {"egress", "sidecar_test_beta"}),
        ({"sourceNamespace": "test", "sourceLabels": {"tier": "beta"}}, {"sidecar_test_beta"}),
        ({"gateways": ["mesh"], "sourceLabels": {"tier": "beta"}}, {"egress", "sidecar_test_beta"}),
        ({"gateways": ["istio-system/public-gateway"]}, {"ingress"}),
        ({}, {"ingress", "egress", "sidecar_test_beta"}),
    ],
)
def test_a_proxy_hears_of_the_routes_for_its_workload_alone(
    mesh: Any, layout: Layout, match: dict[str, Any], hear: set[str]
) -> None:
    own = {"match": [match], "route": [{"destination": {"host": "podinfo-canary"}}]}
    gateways = ["istio-system/public-gateway", "mesh"]
    virtual_service = mesh.virtual_service(gateways=gateways, hosts=[HOST], http=[own, routed({})])
    snapshot = mesh.snapshot(virtual_service).model_copy(update={"sidecars": (mesh.sidecar(),)})
    configuration = translate(snapshot, layout)

    assert configuration.problems == ()
    counts = {name: len(hosts(configuration, name)[HOST]["routes"]) for name in configuration.routes}
    assert counts == {name: 1 + (name in hear) for name in ("ingress", "egress", "sidecar_test_beta")}


@pytest.mark.parametrize(
    "spec", [{"workloadSelector": {"labels": {"a": "b"}}}, {"egress": [{"port": {"number": 80}}]}, {}]
)
def test_a_sidecar_of_nobody_or_without_a_port_is_not_played(
    mesh: Any, layout: Layout, spec: dict[str, Any]
) -> None:
    sidecar = mesh.sidecar() | {"spec": spec}
    snapshot = mesh.snapshot().model_copy(update={"sidecars": (sidecar,)})
    assert set(translate(snapshot, layout).routes) == {"ingress", "egress"}


def test_a_service_is_called_by_all_of_its_names(mesh: Any, layout: Layout) -> None:
    domains = set(hosts(translate(mesh.snapshot(), layout), "egress"))

    names = {"podinfo-canary", "podinfo-canary.test", "podinfo-canary.test.svc"}
    names.add("podinfo-canary.test.svc.cluster.local")
    assert names | {f"{name}:9898" for name in names} <= domains


def test_a_bare_name_that_two_namespaces_have_is_nobodys(mesh: Any, layout: Layout) -> None:
    snapshot = mesh.snapshot()
    other = mesh.service("podinfo", "other")
    other["metadata"]["namespace"] = "other"
    snapshot = snapshot.model_copy(update={"services": (*snapshot.services, other)})

    domains = hosts(translate(snapshot, layout), "egress")
    assert "podinfo" not in domains
    assert {"podinfo.test", "podinfo.other"} <= set(domains)


def test_mesh_traffic_goes_by_a_virtual_service_that_names_the_mesh(mesh: Any, layout: Layout) -> None:
    virtual_service = mesh.virtual_service(hosts=["podinfo"], gateways=["mesh"], http=[routed({})])

    configuration = translate(mesh.snapshot(virtual_service), layout)
    (route,) = hosts(configuration, "egress")["podinfo.test"]["routes"]
    (cluster,) = route["route"]["weighted_clusters"]["clusters"]
    assert cluster["name"] == "outbound|9898||podinfo-primary.test.svc.cluster.local"


def test_two_virtual_services_of_one_host_are_merged_oldest_first(mesh: Any, layout: Layout) -> None:
    young, old = (
        mesh.virtual_service(name, http=[routed({"match": [{"uri": {"prefix": path}}]})])
        for name, path in (("young", "/young"), ("old", "/old"))
    )
    young["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
    old["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"

    routes = hosts(translate(mesh.snapshot(young, old), layout), "ingress")[HOST]["routes"]
    assert [route["match"]["prefix"] for route in routes] == ["/old", "/young"]


def test_a_delegates_rules_stand_in_for_the_one_that_delegates(mesh: Any, layout: Layout) -> None:
    delegate = {"name": "podinfo-rules"}
    front = mesh.virtual_service(
        "front", http=[{"match": [{"uri": {"prefix": "/api"}}], "delegate": delegate}, routed({})]
    )
    rules = [routed({"match": [{"headers": {"x-canary": {"exact": "yes"}}}]}), routed({})]
    lent = mesh.virtual_service("podinfo-rules", hosts=[], gateways=[], http=rules)

    routes = hosts(translate(mesh.snapshot(front, lent), layout), "ingress")[HOST]["routes"]
    assert [(route["match"].get("prefix"), len(route["match"]["headers"])) for route in routes] == [
        ("/api", 1),
        ("/api", 0),
        ("/", 0),
    ]


def test_a_delegate_that_is_not_there_has_no_rules(mesh: Any, layout: Layout) -> None:
    front = mesh.virtual_service("front", http=[{"delegate": {"name": "gone"}}, routed({})])
    (route,) = hosts(translate(mesh.snapshot(front), layout), "ingress")[HOST]["routes"]
    assert "weighted_clusters" in route["route"]


def test_each_workload_has_a_second_hop_named_by_reporter_and_workload(mesh: Any, layout: Layout) -> None:
    configuration = translate(mesh.snapshot(), layout)

    assert {cluster["alt_stat_name"] for cluster in configuration.clusters.values()} == {
        "source|test|podinfo-primary|podinfo",
        "source|test|podinfo-primary|podinfo-primary",
        "source|test|podinfo|podinfo-canary",
        "destination|test|podinfo-primary|podinfo",
        "destination|test|podinfo-primary|podinfo-primary",
        "destination|test|podinfo|podinfo-canary",
    }


def addresses(configuration: Configuration, cluster: str) -> Iterator[str]:
    for locality in configuration.clusters[cluster]["load_assignment"]["endpoints"]:
        for endpoint in locality["lb_endpoints"]:
            yield next(iter(endpoint["endpoint"]["address"]))


def test_a_workload_without_pods_keeps_its_listener_and_has_no_endpoints(mesh: Any, layout: Layout) -> None:
    configuration = translate(mesh.snapshot(canary=()), layout)

    assert "inbound|9898|podinfo|podinfo-canary.test" in configuration.listeners
    outbound = "outbound|9898||podinfo-canary.test.svc.cluster.local"
    assert list(addresses(configuration, outbound)) == []


def test_endpoints_given_by_hand_are_called_directly(mesh: Any, layout: Layout) -> None:
    snapshot = mesh.snapshot().model_copy(
        update={
            "services": (mesh.service("prometheus", "none", port=9090),),
            "endpoint_slices": (mesh.slice("prometheus", [(None, "127.0.0.1")], 12345),),
        }
    )
    configuration = translate(snapshot, layout)

    cluster = "outbound|9090||prometheus.test.svc.cluster.local"
    assert list(addresses(configuration, cluster)) == ["socket_address"]


def test_an_endpoint_whose_pod_is_gone_gets_no_traffic(mesh: Any, layout: Layout) -> None:
    snapshot = mesh.snapshot().model_copy(update={"pods": ()})

    cluster = "outbound|9898||podinfo-canary.test.svc.cluster.local"
    assert list(addresses(translate(snapshot, layout), cluster)) == []


def test_a_destination_rule_limits_the_hop_to_the_pods(mesh: Any, layout: Layout) -> None:
    policy = {
        "tls": {"mode": "DISABLE"},
        "connectionPool": {"tcp": {"maxConnections": 7}, "http": {"http1MaxPendingRequests": 8}},
        "outlierDetection": {"consecutive5xxErrors": 5, "interval": "1s", "baseEjectionTime": "3m"},
        "loadBalancer": {"simple": "RANDOM"},
    }
    rule = {
        "metadata": {"name": "podinfo-canary", "namespace": "test"},
        "spec": {"host": "podinfo-canary", "trafficPolicy": policy},
    }
    clusters = translate(mesh.snapshot(rules=(rule,)), layout).clusters

    inbound = clusters["inbound|9898|podinfo|podinfo-canary.test"]
    (limits,) = inbound["circuit_breakers"]["thresholds"]
    assert (limits["max_connections"], limits["max_pending_requests"]) == (7, 8)
    assert inbound["lb_policy"] == "RANDOM"
    assert inbound["outlier_detection"]["base_ejection_time"] == "180s"


@pytest.mark.parametrize(
    ("duration", "expected"), [("10s", 10), ("1m30s", 90), ("500ms", 0.5), ("1.5h", 5400), ("0s", 0)]
)
def test_durations_are_read_as_seconds(duration: str, expected: float) -> None:
    assert seconds(duration) == pytest.approx(expected)


def tcp_gateway(mesh: Any, *ports: int) -> dict[str, Any]:
    servers = [
        {"port": {"number": port, "name": f"tcp-{port}", "protocol": "TCP"}, "hosts": ["*"]} for port in ports
    ]
    return {**mesh.gateway, "spec": {"servers": servers}}


def tcp_shares(configuration: Configuration) -> dict[int, list[int]]:
    """The weights at each of the gateway's TCP ports."""
    found = {}
    for name, listener in configuration.listeners.items():
        if name.startswith("tcp_"):
            ((chain,), address) = listener["filter_chains"], listener["address"]["socket_address"]
            clusters = chain["filters"][0]["typed_config"]["weighted_clusters"]["clusters"]
            found[address["port_value"]] = [cluster["weight"] / 60 for cluster in clusters]
    return found


@pytest.mark.parametrize(
    ("matches", "ports"),
    [
        ([], [3306, 5432]),
        ([{"port": 5432}], [5432]),
        ([{"port": 5432}, {"port": 3306}], [3306, 5432]),
        ([{"port": 80}], []),
        ([{"gateways": ["mesh"]}], []),
    ],
)
def test_connections_are_split_at_the_ports_that_match(
    mesh: Any, layout: Layout, matches: list[dict[str, Any]], ports: list[int]
) -> None:
    weighted = mesh.weighted(70, 30)["spec"]["http"][0]
    virtual_service = mesh.virtual_service(tcp=[weighted | {"match": matches}])
    snapshot = mesh.snapshot(virtual_service).model_copy(
        update={"gateways": (tcp_gateway(mesh, 3306, 5432),)}
    )
    assert tcp_shares(translate(snapshot, layout)) == {port: [70, 30] for port in ports}


def test_a_port_for_requests_takes_no_connections(mesh: Any, layout: Layout) -> None:
    virtual_service = mesh.virtual_service(tcp=[mesh.weighted(70, 30)["spec"]["http"][0]])
    assert tcp_shares(translate(mesh.snapshot(virtual_service), layout)) == {}
