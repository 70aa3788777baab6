"""Compile a canary into its plan, before anything moves."""

from tidegate.decisions.hooks import longest_seconds
from tidegate.domain.canary import Analysis, Canary
from tidegate.domain.plan import (
    Bake,
    Drain,
    Plan,
    Prepare,
    Promote,
    Purpose,
    Route,
    ScaleDown,
    ScaleUp,
    Stage,
)


def compile_plan(canary: Canary, purpose: Purpose, drain_seconds: float) -> Plan:
    """The stages for a purpose. `drain_seconds` lie between the last routing and the scale-down."""
    moves_traffic = purpose is not Purpose.UPKEEP
    drain = (Drain(seconds=drain_seconds),) if moves_traffic and drain_seconds > 0 else ()
    end = (Route(primary=100, canary=0), *drain, ScaleDown())
    middle = _analysis(canary) if purpose is Purpose.RELEASE else ()
    return Plan(
        purpose=purpose,
        stages=(Prepare(), *middle, *end),
        threshold=canary.spec.analysis.failed_checks_allowed,
        progress_deadline_seconds=canary.spec.progress_deadline_seconds,
    )


def canary_weights(analysis: Analysis) -> tuple[int, ...]:
    """The canary's shares in percent, rising: stepWeights as given, else multiples of stepWeight.

    The last multiple is the first at or over maxWeight, as in Flagger: step 20 to 50 goes 20, 40, 60.
    """
    if not analysis.step_weight:
        return analysis.step_weights
    step = analysis.step_weight
    steps = -(-analysis.max_weight // step)
    return tuple(min(100, step * count) for count in range(1, steps + 1))


def _analysis(canary: Canary) -> tuple[Stage, ...]:
    steps = [
        stage
        for weight in canary_weights(canary.spec.analysis)
        for stage in (Route(primary=100 - weight, canary=weight), _bake(canary, weight))
    ]
    return (ScaleUp(), *steps, Promote())


def _bake(canary: Canary, weight: int) -> Bake:
    analysis = canary.spec.analysis
    return Bake(
        seconds=analysis.interval,
        weight=weight,
        checks=tuple(metric.name for metric in analysis.metrics),
        hooks=tuple(webhook.name for webhook in analysis.webhooks),
        hook_seconds=sum(longest_seconds(webhook) for webhook in analysis.webhooks),
    )
