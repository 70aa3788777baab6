"""The Canary workflow: what it is asked for, what it answers, and what one run of it tells the next."""

from datetime import datetime

from tidegate.contracts.coordination import Directive, Report
from tidegate.contracts.fence import Fence
from tidegate.contracts.hooks import ClosedGate, Event
from tidegate.contracts.outcomes import CanaryOutcome, Note, StageTiming
from tidegate.contracts.references import CanaryRef, Limits
from tidegate.domain.base import Model
from tidegate.domain.percent import Percent
from tidegate.domain.plan import Plan, Routing
from tidegate.domain.release import Phase
from tidegate.domain.verdict import LoadReport, Verdict


class ConsentStatus(Model):
    """Who has approved, and who may: `quorum` of the `approvers` open the gate."""

    quorum: int
    approvers: tuple[str, ...]
    approvals: tuple[str, ...] = ()


class CanaryStatus(Model):
    """Answer of a Canary's status query. `weight` is the canary's share of the traffic in percent."""

    canary: str
    cluster: str
    revision: str
    phase: Phase
    weight: Percent = 0
    baseline: Percent = 0
    """The share of a baseline that the canary is compared with."""
    matched: bool = False
    """Whether the weight is one of matching requests alone."""
    stage: int = 0
    stages: int = 0
    doing: str = ""
    waiting_for: str = ""
    gate: str = ""
    """The gate that waits, by a name that no other of the release has; the signal approve names it."""
    consent: ConsentStatus | None = None
    """How far the approvals of the gate that waits have come, where it takes named persons'."""
    paused: bool = False
    verdicts: tuple[Verdict, ...] = ()
    load: LoadReport | None = None
    failed_checks: int = 0
    threshold: int = 0
    iterations: int = 0
    """Bakes begun of a routing that stands for several."""
    notes: tuple[Note, ...] = ()
    outcome: CanaryOutcome | None = None


class CanaryProgress(Model):
    """All that a canary's run knows when it hands over to the next, before its promotion.

    `stage` is the index of the stage to go on with. `fence` is the last command's token: the next run counts
    on from it. `started` is when the first run began, `stage_started` when the open stage was entered.
    """

    plan: Plan
    target: str
    reason: str
    """Why the plan is walked."""
    stage: int
    remaining_seconds: float | None = None
    """What is left of the bake under way; None when none is."""
    analysed_since: datetime | None = None
    """When the first bake with checks began; None before it."""
    passing: str = ""
    """Where the last bake passed, as its note says; empty once one did not."""
    routing: Routing | None = None
    routed: Fence | None = None
    """The token of the command that gave the canary this."""
    fence: Fence
    paused: bool = False
    promoted: bool = False
    approved: bool = False
    """Whether the gate that waits is open by approval."""
    approvals: tuple[str, ...] = ()
    """Who has approved of it; runs of earlier versions did not say."""
    closed: ClosedGate | None = None
    """The hook that holds the canary up; None when none does."""
    refused_by: str = ""
    """The hook of the gate under way whose refusal is noted already."""
    untold: tuple[Event, ...] = ()
    """What the event hooks were not told yet."""
    unshown: tuple[Event, ...] = ()
    """What the cluster's Events do not tell yet."""
    directive: Directive = Directive()
    """What the release told of the other canaries last."""
    reported: Report | None = None
    """What the release was told last; None when there are no others."""
    skipped_from: Percent | None = None
    """The weight at which a person ended the analysis."""
    status: CanaryStatus
    timings: tuple[StageTiming, ...] = ()
    started: datetime
    stage_started: datetime | None = None


class CanaryRequest(Model):
    """Release one canary."""

    ref: CanaryRef
    limits: Limits = Limits()
    revision: str
    progress: CanaryProgress | None = None
    """Where the run before this one stood when it handed over by continuing as new."""
    others: tuple[str, ...] = ()
    """The canaries that it is promoted together with; none when it is promoted by itself."""
    changed: tuple[str, ...] = ()
    """Fields of its routes that were brought to Git before it."""
    override_freeze: str = ""
    """Why it begins even in a freeze; empty: it waits for the end."""
    epoch: int = 0
    """Of its fences: later than those of all runs before it. 0: the start of its own run."""
