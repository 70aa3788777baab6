"""The three ways to show a release while it goes on: redrawn on a terminal, lines for a log, or as JSON."""

from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self

from rich.live import Live

from tidegate.cli.changes import changes
from tidegate.cli.observation import Observation
from tidegate.cli.output import Output
from tidegate.cli.views import outcome_view, release_view
from tidegate.contracts import ReleaseOutcome


class Display(Protocol):
    """Shows one look after the other, then the end."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, seen: Observation) -> None:
        """Show the release as it is now."""

    def end(self, outcome: ReleaseOutcome, ui: str) -> None:
        """Show how it ended."""


def display_for(output: Output) -> Display:
    """The display that suits where the output goes."""
    if output.as_json:
        return JsonDisplay(output)
    return LiveDisplay(output) if output.is_live else LineDisplay(output)


class _Plain:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class LineDisplay(_Plain):
    """One line for each thing that changed, with the time: for logs of CI."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._last: Observation | None = None

    def show(self, seen: Observation) -> None:
        """Print what is new."""
        for line in changes(self._last, seen):
            at = (line.at or datetime.now(UTC)).astimezone()
            self._output.say(f"{at:%H:%M:%S} {line.text}")
        self._last = seen

    def end(self, outcome: ReleaseOutcome, ui: str) -> None:
        """Print the summary."""
        _print_end(self._output, outcome, ui)


class JsonDisplay(_Plain):
    """One JSON document for each change: event "status", and "outcome" at the end."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._last: Observation | None = None

    def show(self, seen: Observation) -> None:
        """Print the whole status when it changed."""
        if seen != self._last:
            self._output.document(status_document(seen))
        self._last = seen

    def end(self, outcome: ReleaseOutcome, ui: str) -> None:
        """Print the outcome with its exit code."""
        self._output.document(outcome_document(outcome, ui))


class LiveDisplay:
    """A view that is drawn over and over, and stays as it was last."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._live = Live(console=output.out, auto_refresh=False, vertical_overflow="ellipsis")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, seen: Observation) -> None:
        """Draw the view again."""
        running = seen.model_copy(update={"release": _without_outcome(seen)})
        self._live.update(release_view(running), refresh=True)

    def end(self, outcome: ReleaseOutcome, ui: str) -> None:
        """Leave the last view, and print the summary below it."""
        self._live.stop()
        _print_end(self._output, outcome, ui)


def _without_outcome(seen: Observation) -> Any:
    return seen.release.model_copy(update={"outcome": None}) if seen.release else None


def _print_end(output: Output, outcome: ReleaseOutcome, ui: str) -> None:
    output.result(outcome_view(outcome))
    output.link(ui)


def status_document(seen: Observation) -> dict[str, Any]:
    """The JSON of a look at a release."""
    return {"event": "status", **seen.model_dump(mode="json"), "worker_answers": seen.worker_answers}


def outcome_document(outcome: ReleaseOutcome, ui: str) -> dict[str, Any]:
    """The JSON of an end."""
    exit_code = outcome.outcome.exit_code
    return {"event": "outcome", "exit_code": exit_code, **outcome.model_dump(mode="json"), "ui": ui}
