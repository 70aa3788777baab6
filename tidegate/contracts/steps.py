"""What activities are told, and what they report."""

from datetime import datetime

from tidegate.contracts.fence import Fence
from tidegate.contracts.outcomes import Note, ObjectOutcome
from tidegate.contracts.publication import PublishCommand
from tidegate.contracts.references import ApplicationRef, CanaryRef, Limits
from tidegate.contracts.release import ReleaseRequest
from tidegate.domain.base import Model
from tidegate.domain.freeze_rule import FreezeRule
from tidegate.domain.percent import Percent
from tidegate.domain.plan import Plan, Routing
from tidegate.domain.release import Phase
from tidegate.domain.verdict import LoadReport, Verdict


class ResolveCommand(Model):
    """git.resolve: what does this revision name now?"""

    request: ReleaseRequest


class Resolved(Model):
    """A revision, fixed. `ref` says what it was: "branch latest", "tag v1.2.0", "commit"."""

    owner: ApplicationRef
    ref: str
    limits: Limits = Limits()


class Survey(Model):
    """What an application's manifests hold; they were rendered and validated, nothing was changed."""

    canaries: tuple[CanaryRef, ...] = ()
    objects: int = 0
    warnings: tuple[str, ...] = ()
    epoch: int = 0
    """The latest epoch of a fence that any of the live objects obeyed; 0 where none has one."""
    together: bool = False
    """Whether there are several canaries, which may be coordinated; in no history older than coordination."""


class FindCommand(Model):
    """recovery.find, find_traffic: what is there of this application's last release?

    `by_marks_alone`: Git is not asked, and what bears no marks not seen.
    """

    request: ReleaseRequest
    by_marks_alone: bool = False


class Remains(Model):
    """One canary as it was found. `faults` say what is not as between two releases; none: all is well.

    `stands`: its unfinished promotion is one of several that go together, and another of them is final.
    """

    ref: CanaryRef
    faults: tuple[str, ...] = ()
    stands: bool = False


class Findings(Model):
    """All canaries of an application that are known to its clusters; `epoch` as in a Survey."""

    canaries: tuple[Remains, ...] = ()
    epoch: int = 0
    limits: Limits = Limits()
    warnings: tuple[str, ...] = ()
    """What could not be looked at."""


class SyncCommand(Model):
    """sync.apply, sync.await_health."""

    owner: ApplicationRef
    fence: Fence


class SyncReport(Model):
    """What the sync did, in its order."""

    objects: tuple[ObjectOutcome, ...] = ()


class PlanResult(Model):
    """A canary's plan against the cluster as it is. `target` is the Deployment's name.

    `freezes` are those of all canaries of its application.
    """

    plan: Plan
    target: str
    reason: str
    warnings: tuple[str, ...] = ()
    freezes: tuple[FreezeRule, ...] = ()


class FreezeCommand(Model):
    """freezes.look: whether this moment lies in one of these freezes."""

    rules: tuple[FreezeRule, ...]
    at: datetime


class Frozen(Model):
    """A freeze that holds, and its end in UTC."""

    until: datetime
    reason: str


class FreezeReport(Model):
    """None where no freeze is."""

    frozen: Frozen | None = None


class CanaryCommand(Model):
    """A mutating step of a canary: workload.prepare, scale_up, promote, restore, scale_down."""

    ref: CanaryRef
    fence: Fence
    deadline_seconds: float = 600.0
    turning_back: bool = False
    """scale_down: whether the release did not stand, so that a promotion not undone yet stays undoable."""
    synced: dict[str, str] = {}
    """scale_up: the hash of the target's template as the sync left it, by the cluster of the reference."""
    copy_epoch: int = 0
    """restore: the epoch of the release that is undone: its copy of the primary may be put back, no other."""
    stands: bool = False
    """restore: all canaries of the release were promoted, so that this promotion is kept, and is final."""
    at: datetime | None = None
    """scale_down on the way back, uninstall_remove: the moment shown to kubectl; None in older histories."""


class StepReport(Model):
    """What a mutating step did, in lines that a person reads; `warnings` say what it had to put right."""

    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    promoted_by: int = 0
    """restore: the epoch of the release that promoted what the primary runs; 0 when it does not say."""
    changed: tuple[str, ...] = ()
    """Fields around the canary that were brought to Git: "Service shop.test: port 9898 -> 9899"."""
    nothing: bool = False
    """uninstall_raise: no release has left anything of the canary."""

    def and_then(self, later: "StepReport") -> "StepReport":
        """With what a later part of the same step did."""
        lines = {"notes": self.notes + later.notes, "warnings": self.warnings + later.warnings}
        lines |= {"changed": self.changed + later.changed}
        return self.model_copy(update=lines)

    def told(self, at: datetime) -> list[Note]:
        """Its lines as notes of that moment, warnings last."""
        notes = [Note(at=at, text=text) for text in (*self.notes, *self.changed)]
        return notes + [Note(at=at, text=text, warning=True) for text in self.warnings]


class RouteCommand(Model):
    """traffic.route: what the canary gets; `expected` is what it was given before, with the token `after`.

    `turning_back`: the live routes are put to 100/0 as they are, for which no manifest is needed.
    `receding`: the canary was promoted, and nobody judges its target any more.
    """

    ref: CanaryRef
    fence: Fence
    routing: Routing = Routing()
    expected: Routing | None = None
    after: Fence | None = None
    turning_back: bool = False
    receding: bool = False

    @property
    def takes_traffic(self) -> bool:
        """Whether the canary gets requests, or copies of them."""
        return self.routing != Routing()

    @property
    def is_first(self) -> bool:
        """Whether it puts all on the primary, as the manifests say, and no weight was given before."""
        return not (self.takes_traffic or self.turning_back or self.expected)


class BakeCommand(Model):
    """load_test.run: put the canary under load for `seconds`, run its rollout hooks, and show the news."""

    ref: CanaryRef
    seconds: float
    phase: Phase = Phase.PROGRESSING
    news: PublishCommand | None = None


class BakeReport(Model):
    """What the load test and the hooks came to; a hook that failed is a failed check.

    `shown`: whether the news were taken before the bake's end.
    """

    load: LoadReport | None = None
    verdicts: tuple[Verdict, ...] = ()
    shown: bool = True


class JudgeCommand(Model):
    """metrics.judge: ask every check of the canary once, or those of these names alone.

    `observed_seconds`: for how long the canary has been analysed, which is how far back comparisons look.
    `weight`: the canary's share of all requests; None where no weight says it (mirrored or matching ones).
    `bake_seconds`: how long the bake stood that is judged.
    """

    ref: CanaryRef
    checks: tuple[str, ...] | None = None
    observed_seconds: float = 0.0
    weight: Percent | None = None
    bake_seconds: float = 0.0


class Judgement(Model):
    """A verdict for every check, in the manifest's order; `warnings` say what could not be looked at."""

    verdicts: tuple[Verdict, ...] = ()
    warnings: tuple[str, ...] = ()
