"""Alerts of a canary, sent to the chats that its manifest names."""

import asyncio
from collections.abc import Mapping

from temporalio import activity

from activities.offload import offload
from tidegate.adapters.alerts import post_alert
from tidegate.adapters.metrics.servers import Clusters as ClusterApis
from tidegate.adapters.reach import Reach
from tidegate.adapters.secrets import secret_values
from tidegate.contracts import CanaryRef, Event
from tidegate.decisions.alerts import PAUSES, Message
from tidegate.domain.alert_provider import AlertProvider, Severity
from tidegate.domain.canary import Alert
from tidegate.domain.errors import TidegateError, Unreachable
from tidegate.manifests.bundle import Bundle
from tidegate.settings import Settings


class AlertSender:
    """Posts to chats, with what their Secrets hold at that moment."""

    def __init__(self, settings: Settings, clusters: ClusterApis) -> None:
        self._clusters = clusters
        self._reach = Reach(settings, clusters)
        self._ui = settings.alerts.ui_address

    async def send(self, alert: Alert, bundle: Bundle, ref: CanaryRef, event: Event) -> str:
        """Why it was not taken; empty when it was, or is not wanted. It never fails."""
        severity = event.severity
        if severity is None or not severity.reaches(alert.wanted):
            return ""
        message = self._message(ref, event, severity)
        for pause in (*PAUSES, None):
            try:
                await self._post(bundle.provider_of(alert), ref, message)
            except Unreachable as error:
                if pause is None:
                    return str(error)
                await asyncio.sleep(pause)
            except TidegateError as error:
                return str(error)
            else:
                return ""
        return ""

    async def _post(self, provider: AlertProvider, ref: CanaryRef, message: Message) -> None:
        cluster = ref.owner.cluster
        secret = await offload(self._secret, provider, ref)
        await post_alert(provider.spec, secret, message, lambda url: self._reach.target(cluster, url))

    def _secret(self, provider: AlertProvider, ref: CanaryRef) -> Mapping[str, str]:
        if provider.spec.secret_ref is None:
            return {}
        namespace = provider.metadata.namespace or ref.namespace
        name = ref.owner.cluster
        return secret_values(self._clusters.cluster(name), name, namespace, provider.spec.secret_ref.name)

    def _message(self, ref: CanaryRef, event: Event, severity: Severity) -> Message:
        info = activity.info()
        run = f"{info.workflow_namespace}/workflows/{info.workflow_id}/{info.workflow_run_id}"
        return Message(
            title=ref.full_name,
            text=event.text,
            severity=severity,
            facts=event.facts,
            link=f"{self._ui}/namespaces/{run}" if self._ui else "",
        )
