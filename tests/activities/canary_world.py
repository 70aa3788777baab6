"""Two cluster APIs with controllers and a node that only pretends, a canary's manifests, and its commands."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from temporalio.testing import ActivityEnvironment

from activities.inspection import Inspection
from activities.publication import PublicationActivities, Publisher
from activities.recovery import RecoveryActivities
from activities.sync import SyncActivities
from activities.traffic import TrafficActivities
from activities.uninstallation import UninstallationActivities
from activities.workload import WorkloadActivities
from tidegate.adapters.git import ResolvedRevision
from tidegate.adapters.kubernetes import Cluster, Clusters
from tidegate.contracts import (
    ApplicationRef,
    CanaryCommand,
    CanaryRef,
    Event,
    Fence,
    FindCommand,
    Findings,
    PlanResult,
    PublishCommand,
    ReleaseRequest,
    RouteCommand,
    SourceRef,
    Standing,
    StepReport,
    Survey,
)
from tidegate.domain.errors import Unreachable
from tidegate.domain.manifest import Manifest, ObjectRef
from tidegate.domain.marks import JUDGED_TEMPLATE, annotations
from tidegate.domain.plan import Published, Routing
from tidegate.domain.verdict import Verdict
from tidegate.domain.workload import kind_named, kind_of
from tidegate.manifests.bundle import Bundle, Contents, read_contents
from tidegate.sandbox.client import NAMESPACES, PODS, ApiError, ClusterClient, Object, Resource
from tidegate.sandbox.cluster_api import ClusterApi, write_kubeconfig
from tidegate.sandbox.controllers import Controllers
from tidegate.sandbox.informer import Informer
from tidegate.sandbox.inventory import definitions
from tidegate.settings.model import ClusterSettings, MeshSettings, Settings

C = TypeVar("C")
T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, Any]], Any]

MESH, WORKLOADS, FURTHER = "asm", "mesh02", "mesh03"
BROKEN = "podinfo:broken"
HALF_BROKEN = "podinfo:half-broken"
EPOCH = 1_000
DEFINITIONS = Resource(
    "apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)

MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: podinfo, namespace: test, labels: {app: podinfo}}
spec:
  selector: {matchLabels: {app: podinfo}}
  template:
    metadata: {labels: {app: podinfo}}
    spec: {containers: [{name: podinfod, image: "podinfo:1", ports: [{containerPort: 9898}]}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: podinfo, namespace: test}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
  minReplicas: 2
  maxReplicas: 4
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: podinfo, namespace: test}
spec:
  targetRef: {kind: Deployment, name: podinfo}
  autoscalerRef: {kind: HorizontalPodAutoscaler, name: podinfo}
  progressDeadlineSeconds: 60
  service: {port: 9898, gateways: [public-gateway.istio-system], hosts: [app.example.com]}
  analysis: {interval: 1s, threshold: 2, stepWeight: 10, maxWeight: 50}
"""


ADDRESS = "10.77.0.1"


class Node:
    """Says that pods are ready at once, but for those of the broken image, and every second one of the half
    broken; removes deleted ones.
    """

    def __init__(self, client: ClusterClient) -> None:
        self._client = client
        self._pods = Informer(client, PODS)
        self._pods.on_change(lambda pod, _: self._act(pod))
        self._tasks: set[asyncio.Task[None]] = set()
        self._doubtful = itertools.cycle((True, False))

    async def __aenter__(self) -> None:
        await self._pods.start()

    async def __aexit__(self, *_: object) -> None:
        await self._pods.stop()
        await asyncio.gather(*self._tasks)

    def _act(self, pod: Object) -> None:
        deleted = "deletionTimestamp" in pod["metadata"]
        if deleted or not (pod.get("status") or {}).get("containerStatuses"):
            task = asyncio.get_running_loop().create_task(self._end(pod) if deleted else self._begin(pod))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _begin(self, pod: Object) -> None:
        image = pod["spec"]["containers"][0]["image"]
        ready = next(self._doubtful) if image == HALF_BROKEN else image != BROKEN
        state = (
            {"running": {}} if ready else {"waiting": {"reason": "ErrImagePull", "message": f"no {image}"}}
        )
        condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": "2026-01-01T00:00:00Z"}
        status = {
            "phase": "Running" if ready else "Pending",
            "podIP": ADDRESS,
            "podIPs": [{"ip": ADDRESS}],
            "conditions": [condition],
            "containerStatuses": [{"name": "podinfod", "image": image, "ready": ready, "state": state}],
        }
        await self._quietly(self._client.patch(PODS, pod, {"status": status}, "status"))

    async def _end(self, pod: Object) -> None:
        await self._quietly(self._client.delete(PODS, pod, grace_seconds=0))

    async def _quietly(self, call: Coroutine[Any, Any, Object]) -> None:
        """A pod may go while it is written to."""
        try:
            await call
        except ApiError:
            return


class World:
    """The clusters, Git's manifests by revision, and the activities, called as a workflow would."""

    def __init__(self, clusters: Clusters, settings: Settings, lose_workloads: Callable[[], object]) -> None:
        self.lose_workloads = lose_workloads
        self.workloads: Cluster = clusters.cluster(WORKLOADS)
        self.mesh: Cluster = clusters.cluster(MESH)
        self.git: dict[str, list[Manifest]] = {}
        self.git_down = False
        self.named = True
        self.kind = "Deployment"
        self.clusters = clusters
        self.epoch = EPOCH
        self.further: tuple[str, ...] = ()
        self.waited_seconds = 0.0
        """How long ago the next step was scheduled."""
        self.at = ""
        """The cluster that steps are for, where there are several."""
        self._workload = WorkloadActivities(clusters, self, settings)
        self._sync = SyncActivities(clusters, self, settings)
        self._traffic = TrafficActivities(clusters, self, settings)
        self._recovery = RecoveryActivities(clusters, self, self, settings)
        self._uninstallation = UninstallationActivities(clusters, self, settings)
        self._inspection = Inspection(clusters, self, settings)
        self._publication = PublicationActivities(Publisher(clusters, self, settings))
        self._sequence = itertools.count(1)
        self.commit("a")

    def commit(
        self, revision: str, image: str = "podinfo:1", change: Callable[..., None] | None = None
    ) -> None:
        """Have Git hold the manifests with this image; `change` gets Deployment, HPA and Canary."""
        manifests = list(yaml.safe_load_all(MANIFESTS))
        manifests[0]["spec"]["template"]["spec"]["containers"][0]["image"] = image
        if self.kind == "DaemonSet":
            _of_daemons(*manifests)
        if self.kind == "Service":
            _of_services(*manifests, version=image.rpartition(":")[2])
        if change:
            change(*manifests)
        self.git[revision] = manifests

    def bundle(self, ref: CanaryRef) -> Bundle:
        return self.contents(ref.owner).bundle(ref.namespace, ref.name)

    def contents(self, owner: ApplicationRef) -> Contents:
        if self.git_down:
            raise Unreachable("Git repository file:///repo", "connection refused")
        rendered = [(deepcopy(manifest), "") for manifest in self.git[owner.source.sha]]
        return read_contents(rendered, owner.namespace)

    def resolve(self, repo_url: str, revision: str) -> ResolvedRevision:
        """Every revision is its own commit."""
        if self.git_down:
            raise Unreachable(f"Git repository {repo_url}", "connection refused")
        return ResolvedRevision(sha=revision, ref=revision, kind="commit")

    def find(self, request: ReleaseRequest, *, by_marks_alone: bool = False) -> Findings:
        """What a recovery finds."""
        command = FindCommand(request=request, by_marks_alone=by_marks_alone)
        return self._call(self._recovery.find, command)

    def look(self, revision: str, *, baseline: bool = False) -> tuple[Verdict, ...]:
        """What a bake's look at the pods says."""
        return self._inspection.look(self.ref(revision), baseline=baseline)

    def answerable(self, revision: str, query: str) -> str:
        """A query as the cluster's Prometheus can answer it."""
        return self._inspection.answerable(self.ref(revision), query)

    def find_traffic(self, request: ReleaseRequest) -> Findings:
        """What a start finds."""
        return self._call(self._recovery.find_traffic, FindCommand(request=request))

    def sync(self, revision: str, replicas: int | None = None) -> None:
        """Apply the target as a sync does; with replicas, as somebody did before there was a canary."""
        target = deepcopy(self.git[revision][0])
        if replicas is not None:
            target["spec"]["replicas"] = replicas
        if self.kind != "Deployment" and (live := self.deployment("podinfo")):
            target = kind_of(live).as_live(target, live)
        self.workloads.apply(target, manager="tidegate")

    def ref(self, revision: str) -> CanaryRef:
        source = SourceRef(repo_url="file:///repo", sha=revision, path=".")
        owner = ApplicationRef(
            application="podinfo",
            cluster=WORKLOADS,
            namespace="test",
            create_namespace=True,
            source=source,
            further_clusters=self.further,
        )
        names = {"target": "podinfo", "primary": "podinfo-primary"} if self.named else {}
        known = CanaryRef(
            owner=owner, namespace="test", name="podinfo", service="podinfo", kind=self.kind, **names
        )
        return known.model_copy(update={"cluster": self.at})

    @contextlib.contextmanager
    def within(self, cluster: str) -> Iterator["World"]:
        """What is done and looked at in one of several workload clusters."""
        self.at, self.workloads = cluster, self.clusters.cluster(cluster)
        yield self
        self.at, self.workloads = "", self.clusters.cluster(WORKLOADS)

    def fence(self) -> Fence:
        """A token later than all before it."""
        return Fence(epoch=self.epoch, sequence=next(self._sequence))

    def survey(self, revision: str) -> Survey:
        """What a start looks at before it changes anything."""
        return self._call(self._sync.survey, self.ref(revision).owner)

    def plan(self, revision: str) -> PlanResult:
        return self._call(self._workload.plan, self.ref(revision))

    def step(
        self,
        name: str,
        revision: str = "a",
        *,
        fence: Fence | None = None,
        deadline_seconds: float = 10,
        attempt: int = 1,
        cancel: bool = False,
        turning_back: bool = False,
        copy_epoch: int = EPOCH,
        at: datetime | None = None,
        synced: dict[str, str] | None = None,
        stands: bool = False,
    ) -> StepReport:
        """Run workload_<name>; with `cancel`, it is cancelled while it waits."""
        command = self._command(revision, fence, deadline_seconds, turning_back, copy_epoch, at)
        command = command.model_copy(update={"synced": synced or {}, "stands": stands})
        method: Callable[[CanaryCommand], StepReport] = getattr(self._workload, name)
        return self._call(method, command, attempt, cancel)

    def uninstall(self, name: str, *, fence: Fence | None = None, deadline_seconds: float = 10) -> StepReport:
        """Run a step of an uninstallation."""
        method: Callable[[CanaryCommand], StepReport] = getattr(self._uninstallation, name)
        return self._call(method, self._command("a", fence, deadline_seconds))

    def _command(
        self,
        revision: str,
        fence: Fence | None,
        deadline_seconds: float,
        turning_back: bool = False,
        copy_epoch: int = EPOCH,
        at: datetime | None = None,
    ) -> CanaryCommand:
        return CanaryCommand(
            ref=self.ref(revision),
            fence=fence or self.fence(),
            deadline_seconds=deadline_seconds,
            turning_back=turning_back,
            copy_epoch=copy_epoch,
            at=at,
        )

    def route(
        self,
        weight: int,
        revision: str = "a",
        *,
        fence: Fence | None = None,
        expected: int | None = None,
        mirror: int = 0,
        baseline: int = 0,
        after: Fence | None = None,
        receding: bool = False,
        turning_back: bool = False,
        at_rest: bool = False,
    ) -> StepReport:
        """Run traffic_route; before a target gets traffic it is scaled up, if it is not to stay `at_rest`."""
        if (weight or mirror) and not at_rest:
            self._scale_up(revision)
        command = RouteCommand(
            ref=self.ref(revision),
            fence=fence or self.fence(),
            routing=Routing(canary=weight, mirror=mirror, baseline=baseline),
            expected=None if expected is None else Routing(canary=expected),
            after=after,
            receding=receding,
            turning_back=turning_back,
        )
        return self._call(self._traffic.route, command)

    def _scale_up(self, revision: str) -> None:
        for ref in self.ref(revision).everywhere:
            with contextlib.nullcontext() if self.at else self.within(ref.cluster or WORKLOADS):
                live = self.deployment(ref.carrier)
                if live is not None and JUDGED_TEMPLATE not in annotations(live):
                    self.step("scale_up", revision)

    def publish(
        self, standing: Standing, events: Sequence[Event], *, at: datetime, first: bool, applied: str = "new"
    ) -> None:
        """Show where the canary stands; `applied` is what is released, as a hash."""
        command = PublishCommand(
            ref=self.ref("a"),
            fence=self.fence(),
            at=at,
            published=Published(revision=applied),
            standing=standing,
            events=tuple(events),
            first=first,
        )
        self._call(self._publication.publish, command)

    def initialise(self, revision: str = "a") -> None:
        """A canary that was initialised: all on the primary, no target."""
        self.sync(revision)
        self.step("prepare", revision)
        self.route(0, revision)
        self.step("scale_down", revision)

    def deployment(self, name: str) -> Any:
        return self.workloads.get(kind_named(self.kind).api_version, self.kind, "test", name)

    def change_deployment(
        self, name: str, change: Callable[[Any], Any], manager: str, fence: Fence | None = None
    ) -> None:
        """Write a workload as that manager, by default with a token later than all before it."""
        version = kind_named(self.kind).api_version
        ref = ObjectRef(api_version=version, kind=self.kind, namespace="test", name=name)
        self.workloads.fenced_update(ref, fence or self.fence(), change, manager=manager)

    def service(self, name: str) -> Any:
        return self.workloads.get("v1", "Service", "test", name)

    def image(self, name: str) -> str:
        image: str = self.deployment(name)["spec"]["template"]["spec"]["containers"][0]["image"]
        return image

    def routes(self) -> Any:
        return self.mesh.get("networking.istio.io/v1", "VirtualService", "test", "podinfo")

    def weights(self) -> list[int]:
        return [each["weight"] for each in self.routes()["spec"]["http"][0]["route"]]

    def _call(self, method: Callable[[C], T], argument: C, attempt: int = 1, cancel: bool = False) -> T:
        environment = ActivityEnvironment()
        now = datetime.now(UTC)
        scheduled = now - timedelta(seconds=self.waited_seconds)
        environment.info = replace(
            environment.info, scheduled_time=scheduled, started_time=now, attempt=attempt
        )
        if cancel:
            environment.on_heartbeat = lambda *_: environment.cancel()
        return environment.run(method, argument)


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what a controller does by itself."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never comes to that"
        time.sleep(0.02)


@pytest.fixture
def world(servers: Run, tmp_path: Path) -> Iterator[World]:
    """A mesh control plane and a workload cluster, both with the namespace test on the latter only."""
    yield from _made(servers, tmp_path, MESH, WORKLOADS)


@pytest.fixture
def wide(servers: Run, tmp_path: Path) -> Iterator[World]:
    """The same with a further workload cluster."""
    for world in _made(servers, tmp_path, MESH, WORKLOADS, FURTHER):
        world.further = (FURTHER,)
        yield world


def _made(servers: Run, tmp_path: Path, *names: str) -> Iterator[World]:
    apis = [ClusterApi(name=name) for name in names]
    ending = AsyncExitStack()
    servers(_start(apis, ending))
    kubeconfig = str(write_kubeconfig(tmp_path / "kubeconfig", apis))
    known = {api.name: ClusterSettings(kubeconfig=kubeconfig, context=api.name) for api in apis}
    settings = Settings(clusters=known, mesh=MeshSettings(control_plane=MESH))
    clusters = Clusters(settings)
    yield World(clusters, settings, lambda: servers(apis[1].stop()))
    clusters.close()
    servers(ending.aclose())


@pytest.fixture
def daemons(world: World) -> World:
    """The same with a DaemonSet for a target, and two nodes, of which the second one has a fast disk."""
    for number, labels in enumerate(({}, {"disk": "ssd"}), start=1):
        metadata = {"name": f"node-{number}", "labels": labels}
        world.workloads.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata}, manager="kubelet")
    world.kind = "DaemonSet"
    world.commit("a")
    return world


@pytest.fixture
def selections(world: World) -> World:
    """The same with a Service for a target, and Deployments of which it selects one; one is never ready."""
    return _selecting(world, WORKLOADS)


@pytest.fixture
def wide_selections(wide: World) -> World:
    """The same in two workload clusters."""
    return _selecting(wide, WORKLOADS, FURTHER)


def _selecting(world: World, *clusters: str) -> World:
    for version, image in (("1", "podinfo:1"), ("2", "podinfo:2"), ("broken", BROKEN)):
        deployment = next(yaml.safe_load_all(MANIFESTS))
        labels = {"app": f"podinfo-{version}"}
        deployment["metadata"] |= {"name": f"podinfo-{version}", "labels": labels}
        deployment["spec"]["selector"]["matchLabels"] = labels
        deployment["spec"]["template"]["metadata"]["labels"] = labels
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image
        for name in clusters:
            world.clusters.cluster(name).apply(deployment, manager="team")
    world.kind = "Service"
    world.commit("a")
    return world


def _of_services(target: Manifest, autoscaler: Manifest, canary: Manifest, *, version: str) -> None:
    """The manifests with a Service that selects this version's pods; nobody's autoscaler, no Deployment."""
    metadata = {"name": "podinfo", "namespace": "test", "labels": {"team": "tides"}}
    ports = [{"name": "http", "port": 9898}]
    target |= {"apiVersion": "v1", "kind": "Service", "metadata": metadata}
    target["spec"] = {"selector": {"app": f"podinfo-{version}"}, "ports": ports}
    canary["spec"]["targetRef"] = {"apiVersion": "v1", "kind": "Service", "name": "podinfo"}
    del canary["spec"]["autoscalerRef"]
    autoscaler["spec"]["scaleTargetRef"]["name"] = "elsewhere"


def _of_daemons(target: Manifest, autoscaler: Manifest, canary: Manifest) -> None:
    """The manifests with a DaemonSet instead; the autoscaler is nobody's."""
    target["kind"] = canary["spec"]["targetRef"]["kind"] = "DaemonSet"
    del canary["spec"]["autoscalerRef"]
    autoscaler["spec"]["scaleTargetRef"]["name"] = "elsewhere"


@pytest.fixture
def flagger(world: World, servers: Run) -> World:
    """The same with Flagger's kinds in the workload cluster."""
    for definition in definitions():
        if definition["spec"]["group"] == "flagger.app":
            world.workloads.apply(definition, manager="flagger")
    return world


async def _start(apis: list[ClusterApi], ending: AsyncExitStack) -> None:
    for api in apis:
        await api.start()
        ending.push_async_callback(api.stop)
    mesh, *clusters = [await ending.enter_async_context(ClusterClient(api.url)) for api in apis]
    for definition in definitions():
        await mesh.create(DEFINITIONS, definition)
    for workloads in clusters:
        await workloads.create(NAMESPACES, {"metadata": {"name": "test"}})
        await ending.enter_async_context(Controllers(workloads))
        await ending.enter_async_context(Node(workloads))
