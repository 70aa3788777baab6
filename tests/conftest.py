"""Real neighbours for tests: HTTP servers on free ports, and a Prometheus with known series."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
from aiohttp import web

# No test is timed: the machines are noisy. A run without a search finds what the last one did.
hypothesis.settings.register_profile("untimed", deadline=None, derandomize=True)
hypothesis.settings.load_profile("untimed")

pytest_plugins = ["pytester", "tests.attempts", "tests.lanes"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start an HTTP server that gives every request to one handler; its base address is the result."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(handler: Handler) -> str:
            runner = web.ServerRunner(web.Server(_any(handler)), shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        yield start


def _any(handler: Handler) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await handler(request)  # type: ignore[arg-type]

    return handle


@pytest.fixture(scope="session")
def servers() -> Iterator[Run]:
    """Runs a coroutine in an event loop for servers whose clients block their own, and waits for it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cluster APIs")
    thread.start()
    yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Prometheus whose series (see `_series`) go on as if they were scraped.

    The series are backfilled from two minutes ago to ten minutes ahead, so that no test waits for a scrape.
    """
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        pytest.skip("needs prometheus and promtool on PATH (apt install prometheus)")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "series").write_text(_series(time.time()))
    backfill = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "series", "data"]
    subprocess.run(backfill, cwd=folder, check=True, capture_output=True)
    with _running_prometheus(folder) as address:
        yield address


@contextlib.contextmanager
def _running_prometheus(folder: Path) -> Iterator[str]:
    (folder / "prometheus.yml").write_text("{}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={listen}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["prometheus", *options], cwd=folder, stderr=log)
    try:
        _await_ready(f"http://{listen}/-/ready", folder / "log")
        yield f"http://{listen}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _await_ready(url: str, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False).is_success:
                return
        time.sleep(0.05)
    raise TimeoutError(f"Prometheus is not ready: {log.read_text()[-2000:]}")


def _series(now: float) -> str:
    """Counters by workload of namespace test: their increase a second decides what the queries find.

    healthy: 995 of 1,000 requests succeed; broken: none does; idle: counted once, no traffic now. All of
    healthy's requests take between 50 and 100 ms, all of slow's between 100 and 250 ms. The primaries of all
    are like healthy; the baselines of healthy and slow are like these themselves.
    """
    rates = {
        ("healthy", "200"): 99.5,
        ("healthy", "503"): 0.5,
        ("broken", "500"): 10.0,
        ("idle", "200"): 0.0,
        ("healthy-primary", "200"): 99.5,
        ("healthy-primary", "503"): 0.5,
        ("broken-primary", "200"): 99.5,
        ("broken-primary", "503"): 0.5,
    }
    usual = {"50": 0.0, "100": 100.0, "250": 100.0, "+Inf": 100.0}
    buckets = dict.fromkeys(("healthy", "healthy-primary", "slow-primary", "healthy-baseline"), usual)
    buckets |= dict.fromkeys(("slow", "slow-baseline"), usual | {"100": 0.0})
    lines = ["# TYPE istio_requests counter"]
    for (workload, code), rate in rates.items():
        labels = f'{_labels(workload)},response_code="{code}"'
        lines += _samples(f"istio_requests_total{{{labels}}}", rate, now)
    lines.append("# TYPE istio_request_duration_milliseconds histogram")
    for workload, bounds in buckets.items():
        for bound, rate in bounds.items():
            labels = f'{_labels(workload)},le="{bound}"'
            lines += _samples(f"istio_request_duration_milliseconds_bucket{{{labels}}}", rate, now)
    return "\n".join([*lines, "# EOF", ""])


def _labels(workload: str) -> str:
    return f'reporter="destination",destination_workload_namespace="test",destination_workload="{workload}"'


def _samples(series: str, rate: float, now: float) -> list[str]:
    return [f"{series} {1000 + rate * (at + 120):.1f} {now + at:.3f}" for at in range(-120, 600, 5)]
