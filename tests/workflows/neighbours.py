"""Neighbours that remember what they were told, and what a test does to a workflow that runs among them."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from tidegate.contracts import (
    SUBMIT,
    AlertCommand,
    ApplicationRef,
    AskCommand,
    AskReport,
    BakeCommand,
    BakeReport,
    CanaryCommand,
    CanaryRef,
    CanaryRequest,
    CanaryStatus,
    Consent,
    Event,
    Fence,
    FindCommand,
    Findings,
    FreezeCommand,
    FreezeReport,
    Frozen,
    JudgeCommand,
    Judgement,
    Limits,
    PlanResult,
    PublishCommand,
    ReleaseRequest,
    Remains,
    ResolveCommand,
    Resolved,
    RouteCommand,
    SourceRef,
    StepReport,
    Submission,
    Survey,
    SyncCommand,
    SyncReport,
    TellCommand,
    canary_workflow_id,
)
from tidegate.domain.application import Application
from tidegate.domain.hook import HookType
from tidegate.domain.plan import (
    Bake,
    Drain,
    Gate,
    Hooks,
    Plan,
    Prepare,
    Promote,
    Purpose,
    Route,
    ScaleDown,
    ScaleUp,
)
from tidegate.domain.release import Phase
from tidegate.domain.verdict import LoadReport, Result, Verdict
from workflows.canary import Canary
from workflows.release import Release

GOOD = Verdict(
    check="request-success-rate", result=Result.PASSED, reason="success rate 100% >= 99%", value=100
)
BAD = Verdict(check="request-success-rate", result=Result.FAILED, reason="success rate 66% < 99%", value=66)


def release_plan(
    weights: tuple[int, ...] = (10, 20),
    threshold: int = 2,
    seconds: float = 30,
    drain: float = 5,
    hooks: tuple[str, ...] = ("load-test",),
) -> Plan:
    """A plan as the compiler makes it, with few steps."""
    steps = [
        stage
        for weight in weights
        for stage in (
            Route(primary=100 - weight, canary=weight),
            Bake(seconds=seconds, weight=weight, checks=("request-success-rate",), hooks=hooks),
        )
    ]
    tail = (Promote(), Route(primary=100, canary=0), Drain(seconds=drain), ScaleDown())
    return Plan(purpose=Purpose.RELEASE, stages=(Prepare(), ScaleUp(), *steps, *tail), threshold=threshold)


def bootstrap_plan(purpose: Purpose = Purpose.INITIALISATION) -> Plan:
    """The plan of a canary that has no primary yet, or nothing to release."""
    return Plan(purpose=purpose, stages=(Prepare(), Route(primary=100, canary=0), ScaleDown()))


OPEN = AskReport()
CLOSED = AskReport(consent=Consent.LATER, hook="sesame", reason="http://gate.test answered 403 Forbidden")
NEVER = AskReport(consent=Consent.NEVER, hook="sesame", reason="http://gate.test answered 403: not now")


def gate(kind: HookType, bake: Bake | None = None, seconds: float = 30) -> Gate:
    """A gate of one hook."""
    return Gate(type=kind, hooks=("sesame",), seconds=seconds, bake=bake)


def hooks(kind: HookType, seconds: float = 30) -> Hooks:
    """One hook that is no gate."""
    return Hooks(type=kind, hooks=("sesame",), seconds=seconds)


def gated(plan: Plan, *kinds: HookType, seconds: float = 30) -> Plan:
    """A plan with hooks of these types, where the compiler puts them."""
    last = [stage for stage in plan.stages if isinstance(stage, Bake)][-1]
    before = {
        "scale-up": [HookType.CONFIRM_ROLLOUT],
        "promote": [HookType.CONFIRM_TRAFFIC_INCREASE, HookType.CONFIRM_PROMOTION],
    }
    stages: list[Any] = []
    for stage in plan.stages:
        for kind in before.get(stage.kind, []):
            bake = None if kind is HookType.CONFIRM_ROLLOUT else last
            stages += [gate(kind, bake, seconds)] if kind in kinds else []
        stages.append(stage)
        for kind, place in ((HookType.PRE_ROLLOUT, "scale-up"), (HookType.POST_ROLLOUT, "scale-down")):
            stages += [hooks(kind, seconds)] if kind in kinds and stage.kind == place else []
    aside = {HookType.ROLLBACK: "rollback", HookType.EVENT: "events"}
    changes = {field: hooks(kind, seconds) for kind, field in aside.items() if kind in kinds}
    return plan.model_copy(update={"stages": tuple(stages), **changes})


@dataclass
class Neighbours:
    """Git, clusters, mesh and metrics in one object; `calls` is what was done, in order."""

    plan: Plan = field(default_factory=release_plan)
    other_plans: dict[str, Plan] = field(default_factory=dict)
    """By canary, where it is not the plan of all."""
    verdicts: Callable[[int], Verdict] = lambda _: GOOD
    canaries: int = 1
    marked: int = 1
    together: bool = False
    further: tuple[str, ...] = ()
    limits: Limits = field(default_factory=lambda: Limits(drain_seconds=0.1, outage_budget_seconds=60))
    calls: list[str] = field(default_factory=list)
    weight: float = 0
    mirror: int = 0
    fence: Fence | None = None
    fences: list[Fence] = field(default_factory=list)
    replicas: int = 0
    beside: float = 0
    """What a baseline gets."""
    baselines: int = 0
    """Its pods."""
    synced: dict[str, str] = field(default_factory=dict)
    """What the scale-up was told of the target's template."""
    lost: list[str] = field(default_factory=list)
    """Calls by which a baseline without pods had traffic."""
    primary: str = "old"
    settled: bool = False
    stands: bool = False
    """Whether its unfinished promotion is found to be one of several that stand."""
    judged: int = 0
    hang: set[str] = field(default_factory=set)
    nothing_installed: bool = False
    promoted_by: int = 0
    """The epoch of the release that promoted what the primary runs."""
    fail: dict[str, list[ApplicationError]] = field(default_factory=dict)
    shas: dict[str, str] = field(default_factory=dict)
    answers: dict[HookType, list[AskReport]] = field(default_factory=dict)
    """What the hooks of a type answer, question by question; the last one stays. Without any they agree."""
    questions: list[AskCommand] = field(default_factory=list)
    judgements: list[JudgeCommand] = field(default_factory=list)
    freeze: timedelta = timedelta()
    """How long a freeze goes on from the first look at it."""
    thaw: datetime | None = None
    changed: tuple[str, ...] = ()
    alerts: list[AlertCommand] = field(default_factory=list)
    told: list[tuple[Event, ...]] = field(default_factory=list)
    shown: list[PublishCommand] = field(default_factory=list)
    aside: frozenset[str] = frozenset()
    """Calls beside the steps; where there are any, a step takes until all that its workflow began is done."""

    async def _did(self, call: str) -> None:
        self.calls.append(call)
        name = call.split()[0]
        if failures := self.fail.get(call) or self.fail.get(name):
            raise failures.pop(0)
        while name in self.hang or call in self.hang:
            activity.heartbeat()
            await asyncio.sleep(0.02)
        while self.aside and name not in self.aside and await _is_accompanied():  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def _obey(self, fence: Fence) -> None:
        if fence.is_older_than(self.fence):
            self.calls.append("refused")
            message = "a later command was obeyed"
            raise ApplicationError(message, str(self.fence), type="StaleCommand", non_retryable=True)
        self.fence = fence
        self.fences.append(fence)

    @activity.defn(name="git_resolve")
    async def resolve(self, command: ResolveCommand) -> Resolved:
        await self._did(f"resolve {command.request.wanted_revision}")
        sha = self.shas.get(command.request.wanted_revision, command.request.wanted_revision)
        return Resolved(
            owner=owner_ref(sha, self.further),
            ref="branch latest",
            limits=self.limits,
        )

    @activity.defn(name="sync_survey")
    async def survey(self, owner: ApplicationRef) -> Survey:
        await self._did("survey")
        refs = [
            CanaryRef(owner=owner, namespace="test", name=f"podinfo{n or ''}") for n in range(self.canaries)
        ]
        epoch = self.fence.epoch if self.fence else 0
        return Survey(canaries=tuple(refs), objects=4, epoch=epoch, together=self.together)

    @activity.defn(name="recovery_find")
    async def find(self, command: FindCommand) -> Findings:
        await self._did("find by marks" if command.by_marks_alone else "find")
        faults = [f"traffic {100 - self.weight}/{self.weight}"] if self.weight else []
        faults += [f"podinfo has {self.replicas} replicas"] if self.replicas else []
        refs = [
            CanaryRef(owner=owner_ref(further=self.further), namespace="test", name=f"podinfo{n or ''}")
            for n in range(self.marked if command.by_marks_alone else self.canaries)
        ]
        return Findings(
            canaries=tuple(Remains(ref=ref, faults=tuple(faults), stands=self.stands) for ref in refs),
            epoch=self.fence.epoch if self.fence else 0,
            limits=self.limits,
        )

    @activity.defn(name="recovery_find_traffic")
    async def find_traffic(self, command: FindCommand) -> Findings:
        await self._did("find_traffic")
        refs = [
            CanaryRef(owner=owner_ref(), namespace="test", name=f"podinfo{n or ''}")
            for n in range(self.canaries if self.weight else 0)
        ]
        split = (f"traffic {100 - self.weight}/{self.weight}",)
        return Findings(
            canaries=tuple(Remains(ref=ref, faults=split) for ref in refs),
            epoch=self.fence.epoch if self.fence else 0,
        )

    @activity.defn(name="sync_apply")
    async def apply(self, command: SyncCommand) -> SyncReport:
        await self._did(f"apply {command.owner.source.sha}")
        return SyncReport()

    @activity.defn(name="sync_await_health")
    async def await_health(self, command: SyncCommand) -> SyncReport:
        await self._did("await_health")
        return SyncReport()

    @activity.defn(name="workload_plan")
    async def make_plan(self, ref: CanaryRef) -> PlanResult:
        await self._did("plan")
        plan = self.other_plans.get(ref.name, self.plan)
        return PlanResult(plan=plan, target=ref.name, reason="the pod template changed")

    @activity.defn(name="freezes_look")
    async def look(self, command: FreezeCommand) -> FreezeReport:
        await self._did("look")
        self.thaw = self.thaw or command.at + self.freeze
        held = Frozen(until=self.thaw, reason=command.rules[0].reason)
        return FreezeReport(frozen=held if command.at < self.thaw else None)

    @activity.defn(name="workload_prepare")
    async def prepare(self, command: CanaryCommand) -> StepReport:
        await self._did("prepare")
        self._obey(command.fence)
        return StepReport(changed=self.changed)

    @activity.defn(name="workload_scale_up")
    async def scale_up(self, command: CanaryCommand) -> StepReport:
        self._obey(command.fence)
        self.replicas, self.synced = 2, command.synced
        wanted = any(isinstance(each, ScaleUp) and each.baseline for each in self.plan.stages)
        self.baselines = 2 if wanted else 0
        await self._did("scale_up")
        return StepReport()

    @activity.defn(name="workload_promote")
    async def promote(self, command: CanaryCommand) -> StepReport:
        self._obey(command.fence)
        self.primary = "mixed"
        await self._did("promote")
        if self.primary == "mixed":
            self.primary, self.promoted_by = "new", command.fence.epoch
        return StepReport()

    @activity.defn(name="workload_restore")
    async def restore(self, command: CanaryCommand) -> StepReport:
        await self._did("restore")
        self._obey(command.fence)
        if self.settled or (command.stands and command.copy_epoch in (0, self.promoted_by)):
            return StepReport(promoted_by=self.promoted_by)
        self.primary = "old"
        return StepReport()

    @activity.defn(name="workload_scale_down")
    async def scale_down(self, command: CanaryCommand) -> StepReport:
        await self._did("scale_down")
        self._obey(command.fence)
        self.lost += ["scale_down"] if self.beside else []
        self.replicas = self.baselines = 0
        return StepReport()

    @activity.defn(name="uninstall_raise")
    async def raise_target(self, command: CanaryCommand) -> StepReport:
        self._obey(command.fence)
        await self._did(f"raise_target {command.ref.name}")
        return StepReport(warnings=("ConfigMap flags differs",), nothing=self.nothing_installed)

    @activity.defn(name="uninstall_hand_over")
    async def hand_over(self, command: CanaryCommand) -> StepReport:
        self._obey(command.fence)
        await self._did(f"hand_over {command.ref.name}")
        return StepReport()

    @activity.defn(name="uninstall_remove")
    async def remove(self, command: CanaryCommand) -> StepReport:
        self._obey(command.fence)
        await self._did(f"remove {command.ref.name}")
        return StepReport(notes=("Deployment test/podinfo-primary was removed",))

    @activity.defn(name="traffic_route")
    async def route(self, command: RouteCommand) -> StepReport:
        copies = f" mirror {command.routing.mirror}" if command.routing.mirror else ""
        await self._did(f"route {command.routing.canary}{copies}")
        self._obey(command.fence)
        self.weight, self.mirror = command.routing.canary, command.routing.mirror
        self.beside = command.routing.baseline
        self.lost += [f"route {self.beside}"] if self.beside and not self.baselines else []
        return StepReport()

    @activity.defn(name="load_test_run")
    async def load(self, command: BakeCommand) -> BakeReport:
        await self._did(f"load {command.seconds:g}")
        if command.news:
            self.shown.append(command.news)
        return BakeReport(load=LoadReport(requests=100, seconds=command.seconds, rate=10, codes={"200": 100}))

    @activity.defn(name="hooks_ask")
    async def ask(self, command: AskCommand) -> AskReport:
        await self._did(f"ask {command.type}")
        self.questions.append(command)
        return self.answer(command.type)

    def answer(self, kind: HookType) -> AskReport:
        """The next answer of the hooks of a type."""
        answers = self.answers.get(kind, [OPEN])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    @activity.defn(name="hooks_tell")
    async def tell(self, command: TellCommand) -> None:
        await self._did("tell")
        self.told.append(command.events)

    @activity.defn(name="alerts_tell")
    async def alert(self, command: AlertCommand) -> None:
        await self._did("alert")
        self.alerts.append(command)

    @activity.defn(name="canary_publish")
    async def publish(self, command: PublishCommand) -> None:
        await self._did("publish")
        self.shown.append(command)

    @activity.defn(name="metrics_judge")
    async def judge(self, command: JudgeCommand) -> Judgement:
        await self._did("judge")
        self.judged += 1
        self.judgements.append(command)
        return Judgement(verdicts=(self.verdicts(self.judged),))

    @property
    def activities(self) -> list[Callable[..., Any]]:
        """All of them, for a worker."""
        found = [getattr(self, name) for name in dir(type(self)) if name != "activities"]
        return [method for method in found if hasattr(method, "__temporal_activity_definition")]


async def _is_accompanied() -> bool:
    """Whether the workflow of this activity has others under way, or has not yet heard of an end."""
    handle = activity.client().get_workflow_handle(str(activity.info().workflow_id))
    found = (await handle.describe()).raw_description
    return len(found.pending_activities) > 1 or found.HasField("pending_workflow_task")


def owner_ref(sha: str = "a" * 40, further: tuple[str, ...] = ()) -> ApplicationRef:
    """podinfo, as the article has it; perhaps in further clusters."""
    source = SourceRef(repo_url="https://git.test/podinfo.git", sha=sha, path="flagger/podinfo")
    return ApplicationRef(
        application="podinfo", cluster="mesh02", namespace="test", source=source, further_clusters=further
    )


def release_request(revision: str = "a" * 40, name: str = "podinfo", **more: Any) -> ReleaseRequest:
    """A start of the application at a revision."""
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name},
        "spec": {
            "source": {"repoURL": "https://git.test/podinfo.git", "path": "flagger/podinfo"},
            "destination": {"name": "mesh02", "namespace": "test"},
        },
    }
    application = Application.from_manifest(manifest)
    return ReleaseRequest(application=application, cluster="mesh02", revision=revision, **more)


Handle = WorkflowHandle[Any, Any]


@dataclass
class Stage:
    """A worker with its neighbours, and what a test does to a run."""

    environment: WorkflowEnvironment
    neighbours: Neighbours
    task_queue: str

    @property
    def client(self) -> Client:
        """The environment's client."""
        return self.environment.client

    async def start_canary(self, signals_per_run: int = 250, **more: Any) -> Handle:
        """Start a Canary workflow by itself."""
        owner = owner_ref(further=self.neighbours.further)
        ref = CanaryRef(owner=owner, namespace="test", name="podinfo")
        limits = self.neighbours.limits.model_copy(update={"signals_per_run": signals_per_run})
        request = CanaryRequest(ref=ref, limits=limits, revision="a" * 40, **more)
        return await self.client.start_workflow(
            Canary.run,
            request,
            id=f"{canary_workflow_id('mesh02', 'test', 'podinfo')}/{uuid4()}",
            task_queue=self.task_queue,
        )

    async def submit(self, request: ReleaseRequest) -> tuple[Handle, Submission]:
        """Start a release as the starter does: its start and its submission in one call."""
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            Release.run,
            request,
            id=f"{request.workflow_id}/{self.task_queue}",
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        submission = await self.client.execute_update_with_start_workflow(
            SUBMIT, request, start_workflow_operation=start, result_type=Submission
        )
        return await start.workflow_handle(), submission

    async def canary(self, name: str = "podinfo") -> Handle:
        """The canary that a release has started; one that an earlier test ended has nobody to answer."""
        handle = self.client.get_workflow_handle(canary_workflow_id("mesh02", "test", name))
        for _ in range(500):
            with contextlib.suppress(RPCError):
                if (await handle.describe()).task_queue == self.task_queue:
                    await handle.query(Canary.status)
                    return handle
            await asyncio.sleep(0.01)
        raise AssertionError(f"canary {name} was never started")

    async def runs(self, handle: Handle) -> list[str]:
        """The run ids of a workflow that continued as new, in order."""
        described = await self.client.get_workflow_handle(handle.id).describe()
        found, run_id = [described.run_id], described.run_id
        while run_id:
            events = self.client.get_workflow_handle(handle.id, run_id=run_id).fetch_history_events()
            first = await anext(aiter(events))
            run_id = first.workflow_execution_started_event_attributes.continued_execution_run_id
            found = [run_id, *found] if run_id else found
        return found

    async def until_runs(self, handle: Handle, count: int) -> None:
        """Wait until a workflow has had so many runs."""
        for _ in range(300):
            if len(await self.runs(handle)) >= count:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never had {count} runs")

    async def until_phase(self, canary: Handle, phase: Phase) -> None:
        """Wait until a canary is in a phase."""
        for _ in range(500):
            if (status := await self.status(canary)).phase is phase:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"never {phase}: {status}")

    async def until_weight(self, canary: Handle, percent: int) -> None:
        """Wait until a canary knows that it has this weight."""
        for _ in range(500):
            if (weight := (await self.status(canary)).weight) == percent:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"never at {percent} %: {weight}")

    async def until_gate(self, canary: Handle, kind: str) -> None:
        """Wait until a canary waits at a gate whose name has this in it; "" for none."""
        for _ in range(500):
            gate = (await self.status(canary)).gate
            if kind in gate and bool(kind) == bool(gate):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"never at {kind or 'no gate'}: {gate}")

    async def until_noted(self, canary: Handle, text: str) -> None:
        """Wait until a note begins so."""
        for _ in range(500):
            if any(note.text.startswith(text) for note in (await self.status(canary)).notes):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"never noted {text!r}")

    async def hang_in(self, step: str) -> Handle:
        """Start a canary with short bakes, and come to where a step is under way and does not end."""
        self.neighbours.plan = release_plan(seconds=0.2, drain=0.1)
        return await self.come_to(step)

    async def come_to(self, step: str, signals_per_run: int = 250) -> Handle:
        """Start a canary, and come to where a step is under way and does not end."""
        self.neighbours.hang = {step}
        handle = await self.start_canary(signals_per_run)
        await self.until(lambda: any(step in (call, call.split()[0]) for call in self.neighbours.calls))
        return handle

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; fail after a generous count of looks."""
        for _ in range(1000):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"never came; calls: {self.neighbours.calls}")

    async def status(self, handle: Handle) -> CanaryStatus:
        """The canary's answer to the status query."""
        return await handle.query(Canary.status)
