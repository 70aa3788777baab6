"""A run's figures as people read them: one table of aims, and one of where the time went."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.figures import AIMS, Aim, Figures, Overhead
from benchmarks.machine import Machine


def report(figures: Figures, machine: Machine) -> RenderableType:
    """All that one run prints."""
    overhead = figures.overhead
    beyond = overhead.seconds - overhead.bakes_seconds
    return Group(
        Text("Tidegate, a release of ten steps with 2 s intervals", style="bold"),
        _headline(figures),
        Text(f"Where the {beyond:.2f} s beyond the bakes went", style="bold"),
        _costs(overhead),
        Text(f"Measured on {machine}", style="dim"),
    )


def _headline(figures: Figures) -> Table:
    table = Table()
    table.add_column("Figure")
    table.add_column("Measured", justify="right")
    table.add_column("Aim", justify="right")
    table.add_column("")
    table.add_column("How it came about")
    found, missed, why = figures.headline(), figures.missed(), _explanations(figures)
    for aim in AIMS:
        verdict = Text("aim missed", style="bold red") if aim.key in missed else Text("met", style="green")
        table.add_row(aim.title, _number(found[aim.key], aim), f"<= {aim.most:g}", verdict, why[aim.key])
    events = f"{figures.steps.release_events} in the whole release"
    table.add_row("History events per step", f"{found['events_per_step']:g}", "", "", events)
    return table


def _explanations(figures: Figures) -> dict[str, str]:
    overhead, steps, gateway = figures.overhead, figures.steps, figures.gateway
    aborts = sorted(figures.aborts.milliseconds)
    return {
        "overhead_ratio": f"{overhead.seconds:.2f} s over {overhead.bakes_seconds:g} s of bakes",
        "abort_ms_p50": f"{len(aborts)} aborts, {aborts[0]:.0f} to {aborts[-1]:.0f} ms",
        "actions_per_step": (
            f"{steps.actions} in the history and {steps.heartbeats} heartbeats over {steps.count} steps; "
            f"{steps.release_actions} in the whole release"
        ),
        "gateway_failures": (
            f"{gateway.requests} requests at {gateway.rate:.0f}/s, {gateway.weight_changes} weight changes"
        ),
    }


def _costs(overhead: Overhead) -> Table:
    table = Table(show_footer=True)
    table.add_column("Part")
    table.add_column("Times", justify="right")
    table.add_column(
        "Seconds", justify="right", footer=f"{sum(cost.seconds for cost in overhead.breakdown):.2f}"
    )
    for cost in overhead.breakdown:
        table.add_row(cost.part, str(cost.times), f"{cost.seconds:.2f}")
    return table


def _number(value: float, aim: Aim) -> str:
    return f"{value:g} {aim.unit}".rstrip()
