"""`kubectl get canaries` and `kubectl describe canary` read as with Flagger."""

import json
from typing import Any

from tests.e2e.user import Application, until


async def shown(application: Application) -> list[str]:
    """The columns of the only Canary, but for its age."""
    table = await application.user.kubectl("mesh02", "-n", application.namespace, "get", "canaries")
    header, row = table.splitlines()
    assert header.split() == ["NAME", "STATUS", "WEIGHT", "LASTTRANSITIONTIME"]
    return row.split()[:3]


async def status(application: Application) -> dict[str, Any]:
    get = ("-n", application.namespace, "get", "canary", "podinfo", "-o", "json")
    found: dict[str, Any] = json.loads(await application.user.kubectl("mesh02", *get))["status"]
    return found


async def test_kubectl_shows_a_release_from_its_beginning_to_its_end(podinfo: Application) -> None:
    assert await shown(podinfo) == ["podinfo", "Initialized", "0"]
    first = await status(podinfo)
    assert first["lastAppliedSpec"] == first["lastPromotedSpec"]

    await podinfo.commit("3.1.1", interval="3s", maxWeight=25)
    command = await podinfo.begin("--no-validate")

    async def progresses() -> bool:
        return await shown(podinfo) == ["podinfo", "Progressing", "25"]

    await until(progresses)
    ended = await command.ended()
    assert ended.outcome["outcome"] == "promoted", ended

    assert await shown(podinfo) == ["podinfo", "Succeeded", "0"]
    last = await status(podinfo)
    assert last["lastPromotedSpec"] == last["lastAppliedSpec"] != first["lastAppliedSpec"]
    wait = ("-n", podinfo.namespace, "wait", "canary/podinfo", "--for=condition=promoted", "--timeout=1s")
    assert "condition met" in await podinfo.user.kubectl("mesh02", *wait)
    described = await podinfo.user.kubectl("mesh02", "-n", podinfo.namespace, "describe", "canary", "podinfo")
    name = f"podinfo.{podinfo.namespace}"
    for message in (
        f"New revision detected! Scaling up {name}",
        f"Advance {name} canary weight 25",
        f"Promotion completed! Scaling down {name}",
    ):
        assert message in described
    events = await podinfo.user.kubectl("mesh02", "-n", podinfo.namespace, "get", "events")
    assert f"Promotion completed! Scaling down {name}" in events
