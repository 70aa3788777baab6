"""The plan: the ordered stages a canary goes through, fixed before anything moves."""

from enum import StrEnum
from math import ceil
from typing import Annotated, Literal

from pydantic import Field

from tidegate.domain.alert_provider import Severity
from tidegate.domain.base import Model
from tidegate.domain.duration import format_duration
from tidegate.domain.freeze_rule import FreezeRule
from tidegate.domain.hook import HookType
from tidegate.domain.percent import Percent


class Prepare(Model):
    """The primary, its autoscaler, the services and the destination rules exist and are current."""

    kind: Literal["prepare"] = "prepare"


class ScaleUp(Model):
    """The target runs the new version, and all its pods are ready; so are those of a baseline, if wanted."""

    kind: Literal["scale-up"] = "scale-up"
    baseline: bool = False


class Routing(Model):
    """What the routes give the canary, in percent: requests of its own, and copies of the primary's.

    `baseline` is what a baseline gets, which is compared with the canary.
    """

    canary: Percent = 0
    mirror: int = Field(default=0, ge=0, le=100)
    baseline: Percent = 0

    @property
    def shares(self) -> tuple[float, float]:
        """The canary's and the baseline's."""
        return self.canary, self.baseline


class Route(Model):
    """Traffic is split; the weights sum to 100. A baseline has the canary's weight, or nothing.

    `mirror` percent of the requests are copied to the canary. With `matched`, the split is that of the
    requests which the canary's rules match; all others are the primary's. `at_once`: blue/green's one move.
    `receding`: after the promotion, on the way to 100/0.
    """

    kind: Literal["route"] = "route"
    primary: Percent
    canary: Percent
    baseline: Percent = 0
    mirror: int = Field(default=0, ge=0, le=100)
    matched: bool = False
    at_once: bool = False
    receding: bool = False

    @property
    def routing(self) -> Routing:
        """What canary and baseline get."""
        return Routing(canary=self.canary, mirror=self.mirror, baseline=self.baseline)


class Bake(Model):
    """A routing stands for `seconds` under load, then every check is asked.

    `hook_seconds` is what the hooks, called in turn, may take at the longest; the bake waits for them.
    `iteration` counts the bakes of a routing that stands for several; 0 where each weight has one.
    `narrowed`: these checks alone are asked, by name, and not all of the canary's.
    """

    kind: Literal["bake"] = "bake"
    seconds: float = Field(gt=0)
    weight: Percent
    iteration: int = 0
    iterations: int = 0
    checks: tuple[str, ...] = ()
    narrowed: bool = False
    hooks: tuple[str, ...] = ()
    hook_seconds: float = Field(default=0.0, ge=0)


class Hold(Model):
    """After the promotion: a routing stands for `seconds`, and the traffic goes over step by step."""

    kind: Literal["hold"] = "hold"
    seconds: float = Field(gt=0)
    weight: Percent


class Gate(Model):
    """Somebody's consent: the hooks of a type are asked every `seconds`, until all of them agree.

    With `bake`, the analysis goes on meanwhile: a bake lies between two questions. `hook_seconds` is what one
    question may take at the longest.
    """

    kind: Literal["gate"] = "gate"
    type: HookType
    hooks: tuple[str, ...]
    seconds: float = Field(gt=0)
    hook_seconds: float = Field(default=0.0, ge=0)
    bake: Bake | None = None


class Approval(Model):
    """The consent of `quorum` different persons, out of those that are named, before what is said.

    With `bake`, the analysis goes on meanwhile; without it the plan just waits.
    """

    kind: Literal["approval"] = "approval"
    before: str
    quorum: int = Field(ge=1)
    approvers: tuple[str, ...]
    bake: Bake | None = None


class Freeze(Model):
    """No release begins while one of these holds; it waits here for the end."""

    kind: Literal["freeze"] = "freeze"
    rules: tuple[FreezeRule, ...]


class Hooks(Model):
    """The hooks of a type are called in turn; before the analysis, every `seconds` until they succeed."""

    kind: Literal["hooks"] = "hooks"
    type: HookType
    hooks: tuple[str, ...]
    seconds: float = Field(gt=0)
    hook_seconds: float = Field(default=0.0, ge=0)


class Meet(Model):
    """The other canaries of the release have come as far as this one; with `bake`, it is judged meanwhile.

    That is: they have passed; or, `promoted`, their primaries run the new version and none is final yet.
    """

    kind: Literal["meet"] = "meet"
    others: tuple[str, ...]
    promoted: bool = False
    bake: Bake | None = None


class Promote(Model):
    """The primary takes over the target's template, and all its pods are ready."""

    kind: Literal["promote"] = "promote"


class Drain(Model):
    """Requests still on their way to the target come to their end."""

    kind: Literal["drain"] = "drain"
    seconds: float = Field(ge=0)


class ScaleDown(Model):
    """The target has no replicas."""

    kind: Literal["scale-down"] = "scale-down"


Stage = Annotated[
    Prepare
    | ScaleUp
    | Route
    | Bake
    | Gate
    | Approval
    | Freeze
    | Hooks
    | Meet
    | Promote
    | Hold
    | Drain
    | ScaleDown,
    Field(discriminator="kind"),
]


class Alerts(Model):
    """The chats that are told of a release: nothing less than `severity` is for any of them.

    `alarm`: they are told of a traffic that does not come back, too; a plan of an older worker knows of none.
    """

    names: tuple[str, ...]
    severity: Severity
    alarm: bool = False


class Published(Model):
    """What the status of a canary's own object tells of its revisions, where its cluster has the kind.

    `revision` is the hash of the target's template and configuration, `promoted` that of what the primary
    runs (empty: nobody knows); `configuration` has the digests of what is tracked, by "ConfigMap name".
    """

    revision: str
    promoted: str = ""
    configuration: dict[str, str] = {}


class Terms(Model):
    """What a ReleasePolicy asks of the checks of every bake; `no_data` is "" where the Canary decides.

    `compared` are compared with the version `against`, once the analysis has lasted `comparable_seconds`.
    """

    policy: str
    minimum_requests: int = 0
    no_data: str = ""
    dry_runs: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    comparable_seconds: float = 0.0
    against: str = "primary"


_SHOWN_NAMES = 8


class Purpose(StrEnum):
    """Why a plan is walked."""

    INITIALISATION = "initialisation"
    RELEASE = "release"
    UPKEEP = "upkeep"


class Plan(Model):
    """What will happen to one canary, in order.

    `UPKEEP` is the plan of an unchanged template: the objects around it are brought up to date. The hooks in
    `rollback` are asked in every bake, those in `events` are told every note. `published`: the Canary is an
    object of its cluster, and shows where the release stands. `parting_seconds` is what its end may wait for
    all who listen, together; 0, as in the plans of older workers: for one after the other. `synced` names the
    target's pod template as the sync left it, by workload cluster; empty in the plans of older workers.
    """

    purpose: Purpose
    stages: tuple[Stage, ...]
    rollback: Hooks | None = None
    events: Hooks | None = None
    alerts: Alerts | None = None
    published: Published | None = None
    terms: Terms | None = None
    parting_seconds: float = Field(default=0.0, ge=0)
    synced: dict[str, str] = {}
    threshold: int = 1
    progress_deadline_seconds: int = 600

    @property
    def scales_up(self) -> bool:
        """Whether the target gets pods in it."""
        return any(isinstance(stage, ScaleUp) for stage in self.stages)

    @property
    def earliest_end_seconds(self) -> float:
        """The sum of all times that the plan itself waits; readiness comes on top."""
        waits = sum(stage.seconds for stage in self.stages if isinstance(stage, Bake | Hold | Drain))
        return waits + self._repeated_seconds

    @property
    def _repeated_seconds(self) -> float:
        """How long the first compared bake is repeated until there are samples enough."""
        compared = set(self.terms.compared) if self.terms else set()
        bakes = (each for each in self.stages if isinstance(each, Bake) and compared & set(each.checks))
        first = next(bakes, None)
        if first is None or self.terms is None:
            return 0.0
        return max(0, ceil(self.terms.comparable_seconds / first.seconds) - 1) * first.seconds


def place_of(bake: Bake) -> str:
    """Where a bake stands among the others: at which weight, or in which iteration."""
    if bake.iterations:
        return f"iteration {bake.iteration}/{bake.iterations}"
    return f"at {bake.weight}%"


def gate_name(gate: Gate | Approval | Freeze, number: int) -> str:
    """A gate's name, which no other of its plan has; `number` is the stage's, from 1."""
    if isinstance(gate, Freeze):
        return f"{_freeze(gate)} (stage {number})"
    if isinstance(gate, Approval):
        return f"{_approval(gate)} (stage {number})"
    return f"{gate.type}: {', '.join(gate.hooks)} (stage {number})"


def _freeze(gate: Freeze) -> str:
    return f"freeze: {', '.join(rule.reason for rule in gate.rules)}"


def _approval(gate: Approval) -> str:
    """ "approval before promotion: 2 of ann, bob, eve"; of many, the first ones."""
    others = len(gate.approvers) - _SHOWN_NAMES
    more = (f"{others} more",) if others > 0 else ()
    names = ", ".join((*gate.approvers[:_SHOWN_NAMES], *more))
    return f"approval before {gate.before}: {gate.quorum} of {names}"


def _route(stage: Route) -> str:
    whose = "Route matching requests" if stage.matched else "Route"
    mirror = f", mirror {stage.mirror}%" if stage.mirror else ""
    beside = f", baseline {stage.baseline}%" if stage.baseline else ""
    return f"{whose} {stage.primary}/{stage.canary}{beside}{mirror}"


def _with_baseline(stage: Stage) -> bool:
    return isinstance(stage, ScaleUp) and stage.baseline


def describe(stage: Stage) -> str:
    """A stage in a few words, as plans, summaries and reports print it."""
    match stage:
        case Route():
            return _route(stage)
        case Bake():
            checks = f"{len(stage.checks)} check{'' if len(stage.checks) == 1 else 's'}"
            place = place_of(stage)
            return f"Bake {format_duration(stage.seconds)} {place}, {checks}{', load' if stage.hooks else ''}"
        case Hold():
            return f"Hold {format_duration(stage.seconds)} at {stage.weight}%"
        case Gate():
            return f"Gate {stage.type}: {', '.join(stage.hooks)}"
        case Approval():
            return f"Gate {_approval(stage)}"
        case Freeze():
            return f"Gate {_freeze(stage)}"
        case Hooks():
            return f"Hooks {stage.type}: {', '.join(stage.hooks)}"
        case Meet():
            return f"Meet {', '.join(stage.others)}{' after the promotion' if stage.promoted else ''}"
        case Drain():
            return f"Drain {format_duration(stage.seconds)}"
        case _:
            return {
                "prepare": "Prepare primary and routes",
                "scale-up": "Scale up target" + (" and baseline" if _with_baseline(stage) else ""),
                "promote": "Promote to primary",
                "scale-down": "Scale down target",
            }[stage.kind]
