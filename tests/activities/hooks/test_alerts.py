"""alerts_tell against real servers."""

import base64
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
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
    """Has one Secret."""

    def __init__(self, data: dict[str, str]) -> None:
        self._data = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}

    def cluster(self, name: str) -> Any:
        return self

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        return {"data": self._data} if (kind, namespace, name) == ("Secret", "test", "on-call") else None


class Chat:
    """Remembers what it was told, and answers so."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses) or [200]
        self.told: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.fields: list[list[str]] = []

    async def __call__(self, request: web.Request) -> web.Response:
        (attachment,) = (await request.json())["attachments"]
        self.told.append((request.path.strip("/"), attachment["text"]))
        self.links.append(attachment.get("title_link", ""))
        self.fields.append([field["value"] for field in attachment["fields"]])
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return web.Response(status=status)


def provider(name: str, **spec: Any) -> Manifest:
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "AlertProvider",
        "metadata": {"name": name, "namespace": "test"},
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


def activities(source: ManifestSource, secret: dict[str, str] | None = None) -> AlertsActivities:
    settings = Settings(
        clusters={"mesh02": ClusterSettings()}, alerts=AlertSettings(ui_address="https://temporal.test")
    )
    return AlertsActivities(source, settings, Cluster(secret or {}))


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
    await environment.run(activities(manifest_source, secret).tell, command(ref))
    assert chat.told == [("hidden", "begun")]


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
