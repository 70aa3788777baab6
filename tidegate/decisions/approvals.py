"""Where the approvals of a ReleasePolicy stand among the stages of a plan."""

from collections.abc import Iterable, Sequence

from tidegate.decisions.gates import takes_over
from tidegate.domain.approval_rule import PROMOTION, ROLLOUT, ApprovalRule
from tidegate.domain.canary import Canary
from tidegate.domain.plan import Approval, Bake, Promote, Route, ScaleUp, Stage


def with_approvals(
    canary: Canary, rules: Sequence[ApprovalRule], stages: Sequence[Stage]
) -> tuple[Stage, ...]:
    """A release's stages with its approvals: each as close as can be before what it is for."""
    found: list[Stage] = []
    for index, stage in enumerate(stages):
        before = stages[:index]
        places = tuple(_places(canary, stages, index))
        found += [*(_approval(rule, before) for rule in rules if rule.before in places), stage]
    return tuple(found)


def _places(canary: Canary, stages: Sequence[Stage], index: int) -> Iterable[str | float]:
    """What begins with this stage, as a rule names it."""
    stage = stages[index]
    if isinstance(stage, ScaleUp):
        yield ROLLOUT
    if takes_over(canary.spec.analysis, stages, index):
        yield PROMOTION
    promoted = any(isinstance(each, Promote) for each in stages[:index])
    if isinstance(stage, Route) and not promoted:
        yield stage.canary


def _approval(rule: ApprovalRule, before: Sequence[Stage]) -> Approval:
    bake = next((stage for stage in reversed(before) if isinstance(stage, Bake)), None)
    return Approval(
        before=rule.before if isinstance(rule.before, str) else f"weight {rule.before:g}",
        quorum=rule.quorum,
        approvers=rule.approvers,
        bake=bake if rule.analysis else None,
    )
