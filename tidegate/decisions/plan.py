"""Compile a canary into its plan, before anything moves."""

import math
from collections.abc import Sequence

from tidegate.decisions.approvals import with_approvals
from tidegate.decisions.gates import hooks_aside, with_hooks
from tidegate.decisions.hooks import longest_seconds
from tidegate.domain.alert_provider import Severity
from tidegate.domain.analysis import Analysis
from tidegate.domain.canary import Canary
from tidegate.domain.hook import HookType
from tidegate.domain.percent import exact, rest
from tidegate.domain.plan import (
    Alerts,
    Bake,
    Drain,
    Freeze,
    Hold,
    Plan,
    Prepare,
    Promote,
    Purpose,
    Route,
    ScaleDown,
    ScaleUp,
    Stage,
    Terms,
)
from tidegate.domain.release_policy import ReleasePolicy, Step

PARTING_SECONDS = 30.0
"""What a canary's end waits for hooks, chats and its object, all together."""


def compile_plan(
    canary: Canary, purpose: Purpose, drain_seconds: float, policy: ReleasePolicy | None = None
) -> Plan:
    """The stages for a purpose. `drain_seconds` lie between the last routing and the scale-down."""
    moves_traffic = purpose is not Purpose.UPKEEP
    drain = (Drain(seconds=drain_seconds),) if moves_traffic and drain_seconds > 0 else ()
    end = (Route(primary=100, canary=0), *drain, ScaleDown())
    middle = _analysis(canary, policy) if purpose is Purpose.RELEASE else ()
    stages = (Prepare(), *middle, *end)
    return Plan(
        purpose=purpose,
        stages=_guarded(canary, policy, purpose, stages),
        rollback=hooks_aside(canary, HookType.ROLLBACK) if purpose is Purpose.RELEASE else None,
        events=hooks_aside(canary, HookType.EVENT),
        alerts=_alerts(canary.spec.analysis),
        terms=_terms(canary, policy) if policy else None,
        parting_seconds=PARTING_SECONDS,
        threshold=canary.spec.analysis.failed_checks_allowed,
        progress_deadline_seconds=canary.spec.progress_deadline_seconds,
    )


def _guarded(
    canary: Canary, policy: ReleasePolicy | None, purpose: Purpose, stages: tuple[Stage, ...]
) -> tuple[Stage, ...]:
    """People before hooks: what a hook said before they took their days would be stale. Freezes last."""
    freezes = policy.spec.freezes if policy else ()
    if purpose is not Purpose.RELEASE:
        return (Freeze(rules=freezes), *stages) if freezes and purpose is Purpose.INITIALISATION else stages
    approvals = policy.spec.approvals if policy else ()
    guarded = with_hooks(canary, with_approvals(canary, approvals, stages))
    if not freezes:
        return guarded
    at = next(index for index, stage in enumerate(guarded) if isinstance(stage, ScaleUp))
    return (*guarded[:at], Freeze(rules=freezes), *guarded[at:])


def _alerts(analysis: Analysis) -> Alerts | None:
    if not analysis.alerts:
        return None
    return Alerts(
        names=tuple(alert.name for alert in analysis.alerts),
        severity=min((alert.wanted for alert in analysis.alerts), key=list(Severity).index),
        alarm=True,
    )


def _terms(canary: Canary, policy: ReleasePolicy) -> Terms:
    analysis, comparison = policy.spec.analysis, policy.spec.comparison
    known = [metric.name for metric in canary.spec.analysis.metrics]
    return Terms(
        policy=policy.metadata.name,
        minimum_requests=analysis.minimum_requests,
        no_data=analysis.no_data or "",
        dry_runs=tuple(name for name in known if name in policy.dry_runs),
        compared=tuple(metric.name for metric in comparison.metrics) if comparison else (),
        comparable_seconds=comparison.shortest_seconds if comparison else 0.0,
        against=comparison.with_ if comparison else "primary",
    )


def steps_of(canary: Canary, policy: ReleasePolicy | None) -> tuple[Step, ...]:
    """The policy's steps; without any, the Canary's own weights as such."""
    if policy and policy.spec.steps:
        return policy.spec.steps
    return tuple(Step(weight=weight) for weight in canary.spec.analysis.weights)


def _analysis(canary: Canary, policy: ReleasePolicy | None) -> tuple[Stage, ...]:
    """From the scale-up to the promotion; the traffic is still where the last step has put it."""
    if canary.spec.skip_analysis:
        return (ScaleUp(), Promote())
    delay = policy.spec.analysis.initial_delay if policy else None
    steps = _after_delay(_steps(canary, policy), delay or 0.0)
    last = max((stage.canary for stage in steps if isinstance(stage, Route)), default=0)
    up = ScaleUp(baseline=policy is not None and policy.with_baseline)
    return (up, *steps, Promote(), *_receding(canary.spec.analysis, last))


def _after_delay(steps: Sequence[Stage], seconds: float) -> tuple[Stage, ...]:
    """The first routing stands under load for so long, and nothing is asked of it but ready pods."""
    first = next((at for at, stage in enumerate(steps) if isinstance(stage, Bake)), None)
    if first is None or not seconds:
        return tuple(steps)
    update = {"seconds": seconds, "checks": (), "narrowed": True, "iteration": 0, "iterations": 0}
    return (*steps[:first], steps[first].model_copy(update=update), *steps[first:])


def _steps(canary: Canary, policy: ReleasePolicy | None) -> tuple[Stage, ...]:
    analysis = canary.spec.analysis
    if not analysis.iterations:
        return (*_mirrored_first(canary), *_rising(canary, policy))
    if analysis.match:
        return (Route(primary=0, canary=100, matched=True), *_iterations(canary, 100))
    return _blue_green(canary)


def _mirrored_first(canary: Canary) -> tuple[Stage, ...]:
    """One bake on copies of the primary's requests, before the canary gets any of its own."""
    mirrored = canary.spec.analysis.mirrored
    return (Route(primary=100, canary=0, mirror=mirrored), _bake(canary, 0)) if mirrored else ()


def _rising(canary: Canary, policy: ReleasePolicy | None) -> tuple[Stage, ...]:
    matched = bool(canary.spec.analysis.match)
    return tuple(
        stage
        for step in steps_of(canary, policy)
        for stage in (
            _route(policy, step.weight, matched=matched),
            _step_bake(canary, step),
        )
    )


def _route(policy: ReleasePolicy | None, weight: float, *, matched: bool) -> Route:
    """What canary and baseline get; the primary has the rest."""
    beside = policy.baseline_share(weight) if policy else 0
    return Route(primary=rest(weight + beside), canary=weight, baseline=beside, matched=matched)


def _step_bake(canary: Canary, step: Step) -> Bake:
    bake = _bake(canary, step.weight)
    named = bake.checks if step.checks is None else step.checks
    return bake.model_copy(
        update={
            "seconds": step.duration or bake.seconds,
            "checks": tuple(check for check in bake.checks if check in named),
            "narrowed": step.checks is not None,
        }
    )


def _blue_green(canary: Canary) -> tuple[Stage, ...]:
    """Green is judged without visitors, then takes over all at once, and is judged once more."""
    mirrored = canary.spec.analysis.mirrored
    copies = (Route(primary=100, canary=0, mirror=mirrored),) if mirrored else ()
    return (*copies, *_iterations(canary, 0), Route(primary=0, canary=100, at_once=True), _bake(canary, 100))


def _iterations(canary: Canary, weight: float) -> tuple[Bake, ...]:
    count = canary.spec.analysis.iterations
    return tuple(
        _bake(canary, weight).model_copy(update={"iteration": number, "iterations": count})
        for number in range(1, count + 1)
    )


def _receding(analysis: Analysis, weight: float) -> tuple[Stage, ...]:
    """stepWeightPromotion: what the canary has after the promotion goes over to the primary step by step."""
    step = analysis.step_weight_promotion
    if not step or analysis.match:
        return ()
    left = [exact(weight - step * count) for count in range(1, math.ceil(weight / step))]
    hold = Hold(seconds=analysis.interval, weight=weight)
    return tuple(
        stage
        for share in left
        for stage in (
            Route(primary=rest(share), canary=share, receding=True),
            hold.model_copy(update={"weight": share}),
        )
    )


def _bake(canary: Canary, weight: float) -> Bake:
    analysis = canary.spec.analysis
    rollout = analysis.hooks(HookType.ROLLOUT)
    return Bake(
        seconds=analysis.interval,
        weight=weight,
        checks=tuple(metric.name for metric in analysis.metrics),
        hooks=tuple(webhook.name for webhook in rollout),
        hook_seconds=sum(longest_seconds(webhook) for webhook in rollout),
    )
