"""load_test_run against real servers."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from threading import Event
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from aiohttp import web
from temporalio.testing import ActivityEnvironment

from activities.load_test import LoadTestActivities
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.adapters.reach import Direct
from tidegate.contracts import BakeCommand, BakeReport, CanaryRef, Fence, PublishCommand, Standing
from tidegate.domain.errors import Unreachable
from tidegate.domain.plan import Published
from tidegate.domain.release import Phase
from tidegate.settings import ClusterSettings, LoadSettings, Settings

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]
MakeRef = Callable[..., CanaryRef]
Bake = Callable[..., Coroutine[Any, Any, BakeReport]]


class NoClusters:
    def cluster(self, name: str) -> NoReturn:
        raise AssertionError(name)


class LoadTester:
    """Flagger's load tester as far as its answers go; `status` is by a hook's name in the path."""

    def __init__(self, **status: int) -> None:
        self.status = status
        self.posts: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.started = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.Response:
        self.started.set()
        self.paths.append(request.path)
        if request.method == "POST":
            self.posts.append(await request.json())
        return web.Response(status=self.status.get(request.path.strip("/"), 202))


def hook(name: str, url: str, **metadata: str) -> dict[str, Any]:
    return {"name": name, "url": f"{url}/{name}", "timeout": "5s", "metadata": metadata}


@pytest.fixture
def environment() -> ActivityEnvironment:
    return ActivityEnvironment()


def news_of(ref: CanaryRef) -> PublishCommand:
    return PublishCommand(
        ref=ref,
        fence=Fence(epoch=1, sequence=1),
        at=datetime.now(UTC),
        published=Published(revision="new"),
        standing=Standing(phase=Phase.PROGRESSING, weight=10),
    )


@pytest.fixture
def bake(manifest_source: ManifestSource, environment: ActivityEnvironment) -> Bake:
    async def run(
        ref: CanaryRef,
        seconds: float = 0.5,
        late: float = 0.0,
        clusters: Any = None,
        show: Callable[[PublishCommand], None] | None = None,
        **load: Any,
    ) -> BakeReport:
        manifest_source.bundle(ref)
        scheduled = datetime.now(UTC) - timedelta(seconds=late)
        environment.info = dataclasses.replace(
            environment.info, scheduled_time=scheduled, started_time=datetime.now(UTC)
        )
        settings = Settings(
            clusters={"mesh01": ClusterSettings(service_proxy=clusters is not None)},
            load=LoadSettings(cluster="mesh01", **load),
        )
        publisher = SimpleNamespace(show=show)
        activities = LoadTestActivities(manifest_source, settings, clusters or NoClusters(), publisher)
        news = news_of(ref) if show else None
        return await environment.run(activities.run, BakeCommand(ref=ref, seconds=seconds, news=news))

    return run


async def test_hooks_are_posted_in_order_with_flagger_s_payload(
    serve: Serve, canary_ref: MakeRef, bake: Bake
) -> None:
    tester = LoadTester()
    url = await serve(tester)
    command = "hey -t 5 http://podinfo-canary.test:9898/ | tee out"
    ref = canary_ref(webhooks=(hook("load-test", url, cmd=command), hook("smoke", url)))
    began = time.monotonic()
    assert await bake(ref, seconds=60) == BakeReport()
    assert time.monotonic() - began < 10
    assert tester.paths == ["/load-test", "/smoke"]
    assert tester.posts[0] == {
        "name": "podinfo",
        "namespace": "test",
        "phase": "Progressing",
        "checksum": ref.owner.source.sha,
        "metadata": {"cmd": command},
    }


async def test_the_first_failure_stops_the_hooks_and_is_a_failed_check(
    serve: Serve, canary_ref: MakeRef, bake: Bake
) -> None:
    tester = LoadTester(second=500)
    url = await serve(tester)
    ref = canary_ref(webhooks=tuple(hook(name, url) for name in ("first", "second", "third")))
    (verdict,) = (await bake(ref)).verdicts
    assert (verdict.check, verdict.result) == ("second", "failed")
    assert verdict.reason == f"second: {url} answered 500 Internal Server Error"
    assert tester.paths == ["/first", "/second"]


async def test_an_in_cluster_hook_goes_through_the_load_cluster(
    serve: Serve, canary_ref: MakeRef, bake: Bake
) -> None:
    tester = LoadTester()
    proxied = await serve(tester) + "/proxied"

    class Cluster:
        def service_proxy(self, url: str) -> Direct:
            assert url == "http://loadtester.test/load-test"
            return Direct(proxied)

    class Clusters:
        def cluster(self, name: str) -> Cluster:
            assert name == "mesh01"
            return Cluster()

    report = await bake(
        canary_ref(webhooks=(hook("load-test", "http://loadtester.test"),)), clusters=Clusters()
    )
    assert (report, tester.paths) == (BakeReport(), ["/proxied"])


async def test_native_load_is_sent_for_the_bake_and_reported_as_one(
    serve: Serve, canary_ref: MakeRef, bake: Bake
) -> None:
    podinfo = LoadTester(second=500)
    url = await serve(podinfo)
    ref = canary_ref(
        webhooks=tuple(
            hook(name, "http://loadtester.test", cmd=f"hey -z 1m -q 20 -c 1 {url}/{name}")
            for name in ("first", "second")
        )
    )
    report = await bake(ref, seconds=0.6, mode="native")
    assert report.verdicts == ()
    assert report.load is not None
    assert set(report.load.codes) == {"202", "500"}
    assert 10 <= report.load.requests <= 26
    assert 0.4 <= report.load.seconds <= 1.2
    assert report.load.p99_ms is not None


async def test_other_hooks_are_posted_beside_native_load(
    serve: Serve, canary_ref: MakeRef, bake: Bake
) -> None:
    podinfo, tester = LoadTester(), LoadTester(smoke=500)
    command = f"hey -z 1m -q 20 -c 1 {await serve(podinfo)}/"
    url = await serve(tester)
    ref = canary_ref(webhooks=(hook("load-test", url, cmd=command), hook("smoke", url)))
    report = await bake(ref, mode="native")
    assert tester.paths == ["/smoke"]
    assert [verdict.check for verdict in report.verdicts] == ["smoke"]
    assert report.load is not None
    assert report.load.requests == len(podinfo.paths)


@pytest.mark.parametrize(
    ("late", "least", "most"), [(0.0, 0.8, 1.5), (0.7, 0.0, 0.7), (60.0, 0.0, 0.5), (-60.0, 0.8, 1.5)]
)
async def test_the_load_ends_when_the_bake_does_however_late_it_starts(
    serve: Serve,
    canary_ref: MakeRef,
    bake: Bake,
    late: float,
    least: float,
    most: float,
) -> None:
    command = f"hey -z 1m -q 20 -c 1 {await serve(LoadTester())}/"
    ref = canary_ref(webhooks=(hook("load-test", "http://loadtester.test", cmd=command),))
    report = await bake(ref, seconds=1.0, late=late, mode="native")
    assert report.load is not None
    assert least <= report.load.seconds <= most


async def test_heartbeats_tell_how_far_it_is(
    serve: Serve, canary_ref: MakeRef, bake: Bake, environment: ActivityEnvironment
) -> None:
    beats: list[Any] = []
    environment.on_heartbeat = beats.append
    environment.info = dataclasses.replace(environment.info, heartbeat_timeout=timedelta(seconds=0.8))
    command = f"hey -z 1m -q 20 -c 1 {await serve(LoadTester())}/"
    ref = canary_ref(webhooks=(hook("load-test", "http://loadtester.test", cmd=command),))
    report = await bake(ref, seconds=0.9, mode="native")
    assert report.load is not None
    assert len(beats) == 1  # each one that arrives is billed
    assert 0 < beats[0].requests < report.load.requests


async def test_a_cancelled_bake_stops_loading_at_once(
    serve: Serve, canary_ref: MakeRef, bake: Bake, environment: ActivityEnvironment
) -> None:
    podinfo = LoadTester()
    command = f"hey -z 1m -q 50 -c 2 {await serve(podinfo)}/"
    ref = canary_ref(webhooks=(hook("load-test", "http://loadtester.test", cmd=command),))
    baking = asyncio.create_task(bake(ref, seconds=60, mode="native"))
    await podinfo.started.wait()
    began = time.monotonic()
    environment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await baking
    assert time.monotonic() - began < 0.5
    sent = len(podinfo.paths)
    await asyncio.sleep(0.1)
    assert len(podinfo.paths) == sent


async def test_native_load_goes_through_the_settings_proxy(
    serve: Serve, canary_ref: MakeRef, bake: Bake
) -> None:
    proxy = LoadTester()
    command = "hey -z 1m -q 20 -c 1 http://podinfo-canary.test:9898/x"
    ref = canary_ref(webhooks=(hook("load-test", "http://loadtester.test", cmd=command),))
    report = await bake(ref, mode="native", proxy=await serve(proxy))
    assert report.load is not None
    assert report.load.codes == {"202": len(proxy.paths)}
    assert set(proxy.paths) == {"/x"}


async def test_news_are_shown_beside_the_load(bake: Bake, canary_ref: Callable[..., CanaryRef]) -> None:
    shown: list[PublishCommand] = []
    report = await bake(canary_ref(), show=shown.append)
    assert (report.shown, [each.standing.weight for each in shown]) == (True, [10])


async def test_news_that_cannot_be_shown_fail_no_bake(
    bake: Bake, canary_ref: Callable[..., CanaryRef]
) -> None:
    def away(_: PublishCommand) -> None:
        raise Unreachable("cluster mesh02", "connection refused")

    report = await bake(canary_ref(), show=away)
    assert (report.shown, report.verdicts) == (False, ())


async def test_news_that_nobody_takes_hold_no_bake_up(
    bake: Bake, canary_ref: Callable[..., CanaryRef]
) -> None:
    taken = Event()
    report = await bake(canary_ref(), seconds=0.2, show=lambda _: taken.wait(10))
    assert report.shown is False
    taken.set()
