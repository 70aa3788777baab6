"""What to ask for each check of a canary, and whom: Flagger's built-in queries and its query templates.

A template's gaps are Flagger's functions ({{ target }}, {{ variables.x }} and so on); an unknown one is
refused, for a query with a hole in it finds nothing and looks like a canary without traffic.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping

from tidegate.decisions.judge import Criterion, Measure
from tidegate.domain.analysis import Metric, ThresholdRange
from tidegate.domain.base import Model
from tidegate.domain.canary import Canary
from tidegate.domain.duration import format_duration
from tidegate.domain.errors import InvalidInput
from tidegate.domain.metric_template import MetricTemplate, Provider
from tidegate.domain.release_policy import PolicyAnalysis, ReleasePolicy
from tidegate.domain.workload import SERVICE, kind_named

_OF_WORKLOAD = (
    'reporter="destination",destination_workload_namespace="{{ namespace }}",'
    'destination_workload="{{ target }}"'
)
_BEHIND = "tidegate_behind"
_OF_SERVICE = f'{_BEHIND}="{{{{ namespace }}}}/{{{{ target }}}}"'
"""Whose pods a Service selects is known when it is asked: `answerable` tells them."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_GAP_BEHIND = re.compile(rf'{_BEHIND}="([^"/]+)/([^"]+)"')


def _success_rate(selector: str) -> str:
    """Percent of requests without a 5xx.

    `or vector(0)`: with errors only, the numerator has no series at all, and that is 0 %, not a canary
    without traffic. Without traffic, no series remains, or 0 / 0 gives NaN.
    """
    requests = f"istio_requests_total{{{selector}"
    return (
        f'(sum(rate({requests},response_code!~"5.*"}}[{{{{ interval }}}}])) or vector(0))'
        f" / sum(rate({requests}}}[{{{{ interval }}}}])) * 100"
    )


def _request_duration(selector: str) -> str:
    """P99 in milliseconds."""
    buckets = f"istio_request_duration_milliseconds_bucket{{{selector}}}"
    return f"histogram_quantile(0.99, sum(rate({buckets}[{{{{ interval }}}}])) by (le))"


def _request_count(selector: str) -> str:
    """Requests to the canary, by the server's own extrapolation to the whole window."""
    return f"sum(increase(istio_requests_total{{{selector}}}[{{{{ interval }}}}]))"


_BUILTIN = {
    "request-success-rate": (Measure.SUCCESS_RATE, _success_rate),
    "request-duration": (Measure.REQUEST_DURATION, _request_duration),
}
_GAP = re.compile(r"(?:\s*\{\{-\s|\{\{)\s*(.*?)\s*(?:\s-\}\}\s*|\}\})", re.DOTALL)


class Check(Model):
    """One question, whom to ask, and what the answer has to be.

    `namespace` is that of the provider's Secret. `window_seconds` is how far back the metric looks.
    """

    criterion: Criterion
    query: str
    provider: Provider = Provider(type="prometheus")
    namespace: str = ""
    window_seconds: float = 60.0

    @property
    def address(self) -> str:
        """Whose answer it is: "" for the cluster's own Prometheus, and for what its API answers."""
        return self.provider.base_address

    @property
    def asks_own_prometheus(self) -> bool:
        """Whether the settings say where the answer comes from."""
        return self.provider.type == "prometheus" and not self.address


TemplateOf = Callable[[Metric], MetricTemplate | None]
"""Finds a metric's MetricTemplate; None when it has none."""


def checks(
    canary: Canary,
    template_of: TemplateOf,
    policy: ReleasePolicy | None = None,
    names: Collection[str] | None = None,
    *,
    dry_runs: bool = True,
) -> tuple[Check, ...]:
    """The canary's checks, or those of these names, in the manifest's order; perhaps without dry runs.

    InvalidInput names the metric at fault.
    """
    left_out = policy.dry_runs if policy and not dry_runs else frozenset()
    return tuple(
        _check(canary, metric, template_of(metric), f"spec.analysis.metrics.{index}", policy)
        for index, metric in enumerate(canary.spec.analysis.metrics)
        if (names is None or metric.name in names) and metric.name not in left_out
    )


def request_counts(canary: Canary, asked: Iterable[Check], bake_seconds: float = 0.0) -> dict[float, Check]:
    """By a check's window in seconds, how to count the canary's requests, for checks that need so many.

    A bake that lasts longer than the window is counted as a whole.
    """
    windows = sorted({check.window_seconds for check in asked if check.criterion.minimum_requests})
    count = _request_count(_selector(canary))
    values = {"namespace": canary.namespace, "target": carrier(canary)}
    return {
        window: Check(
            criterion=Criterion(check="requests", canary=_subject(canary), range=ThresholdRange()),
            query=render_query(count, values | {"interval": format_duration(counted)}),
            provider=_metrics_server(canary),
            namespace=canary.namespace,
            window_seconds=counted,
        )
        for window, counted in ((window, max(window, bake_seconds)) for window in windows)
    }


def render_query(template: str, known: Mapping[str, str], *, field: str = "query") -> str:
    """Fill the gaps {{ name }} of a template; InvalidInput for a gap that `known` does not have."""

    def fill(gap: re.Match[str]) -> str:
        if gap[1] not in known:
            raise InvalidInput(
                f"has {{{{ {gap[1]} }}}}, which is unknown",
                field=field,
                mend=f"use one of {', '.join(known)}",
            )
        return known[gap[1]]

    return _GAP.sub(fill, template)


def asks_behind(query: str) -> bool:
    """Whether a query asks for what a Service gets, and is not to be understood before it is `answerable`."""
    return _BEHIND in query


def answerable(query: str, workloads_of: Callable[[str], Collection[str]]) -> str:
    """The query with a Service's requests told by the workloads behind it, as their own sidecars count them.

    `workloads_of` names them by the Service. Of one that has none of its own, its callers know; so they do
    where one has a name that no workload can have: pods say by whom they are owned, and may say anything.
    """

    def told(gap: re.Match[str]) -> str:
        namespace, service = gap.groups()
        names = sorted(workloads_of(service))
        if names and all(map(_NAME.fullmatch, names)):
            found = "|".join(names).replace(".", "[.]")
            return (
                f'reporter="destination",destination_workload_namespace="{namespace}",'
                f'destination_workload=~"{found}"'
            )
        return (
            f'reporter="source",destination_service_namespace="{namespace}",'
            f'destination_service_name="{service}"'
        )

    return _GAP_BEHIND.sub(told, query)


def template_values(canary: Canary, metric: Metric) -> dict[str, str]:
    """What Flagger's template functions give; `ingress` and `route` are not Istio's, and empty.

    A built-in query asks for what carries the version, a template for the target, as its author knows it.
    """
    target = canary.spec.target_ref.name
    is_built_in = metric.template_ref is None and not metric.query
    variables = {f"variables.{name}": value for name, value in metric.template_variables.items()}
    return {
        "name": canary.name,
        "namespace": canary.namespace,
        "target": carrier(canary) if is_built_in else target,
        "service": canary.spec.service.name or target,
        "ingress": "",
        "route": "",
        "interval": metric.interval,
        **variables,
    }


def _check(
    canary: Canary,
    metric: Metric,
    template: MetricTemplate | None,
    field: str,
    policy: ReleasePolicy | None,
) -> Check:
    measure, query, provider = source(canary, metric, template, field)
    terms = policy.spec.analysis if policy else PolicyAnalysis()
    return Check(
        criterion=Criterion(
            check=metric.name,
            canary=_subject(canary),
            measure=measure,
            range=metric.range,
            waits=waits_for_data(canary, policy),
            minimum_requests=terms.minimum_requests,
            dry_run=policy is not None and metric.name in policy.dry_runs,
        ),
        query=render_query(query, template_values(canary, metric), field=field),
        provider=provider,
        namespace=template.metadata.namespace if template else canary.namespace,
        window_seconds=metric.window_seconds,
    )


def waits_for_data(canary: Canary, policy: ReleasePolicy | None) -> bool:
    """Whether checks without a value wait for one: the policy says it, and else the Canary."""
    told = policy.spec.analysis.no_data if policy else None
    return told == "wait" if told else canary.waits_for_data


def _subject(canary: Canary) -> str:
    return f"{canary.name}.{canary.namespace}"


def _metrics_server(canary: Canary) -> Provider:
    return Provider(type="prometheus", address=canary.spec.metrics_server)


def source(
    canary: Canary, metric: Metric, template: MetricTemplate | None, field: str
) -> tuple[Measure, str, Provider]:
    """Flagger looks for a template first, then for an inline query; templates have a server of their own."""
    server = _metrics_server(canary)
    if metric.template_ref is not None:
        if template is None:
            raise InvalidInput(
                f"no MetricTemplate {metric.template_ref.namespace or canary.namespace}/"
                f"{metric.template_ref.name} among the manifests, nor in the cluster",
                field=f"{field}.templateRef.name",
                mend="add it to the application's path, or correct the reference",
            )
        return Measure.CUSTOM, template.spec.query, template.spec.provider
    if metric.query:
        return Measure.CUSTOM, metric.query, server
    measure, query = _BUILTIN[metric.name]
    return measure, query(_selector(canary)), server


def _selector(canary: Canary) -> str:
    """What tells the requests to the canary, whose gap is what carries the version."""
    return _OF_SERVICE if canary.spec.target_ref.kind == SERVICE.name else _OF_WORKLOAD


def carrier(canary: Canary) -> str:
    """The name of what carries the version: a workload, or a Service beside the target."""
    ref = canary.spec.target_ref
    return kind_named(ref.kind).carrier(ref.name)
