"""Where a canary's hooks stand among the stages of its plan.

A type without hooks leaves no stage behind. Hooks that are no stages (rollout and rollback within a bake,
events beside all of it) are not here.
"""

from collections.abc import Iterable, Sequence

from tidegate.decisions.hooks import longest_seconds
from tidegate.domain.analysis import Analysis
from tidegate.domain.canary import Canary
from tidegate.domain.hook import HookType
from tidegate.domain.plan import Bake, Gate, Hooks, Promote, Route, ScaleDown, ScaleUp, Stage


def with_hooks(canary: Canary, stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """A release's stages with its gates and hooks: before the scale-up, each rise and the promotion.

    Without a bake there is no analysis to guard: of the gates only confirm-rollout is left.
    """
    analysis = canary.spec.analysis
    analysed = any(isinstance(stage, Bake) for stage in stages)
    found: list[Stage] = []
    for index, stage in enumerate(stages):
        if isinstance(stage, ScaleUp):
            found += [*_gate(analysis, HookType.CONFIRM_ROLLOUT, ()), stage]
            found += _hooks(analysis, HookType.PRE_ROLLOUT) if analysed else ()
        elif isinstance(stage, ScaleDown):
            found += [stage, *_hooks(analysis, HookType.POST_ROLLOUT)]
        else:
            found += [*_gates_before(analysis, stages, index), stage] if analysed else [stage]
    return tuple(found)


def hooks_aside(canary: Canary, kind: HookType) -> Hooks | None:
    """The hooks of a type that are called beside the stages; None without any."""
    return next(iter(_hooks(canary.spec.analysis, kind)), None)


def _gates_before(analysis: Analysis, stages: Sequence[Stage], index: int) -> Iterable[Stage]:
    """Flagger asks for more traffic before each step, and once more when there is none left to give."""
    stage, before = stages[index], stages[:index]
    promoted = any(isinstance(each, Promote) for each in before)
    rises = isinstance(stage, Route) and stage.canary > _weight(before) and not promoted
    if not analysis.iterations and (rises or isinstance(stage, Promote)):
        yield from _gate(analysis, HookType.CONFIRM_TRAFFIC_INCREASE, before)
    if takes_over(analysis, stages, index):
        yield from _gate(analysis, HookType.CONFIRM_PROMOTION, before)


def takes_over(analysis: Analysis, stages: Sequence[Stage], index: int) -> bool:
    """Whether users are moved for good here: a promotion, and blue/green's one switch before it."""
    switches = bool(analysis.iterations) and not analysis.match
    if not switches:
        return isinstance(stages[index], Promote)
    stage = stages[index]
    return isinstance(stage, Route) and stage.canary == 100


def _weight(stages: Sequence[Stage]) -> float:
    return next((stage.canary for stage in reversed(stages) if isinstance(stage, Route)), 0)


def _gate(analysis: Analysis, kind: HookType, before: Sequence[Stage]) -> Iterable[Stage]:
    """While a gate in mid-analysis is closed, the last bake is repeated."""
    for hooks in _hooks(analysis, kind):
        bake = next((stage for stage in reversed(before) if isinstance(stage, Bake)), None)
        yield Gate(**hooks.model_dump(exclude={"kind"}), bake=bake)


def _hooks(analysis: Analysis, kind: HookType) -> Iterable[Hooks]:
    webhooks = analysis.hooks(kind)
    if webhooks:
        yield Hooks(
            type=kind,
            hooks=tuple(hook.name for hook in webhooks),
            seconds=analysis.interval,
            hook_seconds=sum(map(longest_seconds, webhooks)),
        )
