"""`python -m benchmarks.fleet`: how many releases one worker carries, and what happens beyond that.

The real workflows and activities on one worker and Temporal's development server; clusters, Prometheus and
load tester are simulated in a process of their own. Rounds of more and more releases at once, then many that
wait. It prints one table and writes benchmarks/out/fleet.json. It ends with 0 when it could measure and every
release ended as it should, and with 1 otherwise.
"""

import argparse
import asyncio
import contextlib
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from temporalio.service import RPCError, RPCStatusCode

from benchmarks.fleet_figures import Cost, Fleet, Round, Waiting, lateness, per_release, span
from benchmarks.fleet_installation import FleetInstallation, Handle, Usages, gathered
from benchmarks.fleet_report import report
from benchmarks.history import History
from benchmarks.machine import Machine, write_document
from benchmarks.neighbours import GATE
from tidegate.cli.exits import CommandFailed
from tidegate.contracts import APPROVE, PROMOTE, STATUS
from tidegate.domain.release import Outcome
from tidegate.sandbox.processes import ProcessError

OUT = Path(__file__).parent / "out" / "fleet.json"
ROUNDS = (25, 50, 100, 200, 400)
WAITING = 1000
INTERVAL_SECONDS = 10
STEPS = 5
GATE_INTERVAL = "10m"
"""Between two questions to a gate."""

PLAIN_WIDTH = 140
ASKED = 50
"""Waiting releases that are asked for their status, to see how long an answer takes."""

STARTERS, READERS = 50, 8
"""Starts under way at once, as by so many CI jobs; and histories read at once, after everything."""


class Ended(NamedTuple):
    """Releases that are over: how they ended and when they ran, and both workflows' histories of each."""

    outcomes: Counter[str]
    moments: list[tuple[datetime, datetime]]
    releases: list[History]
    canaries: list[History]


def main() -> int:
    """Measure, print and write; the exit code."""
    arguments = _arguments()
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    machine = Machine.here()
    try:
        fleet = asyncio.run(_until_stopped(arguments))
    except (ProcessError, RPCError, OSError, TimeoutError, ValueError, ExceptionGroup) as error:
        print(f"not measured: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        print("not measured: stopped", file=sys.stderr)
        return 1
    write_document(arguments.out, fleet.document(), machine)
    console.print(report(fleet, machine, INTERVAL_SECONDS, STEPS))
    console.print(f"Written to {arguments.out}")
    return 0 if fleet.complete else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description="Measure a fleet.")
    parser.add_argument("--rounds", type=_counts, default=ROUNDS, help="releases at once, in each round")
    parser.add_argument("--waiting", type=int, default=WAITING, help="releases that wait; 0: skip this")
    parser.add_argument("--out", type=Path, default=OUT, help="file for the figures")
    return parser.parse_args()


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(",") if each)


async def _until_stopped(arguments: argparse.Namespace) -> Fleet:
    """Measure; a signal ends it in order, with all that was started."""
    measuring = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, measuring.cancel if measuring else loop.stop)
    with tempfile.TemporaryDirectory(prefix="tidegate-fleet-", ignore_cleanup_errors=True) as folder:
        async with FleetInstallation(Path(folder)) as installation:
            return await measure(installation, arguments.rounds, arguments.waiting)


async def measure(installation: FleetInstallation, rounds: Sequence[int], waiting: int) -> Fleet:
    """All figures, one after the other; every release is of an application that serves already."""
    names = tuple(f"team-{number:04}" for number in range(1, max(*rounds, waiting) + 1))
    _say(f"{len(names)} applications are released for the first time")
    initialisation = await _round(installation, names, "1.0.0", names, Outcome.INITIALISED)
    measured = []
    for number, releases in enumerate(rounds, start=1):
        _say(f"{releases} releases at once, {STEPS} steps of {INTERVAL_SECONDS} s each")
        measured.append(
            await _round(installation, names, f"1.{number}.0", names[:releases], Outcome.PROMOTED)
        )
    waited = await _wait(installation, names[:waiting]) if waiting else None
    return Fleet(initialisation=initialisation, rounds=tuple(measured), waiting=waited)


async def _round(
    installation: FleetInstallation,
    names: tuple[str, ...],
    version: str,
    chosen: tuple[str, ...],
    expected: Outcome,
) -> Round:
    """Release a version of the chosen applications, all at once."""
    await _commit(installation, names, version, f"{INTERVAL_SECONDS}s")
    calls, before, began = await installation.calls(), installation.usages(), time.monotonic()
    async with _watching_threads(installation) as threads:
        handles, refused = await _begin(installation, chosen)
        starting = time.monotonic() - began
        outcomes = await _outcomes(handles) + refused
    after = installation.usages()
    ended = await _ended(installation, chosen, handles, outcomes)
    late = [pair for history in ended.canaries for pair in lateness(history)]
    histories = (*ended.releases, *ended.canaries)
    return Round(
        releases=len(chosen),
        outcomes=ended.outcomes,
        wrong=await installation.wrong(chosen, version),
        bakes_seconds=STEPS * INTERVAL_SECONDS if expected is Outcome.PROMOTED else 0,
        starting_seconds=starting,
        seconds=span(ended.moments),
        judged_late=tuple(round(judged, 4) for judged, _ in late),
        late=tuple(round(begun, 4) for _, begun in late),
        calls=per_release(calls, await installation.calls(), len(chosen)),
        actions=sum(history.actions for history in histories) / len(chosen),
        events=sum(len(history.events) for history in histories) / len(chosen),
        cost=_cost(before, after),
        memory=after.worker.memory,
        threads=max(threads),
    )


async def _commit(
    installation: FleetInstallation, names: tuple[str, ...], version: str, interval: str, gate: str = ""
) -> None:
    web = installation.addresses.web
    installation.sha = await installation.repository.commit_fleet(version, names, interval, web, gate)


async def _begin(installation: FleetInstallation, names: Sequence[str]) -> tuple[list[Handle], Counter[str]]:
    """Start releases as fast as so many CI jobs would; and how many starts were refused."""

    async def begin(name: str) -> Handle | None:
        try:
            return await installation.begin(name)
        except (CommandFailed, RPCError) as error:
            _say(f"{name} was not started: {error}")
            return None

    begun = await gathered(STARTERS, *(begin(name) for name in names))
    handles = [handle for handle in begun if handle is not None]
    return handles, Counter({"refused": len(begun) - len(handles)} if len(handles) < len(begun) else {})


async def _outcomes(handles: Sequence[Handle]) -> Counter[str]:
    """Wait for the end of all; what did not end well is told at once, with its reason."""
    ended = [await handle.result() for handle in handles]
    bad = Counter(
        each.reason for each in ended if each.outcome not in (Outcome.PROMOTED, Outcome.INITIALISED)
    )
    for reason, times in bad.most_common(5):
        _say(f"{times} times: {reason}")
    return Counter(str(each.outcome) for each in ended)


async def _ended(
    installation: FleetInstallation,
    names: tuple[str, ...],
    handles: Sequence[Handle],
    outcomes: Counter[str],
) -> Ended:
    descriptions = await gathered(READERS, *(handle.describe() for handle in handles))
    releases = await gathered(READERS, *(_history(handle) for handle in handles))
    canaries = await gathered(READERS, *(_history(installation.canary(name)) for name in names))
    return Ended(
        outcomes=outcomes,
        moments=[(each.start_time, each.close_time) for each in descriptions],
        releases=releases,
        canaries=canaries,
    )


async def _history(handle: Any) -> History:
    """Empty for a canary that its release never came to."""
    try:
        return History.parse((await handle.fetch_history()).to_json_dict())
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return History(())


@contextlib.asynccontextmanager
async def _watching_threads(installation: FleetInstallation) -> AsyncIterator[list[int]]:
    """The worker's number of threads, looked at every second while the block runs."""
    seen = [installation.usages().worker.threads]

    async def look() -> None:
        while True:
            seen.append(installation.usages().worker.threads)
            await asyncio.sleep(1)

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()
        await asyncio.wait({looking})


async def _wait(installation: FleetInstallation, names: tuple[str, ...]) -> Waiting:
    """Bring releases to a closed gate, see what waiting there costs, and let all go on at once."""
    version, count = "2.0.0", len(names)
    _say(f"{count} releases that wait in a gate")
    await _commit(installation, names, version, GATE_INTERVAL, installation.addresses.web + GATE)
    await installation.replace_worker()
    began, tenth = time.monotonic(), count // 10
    first = await _bring_to_wait(installation, names[:tenth], tenth)
    before = installation.usages().worker.memory
    handles = first + await _bring_to_wait(installation, names[tenth:], count)
    seconds, cached = time.monotonic() - began, installation.usages().worker.memory
    answer_cached = await _answers(installation, names[-ASKED:])
    await installation.replace_worker()
    asked = installation.usages().worker
    answer_evicted = await _answers(installation, names[:ASKED])
    evicted = installation.usages().worker
    began = time.monotonic()
    await gathered(STARTERS, *(_let_go_on(handle) for handle in handles))
    outcomes = await _outcomes(handles)
    return Waiting(
        releases=count,
        seconds=seconds,
        memory_before=before,
        memory_cached=cached,
        memory_evicted=asked.memory,
        answer_cached_ms=answer_cached,
        answer_evicted_ms=answer_evicted,
        wake_cpu_ms=1000 * (evicted.cpu - asked.cpu) / min(ASKED, count),
        outcomes=outcomes,
        wrong=await installation.wrong(names, version),
        finishing_seconds=time.monotonic() - began,
    )


async def _bring_to_wait(installation: FleetInstallation, names: Sequence[str], total: int) -> list[Handle]:
    """Start releases; until `total` wait in their gates. ValueError for a start refused."""
    handles, refused = await _begin(installation, names)
    if refused:
        raise ValueError(f"{refused.total()} starts were refused")
    await _until_there_are(installation, total, "AND TidegatePhase='Waiting'")
    return handles


async def _let_go_on(handle: Handle) -> None:
    """Approve the rollout, and promote it without the analysis, which is no part of waiting."""
    await handle.signal(APPROVE)
    await handle.signal(PROMOTE)


async def _until_there_are(installation: FleetInstallation, count: int, more: str) -> None:
    query = f"WorkflowType='Canary' AND ExecutionStatus='Running' {more}"
    while (await installation.client.count_workflows(query)).count < count:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.5)


async def _answers(installation: FleetInstallation, names: Sequence[str]) -> float:
    """The median time to a canary's status, one asked after the other, in milliseconds."""
    taken = []
    for name in names:
        began = time.monotonic()
        await installation.canary(name).query(STATUS)
        taken.append(1000 * (time.monotonic() - began))
    return statistics.median(taken)


def _cost(before: Usages, after: Usages) -> Cost:
    return Cost(
        worker=after.worker.cpu - before.worker.cpu,
        children=after.worker.children_cpu - before.worker.children_cpu,
        server=after.server.cpu - before.server.cpu,
        neighbours=after.neighbours.cpu - before.neighbours.cpu,
    )


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
