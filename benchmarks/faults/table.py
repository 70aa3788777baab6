"""The results as a table: for each group the faults, those survived, and the worst time to a safe state."""

from collections.abc import Sequence
from statistics import median

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.faults.runner import Result


def table(results: Sequence[Result]) -> RenderableType:
    """One line for each group, one for all, and what was broken."""
    lines = Table(show_footer=True, title="Faults in mid-release, under traffic", title_style="bold")
    everything = _cells(results)
    for heading, footer in zip(_HEADINGS, ("all", *everything), strict=True):
        lines.add_column(heading, footer, justify="left" if heading == _HEADINGS[0] else "right")
    for group in dict.fromkeys(result.group for result in results):
        lines.add_row(group, *_cells([result for result in results if result.group == group]))
    return Group(lines, *(_broken(result) for result in results if not result.survived))


_HEADINGS = ("Fault", "Injected", "Survived", "Worst s to a safe state", "Median", "Requests")


def _cells(results: Sequence[Result]) -> tuple[str, ...]:
    survived = [result for result in results if result.survived]
    times = [result.seconds_to_safety for result in survived] or [0.0]
    requests = sum(result.requests for result in results)
    return (
        str(len(results)),
        str(len(survived)),
        f"{max(times):.1f}",
        f"{median(times):.1f}",
        f"{requests:,}",
    )


def _broken(result: Result) -> RenderableType:
    lines = [f"{result.group}: {result.name}: ended as {result.outcome or 'nothing yet'}, {result.reason}"]
    return Text("\n  - ".join([*lines, *result.violations]), style="red")
