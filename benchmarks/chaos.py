"""`python -m benchmarks.chaos`: faults injected into releases under traffic, and whether each was survived.

Without --all it runs a bounded choice. `--group` and `--case` choose by a part of the name, `--list` only
prints. Results go to benchmarks/out/chaos.json; the exit code is 1 when one fault was not survived.

A case waits more than it works. `--share 1/3` runs every third one, so that three runs side by side get
through all of them in a third of the time; they slow each other down, so that their times are no measure.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from benchmarks.faults.case import Case
from benchmarks.faults.runner import Result, run
from benchmarks.faults.scene import Scene, scene_of
from benchmarks.faults.table import table
from benchmarks.machine import Machine, write_document

OUT = Path(__file__).parent / "out"
PLAIN_WIDTH = 140
MODULES = (
    "worker_faults",
    "server_faults",
    "operator_faults",
    "clock_faults",
    "neighbours",
    "writers",
    "pods",
    "gated",
    "uninstallations",
    "pairs",
    "two_clusters",
)
"""Modules of benchmarks.faults; each has `cases()`, and what `scene_of` looks for."""


def main() -> int:
    """Run, print and write; the exit code."""
    options = parsed(sys.argv[1:])
    chosen = chosen_by(options)
    if options.list:
        print("\n".join(f"{case.group}: {case.name}" for cases in chosen.values() for case in cases))
        return 0
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    machine = Machine.here()
    results: list[Result] = []
    try:
        asyncio.run(_until_stopped(chosen, results, console))
    except asyncio.CancelledError:
        console.print("stopped")
    console.print(table(results))
    console.print(f"Measured on {machine}", style="dim")
    _write(results, machine, options.share)
    return 0 if results and all(result.survived for result in results) else 1


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; SystemExit with a usage line when they make no sense."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every case, and not a bounded choice")
    parser.add_argument("--group", default="", help="only groups whose name contains this")
    parser.add_argument("--case", default="", help="only cases whose name contains this; implies --all")
    parser.add_argument("--share", type=_share, default=(1, 1), metavar="I/N", help="only every Nth case")
    parser.add_argument("--list", action="store_true", help="print the cases and end")
    return parser.parse_args(arguments)


def _share(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is no share: give I/N, such as 1/3")
    return int(number), int(count)


def chosen_by(options: argparse.Namespace) -> dict[str, list[Case]]:
    """The cases of this run by module; a module without one is left out."""
    number, count = options.share
    chosen = {name: _chosen(name, options)[number - 1 :: count] for name in MODULES}
    return {name: cases for name, cases in chosen.items() if cases}


def _chosen(module: str, options: argparse.Namespace) -> list[Case]:
    everything = options.all or options.case
    return [
        case
        for case in _cases(module)
        if (everything or case.bounded) and options.group in case.group and options.case in case.name
    ]


def _cases(module: str) -> Iterator[Case]:
    name = f"benchmarks.faults.{module}"
    return import_module(name).cases() if find_spec(name) else iter(())


async def _until_stopped(chosen: dict[str, list[Case]], results: list[Result], console: Console) -> None:
    """All chosen cases, in one scene for each module; a signal ends it in order."""
    running = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, running.cancel if running else loop.stop)
    with tempfile.TemporaryDirectory(prefix="tidegate-chaos-", ignore_cleanup_errors=True) as folder:
        for module, cases in chosen.items():
            async with scene_of(import_module(f"benchmarks.faults.{module}"), Path(folder) / module) as scene:
                await _run_all(scene, cases, results, console)


async def _run_all(scene: Scene, cases: Sequence[Case], results: list[Result], console: Console) -> None:
    for case in cases:
        result = await run(scene, case)
        results.append(result)
        mark = "[green]survived[/]" if result.survived else f"[red]NOT SURVIVED[/] {result.violations}"
        times = f"{result.seconds:5.1f} s, safe after {result.seconds_to_safety:4.1f} s"
        console.print(f"{len(results):4} {times}  {case.group}: {case.name}  {mark}")


def _write(results: Sequence[Result], machine: Machine, share: tuple[int, int]) -> None:
    number, count = share
    document = {
        "faults": len(results),
        "survived": sum(result.survived for result in results),
        "worst_seconds_to_safety": max((result.seconds_to_safety for result in results), default=0.0),
        "results": [result.model_dump() for result in results],
    }
    name = "chaos.json" if count == 1 else f"chaos-{number}-of-{count}.json"
    write_document(OUT / name, document, machine)


if __name__ == "__main__":
    sys.exit(main())
