"""alerts_tell against real servers."""

import base64
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import alerts
from activities.alerts import AlertsActivities
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.contracts import AlertCommand, CanaryRef
from tidegate.domain.alert_provider import Fact, Severity
from tidegate.domain.manifest import Manifest
from tidegate.settings import AlertSettings, ClusterSettings, Settings

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]
MakeRef = Callable[..., CanaryRef]


class Cluster:
    """Has one Secret, and these AlertProviders."""

    def __init__(self, data: dict[str, str], *providers: Manifest, namespace: str = "test") -> None:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self._objects = {("Secret", namespace, "on-call"): {"data": encoded}}
        for each in providers:
            metadata = each["metadata"]
            self._objects["AlertProvider", metadata["namespace"], metadata["name"]] = each
        self.asked: list[str] = []

    def cluster(self, name: str) -> Any:
        assert name == "mesh02"
        return self

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        self.asked.append(f"{kind} {namespace}/{name}")
        return self._objects.get((kind, namespace, name))


class Chat:
    """Remembers what it was told, and answers so."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses) or [200]
        self.told: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.tokens: list[str] = []
        self.fields: list[list[str]] = []

    async def __call__(self, request: web.Request) -> web.Response:
        (attachment,) = (await request.json())["attachments"]
        self.told.append((request.path.strip("/"), attachment["text"]))
        self.links.append(attachment.get("title_link", ""))
        self.fields.append([field["value"] for field in attachment["fields"]])
        self.tokens.append(request.headers.get("Authorization", ""))
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return web.Response(status=status)


def provider(name: str, namespace: str = "test", **spec: Any) -> Manifest:
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "AlertProvider",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "slack", **spec},
    }


def alert(name: str, severity: str = "") -> dict[str, Any]:
    return {"name": name, "severity": severity, "providerRef": {"name": name}}


ALERTS = ((Severity.INFO, "begun"), (Severity.WARN, "waits"), (Severity.ERROR, "failed"))


def command(ref: CanaryRef, alert: tuple[Severity, str] = ALERTS[0]) -> AlertCommand:
    facts = (Fact(name="Revision", value="0c62d7c"), Fact(name="Weight", value="20 %"))
    return AlertCommand(ref=ref, severity=alert[0], text=alert[1], facts=facts)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "PAUSES", (0.01, 0.01))


@pytest.fixture
def environment() -> ActivityEnvironment:
    return ActivityEnvironment()


def activities(source: ManifestSource, cluster: Cluster | None = None) -> AlertsActivities:
    settings = Settings(
        clusters={"mesh02": ClusterSettings()}, alerts=AlertSettings(ui_address="https://temporal.test")
    )
    return AlertsActivities(source, settings, cluster or Cluster({}))


async def test_each_chat_gets_what_is_severe_enough_for_it(
    serve: Serve, canary_ref: MakeRef, manifest_source: ManifestSource, environment: ActivityEnvironment
) -> None:
    chat = Chat()
    url = await serve(chat)
    providers = [provider(name, address=f"{url}/{name}") for name in ("all", "some", "few")]
    wanted = (alert("all"), alert("some", "warn"), alert("few", "error"))
    ref = canary_ref(*providers, alerts=wanted)
    for each in ALERTS:
        await environment.run(activities(manifest_source).tell, command(ref, each))
    assert [sorted(chat.told[:1]), sorted(chat.told[1:3]), sorted(chat.told[3:])] == [
        [("all", "begun")],
        [("all", "waits"), ("some", "waits")],
        [("all", "failed"), ("few", "failed"), ("some", "failed")],
    ]
    assert chat.fields[0] == ["0c62d7c", "20 %"]
    info = environment.info
    assert chat.links[0] == (
        f"https://temporal.test/namespaces/{info.workflow_namespace}"
        f"/workflows/{info.workflow_id}/{info.workflow_run_id}"
    )


async def test_a_chats_address_may_be_in_a_secret(
    serve: Serve, canary_ref: MakeRef, manifest_source: ManifestSource, environment: ActivityEnvironment
) -> None:
    chat = Chat()
    secret = {"address": f"{await serve(chat)}/hidden\n"}
    ref = canary_ref(provider("chat", secretRef={"name": "on-call"}), alerts=(alert("chat"),))
    await environment.run(activities(manifest_source, Cluster(secret)).tell, command(ref))
    assert chat.told == [("hidden", "begun")]


SHARED = {"name": "team", "providerRef": {"name": "chat", "namespace": "chats"}}
"""An alert for a provider that a platform team keeps for everybody."""


async def test_a_provider_that_git_does_not_hold_is_the_cluster_s_with_the_secret_of_its_namespace(
    serve: Serve, canary_ref: MakeRef, manifest_source: ManifestSource, environment: ActivityEnvironment
) -> None:
    chat = Chat()
    shared = provider("chat", "chats", address=await serve(chat), secretRef={"name": "on-call"})
    cluster = Cluster({"token": "xoxb"}, shared, namespace="chats")
    ref = canary_ref(alerts=(SHARED,))
    await environment.run(activities(manifest_source, cluster).tell, command(ref))
    assert (chat.told, chat.tokens) == ([("", "begun")], ["Bearer xoxb"])
    assert cluster.asked == ["AlertProvider chats/chat", "Secret chats/on-call"]


async def test_a_provider_in_git_cannot_collect_another_namespace_s_secret(
    serve: Serve, canary_ref: MakeRef, manifest_source: ManifestSource, environment: ActivityEnvironment
) -> None:
    chat = Chat()
    secret = {"name": "on-call"}
    theirs = provider("chat", "chats", address="https://chat.test/x", secretRef=secret)
    cluster = Cluster({"token": "xoxb"}, theirs, namespace="chats")
    ours = provider("chat", "chats", address=await serve(chat), secretRef=secret)
    ref = canary_ref(ours, alerts=(SHARED,))
    with pytest.raises(ApplicationError, match="refers to a Secret of the namespace chats, and the"):
        await environment.run(activities(manifest_source, cluster).tell, command(ref))
    assert (chat.told, cluster.asked) == ([], [])


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (None, "no AlertProvider chats/chat among the manifests, nor in the cluster"),
        ({"type": "abacus", "address": "https://x"}, "AlertProvider chats/chat of the cluster: spec.type: "),
        ({"address": "http://169.254.169.254/x"}, "may not be called"),
        (
            {"secretRef": {"name": "gone"}},
            "there is no Secret chats/gone in cluster mesh02",
        ),
    ],
)
async def test_a_provider_of_the_cluster_s_that_was_spoiled_meanwhile_holds_nothing_up(
    canary_ref: MakeRef,
    manifest_source: ManifestSource,
    environment: ActivityEnvironment,
    caplog: pytest.LogCaptureFixture,
    spec: dict[str, Any] | None,
    reason: str,
) -> None:
    cluster = Cluster({}, *([provider("chat", "chats", **spec)] if spec else []))
    await environment.run(activities(manifest_source, cluster).tell, command(canary_ref(alerts=(SHARED,))))
    assert "alert team: " in caplog.text
    assert reason in caplog.text


async def test_a_chat_that_stumbles_is_told_again_and_once(
    serve: Serve, canary_ref: MakeRef, manifest_source: ManifestSource, environment: ActivityEnvironment
) -> None:
    chat = Chat(503, 200)
    ref = canary_ref(provider("chat", address=await serve(chat)), alerts=(alert("chat"),))
    await environment.run(activities(manifest_source).tell, command(ref))
    assert [text for _, text in chat.told] == ["begun", "begun"]


async def test_what_may_have_been_told_before_a_workers_death_is_not_told_again(
    serve: Serve, canary_ref: MakeRef, manifest_source: ManifestSource, environment: ActivityEnvironment
) -> None:
    chat = Chat()
    ref = canary_ref(provider("chat", address=await serve(chat)), alerts=(alert("chat"),))
    environment.info = dataclasses.replace(environment.info, heartbeat_details=["told"])
    await environment.run(activities(manifest_source).tell, command(ref, ALERTS[2]))
    assert chat.told == []


async def test_a_chat_that_took_it_and_said_so_badly_is_not_told_twice(
    serve: Serve, canary_ref: MakeRef, manifest_source: ManifestSource, environment: ActivityEnvironment
) -> None:
    chat = Chat(500)
    ref = canary_ref(provider("chat", address=await serve(chat)), alerts=(alert("chat"),))
    await environment.run(activities(manifest_source).tell, command(ref))
    assert [text for _, text in chat.told] == ["begun"]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"address": "http://127.0.0.1:9"}, "is out of reach"),
        ({"secretRef": {"name": "gone"}}, "there is no Secret test/gone in cluster mesh02"),
        ({"address": "http://169.254.169.254/x"}, "may not be called"),
        ({"address": "http://chat.test/x", "proxy": "http://169.254.169.254:80"}, "may not be called"),
    ],
)
async def test_a_chat_that_cannot_be_told_holds_nothing_up(
    canary_ref: MakeRef,
    manifest_source: ManifestSource,
    environment: ActivityEnvironment,
    caplog: pytest.LogCaptureFixture,
    spec: dict[str, Any],
    reason: str,
) -> None:
    ref = canary_ref(provider("chat", **spec), alerts=(alert("chat"),))
    await environment.run(activities(manifest_source).tell, command(ref))
    assert "alert chat: " in caplog.text
    assert reason in caplog.text
