"""Which metrics of the canary are compared with the current version's, and what to ask for each of the two.

A query is the canary's own with another workload in its gap {{ target }}, and a window as long as a step: the
samples of one series share no request.
"""

from collections.abc import Collection

from tidegate.decisions.comparison import Rule
from tidegate.decisions.judge import Criterion, Measure
from tidegate.decisions.queries import Check, TemplateOf, carrier, render_query, source, template_values
from tidegate.domain.analysis import Metric
from tidegate.domain.base import Model
from tidegate.domain.canary import Canary
from tidegate.domain.comparison import ComparedMetric, Comparison, Worse
from tidegate.domain.duration import format_duration
from tidegate.domain.errors import InvalidInput

LEAST_POINTS = 0.5
"""Percentage points: of what is less, rollbacks would cost more than the errors."""


class Contest(Model):
    """One metric of both versions: the check asks for the canary's, `other` for the current one's."""

    rule: Rule
    check: Check
    other: str


def contests(
    canary: Canary,
    comparison: Comparison,
    other: str,
    template_of: TemplateOf,
    names: Collection[str] | None = None,
    *,
    waits: bool = False,
) -> tuple[Contest, ...]:
    """The comparisons of these metrics, or of all, with a Deployment; InvalidInput names the fault.

    `waits`: what no answer is there for waits for one.
    """
    metrics = {metric.name: metric for metric in canary.spec.analysis.metrics}
    return tuple(
        _contest(canary, comparison, compared, metrics[compared.name], other, template_of, waits)
        for compared in comparison.metrics
        if names is None or compared.name in names
    )


def _contest(
    canary: Canary,
    comparison: Comparison,
    compared: ComparedMetric,
    metric: Metric,
    other: str,
    template_of: TemplateOf,
    waits: bool,
) -> Contest:
    field = f"the comparison of {metric.name}"
    template = template_of(metric)
    measure, query, provider = source(canary, metric, template, field)
    sides = {"interval": format_duration(comparison.step), "target": carrier(canary)}
    known = template_values(canary, metric) | sides
    rule = _rule(comparison, compared, metric, measure, waits)
    name = f"{canary.name}.{canary.namespace}"
    contest = Contest(
        rule=rule,
        check=Check(
            criterion=Criterion(check=metric.name, canary=name, measure=measure, range=metric.range),
            query=render_query(query, known, field=field),
            provider=provider,
            namespace=template.metadata.namespace if template else canary.namespace,
            window_seconds=comparison.step,
        ),
        other=render_query(query, known | {"target": other}, field=field),
    )
    _refuse_incomparable(contest, field)
    return contest


def _rule(
    comparison: Comparison, compared: ComparedMetric, metric: Metric, measure: Measure, waits: bool
) -> Rule:
    least = LEAST_POINTS if measure is Measure.SUCCESS_RATE else 0.0
    floor = compared.minimum_difference
    return Rule(
        check=metric.name,
        measure=measure,
        against=comparison.with_,
        worse=compared.worse or _worse(metric),
        effect_size=compared.effect_size,
        minimum_difference=least if floor is None else floor,
        minimum_samples=comparison.minimum_samples,
        confidence=comparison.confidence,
        waits=waits,
        sound=metric.range if comparison.with_baseline else None,
    )


def _worse(metric: Metric) -> Worse:
    """A metric with a maximum alone must not grow, one with a minimum alone not shrink."""
    bounds = metric.range
    if bounds.min is not None and bounds.max is not None:
        return Worse.EITHER
    return Worse.DECREASE if bounds.min is not None else Worse.INCREASE


def _refuse_incomparable(contest: Contest, field: str) -> None:
    if contest.check.provider.type != "prometheus":
        raise InvalidInput(
            f"has the provider {contest.check.provider.type}, and only a prometheus gives samples",
            field=field,
            mend="remove it from spec.comparison.metrics",
        )
    if contest.check.query == contest.other:
        raise InvalidInput(
            "has a query without {{ target }}, which asks the same of both versions",
            field=field,
            mend="write {{ target }} where the query names the workload",
        )
