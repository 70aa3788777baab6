"""How the stages of a plan differ for those who walk it: what is skipped, and where it may be held up."""

from collections.abc import Iterable

from tidegate.domain.hook import HookType
from tidegate.domain.plan import (
    Approval,
    Bake,
    Freeze,
    Gate,
    Hold,
    Hooks,
    Meet,
    Prepare,
    Promote,
    Route,
    Routing,
    ScaleDown,
    ScaleUp,
    Stage,
)


def is_analysis(stage: Stage) -> bool:
    """Whether a promotion by hand skips this stage."""
    if isinstance(stage, Gate | Hooks):
        return stage.type not in (HookType.CONFIRM_ROLLOUT, HookType.POST_ROLLOUT)
    if isinstance(stage, Route):
        return stage.routing != Routing() and not stage.receding
    return isinstance(stage, Bake)


def is_gate(stage: Stage) -> bool:
    """Whether it waits for somebody's consent, or for a time when it is not needed."""
    return isinstance(stage, Gate | Approval | Freeze)


def is_receding(stage: Stage) -> bool:
    """Whether it only spreads the last of the promotion over time."""
    return isinstance(stage, Hold) or (isinstance(stage, Route) and stage.receding)


def comes_after(stage: Stage) -> bool:
    """Whether all is decided by the time of this stage."""
    return isinstance(stage, Hooks) and stage.type is HookType.POST_ROLLOUT


def is_final(stage: Stage) -> bool:
    """Whether an abort comes too late: with its first write the promotion is final, or it was so before."""
    return isinstance(stage, ScaleDown) or comes_after(stage)


def may_pause_before(stage: Stage) -> bool:
    """From the promotion on, stopping half-way would only prolong the one moment nobody wants to prolong."""
    standing = Prepare | ScaleUp | Bake | Gate | Approval | Freeze | Meet | Promote
    return isinstance(stage, standing) or is_analysis(stage)


def standing_bake(stages: Iterable[Stage], routing: Routing | None) -> Bake | None:
    """The last bake of a routing that gives the canary anything; None where nobody meets the canary."""
    if routing is None or routing == Routing():
        return None
    given, found = Routing(), None
    for stage in stages:
        if isinstance(stage, Route):
            given = stage.routing
        elif isinstance(stage, Bake) and given == routing:
            found = stage
    return found
