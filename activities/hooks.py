"""A canary's hooks beside the load test: gates and checks that are asked, and listeners that are told."""

from collections.abc import Mapping, Sequence

from temporalio import activity

from activities.heartbeat import beating
from activities.offload import offload
from activities.step import step
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.adapters.reach import Clusters, Reach
from tidegate.adapters.webhook import Payload, ask_webhook
from tidegate.contracts import AskCommand, AskReport, CanaryRef, Consent, Event, TellCommand
from tidegate.decisions.hook_answers import HookAnswer, Word
from tidegate.domain.analysis import Webhook
from tidegate.domain.errors import TidegateError
from tidegate.domain.hook import HookType
from tidegate.domain.release import Phase
from tidegate.settings import Settings


class HookCaller:
    """Posts Flagger's payload to a canary's hooks, from where they can be reached."""

    def __init__(self, settings: Settings, clusters: Clusters) -> None:
        self._settings = settings
        self._reach = Reach(settings, clusters)

    async def call(
        self, hook: Webhook, ref: CanaryRef, phase: Phase, told: Mapping[str, str] | None = None
    ) -> HookAnswer:
        """The hook's last answer; `told` goes before what its manifest wants to be posted along."""
        payload = Payload(
            name=ref.name,
            namespace=ref.namespace,
            phase=phase.flaggers,
            checksum=ref.owner.source.sha,
            metadata={**hook.metadata, **(told or {})},
        )
        cluster = self._settings.load_cluster(ref.owner.cluster)
        return await ask_webhook(hook, payload, await offload(self._reach.target, cluster, hook.url))


class HooksActivities:
    """Everything that is asked of a canary's hooks once, or told them."""

    def __init__(self, manifests: ManifestSource, settings: Settings, clusters: Clusters) -> None:
        self._manifests = manifests
        self._caller = HookCaller(settings, clusters)

    @activity.defn(name="hooks_ask")
    @step
    @beating
    async def ask(self, command: AskCommand) -> AskReport:
        """Call the hooks of a type, in the manifest's order, up to the one that decides.

        That is the first that does not agree; of type rollback, the first that does.
        """
        hooks = await self._hooks(command.ref, command.type)
        if command.type is HookType.ROLLBACK:
            return await self._ask_for_rollback(hooks, command)
        agreed: list[str] = []
        for hook in hooks:
            answer = await self._caller.call(hook, command.ref, command.phase)
            if not answer.agreed:
                return _closed(hook, answer, agreed)
            agreed.append(hook.name)
        return AskReport(agreed=tuple(agreed))

    async def _ask_for_rollback(self, hooks: Sequence[Webhook], command: AskCommand) -> AskReport:
        warnings: list[str] = []
        for hook in hooks:
            answer = await self._caller.call(hook, command.ref, command.phase)
            if answer.agreed:
                return AskReport(hook=hook.name, agreed=(hook.name,), warnings=tuple(warnings))
            if not answer.answered:
                warnings.append(f"rollback hook {hook.name} could not be asked: {answer.reason}")
        return AskReport(consent=Consent.LATER, warnings=tuple(warnings))

    @activity.defn(name="hooks_tell")
    @step
    async def tell(self, command: TellCommand) -> None:
        """Post notes to the event hooks, in order. What cannot be posted is logged, and nothing else.

        An attempt that follows a worker's death goes on after what was posted. A hook that is not there is
        spared the rest.
        """
        bundle = await offload(self._manifests.bundle, command.ref)
        hooks = list(bundle.canary.spec.analysis.hooks(HookType.EVENT))
        posted = next(iter(activity.info().heartbeat_details), 0)
        for index, event in enumerate(command.events[posted:], posted):
            await self._post(hooks, command.ref, event)
            activity.heartbeat(index + 1)

    async def _post(self, hooks: list[Webhook], ref: CanaryRef, event: Event) -> None:
        """To every hook; one that gives no answer is taken out."""
        for hook in list(hooks):
            try:
                answer = await self._caller.call(hook, ref, event.phase, _metadata(event))
            except TidegateError as error:
                answer = HookAnswer(reason=str(error), answered=False)
            if not answer.agreed:
                activity.logger.warning("event hook %s: %s", hook.name, answer.reason)
            if not answer.answered:
                hooks.remove(hook)

    async def _hooks(self, ref: CanaryRef, kind: HookType) -> tuple[Webhook, ...]:
        bundle = await offload(self._manifests.bundle, ref)
        return bundle.canary.spec.analysis.hooks(kind)


def _closed(hook: Webhook, answer: HookAnswer, agreed: Sequence[str]) -> AskReport:
    return AskReport(
        consent=Consent.NEVER if answer.word is Word.NEVER else Consent.LATER,
        hook=hook.name,
        reason=answer.reason,
        again_seconds=answer.again_seconds,
        postponed=answer.word is Word.LATER,
        muted=hook.mute_alert,
        agreed=tuple(agreed),
    )


def _metadata(event: Event) -> dict[str, str]:
    return {
        "eventMessage": event.text,
        "eventType": "Warning" if event.warning else "Normal",
        "timestamp": str(int(event.at.timestamp() * 1000)),
    }
