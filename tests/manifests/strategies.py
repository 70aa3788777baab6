"""Every strategy as a Canary has it, for the tests of what is made of it."""

from typing import Any

from tidegate.domain.canary import Canary
from tidegate.domain.plan import Routing

VERSION = "networking.istio.io/v1beta1"
SESSION = {"cookieName": "canary-cookie", "primaryCookieName": "primary-cookie", "path": "/", "secure": True}


def written(analysis: dict[str, Any], **service: Any) -> dict[str, Any]:
    """The Canary's manifest with that analysis and these fields of its service."""
    spec = {
        "targetRef": {"kind": "Deployment", "name": "podinfo"},
        "service": {"port": 9898, **service},
        "analysis": {"interval": "30s", **analysis},
    }
    metadata = {"name": "podinfo", "namespace": "test"}
    return {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": metadata, "spec": spec}


def analysed(analysis: dict[str, Any], **service: Any) -> Canary:
    """The same as a model."""
    return Canary.parse(written(analysis, **service))


A_B = {"iterations": 5, "match": [{"headers": {"x-canary": {"exact": "yes"}}}, {"uri": {"prefix": "/beta"}}]}
STICKY = {"stepWeight": 10, "sessionAffinity": SESSION}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], Routing]] = {
    "a-b-at-rest": (A_B, {}, Routing()),
    "a-b-testing": (
        A_B,
        {"match": [{"uri": {"prefix": "/api"}, "headers": {"x-region": {"exact": "eu"}}}]},
        Routing(canary=100),
    ),
    "blue-green-mirrored": (
        {"iterations": 5, "mirror": True, "mirrorWeight": 40},
        {},
        Routing(mirror=40),
    ),
    "blue-green-switched": ({"iterations": 5, "mirror": True}, {}, Routing(canary=100)),
    "weighted-mirrored": (
        {"stepWeight": 10, "mirror": True, "mirrorWeight": 40},
        {"timeout": "5s", "gateways": ["istio-system/gateway"], "hosts": ["podinfo.example.com"]},
        Routing(mirror=40),
    ),
    "weighted": ({"stepWeight": 10, "mirror": True}, {"timeout": "5s"}, Routing(canary=30)),
    "a-b-by-source-labels": (
        {
            "iterations": 5,
            "match": [{"sourceLabels": {"tier": "beta"}}, {"sourceLabels": {"app": "tester"}}],
        },
        {"match": [{"uri": {"prefix": "/api"}}, {"sourceLabels": {"team": "shop"}}]},
        Routing(canary=100),
    ),
    "session-affinity": (STICKY, {"match": [{"uri": {"prefix": "/"}}]}, Routing(canary=20)),
    "session-affinity-at-rest": (STICKY, {"headers": {"response": {"add": {"x-a": "1"}}}}, Routing()),
    "session-affinity-mirrored": ({**STICKY, "mirror": True}, {}, Routing(mirror=100)),
    "tcp": ({"stepWeight": 10}, {"appProtocol": "TCP", "match": [{"port": 9898}]}, Routing(canary=30)),
    "delegation": ({"stepWeight": 10}, {"delegation": True}, Routing(canary=30)),
    "baseline": ({"stepWeight": 10}, {"timeout": "5s"}, Routing(canary=10, baseline=10)),
    "baseline-tcp": ({"stepWeight": 10}, {"appProtocol": "TCP"}, Routing(canary=0.5, baseline=0.5)),
    "baseline-delegation": ({"stepWeight": 10}, {"delegation": True}, Routing(canary=50, baseline=50)),
    "port-discovery": (
        {"stepWeight": 10},
        {"portDiscovery": True, "gateways": ["istio-system/gateway"]},
        Routing(canary=30),
    ),
}
"""Each strategy in the states that its routes have: (analysis, service, routing)."""
