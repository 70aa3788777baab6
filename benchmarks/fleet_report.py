"""A fleet's figures as people read them: one table, and what the API calls of a release were."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.fleet_figures import LATE_SECONDS, Fleet, Round, Waiting, percentile
from benchmarks.machine import Machine


def report(fleet: Fleet, machine: Machine, interval_seconds: float, steps: int) -> RenderableType:
    """All that one run prints."""
    parts: list[RenderableType] = [
        Text(f"Tidegate, releases of {steps} steps with {interval_seconds:g} s intervals", style="bold"),
        _rounds(fleet),
        Text(_knee(fleet)),
    ]
    if fleet.waiting:
        parts += [Text(f"{fleet.waiting.releases} releases waiting", style="bold"), _waiting(fleet.waiting)]
    if fleet.rounds:
        parts += [Text("API calls of one release", style="bold"), _calls(fleet.rounds[0])]
    return Group(*parts, Text(f"Measured on {machine}", style="dim"))


def _rounds(fleet: Fleet) -> Table:
    table = Table()
    table.add_column("Figure")
    rounds = (fleet.initialisation, *fleet.rounds)
    for each in rounds:
        table.add_column(f"{each.releases}{'' if each.bakes_seconds else ' first ones'}", justify="right")
    for title, cells in _rows(rounds):
        table.add_row(title, *cells)
    return table


def _rows(rounds: tuple[Round, ...]) -> list[tuple[str, list[str]]]:
    return [
        ("Completed as they should", [_complete(each) for each in rounds]),
        ("Completed per minute", [f"{each.per_minute:.0f}" for each in rounds]),
        ("Seconds, of which bakes", [f"{each.seconds:.0f} / {each.bakes_seconds:.0f}" for each in rounds]),
        ("Seconds to start all", [f"{each.starting_seconds:.1f}" for each in rounds]),
        ("Step after its due time, P50", [_milliseconds(each, 50) for each in rounds]),
        ("Step after its due time, P99", [_milliseconds(each, 99) for each in rounds]),
        ("Cores: worker", [f"{each.cost.worker / each.seconds:.2f}" for each in rounds]),
        ("Cores: worker's git", [f"{each.cost.children / each.seconds:.2f}" for each in rounds]),
        ("Cores: Temporal", [f"{each.cost.server / each.seconds:.2f}" for each in rounds]),
        ("Cores: simulated neighbours", [f"{each.cost.neighbours / each.seconds:.2f}" for each in rounds]),
        ("Worker CPU per release, ms", [f"{1000 * each.cost.worker / each.releases:.0f}" for each in rounds]),
        (
            "Temporal CPU per release, ms",
            [f"{1000 * each.cost.server / each.releases:.0f}" for each in rounds],
        ),
        ("API calls per release", [f"{each.calls_per_release:.0f}" for each in rounds]),
        ("Billable actions per release", [f"{each.actions:.0f}" for each in rounds]),
        ("History events per release", [f"{each.events:.0f}" for each in rounds]),
        ("Worker's memory, MiB", [f"{each.memory:.0f}" for each in rounds]),
        ("Worker's threads, at most", [f"{each.threads}" for each in rounds]),
    ]


def _complete(each: Round) -> str:
    return f"all {each.releases}" if each.complete else f"NOT ALL: {each.outcomes}, {len(each.wrong)} wrong"


def _milliseconds(each: Round, percent: float) -> str:
    return f"{1000 * percentile(each.late, percent):.0f} ms" if each.late else ""


def _knee(fleet: Fleet) -> str:
    last = fleet.rounds[-1].limit if fleet.rounds else fleet.initialisation.limit
    late = f"P99 of a step's delay within {LATE_SECONDS:g} s"
    found = f"up to {fleet.knee} at once" if fleet.knee else "with none of these fleets"
    return f"{late}: {found}. Busiest in the largest: {last}."


def _waiting(waiting: Waiting) -> Table:
    table = Table(show_header=False)
    for title, value in (
        ("Until all of them waited", f"{waiting.seconds:.0f} s"),
        ("Worker's memory with a tenth of them cached", f"{waiting.memory_before:.0f} MiB"),
        ("Worker's memory with all of them cached", f"{waiting.memory_cached:.0f} MiB"),
        ("One of them, cached", f"{waiting.kib_per_release:.0f} KiB"),
        ("Memory of a worker that took over, none cached", f"{waiting.memory_evicted:.0f} MiB"),
        ("A status query, cached", f"{waiting.answer_cached_ms:.0f} ms"),
        ("A status query, evicted", f"{waiting.answer_evicted_ms:.0f} ms"),
        ("Worker CPU to take one back into the cache", f"{waiting.wake_cpu_ms:.0f} ms"),
        ("All told to promote at once: completed", f"{waiting.outcomes}, {len(waiting.wrong)} wrong"),
        ("All told to promote at once: seconds", f"{waiting.finishing_seconds:.0f} s"),
    ):
        table.add_row(title, value)
    return table


def _calls(each: Round) -> Table:
    table = Table()
    table.add_column("Call")
    table.add_column("Times", justify="right")
    for call, times in sorted(each.calls.items(), key=lambda item: -item[1]):
        table.add_row(call, f"{times:g}")
    return table
