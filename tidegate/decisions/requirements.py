"""What a canary needs of an installation before its release may start: answers for its checks, and load."""

from tidegate.decisions.egress import Egress, ProviderOf, check_addresses
from tidegate.decisions.hooks import check_hooks
from tidegate.decisions.queries import TemplateOf, checks
from tidegate.domain.base import Model
from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput


class Installation(Model):
    """The settings that a canary's release depends on; `prometheus` is that of its cluster."""

    cluster: str
    prometheus: str = ""
    load_mode: str = ""
    load_proxy: str = ""
    egress: Egress = Egress()


def check_requirements(
    canary: Canary, template_of: TemplateOf, provider_of: ProviderOf, installation: Installation
) -> None:
    """InvalidInput names the canary and its metric, hook or alert that could only fail while it bakes."""
    try:
        check_hooks(canary, installation.load_mode, installation.load_proxy)
        _check_answers(canary, template_of, installation)
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


def _check_answers(canary: Canary, template_of: TemplateOf, installation: Installation) -> None:
    cluster = installation.cluster
    for index, check in enumerate(checks(canary, template_of)):
        if check.asks_own_prometheus and not installation.prometheus:
            raise InvalidInput(
                f"the metric {check.criterion.check!r} has no Prometheus to ask in cluster {cluster}",
                field=f"spec.analysis.metrics.{index}",
                mend=f"set clusters.{cluster}.prometheus in the settings",
            )
