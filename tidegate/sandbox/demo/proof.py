"""Proves the end state from outside: what users get, what the mesh says, what runs."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from tidegate.sandbox.demo.commands import Commands
from tidegate.sandbox.demo.example import Command, Version
from tidegate.sandbox.demo.users import Answer, answers
from tidegate.sandbox.inventory import CONTROL_PLANE, WORKLOADS

REQUESTS = 200

_VIRTUAL_SERVICE = ["kubectl", "--context", CONTROL_PLANE, "-n", "test", "get", "virtualservice", "podinfo"]
_DEPLOYMENTS = ["kubectl", "--context", WORKLOADS, "-n", "test", "get", "deployments"]

SHOWN: tuple[Command, ...] = (
    [*_VIRTUAL_SERVICE, "-o", "custom-columns=TO:..host,WEIGHT:..weight"],
    _DEPLOYMENTS,
)
"""How anybody looks at the same."""


class Finding(NamedTuple):
    """Something looked at, and whether it is as it has to be."""

    good: bool
    text: str


async def proof(commands: Commands, gateway: str, serving: Version) -> list[Finding]:
    """Look at everything; `serving` has to be the version that has all traffic."""
    virtual_service = json.loads(await commands.read([*_VIRTUAL_SERVICE, "-o", "json"]))
    deployments = json.loads(await commands.read([*_DEPLOYMENTS, "-o", "json"]))
    return [
        traffic(await answers(gateway, REQUESTS), serving),
        weights(virtual_service),
        *replicas({each["metadata"]["name"]: each["spec"]["replicas"] for each in deployments["items"]}),
    ]


def traffic(found: Counter[Answer], serving: Version) -> Finding:
    """All requests are answered by the version that serves."""
    shares = ", ".join(f"{number} by {_who(answer)}" for answer, number in found.most_common())
    good = set(found) == {Answer(200, serving.tag)}
    return Finding(good, f"{found.total()} requests through the gateway were answered: {shares}")


def weights(virtual_service: Mapping[str, Any]) -> Finding:
    """The primary has all of the weight."""
    routes = virtual_service["spec"]["http"][0]["route"]
    # A route alone needs no weight.
    found = {each["destination"]["host"]: each.get("weight", 100 // len(routes)) for each in routes}
    good = found.get("podinfo-primary") == 100 and sum(found.values()) == 100
    shares = ", ".join(f"{host} {weight}" for host, weight in found.items())
    return Finding(good, f"the VirtualService's weights are {shares}")


def replicas(found: Mapping[str, int]) -> list[Finding]:
    """The primary runs, the target does not."""
    primary, target = found.get("podinfo-primary", 0), found.get("podinfo", -1)
    return [
        Finding(primary > 0, f"podinfo-primary has {primary} replicas"),
        Finding(target == 0, f"podinfo, the target, has {max(target, 0)} replicas"),
    ]


def _who(answer: Answer) -> str:
    return answer.version or f"status {answer.status}" if answer.status else "nobody"
