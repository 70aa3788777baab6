"""`python -m benchmarks.release`: what a release costs, measured in a sandbox of its own.

One run takes under three minutes, prints its figures beside their aims, and writes them with all samples to
benchmarks/out/release.json. It ends with 0 when it could measure, whatever it found, and with 1 otherwise.
"""

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.figures import Aborts, Figures, Gateway, Overhead, Steps, bakes_in, breakdown
from benchmarks.gateway import Visitors, failures, turned_away_after
from benchmarks.history import within
from benchmarks.installation import HOST, Finished, Installation, NotMeasured
from benchmarks.machine import Machine, write_document
from benchmarks.report import report
from tidegate.contracts import ABORT, AbortRequest
from tidegate.domain.release import Outcome
from tidegate.sandbox.processes import ProcessError

OUT = Path(__file__).parent / "out" / "release.json"
LIMIT_SECONDS = 170.0
"""A run that takes longer is given up; all of it is taken down then too."""

PLAIN_WIDTH = 140
"""Columns when the output is not a terminal, such as a log."""

BAKE_SECONDS = 2.0
ABORTS = 7
HEARTBEAT_SAMPLES_SECONDS = 0.25

UNJUDGED: dict[str, Any] = {"metrics": [], "webhooks": []}
TWENTY_CHANGES = UNJUDGED | {"interval": "500ms", "maxWeight": 95, "stepWeight": 5}
"""Nineteen steps up, and one change back to the primary."""

MOST_TO_CANARY = {"interval": "60s", "maxWeight": None, "stepWeight": None, "stepWeights": [90]}
"""Most answers are the canary's, so that its end shows within a request or two."""


def main() -> int:
    """Measure, print and write; the exit code."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    console.print("Measuring: a ten-step release, twenty weight changes under load, and aborts ...")
    machine = Machine.here()
    try:
        figures = asyncio.run(_until_stopped())
    except (NotMeasured, ProcessError, OSError, TimeoutError, ValueError, ExceptionGroup) as error:
        print(f"not measured: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        print("not measured: stopped", file=sys.stderr)
        return 1
    write_document(OUT, figures.document(), machine)
    console.print(report(figures, machine))
    console.print(f"Written to {OUT}")
    return 0


async def _until_stopped() -> Figures:
    """Measure within the limit; a signal ends it in order, with all that was started."""
    measuring = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, measuring.cancel if measuring else loop.stop)
    async with asyncio.timeout(LIMIT_SECONDS):
        with tempfile.TemporaryDirectory(prefix="tidegate-bench-", ignore_cleanup_errors=True) as folder:
            async with Installation(Path(folder)) as installation:
                return await measure(installation)


async def measure(installation: Installation) -> Figures:
    """All figures, one after the other, so that none disturbs another."""
    await installation.repository.commit("3.1.0")
    await installation.release(Outcome.INITIALISED)
    overhead, steps = await ten_steps(installation)
    gateway = await twenty_changes(installation)
    return Figures(overhead=overhead, steps=steps, gateway=gateway, aborts=await aborts(installation))


async def ten_steps(installation: Installation) -> tuple[Overhead, Steps]:
    """Release a good version in ten steps of two seconds, and see what it cost in time and at Temporal."""
    await installation.repository.commit("3.1.1")
    async with _heartbeats(installation) as heartbeats:
        finished = await installation.release()
    return _overhead(finished), _steps(finished, heartbeats)


async def twenty_changes(installation: Installation) -> Gateway:
    """Release a good version with twenty weight changes, while visitors come to the gateway."""
    await installation.repository.commit("3.1.2", TWENTY_CHANGES)
    visitors = Visitors(installation.world.gateway_url, HOST, count=8, period=0.02)
    began = time.monotonic()
    async with visitors.visiting():
        finished = await installation.release()
    answers = visitors.answers
    stages = finished.outcome.canaries[0].stages
    return Gateway(
        weight_changes=sum(timing.stage.startswith("Route ") for timing in stages),
        requests=len(answers),
        rate=len(answers) / (time.monotonic() - began),
        failures=failures(answers),
    )


async def aborts(installation: Installation) -> Aborts:
    """Abort one release after the other in mid-bake."""
    await installation.repository.commit("3.1.3", MOST_TO_CANARY)
    return Aborts(milliseconds=tuple([await _abort(installation, "3.1.3") for _ in range(ABORTS)]))


async def _abort(installation: Installation, version: str) -> float:
    """Milliseconds from the signal until the canary answers no visitor any more."""
    visitors = Visitors(installation.world.gateway_url, HOST, count=1, period=0.005)
    handle = await installation.begin()
    await _until_routed(installation)
    async with visitors.visiting():
        await asyncio.sleep(0.5)
        sent = time.monotonic()
        await handle.signal(ABORT, AbortRequest(reason="benchmark"))
        await installation.finish(handle, Outcome.ABORTED)
    return turned_away_after(visitors.answers, version, sent)


async def _until_routed(installation: Installation, within_seconds: float = 20.0) -> None:
    try:
        async with asyncio.timeout(within_seconds):
            while not await installation.canary_weight():  # noqa: ASYNC110 - Envoy sets no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise NotMeasured(f"no traffic reached the canary within {within_seconds:g} s") from None


@contextlib.asynccontextmanager
async def _heartbeats(installation: Installation) -> AsyncIterator[list[tuple[datetime, int]]]:
    """Samples of the worker's heartbeat counter, taken while the block runs."""
    samples: list[tuple[datetime, int]] = []

    async def sample() -> None:
        while True:
            samples.append((datetime.now(UTC), await installation.heartbeats()))
            await asyncio.sleep(HEARTBEAT_SAMPLES_SECONDS)

    sampling = asyncio.create_task(sample())
    try:
        yield samples
        await asyncio.sleep(2 * HEARTBEAT_SAMPLES_SECONDS)
    finally:
        sampling.cancel()
        await asyncio.wait({sampling})


def _overhead(finished: Finished) -> Overhead:
    canary = finished.outcome.canaries[0]
    bakes_seconds = BAKE_SECONDS * (bakes_in(canary.stages) + canary.failed_checks)
    activities = (*finished.release.activities(), *finished.canary.activities())
    return Overhead(
        seconds=finished.seconds,
        bakes_seconds=bakes_seconds,
        failed_checks=canary.failed_checks,
        breakdown=breakdown(finished.seconds - bakes_seconds, BAKE_SECONDS, activities, canary.stages),
    )


def _steps(finished: Finished, heartbeats: list[tuple[datetime, int]]) -> Steps:
    stretch = finished.canary.stretch()
    histories = (finished.release, finished.canary)
    total = heartbeats[-1][1] - heartbeats[0][1]
    return Steps(
        count=stretch.steps,
        events=stretch.events,
        actions=stretch.actions,
        heartbeats=within(heartbeats, stretch.began, stretch.ended),
        release_events=sum(len(history.events) for history in histories),
        release_actions=sum(history.actions for history in histories) + total,
    )


if __name__ == "__main__":
    sys.exit(main())
