"""What a canary needs of an installation before its release may start: answers for its checks, and load."""

from tidegate.decisions.alerts import ProviderOf, wanted_provider
from tidegate.decisions.contests import contests
from tidegate.decisions.egress import Egress, check_addresses
from tidegate.decisions.hooks import check_hooks
from tidegate.decisions.queries import TemplateOf, checks, request_counts
from tidegate.domain.base import Model
from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.release_policy import ReleasePolicy


class Installation(Model):
    """The settings that a canary's release depends on; `prometheus` is that of its cluster."""

    cluster: str
    prometheus: str = ""
    load_mode: str = ""
    load_proxy: str = ""
    egress: Egress = Egress()


def check_requirements(
    canary: Canary,
    template_of: TemplateOf,
    provider_of: ProviderOf,
    installation: Installation,
    policy: ReleasePolicy | None = None,
) -> None:
    """InvalidInput names the canary, and what of it is suspended or could only fail while it bakes."""
    try:
        refuse_suspended(canary)
        check_hooks(canary, installation.load_mode, installation.load_proxy)
        _check_answers(canary, template_of, policy, installation)
        _check_comparison(canary, template_of, policy)
        for alert in canary.spec.analysis.alerts:
            wanted_provider(canary, provider_of, alert)
        check_addresses(
            canary,
            template_of,
            provider_of,
            installation.egress,
            load_mode=installation.load_mode,
            prometheus=installation.prometheus,
        )
    except InvalidInput as error:
        raise error.within(f"Canary {canary.namespace}/{canary.name}") from None


def refuse_suspended(canary: Canary) -> None:
    """InvalidInput when the manifest wants no release."""
    if canary.spec.suspend:
        raise InvalidInput(
            "is true, and keeps its application from being released",
            subject=f"Canary {canary.namespace}/{canary.name}",
            field="spec.suspend",
            mend="set it to false, or remove it, and start again",
        )


def _check_comparison(canary: Canary, template_of: TemplateOf, policy: ReleasePolicy | None) -> None:
    """Whether both versions can be asked; any name but the target's does for the primary."""
    if policy and policy.spec.comparison:
        contests(canary, policy.spec.comparison, f"{canary.spec.target_ref.name}-primary", template_of)


def _check_answers(
    canary: Canary, template_of: TemplateOf, policy: ReleasePolicy | None, installation: Installation
) -> None:
    cluster = installation.cluster
    asked = checks(canary, template_of, policy)
    for index, check in enumerate(asked):
        if check.asks_own_prometheus and not installation.prometheus:
            raise InvalidInput(
                f"the metric {check.criterion.check!r} has no Prometheus to ask in cluster {cluster}",
                field=f"spec.analysis.metrics.{index}",
                mend=f"set clusters.{cluster}.prometheus in the settings",
            )
    counts = request_counts(canary, asked).values()
    if any(count.asks_own_prometheus for count in counts) and not installation.prometheus:
        raise InvalidInput(
            f"the policy's minimumRequests has no Prometheus to ask in cluster {cluster}",
            field="spec.metricsServer",
            mend=f"set clusters.{cluster}.prometheus in the settings, or spec.metricsServer",
        )
