"""Gates and hooks with Flagger's own load tester, and with a gatekeeper that knows more words."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.e2e import manifests
from tests.e2e.user import Application, Command, serves, until

LOAD_TESTER = "http://loadtester.test"


class Gatekeeper:
    """Answers every path as told, or for the first time only; what was posted is kept."""

    def __init__(self) -> None:
        self.url = ""
        self.posts: list[tuple[str, dict[str, Any]]] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Remember a post, and answer."""
        path = request.path.strip("/")
        self.posts.append((path, json.loads(await request.read())))
        status, body = ANSWERS[path]
        if path.endswith("-once") and len(self.payloads(path)) > 1:
            status, body = 200, {}
        return web.json_response(body, status=status, headers={"Retry-After": "1"})

    def payloads(self, path: str) -> list[dict[str, Any]]:
        """What was posted to a path."""
        return [payload for each, payload in self.posts if each == path]


ANSWERS: dict[str, tuple[int, dict[str, Any]]] = {
    "never": (403, {"gate": "never", "reason": "not in December"}),
    "ear": (200, {}),
    "after": (500, {}),
    "later-once": (200, {"gate": "later", "reason": "in a meeting"}),
    "smoke-once": (412, {}),
}


@pytest.fixture
async def gatekeeper() -> AsyncIterator[Gatekeeper]:
    keeper = Gatekeeper()
    runner = web.ServerRunner(web.Server(keeper.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    keeper.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield keeper
    await runner.cleanup()


def hook(kind: str, url: str, **metadata: str) -> dict[str, Any]:
    return {"type": kind, "name": kind, "url": url, "timeout": "5s", "metadata": metadata}


async def begin(application: Application, *webhooks: dict[str, Any], **analysis: Any) -> Command:
    load = manifests.load_test(application.namespace)
    await application.commit("3.1.1", webhooks=[load, *webhooks], **analysis)
    return await application.begin("--no-validate")


async def move(application: Application, path: str) -> None:
    """Open or close one of the load tester's gates, as its users do."""
    payload = application.folder / "payload.json"
    payload.write_text(json.dumps({"name": "podinfo", "namespace": application.namespace}))
    proxied = f"/api/v1/namespaces/test/services/loadtester:80/proxy/{path}"
    await application.user.kubectl("mesh01", "create", "--raw", proxied, "-f", str(payload))


async def test_a_load_testers_gate_holds_the_rollout_until_it_opens(podinfo: Application) -> None:
    command = await begin(podinfo, hook("confirm-rollout", f"{LOAD_TESTER}/gate/check"))
    await command.until_phase("Waiting")
    assert await podinfo.target_replicas() == "0"
    waiting = (await podinfo.status())["canaries"][0]["waiting_for"]
    assert waiting.startswith("confirm-rollout hook confirm-rollout: http://loadtester.test answered 403")

    await move(podinfo, "gate/open")
    ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    name = f"podinfo.{podinfo.namespace}"
    assert f"Halt {name} advancement waiting for approval confirm-rollout" in ended.notes
    assert "Confirm-rollout check confirm-rollout passed" in ended.notes
    assert ended.canary["failed_checks"] == 0


async def test_a_person_approves_what_a_gate_will_not(podinfo: Application) -> None:
    command = await begin(podinfo, hook("confirm-promotion", f"{LOAD_TESTER}/gate/halt"))
    await command.until_phase("WaitingPromotion")
    assert await podinfo.weight() == 50

    await podinfo.tell("approve")
    ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert await podinfo.end_state() == serves("3.1.1")


async def test_a_gate_that_says_never_rolls_back(podinfo: Application, gatekeeper: Gatekeeper) -> None:
    command = await begin(podinfo, hook("confirm-promotion", f"{gatekeeper.url}/never"))
    ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert ended.outcome["reason"].endswith("answered 403 Forbidden, never: not in December")
    assert await podinfo.end_state() == serves("3.1.0")


async def test_a_load_testers_rollback_brings_a_good_version_back(podinfo: Application) -> None:
    command = await begin(
        podinfo,
        hook("rollback", f"{LOAD_TESTER}/rollback/check"),
        hook("confirm-promotion", f"{LOAD_TESTER}/gate/halt"),
    )
    await command.until_phase("WaitingPromotion")
    await move(podinfo, "rollback/open")
    ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert ended.outcome["reason"] == "rollback hook rollback asks for it"
    assert await podinfo.end_state() == serves("3.1.0")


async def test_hooks_before_after_and_beside_a_rollout_are_called(
    podinfo: Application, gatekeeper: Gatekeeper
) -> None:
    command = await begin(
        podinfo,
        hook("pre-rollout", LOAD_TESTER, type="bash", cmd="true"),
        hook("confirm-traffic-increase", f"{LOAD_TESTER}/gate/approve"),
        hook("post-rollout", f"{gatekeeper.url}/after"),
        hook("event", f"{gatekeeper.url}/ear", channel="releases"),
    )
    ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert "Pre-rollout check pre-rollout passed" in ended.notes
    assert ended.notes.count("Confirm-traffic-increase check confirm-traffic-increase passed") == 3
    (after,) = gatekeeper.payloads("after")
    assert (after["phase"], after["namespace"]) == ("Succeeded", podinfo.namespace)
    assert any("post-rollout check post-rollout failed" in note for note in ended.notes)

    async def all_told() -> bool:
        return len(gatekeeper.payloads("ear")) >= len(ended.notes)

    await until(all_told, within=10)
    told = [payload["metadata"] for payload in gatekeeper.payloads("ear")]
    assert [each["eventMessage"] for each in told] == ended.notes
    assert {each["channel"] for each in told} == {"releases"}


async def test_a_closed_gate_holds_the_first_weight_back_until_it_opens(podinfo: Application) -> None:
    gate = hook("confirm-traffic-increase", f"{LOAD_TESTER}/gate/check")
    async with podinfo.observed() as seen:
        command = await begin(podinfo, gate, stepWeight=50)
        status = await command.until_status(
            lambda status: any(
                each["waiting_for"].startswith("confirm-traffic-increase") for each in status["canaries"]
            )
        )
        assert await podinfo.target_replicas() == "1"
        await move(podinfo, "gate/open")
        ended = await command.ended()

    assert "http://loadtester.test answered 403" in status["canaries"][0]["waiting_for"]
    assert (status["canaries"][0]["weight"], status["canaries"][0]["failed_checks"]) == (0, 0)
    assert (ended.code, ended.outcome["outcome"], ended.canary["failed_checks"]) == (0, "promoted", 0), ended
    assert (seen.weights, set(seen.answers)) == ([0, 50, 0], {200})
    name = f"podinfo.{podinfo.namespace}"
    asked = f"Halt {name} advancement waiting for traffic increase approval confirm-traffic-increase"
    passed = "Confirm-traffic-increase check confirm-traffic-increase passed"
    assert ended.notes.index(asked) < ended.notes.index(passed)
    assert ended.notes.index(passed) < ended.notes.index(f"Advance {name} canary weight 50")


async def test_later_is_no_failure_and_a_failing_rollout_hook_is_one(
    podinfo: Application, gatekeeper: Gatekeeper
) -> None:
    command = await begin(
        podinfo,
        hook("pre-rollout", f"{gatekeeper.url}/later-once"),
        hook("rollout", f"{gatekeeper.url}/smoke-once"),
        stepWeight=50,
    )
    ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"], ended.canary["failed_checks"]) == (0, "promoted", 1), ended
    name = f"podinfo.{podinfo.namespace}"
    assert len(gatekeeper.payloads("later-once")) == 2
    assert f"Halt {name} advancement waiting for approval pre-rollout" in ended.notes
    assert "Pre-rollout check pre-rollout passed" in ended.notes
    (halted,) = [note for note in ended.notes if "(failed checks " in note]
    assert "answered 412" in halted
    assert halted.endswith("(failed checks 1/2)")
    assert len(gatekeeper.payloads("smoke-once")) == 2


async def test_a_rollout_that_its_first_hook_refuses_gets_no_traffic(podinfo: Application) -> None:
    refused = hook("pre-rollout", LOAD_TESTER, type="bash", cmd="false")
    async with podinfo.observed() as seen:
        ended = await (await begin(podinfo, refused)).ended()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert (seen.weights, set(seen.answers)) == ([0], {200})
    assert await podinfo.end_state() == serves("3.1.0")
