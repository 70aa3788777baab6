"""Alerts of a canary, sent to the chats that its manifest names."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from temporalio import activity

from activities.offload import offload
from activities.references import providers_of
from activities.step import step
from tidegate.adapters.alerts import post_alert
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.adapters.metrics.servers import Clusters
from tidegate.adapters.reach import Reach, check_resolved
from tidegate.adapters.secrets import secret_values
from tidegate.contracts import AlertCommand
from tidegate.decisions.alerts import PAUSES, Message, wanted_provider
from tidegate.domain.alert_provider import AlertProvider
from tidegate.domain.errors import InvalidInput, TidegateError, Unreachable
from tidegate.settings import Settings

_TOLD = "told"


class AlertsActivities:
    """Posts to chats, with what their AlertProviders and Secrets say at that moment."""

    def __init__(self, manifests: ManifestSource, settings: Settings, clusters: Clusters) -> None:
        self._manifests = manifests
        self._clusters = clusters
        self._reach = Reach(settings, clusters)
        self._egress = settings.addresses.egress
        self._ui = settings.alerts.ui_address

    @activity.defn(name="alerts_tell")
    @step
    async def tell(self, command: AlertCommand) -> None:
        """Post an alert to every chat that wants it, to all at once. What fails is logged, and nothing else.

        It is told once: an attempt that follows a worker's death, or one that was too slow, finds that the
        posting had begun, and leaves it at that.
        """
        bundle = await offload(self._manifests.bundle, command.ref)
        if _TOLD in activity.info().heartbeat_details:
            activity.logger.warning("an alert may not have been taken: %s", command.text)
            return
        activity.heartbeat(_TOLD)
        alerts = bundle.canary.spec.analysis.alerts
        wanted = [alert for alert in alerts if command.severity.reaches(alert.wanted)]
        message, cluster = self._message(command), command.ref.owner.cluster
        provider_of = providers_of(bundle, partial(self._clusters.cluster, cluster))
        find = partial(wanted_provider, bundle.canary, provider_of)
        posts = (self._send(partial(find, alert), cluster, message) for alert in wanted)
        for alert, reason in zip(wanted, await asyncio.gather(*posts), strict=True):
            if reason:
                activity.logger.warning("alert %s: %s", alert.name, reason)

    async def _send(self, find: Callable[[], AlertProvider], cluster: str, message: Message) -> str:
        """Why it was not taken; empty when it was. It never fails."""
        reason = ""
        for pause in (0.0, *PAUSES):
            await asyncio.sleep(pause)
            try:
                await self._post(await offload(find), cluster, message)
            except Unreachable as error:
                reason = str(error)
            except TidegateError as error:
                return str(error)
            else:
                return ""
        return reason

    async def _post(self, provider: AlertProvider, cluster: str, message: Message) -> None:
        proxy = provider.spec.proxy
        if proxy:
            self._egress.check(proxy, "spec.proxy")
            await check_resolved(self._egress, proxy)
        secret = await offload(self._secret, provider, cluster)
        if self._reach.is_proxied(cluster, secret.get("address") or provider.spec.address):
            _refuse_unsendable(provider, secret)
        await post_alert(provider.spec, secret, message, lambda url: self._reach.target(cluster, url))

    def _secret(self, provider: AlertProvider, cluster: str) -> Mapping[str, str]:
        """Of the provider's own namespace: one from Git is refused unless that is the canary's."""
        if provider.spec.secret_ref is None:
            return {}
        namespace, name = provider.metadata.namespace, provider.spec.secret_ref.name
        return secret_values(self._clusters.cluster(cluster), cluster, namespace, name, field="secretRef")

    def _message(self, command: AlertCommand) -> Message:
        info = activity.info()
        run = f"{info.workflow_namespace}/workflows/{info.workflow_id}/{info.workflow_run_id}"
        return Message(
            title=command.ref.full_name,
            text=command.text,
            severity=command.severity,
            facts=command.facts,
            link=f"{self._ui}/namespaces/{run}" if self._ui else "",
        )


def _refuse_unsendable(provider: AlertProvider, secret: Mapping[str, str]) -> None:
    """The service proxy is the cluster's API: it would take a token for ours, and a proxy would see ours."""
    if provider.spec.proxy or secret.get("token"):
        raise InvalidInput(
            "neither a proxy nor a token can go through the cluster's service proxy",
            field="spec.proxy" if provider.spec.proxy else "spec.secretRef",
            mend="give an address that the worker reaches directly",
        )
