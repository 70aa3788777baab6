"""The plan: the ordered stages a canary goes through, fixed before anything moves."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from tidegate.domain.base import Model


class Prepare(Model):
    """The primary, its autoscaler, the services and the destination rules exist and are current."""

    kind: Literal["prepare"] = "prepare"


class ScaleUp(Model):
    """The target runs the new version, and all its pods are ready."""

    kind: Literal["scale-up"] = "scale-up"


class Route(Model):
    """Traffic is split; the two weights sum to 100."""

    kind: Literal["route"] = "route"
    primary: int = Field(ge=0, le=100)
    canary: int = Field(ge=0, le=100)


class Bake(Model):
    """A routing stands for `seconds` under load, then every check is asked.

    `hook_seconds` is what the hooks, called in turn, may take at the longest; the bake waits for them.
    """

    kind: Literal["bake"] = "bake"
    seconds: float = Field(gt=0)
    weight: int
    checks: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    hook_seconds: float = Field(default=0.0, ge=0)


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
    Prepare | ScaleUp | Route | Bake | Promote | Drain | ScaleDown,
    Field(discriminator="kind"),
]


class Purpose(StrEnum):
    """Why a plan is walked."""

    INITIALISATION = "initialisation"
    RELEASE = "release"
    UPKEEP = "upkeep"


class Plan(Model):
    """What will happen to one canary, in order.

    `UPKEEP` is the plan of an unchanged template: the objects around it are brought up to date.
    """

    purpose: Purpose
    stages: tuple[Stage, ...]
    threshold: int = 1
    progress_deadline_seconds: int = 600

    @property
    def earliest_end_seconds(self) -> float:
        """The sum of all times that the plan itself waits; readiness comes on top."""
        return sum(stage.seconds for stage in self.stages if isinstance(stage, Bake | Drain))


def describe(stage: Stage) -> str:
    """A stage in a few words, as plans, summaries and reports print it."""
    match stage:
        case Route():
            return f"Route {stage.primary}/{stage.canary}"
        case Bake():
            checks = f"{len(stage.checks)} check{'' if len(stage.checks) == 1 else 's'}"
            return f"Bake {stage.seconds:g}s at {stage.weight}%, {checks}{', load' if stage.hooks else ''}"
        case Drain():
            return f"Drain {stage.seconds:g}s"
        case _:
            return {
                "prepare": "Prepare primary and routes",
                "scale-up": "Scale up target",
                "promote": "Promote to primary",
                "scale-down": "Scale down target",
            }[stage.kind]
