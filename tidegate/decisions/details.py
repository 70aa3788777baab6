"""What the Temporal UI shows of a running release: its status as markdown."""

from tidegate.contracts import CanaryStatus, Note, ReleaseStatus
from tidegate.decisions.narration import load_line
from tidegate.domain.alert_provider import Fact
from tidegate.domain.percent import rest
from tidegate.domain.verdict import Verdict

HOW_TO = "Signals, each without arguments: `pause`, `resume`, `promote`, `approve`, `abort`."
_SHOWN_NOTES = 12


def canary_details(status: CanaryStatus) -> str:
    """A canary's current details: phase, weight, stage, verdicts, failed checks, and what it waits for."""
    lines = [
        f"**{status.phase}** {status.canary} at `{status.revision[:12]}` on {status.cluster}",
        f"{_whose(status)}: primary {rest(status.weight + status.baseline)} %, canary {status.weight} %"
        + (f", baseline {status.baseline} %" if status.baseline else ""),
        f"stage {status.stage} of {status.stages}: {status.doing}" if status.stages else status.doing,
    ]
    if status.threshold:
        lines.append(f"failed checks: {status.failed_checks} of {status.threshold}")
    lines += [_verdict(verdict) for verdict in status.verdicts]
    if status.load is not None:
        lines.append(f"load: {load_line(status.load)}")
    return _with_notes(lines, status.waiting_for, status.notes, closed=status.outcome is not None)


def _whose(status: CanaryStatus) -> str:
    return "matching requests" if status.matched else "traffic"


def facts_of(status: CanaryStatus) -> tuple[Fact, ...]:
    """What an alert tells of a canary: where it is, its revision and weight, and the numbers that failed."""
    facts = [
        ("Cluster", status.cluster),
        ("Revision", status.revision[:12]),
        ("Weight", f"{status.weight} %{f' of {_whose(status)}' if status.matched else ''}"),
    ]
    if status.failed_checks:
        facts.append(("Failed checks", f"{status.failed_checks} of {status.threshold}"))
    facts += [(verdict.check, verdict.reason) for verdict in status.verdicts if verdict.halts]
    return tuple(Fact(name=name, value=value) for name, value in facts)


def release_details(status: ReleaseStatus) -> str:
    """A release's current details; each canary's own page has its steps."""
    lines = [
        f"**{status.phase}** {status.application} at `{(status.sha or status.revision)[:12]}`"
        f" to {status.cluster}/{status.namespace}",
        *(f"canary: `{child}`" for child in status.canaries),
        *(f"queued: `{revision[:12]}`" for revision in status.queued),
        *(f"warning: {warning}" for warning in status.warnings),
    ]
    if status.outcome is not None:
        lines.append(f"{status.outcome.outcome}: {status.outcome.reason}")
    return _with_notes(lines, status.waiting_for, (), closed=status.outcome is not None)


def _verdict(verdict: Verdict) -> str:
    return f"{'✔' if verdict.passed else '✘'} {verdict.check}: {verdict.reason}"


def _with_notes(lines: list[str], waiting_for: str, notes: tuple[Note, ...], *, closed: bool) -> str:
    """Two trailing spaces are markdown's line break."""
    if waiting_for:
        lines.append(f"waits for: {waiting_for}")
    text = "  \n".join(line for line in lines if line)
    if not closed:
        text += f"\n\n{HOW_TO}"
    if notes:
        text += "\n\n" + "\n".join(f"- {note.at:%H:%M:%S} {note.text}" for note in notes[-_SHOWN_NOTES:])
    return text
