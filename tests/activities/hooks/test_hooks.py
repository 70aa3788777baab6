"""hooks_ask and hooks_tell against real servers."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest
from aiohttp import web
from temporalio.testing import ActivityEnvironment

from activities.hooks import HooksActivities
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.contracts import AskCommand, AskReport, CanaryRef, Consent, Event, TellCommand
from tidegate.domain.hook import HookType
from tidegate.domain.release import Phase
from tidegate.settings import ClusterSettings, LoadSettings, Settings

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]
MakeRef = Callable[..., CanaryRef]
GATE, ROLLBACK, EVENT = HookType.CONFIRM_PROMOTION, HookType.ROLLBACK, HookType.EVENT
AT = datetime(2026, 11, 23, 2, 0, 0, 250_000, tzinfo=UTC)


class NoClusters:
    def cluster(self, name: str) -> NoReturn:
        raise AssertionError(name)


class Gatekeeper:
    """Answers each path with its status; a dict is a JSON body, sent with 403."""

    def __init__(self, **answers: int | dict[str, Any]) -> None:
        self.answers = answers
        self.posts: list[tuple[str, dict[str, Any]]] = []

    async def __call__(self, request: web.Request) -> web.Response:
        name = request.path.strip("/")
        self.posts.append((name, await request.json()))
        answer = self.answers.get(name, 200)
        if isinstance(answer, dict):
            return web.json_response(answer, status=403, headers={"Retry-After": "600"})
        return web.Response(status=answer)

    @property
    def asked(self) -> list[str]:
        """Paths, in the order of the posts."""
        return [name for name, _ in self.posts]


def hook(kind: HookType, name: str, url: str, **more: Any) -> dict[str, Any]:
    return {"type": kind.value, "name": name, "url": f"{url}/{name}", "timeout": "5s", **more}


@pytest.fixture
def activities(manifest_source: ManifestSource) -> HooksActivities:
    settings = Settings(clusters={"mesh01": ClusterSettings()}, load=LoadSettings(cluster="mesh01"))
    return HooksActivities(manifest_source, settings, NoClusters())


@pytest.fixture
def environment() -> ActivityEnvironment:
    return ActivityEnvironment()


@pytest.fixture
def ask(activities: HooksActivities, environment: ActivityEnvironment) -> Callable[..., Awaitable[AskReport]]:
    async def run(ref: CanaryRef, kind: HookType, phase: Phase = Phase.PROGRESSING) -> AskReport:
        report: AskReport = await environment.run(activities.ask, AskCommand(ref=ref, type=kind, phase=phase))
        return report

    return run


Ask = Callable[..., Awaitable[AskReport]]


async def test_all_hooks_of_the_type_are_asked_and_no_other(
    serve: Serve, canary_ref: MakeRef, ask: Ask
) -> None:
    keeper = Gatekeeper()
    url = await serve(keeper)
    hooks = (hook(GATE, "ann", url), hook(HookType.ROLLOUT, "load", url), hook(GATE, "ben", url))
    report = await ask(canary_ref(webhooks=hooks), GATE)
    assert (report.consent, report.agreed) == (Consent.AGREED, ("ann", "ben"))
    assert keeper.asked == ["ann", "ben"]


async def test_the_payload_is_flaggers(serve: Serve, canary_ref: MakeRef, ask: Ask) -> None:
    keeper = Gatekeeper()
    ref = canary_ref(webhooks=(hook(GATE, "ann", await serve(keeper), metadata={"team": "shop"}),))
    await ask(ref, GATE, Phase.ROLLING_BACK)
    assert keeper.posts == [
        (
            "ann",
            {
                "name": "podinfo",
                "namespace": "test",
                "phase": "Progressing",
                "checksum": ref.owner.source.sha,
                "metadata": {"team": "shop"},
            },
        )
    ]


async def test_the_first_that_does_not_agree_decides(serve: Serve, canary_ref: MakeRef, ask: Ask) -> None:
    keeper = Gatekeeper(ben=403)
    url = await serve(keeper)
    ref = canary_ref(webhooks=tuple(hook(GATE, name, url) for name in ("ann", "ben", "cay")))
    assert await ask(ref, GATE) == AskReport(
        consent=Consent.LATER, hook="ben", reason=f"{url} answered 403 Forbidden", agreed=("ann",)
    )
    assert keeper.asked == ["ann", "ben"]


async def test_a_hook_may_be_muted(serve: Serve, canary_ref: MakeRef, ask: Ask) -> None:
    ref = canary_ref(webhooks=(hook(GATE, "ann", await serve(Gatekeeper(ann=403)), muteAlert=True),))
    assert (await ask(ref, GATE)).muted


async def test_words_are_passed_on(serve: Serve, canary_ref: MakeRef, ask: Ask) -> None:
    keeper = Gatekeeper(ann={"gate": "later", "reason": "at lunch"}, ben={"gate": "never"})
    url = await serve(keeper)
    later = await ask(canary_ref(webhooks=(hook(GATE, "ann", url),)), GATE)
    assert (later.consent, later.postponed, later.again_seconds) == (Consent.LATER, True, 600.0)
    assert later.reason == f"{url} answered 403 Forbidden, later: at lunch"
    never = await ask(canary_ref(webhooks=(hook(GATE, "ben", url),)), GATE)
    assert (never.consent, never.hook) == (Consent.NEVER, "ben")


@pytest.mark.parametrize(
    ("statuses", "consent", "decided", "warnings"),
    [
        ({"ann": 403, "ben": 403}, Consent.LATER, "", 0),
        ({"ann": 500, "ben": 403}, Consent.LATER, "", 1),
        ({"ann": 403, "ben": 200}, Consent.AGREED, "ben", 0),
        ({"ann": 503, "ben": 202}, Consent.AGREED, "ben", 1),
        ({"ann": 200, "ben": 200}, Consent.AGREED, "ann", 0),
    ],
)
async def test_one_rollback_hook_is_enough(
    serve: Serve,
    canary_ref: MakeRef,
    ask: Ask,
    statuses: dict[str, int],
    consent: Consent,
    decided: str,
    warnings: int,
) -> None:
    url = await serve(Gatekeeper(**statuses))
    report = await ask(canary_ref(webhooks=tuple(hook(ROLLBACK, name, url) for name in statuses)), ROLLBACK)
    assert (report.consent, report.hook, len(report.warnings)) == (consent, decided, warnings)


def events(*texts: str) -> tuple[Event, ...]:
    return tuple(Event(at=AT, text=text, warning="Halt" in text, phase=Phase.PAUSED) for text in texts)


async def test_events_are_posted_as_flagger_does(
    serve: Serve, canary_ref: MakeRef, activities: HooksActivities, environment: ActivityEnvironment
) -> None:
    keeper = Gatekeeper()
    metadata = {"channel": "releases", "eventType": "mine"}
    ref = canary_ref(webhooks=(hook(EVENT, "ear", await serve(keeper), metadata=metadata),))
    await environment.run(activities.tell, TellCommand(ref=ref, events=events("Advance", "Halt")))
    told = [payload["metadata"] for _, payload in keeper.posts]
    moment = {"timestamp": "1795399200250", "channel": "releases"}
    assert told == [
        {"eventMessage": "Advance", "eventType": "Normal", **moment},
        {"eventMessage": "Halt", "eventType": "Warning", **moment},
    ]
    assert {payload["phase"] for _, payload in keeper.posts} == {"Progressing"}


async def test_a_second_attempt_goes_on_where_the_first_one_was_cut_off(
    serve: Serve, canary_ref: MakeRef, activities: HooksActivities, environment: ActivityEnvironment
) -> None:
    keeper = Gatekeeper()
    ref = canary_ref(webhooks=(hook(EVENT, "ear", await serve(keeper)),))
    environment.info = dataclasses.replace(environment.info, heartbeat_details=[1])
    await environment.run(activities.tell, TellCommand(ref=ref, events=events("one", "two")))
    assert [payload["metadata"]["eventMessage"] for _, payload in keeper.posts] == ["two"]


async def test_a_listener_that_is_away_is_spared_the_rest_and_holds_nobody_up(
    serve: Serve,
    canary_ref: MakeRef,
    activities: HooksActivities,
    environment: ActivityEnvironment,
    caplog: pytest.LogCaptureFixture,
) -> None:
    keeper = Gatekeeper(deaf=500, shy=404)
    url = await serve(keeper)
    ref = canary_ref(webhooks=tuple(hook(EVENT, name, url) for name in ("deaf", "shy", "ear")))
    await environment.run(activities.tell, TellCommand(ref=ref, events=events("one", "two")))
    assert keeper.asked == ["deaf", "shy", "ear", "shy", "ear"]
    assert "event hook deaf: " in caplog.text
