"""Small phrases that views and lines share: revisions, times, weights, verdicts."""

import re

from tidegate.contracts import CanaryStatus, ReleaseOutcome
from tidegate.decisions.narration import load_line
from tidegate.domain.comparison import HEAVIEST
from tidegate.domain.duration import format_duration
from tidegate.domain.percent import rest
from tidegate.domain.plan import Terms
from tidegate.domain.release import Outcome
from tidegate.domain.verdict import Result, Verdict

_SHA = re.compile(r"[0-9a-f]{40}")

MARKS = {Result.PASSED: "✓", Result.FAILED: "✗", Result.INCONCLUSIVE: "?"}
RESULT_STYLES = {Result.PASSED: "green", Result.FAILED: "red", Result.INCONCLUSIVE: "yellow"}

_BASELINE = f"as much traffic as the canary, up to {HEAVIEST}%; above, it gets none and nothing is compared"
NO_WORKER = "no worker answers"


def short(revision: str) -> str:
    """A full SHA's first digits; any other name whole."""
    return revision[:8] if _SHA.fullmatch(revision) else revision


def elapsed(seconds: float) -> str:
    """8s, 1m05s or 2h03m."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes >= 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def split(status: CanaryStatus) -> str:
    """Primary's and canary's share: 85/15; with a baseline 70/15, baseline 15."""
    beside = f", baseline {status.baseline}" if status.baseline else ""
    return f"{rest(status.weight + status.baseline)}/{status.weight}{beside}"


def value_of(verdict: Verdict) -> str:
    """The check's number with its unit; empty when there is none."""
    if verdict.value is None:
        return ""
    gap = "" if verdict.unit in ("%", "") else " "
    return f"{verdict.value:.6g}{gap}{verdict.unit}"


def verdict_line(verdict: Verdict) -> str:
    """✗ request-success-rate: success rate 98.69% < 99%."""
    return f"{MARKS[verdict.result]} {verdict.check}: {verdict.reason}"


def terms_line(terms: Terms) -> str:
    """By ReleasePolicy careful; 100 requests for a verdict; no data waits; dry run of request-duration."""
    told = [f"by ReleasePolicy {terms.policy}"]
    told += [f"{terms.minimum_requests} requests for a verdict"] if terms.minimum_requests else []
    told += [{"wait": "no data waits", "fail": "no data fails"}[terms.no_data]] if terms.no_data else []
    told += [f"dry run of {', '.join(terms.dry_runs)}"] if terms.dry_runs else []
    if terms.compared:
        after = format_duration(terms.comparable_seconds)
        other = f"a fresh baseline ({_BASELINE})" if terms.against == "baseline" else "the primary"
        names = ", ".join(terms.compared)
        told.append(f"{names} compared with {other}, one check more each, which takes {after} of analysis")
    return "; ".join(told)


def stage_line(status: CanaryStatus) -> str:
    """Stage 9/26: Bake 2s at 15%, 2 checks, load."""
    return f"stage {status.stage}/{status.stages}: {status.doing}" if status.stages else status.doing


def failed_checks(status: CanaryStatus) -> str:
    """Failed checks 1/5."""
    return f"failed checks {status.failed_checks}/{status.threshold}"


def outcome_line(outcome: ReleaseOutcome) -> str:
    """podinfo 3f2a1b9c: promoted in 1m05s; every check passed."""
    revision = short(outcome.sha or outcome.revision)
    took = f" in {elapsed(outcome.seconds)}" if outcome.seconds else ""
    return f"{outcome.application} {revision}: {outcome.outcome}{took}; {outcome.reason}"


def outcome_style(outcome: Outcome) -> str:
    """Green when the new version serves (or nothing was to do), red when not, yellow by somebody's will."""
    return {0: "bold green", 3: "bold yellow"}.get(outcome.exit_code, "bold red")


__all__ = [
    "MARKS",
    "NO_WORKER",
    "RESULT_STYLES",
    "elapsed",
    "failed_checks",
    "load_line",
    "outcome_line",
    "outcome_style",
    "short",
    "split",
    "stage_line",
    "terms_line",
    "value_of",
    "verdict_line",
]
