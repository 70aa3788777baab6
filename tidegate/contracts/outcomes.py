"""How releases and canaries end: what the workflows return."""

from datetime import datetime

from tidegate.domain.base import Model
from tidegate.domain.release import Outcome
from tidegate.domain.verdict import LoadReport, Verdict


class Note(Model):
    """One line of what a release did."""

    at: datetime
    text: str
    warning: bool = False


class ObjectOutcome(Model):
    """What the sync did to one object: created, configured, unchanged or read (not applied)."""

    object: str
    cluster: str
    action: str


class StageTiming(Model):
    """What one stage cost, in seconds."""

    stage: str
    seconds: float


class CanaryOutcome(Model):
    """How one canary ended."""

    canary: str
    outcome: Outcome
    reason: str
    verdicts: tuple[Verdict, ...] = ()
    load: LoadReport | None = None
    failed_checks: int = 0
    seconds: float = 0.0
    stages: tuple[StageTiming, ...] = ()
    notes: tuple[Note, ...] = ()


class ReleaseOutcome(Model):
    """How a release ended: the result of the Release workflow."""

    application: str
    outcome: Outcome
    reason: str
    revision: str
    sha: str = ""
    canaries: tuple[CanaryOutcome, ...] = ()
    objects: tuple[ObjectOutcome, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
