"""What a release looks like on a screen: pure functions from observations to rich renderables."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tidegate.cli.observation import Observation
from tidegate.cli.words import (
    MARKS,
    NO_WORKER,
    RESULT_STYLES,
    elapsed,
    failed_checks,
    load_line,
    outcome_line,
    outcome_style,
    short,
    split,
    terms_line,
    value_of,
)
from tidegate.contracts import CanaryOutcome, CanaryStatus, Note, ReleaseOutcome, ReleaseStatus, StageTiming
from tidegate.decisions.freezes import standing
from tidegate.decisions.narration import left_to_say
from tidegate.domain.plan import Freeze, Plan, Stage, describe
from tidegate.domain.release import Phase
from tidegate.domain.verdict import Verdict

BAR_WIDTH = 30
SHOWN_NOTES = 8
SHORTEST_TOLD = 0.05
"""Seconds; a kind of stage that took less would be told as 0.0s."""

_PHASE_STYLES = {
    Phase.SUCCEEDED: "green",
    Phase.INITIALIZED: "green",
    Phase.UNCHANGED: "green",
    Phase.RECOVERED: "green",
    Phase.UNINSTALLED: "green",
    Phase.FAILED: "red",
    Phase.ROLLING_BACK: "red",
    Phase.ABORTED: "yellow",
    Phase.SUPERSEDED: "yellow",
    Phase.INVALID: "red",
    Phase.PAUSED: "yellow",
    Phase.WAITING: "yellow",
    Phase.WAITING_PROMOTION: "yellow",
}


def release_view(seen: Observation, *, now: datetime | None = None) -> RenderableType:
    """A release as it stands: header, every canary, retries and the last messages."""
    parts: list[RenderableType] = [_header(seen, now)]
    if seen.release is not None:
        parts += _release_lines(seen.release)
    for status in seen.canaries:
        parts += [Text(""), canary_view(status)]
    parts += [
        _cut(f"retrying {each.activity}, attempt {each.attempt}: {each.failure}", "yellow")
        for each in seen.retries
    ]
    if seen.release and seen.release.outcome:
        parts += [Text(""), outcome_view(seen.release.outcome)]
    return Group(*parts)


def canary_view(status: CanaryStatus) -> RenderableType:
    """One canary: progress, traffic, checks, load, what it waits for, and its last messages."""
    head = Text.assemble((status.canary, "bold"), "  ", _phase(status.phase, status.paused))
    parts: list[RenderableType] = [head]
    if status.stages:
        parts.append(
            Text.assemble("  progress  ", _progress(status), f"  stage {status.stage}/{status.stages}")
        )
    parts.append(Text.assemble("  traffic   ", _weights(status), f"  {split(status)} primary/canary"))
    if status.doing and status.outcome is None:
        parts.append(_line(f"  now       {status.doing}"))
    parts += _checks(status)
    if status.load is not None:
        parts.append(_line(f"  load      {load_line(status.load)}"))
    if status.gate:
        parts.append(_line(f"  gate      {status.gate}", "cyan"))
    if status.waiting_for:
        parts.append(_line(f"  waits for {status.waiting_for}", "cyan"))
    return Group(*parts, *_notes(status.notes))


def outcome_view(outcome: ReleaseOutcome) -> RenderableType:
    """How a release ended, canary by canary, with the time that each kind of stage took."""
    parts: list[RenderableType] = [Text(outcome_line(outcome), style=outcome_style(outcome.outcome))]
    alone = len(outcome.canaries) == 1
    for canary in outcome.canaries:
        parts += [] if alone else [_line(_canary_line(canary, outcome.reason))]
        parts += _canary_costs(canary)
    if outcome.objects:
        parts.append(_line(f"  synced {_counted(each.action for each in outcome.objects)}"))
    parts += [_line(f"  warning: {warning}", "yellow") for warning in outcome.warnings]
    return Group(*parts)


def plan_view(canary: str, plan: Plan, now: datetime) -> RenderableType:
    """A plan's stages, numbered, as a gate of freezes stands `now`, and when it can end at the earliest."""
    width = len(str(len(plan.stages)))
    stages = (
        _line(f"  {number:>{width}}  {_planned(stage, now)}")
        for number, stage in enumerate(plan.stages, start=1)
    )
    return Group(
        Text.assemble((canary, "bold"), f"  {plan.purpose}, {len(plan.stages)} stages"),
        *stages,
        *([_line(f"  {terms_line(plan.terms)}")] if plan.terms else []),
        _line(
            f"  earliest end after {elapsed(plan.earliest_end_seconds)}, readiness on top;"
            f" {plan.threshold} failed check{'' if plan.threshold == 1 else 's'} roll it back"
        ),
    )


def _planned(stage: Stage, now: datetime) -> str:
    """A stage, and how it stands now where that hangs on the time."""
    told = describe(stage)
    return f"{told}; {standing(stage.rules, now)}" if isinstance(stage, Freeze) else told


def _header(seen: Observation, now: datetime | None) -> Text:
    took = elapsed(seen.seconds(now))
    if seen.release is None:
        state = f"ended: {seen.closed_as}" if seen.closed_as else NO_WORKER
        return Text.assemble((seen.workflow_id, "bold"), "  ", (state, "yellow"), f"  {took}")
    release = seen.release
    return Text.assemble(
        (release.application, "bold"),
        f" {short(release.sha or release.revision)} to {release.cluster}/{release.namespace}  ",
        _phase(release.phase, release.paused),
        f"  {took}",
    )


def _release_lines(release: ReleaseStatus) -> list[RenderableType]:
    lines = [_line(f"  warning: {each}", "yellow") for each in release.warnings]
    lines += [_line(f"  queued behind it: {short(each)}") for each in release.queued]
    if release.waiting_for:
        lines.insert(0, _line(f"  waits for {release.waiting_for}", "cyan"))
    return list(lines)


def _phase(phase: Phase, paused: bool) -> Text:
    if paused and phase is not Phase.PAUSED:
        return Text(f"{phase}, paused", style="yellow")
    return Text(phase, style=_PHASE_STYLES.get(phase, "blue"))


def _progress(status: CanaryStatus) -> Text:
    done = round(BAR_WIDTH * status.stage / status.stages)
    return Text.assemble(("━" * done, "blue"), ("─" * (BAR_WIDTH - done), "dim"))


def _weights(status: CanaryStatus) -> Text:
    canary, baseline = _cells(status.weight), _cells(status.baseline)
    return Text.assemble(
        ("█" * (BAR_WIDTH - canary - baseline), "blue"), ("▒" * canary, "magenta"), ("░" * baseline, "cyan")
    )


def _cells(weight: float) -> int:
    return max(round(BAR_WIDTH * weight / 100), 1) if weight else 0


def _checks(status: CanaryStatus) -> Iterator[RenderableType]:
    if status.verdicts:
        table = Table.grid(padding=(0, 1))
        for verdict in status.verdicts:
            table.add_row(" ", *_check(verdict))
        yield table
    if status.threshold:
        yield _line(f"  {failed_checks(status)}", "red" if status.failed_checks else "")


def _check(verdict: Verdict) -> tuple[Text, Text, Text, Text]:
    style = RESULT_STYLES[verdict.result]
    return (
        Text(MARKS[verdict.result], style=style),
        Text(verdict.check),
        Text(value_of(verdict), style=style),
        Text(verdict.reason, style="dim"),
    )


def _notes(notes: tuple[Note, ...]) -> Iterator[Text]:
    for note in notes[-SHOWN_NOTES:]:
        time = f"  {note.at.astimezone():%H:%M:%S}"
        if note.warning:
            yield _line(f"{time} warning: {note.text}", "yellow")
        else:
            yield _cut(f"{time} {note.text}", "dim")


def _canary_line(canary: CanaryOutcome, told: str) -> str:
    """How one of several ended; its reason, where that of the release does not tell it."""
    took = f" in {elapsed(canary.seconds)}" if canary.seconds else ""
    more = left_to_say(canary, told)
    return f"  {canary.canary}: {canary.outcome}{took}{f'; {more}' if more else ''}"


def _canary_costs(canary: CanaryOutcome) -> Iterator[Text]:
    if took_in := costs(canary.stages):
        yield _line(f"  {canary.canary} took {took_in}", "dim")


def costs(stages: Sequence[StageTiming]) -> str:
    """Where the time went, the longest first: "30.6s in 10 bakes, 1.2s in scale up target"."""
    seconds: dict[str, float] = {}
    count: Counter[str] = Counter()
    for each in stages:
        kind = each.stage.split()[0]
        kind = kind if kind in ("Bake", "Route", "Drain") else each.stage
        seconds[kind] = seconds.get(kind, 0.0) + each.seconds
        count[kind] += 1
    slowest = sorted(seconds, key=lambda kind: -seconds[kind])
    told = [kind for kind in slowest if seconds[kind] >= SHORTEST_TOLD]
    return ", ".join(f"{seconds[kind]:.1f}s in {_plural(kind.lower(), count[kind])}" for kind in told)


def _plural(name: str, count: int) -> str:
    return name if count == 1 else f"{count} {name}s"


def _counted(actions: Iterable[str]) -> str:
    """3 configured, 2 unchanged."""
    names = list(actions)
    return ", ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names))


def _cut(text: str, style: str) -> Text:
    """One line, whatever the width: messages must not make the view jump."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style)


__all__ = ["canary_view", "costs", "outcome_view", "plan_view", "release_view"]
