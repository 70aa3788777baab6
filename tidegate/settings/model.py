"""The settings as models: a docstring under each field gives its unit, its default's reason, its meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from tidegate.settings.section import ListenAddress, LocatedPath, Section, WebAddress, located
from tidegate.settings.security import AddressSettings, CodecServerSettings, EncryptionSettings

IN_CLUSTER_SERVER = "https://kubernetes.default.svc"
IN_CLUSTER_NAME = "in-cluster"


class SettingsError(ValueError):
    """A setting is unknown, wrong or missing. Its text is one line: where, which field, how to mend it."""

    def __init__(self, *, file: str, field: str, mend: str) -> None:
        super().__init__(f"{file}: {field}: {mend}")
        self.file = file
        self.field = field
        self.mend = mend


class ClusterSettings(Section):
    """One cluster's API and what belongs to it."""

    kubeconfig: LocatedPath = ""
    """Path of a kubeconfig, relative to the settings file. Empty: the pod's own service account when the
    worker runs in a cluster, else kubectl's default (KUBECONFIG, ~/.kube/config)."""

    context: str = ""
    """Context within the kubeconfig. Empty: its current context."""

    server: WebAddress = ""
    """The API's address as Applications write it in `destination.server`, when they name the cluster by
    address rather than by name."""

    prometheus: WebAddress = ""
    """Base address of the Prometheus that answers for workloads in this cluster. Empty: metrics without an
    address of their own cannot be read, and a canary that needs them is refused."""

    prometheus_token_env: str = ""
    """Name of the environment variable that holds a bearer token for Prometheus. A name and not the token,
    so that the file may be committed."""

    service_proxy: bool = False
    """Whether in-cluster addresses (http://loadtester.test/, http://prometheus.istio-system:9090) are called
    through this cluster's API service proxy. For a worker outside the cluster, which cannot resolve them."""


class MeshSettings(Section):
    """Where Istio's own objects live."""

    control_plane: str = ""
    """Cluster that holds Gateways, VirtualServices and DestinationRules. Empty: the release's destination
    itself, as in a mesh of one cluster."""


class LoadSettings(Section):
    """How a canary is put under load while it bakes."""

    cluster: str = ""
    """Cluster whose service proxy reaches the load tester. Empty: the release's destination."""

    mode: Literal["webhook", "native"] = "webhook"
    """`webhook` posts to the load tester, as Flagger does; `native` makes the worker send the load that the
    webhook's command line describes, for installations without a load tester."""

    proxy: WebAddress = ""
    """HTTP proxy that native load goes through, when the worker cannot reach the gateway directly."""

    max_rate: PositiveFloat = 2000
    """Requests per second that native load never exceeds, whatever the command line asks for: a manifest
    must not be able to make the worker a weapon."""


class GitCredential(Section):
    """Credentials for the repositories under one URL prefix; always by reference, never by value.

    The longest prefix that ends where a path segment of the URL does wins. User names do not count. A port
    does: `https://git.example` stands for port 443, `ssh://git.example` for port 22, and any other port gets
    no credentials unless the prefix names it, as in `https://git.example:8443`.
    """

    username_env: str = ""
    """Environment variable that holds the https user name. Empty: `git`, which token logins accept."""

    token_env: str = ""
    """Environment variable that holds the https token or password."""

    ssh_key_file_env: str = ""
    """Environment variable that holds the path of a private ssh key file."""

    ssh_known_hosts: LocatedPath = ""
    """Path of the known_hosts file to verify ssh hosts with. Empty: the user's own. Unknown hosts are
    always refused."""


class GitSettings(Section):
    """How repositories are reached and kept."""

    cache: Annotated[Path, AfterValidator(lambda path, info: Path(located(str(path), info)))] = Path(
        "~/.cache/tidegate"
    )
    """Folder for mirrors and checkouts, shared by all workers of a machine; everything in it can be fetched
    again. Its owner must be the worker's user."""

    credentials: dict[str, GitCredential] = Field(default_factory=dict)
    """Credentials by URL prefix."""

    fetch_timeout_seconds: PositiveFloat = 120
    """Seconds that one conversation with a remote may take before it counts as unreachable; long enough for
    the first mirror of a large repository."""

    allow_file: bool = True
    """Whether file:// URLs and local paths are accepted. Turn it off where those who start releases must not
    read repositories on the worker's disk."""

    keep_checkouts: PositiveInt = 20
    """Checkouts kept per repository, the most recently used; older ones are deleted and made again on
    demand. More than the releases of one repository that run at a time."""


class ReleaseSettings(Section):
    """Timings of every release."""

    drain_seconds: NonNegativeFloat = 5
    """Seconds between the last routing change and the target's scale-down, so that requests in flight
    end; Envoy applies a new route within a second or two."""

    sync_timeout_seconds: PositiveFloat = 600
    """Seconds until what was applied has to be healthy; Kubernetes' own progress deadline for a Deployment
    is as long."""

    outage_budget_seconds: PositiveFloat = 300
    """Seconds that one step goes on retrying an unreachable neighbour before the release rolls back; covers
    an API server's restart."""


class AlertSettings(Section):
    """What alerts of a release say besides what happened."""

    ui_address: WebAddress = ""
    """Address of Temporal's UI, such as `https://temporal.example.com`, for links to the run. Empty: none."""


class WorkerSettings(Section):
    """The worker process."""

    task_queue: str = Field(default="tidegate", min_length=1)
    """Temporal task queue that workers poll and the starter addresses."""

    deployment_name: str = ""
    """Name of the Worker Deployment in Temporal, the same for all workers of an installation. With it,
    versioning is on: a release ends on the version that began it. Empty: off, any worker takes any step."""

    build_id: str = ""
    """Version of this worker's code within the deployment, such as an image's tag; another one for every
    change of the code. Set together with deployment_name."""

    max_concurrent_activities: PositiveInt = 50
    """Activities that run at once in one worker; each canary under way uses about two."""

    max_concurrent_workflow_tasks: int = Field(default=8, ge=2)
    """Workflow tasks that run at once in one worker. They share one core, and Temporal's SDK gives up on one
    that takes longer than two seconds, waiting for the others included: few at once, so that a burst of
    starts is worked off in order instead."""

    max_cached_workflows: PositiveInt = 2500
    """Workflows that a worker keeps in memory, two for each release, which take about 370 KiB together: more
    than are open at a time, or each signal and timer costs reading a whole history again, 20 ms of CPU."""

    max_cached_manifests: PositiveInt = 1000
    """Rendered sets of manifests that a worker keeps, one for each application and revision, of about 10 KiB
    for each manifest: more than are released at a time, or each step renders anew, 9 ms of CPU at least."""

    max_pollers: int = Field(default=5, ge=2)
    """Calls that wait for work at Temporal at once, for workflow tasks and for activities each; there are two
    when little is to be done."""

    graceful_shutdown_seconds: NonNegativeFloat = 20
    """Seconds that running activities get to end after SIGTERM; below Kubernetes' default grace of 30."""

    metrics_address: ListenAddress = ""
    """host:port on which the SDK serves its metrics to Prometheus. Empty: not served."""

    health_address: ListenAddress = ""
    """host:port of the health endpoint for probes. Empty: not served."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.deployment_name) != bool(self.build_id):
            raise ValueError("set deployment_name and build_id together, or neither")
        return self


class Settings(Section):
    """Everything an installation may choose."""

    clusters: dict[str, ClusterSettings] = Field(default_factory=dict)
    mesh: MeshSettings = MeshSettings()
    load: LoadSettings = LoadSettings()
    git: GitSettings = GitSettings()
    release: ReleaseSettings = ReleaseSettings()
    alerts: AlertSettings = AlertSettings()
    worker: WorkerSettings = WorkerSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    codec_server: CodecServerSettings = CodecServerSettings()
    addresses: AddressSettings = AddressSettings()

    def cluster(self, name: str) -> ClusterSettings:
        """The cluster of that name; SettingsError names the known ones."""
        if name not in self.clusters:
            raise self._unknown("clusters", name)
        return self.clusters[name]

    def cluster_for(self, *, server: str = "", name: str = "") -> str:
        """Resolve an Application's destination (its `server` or its `name`) to a cluster's name."""
        if name and server:
            raise self._error("destination", "give either name or server, not both")
        if name in self.clusters:
            return name
        if name and name != IN_CLUSTER_NAME:
            raise self._unknown("destination.name", name)
        return self._by_server((server or IN_CLUSTER_SERVER).rstrip("/"))

    def mesh_cluster(self, destination: str) -> str:
        """Name of the cluster that holds Istio's objects for a release to `destination`."""
        return self.mesh.control_plane or destination

    def load_cluster(self, destination: str) -> str:
        """Name of the cluster whose load tester serves a release to `destination`."""
        return self.load.cluster or destination

    def _by_server(self, server: str) -> str:
        found = [name for name, cluster in self.clusters.items() if cluster.server == server]
        if not found and server == IN_CLUSTER_SERVER and len(self.clusters) == 1:
            found = list(self.clusters)
        if len(found) != 1:
            reason = f"{' and '.join(found)} share {server}" if found else f"no cluster has server {server!r}"
            raise self._error(
                "destination.server", f"{reason}; set clusters.<name>.server, or {self.known_clusters()}"
            )
        return found[0]

    def _unknown(self, field: str, name: str) -> SettingsError:
        return self._error(field, f"unknown cluster {name!r}; {self.known_clusters()}")

    def known_clusters(self) -> str:
        """What to say beside an unknown cluster."""
        if not self.clusters:
            return "no cluster is configured: add [clusters.<name>] to tidegate.toml"
        return f"known clusters: {', '.join(sorted(self.clusters))}"

    @staticmethod
    def _error(field: str, mend: str) -> SettingsError:
        return SettingsError(file="settings", field=field, mend=mend)
