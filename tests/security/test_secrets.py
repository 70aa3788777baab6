"""Secrets wherever one can be, releases that succeed and fail, and a search of all that they leave."""

import asyncio
import base64
import os
import secrets as random
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from temporalio.client import Client

from benchmarks.faults.wiring import throw_away_certificate
from tests.e2e import manifests
from tests.e2e.user import Application, Ended
from tests.security.conftest import Installation, Site
from tests.security.neighbours import Echo, GitServer
from tests.security.traces import Traces
from tidegate.adapters.encryption import Keyring
from tidegate.sandbox.ports import free_port
from tidegate.sandbox.world import World

pytestmark = pytest.mark.timeout(900)
"""A dozen releases stand before the first test."""

KEY = random.token_bytes(32)
SECRETS = {
    name: f"c4nary-{name}-{random.token_hex(8)}"
    for name in (
        "git-token",
        "ssh-key",
        "cluster-token",
        "temporal-api-key",
        "prometheus-token",
        "hook-password",
        "hook-header",
        "template-password",
        "metric-secret",
        "metric-header",
        "chat-address",
        "chat-token",
        "secret-data",
        "configured-secret",
        "environment",
        "url-password",
    )
} | {"codec-key": base64.b64encode(KEY).decode()}
OTHERS = {"one": bytes([1] * 32), "two": bytes([2] * 32)}
"""The keys of the other tests' releases in this world."""

KINDS = "deploy,rs,pods,svc,hpa,configmaps,secrets,vs,dr,canaries,events"
CHATS = "chats"
"""The namespace where a platform team keeps its AlertProvider."""

NewApplication = Callable[[Installation, str], Awaitable[Application]]


class Scene:
    """A worker with every secret, its neighbours, and the traces of all that was done with it."""

    def __init__(
        self, site: Installation, git: GitServer, echo: Echo, chat: Echo, traces: Traces, folder: Path
    ) -> None:
        self.site = site
        self.git = git
        self.echo = echo
        self.chat = chat
        self.traces = traces
        self.folder = folder
        self.ended: dict[str, Ended] = {}

    async def commands(self, *commands: tuple[str, ...]) -> None:
        """Run commands with and without --json, and keep what they say."""
        calls = [(*command, *options) for command in commands for options in ((), ("--json",))]
        for call, ended in zip(calls, await asyncio.gather(*map(self._run, calls)), strict=True):
            self.traces.add("output", f"{call}\n{ended.out}\n{ended.err}")

    async def release(self, name: str, application: Application, *options: str) -> None:
        """Release, and ask what there is to say of it."""
        ended = await application.start(*options)
        self.traces.add("output", f"{name}\n{ended.out}\n{ended.err}")
        self.ended[name] = ended
        reference = f"{application.name}@mesh02/{application.namespace}"
        await self.commands(("status", reference))
        await self.objects("mesh02", application.namespace, "canaries")

    async def objects(self, cluster: str, namespace: str, kinds: str) -> None:
        """Keep what releases have told of themselves on a cluster's objects."""
        listed = await self.site.user.kubectl(cluster, "-n", namespace, "get", kinds, "-o", "json")
        self.traces.add_objects(listed)

    async def _run(self, call: tuple[str, ...]) -> Ended:
        return await self.site.user.starter(*call)


@pytest.fixture(scope="module")
async def scene(
    world: World, install: Site, new_application: NewApplication, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    folder, traces = tmp_path_factory.mktemp("secrets"), Traces()
    certificate, context = await asyncio.to_thread(throw_away_certificate, folder)
    async with AsyncExitStack() as stack:
        git = await GitServer("ann", SECRETS["git-token"], context).start(stack)
        echo, chat = await Echo(500).start(stack), await Echo(500).start(stack)
        await stack.enter_async_context(traces.process_arguments())
        settings = _settings(world, folder, git.address, certificate)
        site = await install("secrets", **settings)
        scene = Scene(site, git, echo, chat, traces, folder)
        await _act(scene, new_application)
        await _gather(scene, world)
        yield scene


def _settings(world: World, folder: Path, git: str, certificate: Path) -> dict[str, str]:
    (folder / "ssh-key").write_text(SECRETS["ssh-key"])
    (folder / "tmp").mkdir()
    kubeconfig = _kubeconfig(world, folder, world.kubeconfig)
    clusters = {
        f"TIDEGATE_CLUSTERS__{name}__KUBECONFIG": str(kubeconfig) for name in ("MESH02", "MESH01", "ASM")
    }
    credentials = (
        f'{{"{git}": {{"username_env": "T_GIT_USER", "token_env": "T_GIT_TOKEN"}},'
        ' "ssh://127.0.0.1": {"ssh_key_file_env": "T_SSH_KEY"}}'
    )
    return clusters | {
        "TIDEGATE_GIT__CREDENTIALS": credentials,
        "TIDEGATE_GIT__CACHE": str(folder / "cache"),
        "TIDEGATE_CLUSTERS__MESH02__PROMETHEUS_TOKEN_ENV": "T_PROMETHEUS",
        "TIDEGATE_RELEASE__OUTAGE_BUDGET_SECONDS": "6",
        "TIDEGATE_WORKER__METRICS_ADDRESS": f"127.0.0.1:{free_port()}",
        "TIDEGATE_ENCRYPTION__ACTIVE_KEY": "planted",
        "TIDEGATE_ENCRYPTION__KEYS": '{"planted": {"env": "T_CODEC_KEY"}}',
        "TEMPORAL_API_KEY": SECRETS["temporal-api-key"],
        "TEMPORAL_TLS": "false",
        "GIT_SSL_CAINFO": str(certificate),
        "T_GIT_USER": "ann",
        "T_GIT_TOKEN": SECRETS["git-token"],
        "T_SSH_KEY": str(folder / "ssh-key"),
        "T_PROMETHEUS": SECRETS["prometheus-token"],
        "T_CODEC_KEY": SECRETS["codec-key"],
        "TMPDIR": str(folder / "tmp"),
    }


def _kubeconfig(world: World, folder: Path, original: Path, **servers: str) -> Path:
    config = yaml.safe_load(original.read_text())
    for user in config["users"]:
        user["user"]["token"] = SECRETS["cluster-token"]
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = servers.get(cluster["name"], cluster["cluster"]["server"])
    file = folder / f"kubeconfig-{len(servers)}"
    file.write_text(yaml.safe_dump(config))
    return file


def _files(name: str, version: str, *extra: dict[str, Any], **analysis: Any) -> dict[str, str]:
    deployment = manifests.deployment(name, version)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "PASSWORD", "value": SECRETS["environment"]}]
    container["envFrom"] = [{"secretRef": {"name": "configured"}}]
    secret = _secret(stringData={"password": SECRETS["secret-data"]})
    # Its contents change with every version: each promotion copies them for the primary.
    values = {"TOKEN": f"{SECRETS['configured-secret']} {version}"}
    configured = _secret(stringData=values) | {"metadata": {"name": "configured"}}
    alerts = [{"name": "on-call", "providerRef": {"name": "on-call", "namespace": CHATS}}]
    canary = manifests.canary(name, alerts=alerts, **analysis)
    documents = [deployment, canary, secret, configured, *extra]
    return {"all.yaml": yaml.safe_dump_all(documents)}


def _secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry"}, **fields}


def _hook(url: str, cmd: str = "") -> dict[str, Any]:
    header = f"-H 'Authorization: Bearer {SECRETS['hook-header']}'"
    metadata = {"cmd": f"hey -z 1m -q 10 -c 2 {header} {cmd}"} if cmd else {"x": "y"}
    return {"name": "hook", "url": url, "timeout": "5s", "metadata": metadata}


def _with_password(address: str, name: str) -> str:
    return address.replace("://", f"://ann:{SECRETS[name]}@")


async def _act(scene: Scene, new_application: NewApplication) -> None:
    application = await new_application(scene.site, "vault")
    url = scene.git.publish(application.repository)
    _point(application, url)
    load = _hook("http://loadtester.test/", f"http://podinfo-canary.{application.name}:9898/")
    await _open_chat(scene)
    await application.commit_files(_files("vault", "3.1.0", webhooks=[load]))
    file = ("-f", str(application.file))
    await scene.commands(("validate", *file), ("plan", *file), ("version",))
    await scene.release("initialised", application)
    await application.commit_files(_files("vault", "3.1.1", webhooks=[load]))
    await scene.release("promoted", application)
    await _fail_by_neighbours(scene, application, load)
    await _fail_by_credentials(scene, application, url)
    reference = f"{application.name}@mesh02/{application.namespace}"
    await scene.commands(("list",), ("watch", reference))


async def _open_chat(scene: Scene) -> None:
    """A provider of the cluster's, whose chat repeats what it is told, and its Secret."""
    values = {
        "address": f"{scene.chat.address}/services/{SECRETS['chat-address']}",
        "token": SECRETS["chat-token"],
    }
    metadata = {"name": "on-call", "namespace": CHATS}
    provider = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "AlertProvider",
        "metadata": metadata,
        "spec": {"type": "slack", "secretRef": {"name": "on-call"}},
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CHATS}}
    await _apply(scene, namespace, provider, _secret(stringData=values) | {"metadata": metadata})


async def _apply(scene: Scene, *documents: dict[str, Any]) -> None:
    """Without the annotation in which a client-side apply keeps a Secret's values."""
    file = scene.folder / "applied.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    await scene.site.user.kubectl("mesh02", "apply", "--server-side", "-f", str(file))


def _point(application: Application, url: str) -> None:
    application.describe(source={"repoURL": url, "path": ".", "targetRevision": "latest"})


async def _fail_by_neighbours(scene: Scene, application: Application, load: dict[str, Any]) -> None:
    """A hook and a Prometheus that echo what they were told, and a Secret that the cluster refuses."""
    hook = _hook(_with_password(scene.echo.address, "hook-password"))
    await application.commit_files(_files("vault", "3.1.2", threshold=1, webhooks=[hook]))
    await scene.release("hook", application)
    template = yaml.safe_load(manifests.request_rate(_with_password(scene.echo.address, "template-password")))
    check = {"name": "rate", "interval": "2s", "templateRef": {"name": "rate"}, "thresholdRange": {"min": 5}}
    files = _files("vault", "3.1.3", template, threshold=1, webhooks=[load], metrics=[check])
    await application.commit_files(files)
    await scene.release("prometheus", application)
    await _fail_by_metric_secret(scene, application, load)
    wrong = _secret(stringData={"not a key": SECRETS["secret-data"]})
    deployment = manifests.deployment("vault", "3.1.4")
    await application.commit_files({"all.yaml": yaml.safe_dump_all([deployment, wrong])})
    await scene.release("secret", application)


async def _fail_by_metric_secret(scene: Scene, application: Application, load: dict[str, Any]) -> None:
    """A server that echoes the credentials that a template takes from a Secret, and its headers."""
    template = yaml.safe_load(manifests.request_rate(scene.echo.address))
    template["spec"]["provider"] |= {
        "secretRef": {"name": "metrics"},
        "headers": {"X-Key": [SECRETS["metric-header"]]},
    }
    credentials = _secret(stringData={"username": "ann", "password": SECRETS["metric-secret"]})
    credentials["metadata"] = {"name": "metrics", "namespace": application.namespace}
    await _apply(scene, credentials)
    check = {"name": "rate", "interval": "2s", "templateRef": {"name": "rate"}, "thresholdRange": {"min": 5}}
    files = _files("vault", "3.1.7", template, threshold=1, webhooks=[load], metrics=[check])
    await application.commit_files(files)
    asked = scene.echo.told.count(SECRETS["metric-header"])
    await scene.release("metrics", application)
    assert scene.echo.told.count(SECRETS["metric-header"]) > asked


async def _fail_by_credentials(scene: Scene, application: Application, url: str) -> None:
    """A cluster, Git over https and over ssh that refuse, and URLs with a password."""
    await application.commit_files(_files("vault", "3.1.5"))
    echo = Echo(401)
    async with AsyncExitStack() as stack:
        await echo.start(stack)
        world = scene.site.world
        file = _kubeconfig(world, scene.folder, world.kubeconfig, mesh02=echo.address)
        await scene.site.restart(TIDEGATE_CLUSTERS__MESH02__KUBECONFIG=str(file))
        await scene.release("cluster", application)
    await scene.site.restart(T_GIT_TOKEN=SECRETS["url-password"])
    await application.commit_files(_files("vault", "3.1.6"))
    await scene.release("git", application, "--no-validate")
    await scene.commands(("validate", "-f", str(application.file)))
    _point(application, f"ssh://git@127.0.0.1:{free_port()}/vault")
    await scene.commands(("validate", "-f", str(application.file)))
    for address in (_with_password(url, "url-password"), url.replace("://", f"://{SECRETS['git-token']}@")):
        _point(application, address)
        await scene.release("password", application, "--no-validate")


async def _gather_what_was_told(scene: Scene, world: World) -> None:
    """By the clusters' objects and to the chat."""
    for cluster in world.clusters:
        for namespace in ("vault", CHATS):
            await scene.objects(cluster, namespace, KINDS)
    for body in scene.chat.bodies:
        scene.traces.add("alert payloads", body)


async def _gather(scene: Scene, world: World) -> None:
    traces, folder = scene.traces, scene.folder
    metrics = f"http://{scene.site.settings['TIDEGATE_WORKER__METRICS_ADDRESS']}/metrics"
    traces.add("metrics", await asyncio.to_thread(lambda: urllib.request.urlopen(metrics).read()))
    await _gather_what_was_told(scene, world)
    assert scene.site.worker is not None
    await scene.site.worker.stop()
    client = await Client.connect(world.temporal_address)
    await traces.add_histories(client, Keyring({"planted": KEY} | OTHERS))
    for log in (world.directory / "logs").glob("worker*"):
        traces.add("worker log", log.read_bytes())
    for repository in (folder / "cache").iterdir():
        for place in ("mirror/config", "mirror/FETCH_HEAD", "mirror/packed-refs"):
            if (repository / place).is_file():
                traces.add("git cache", (repository / place).read_bytes())
    for file in (folder / "cache").glob("*"):
        if file.is_file():
            traces.add("git cache", file.read_bytes())
    traces.add_files("temporary files", folder / "tmp")
    for name in ("temporal.toml", "tidegate.toml", "logs/temporal.log"):
        traces.add("world", (world.directory / name).read_bytes())


@pytest.mark.parametrize(
    ("name", "code", "outcome"),
    [
        ("initialised", 0, "initialised"),
        ("promoted", 0, "promoted"),
        ("hook", 1, "rolled back"),
        ("prometheus", 1, "rolled back"),
        ("metrics", 1, "rolled back"),
        ("secret", 2, "invalid"),
        ("cluster", 1, "failed"),
        ("git", 1, "failed"),
    ],
)
def test_each_release_ended_as_it_was_meant_to(scene: Scene, name: str, code: int, outcome: str) -> None:
    ended = scene.ended[name]

    assert (ended.code, ended.outcome["outcome"]) == (code, outcome), ended


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("hook", "answered 500"),
        ("prometheus", "is out of reach"),
        ("metrics", "is out of reach"),
        ("cluster", "denied access"),
        ("git", "Authentication failed"),
    ],
)
def test_the_reason_says_who_refused(scene: Scene, name: str, told: str) -> None:
    assert told in scene.ended[name].out


def test_the_chat_was_told_with_its_secret_and_repeated_it(scene: Scene) -> None:
    told = scene.chat.told.count
    assert told(SECRETS["chat-address"]) == told(SECRETS["chat-token"]) == scene.chat.asked > 3
    told_of = _says(scene, "worker log", "alert on-call: slack")
    assert told_of == _says(scene, "worker log", "may not have taken it: it answered 500") > 3


@pytest.mark.parametrize("where", ["events", "alert payloads", "canary status"])
def test_what_failed_is_told_where_people_look(scene: Scene, where: str) -> None:
    assert _says(scene, where, "answered 500")


def _says(scene: Scene, where: str, words: str) -> int:
    """How often the words are said there."""
    return sum(content.count(words.encode()) for content in scene.traces.found[where])


def test_a_url_with_a_password_never_reaches_temporal(scene: Scene) -> None:
    assert scene.ended["password"].code == 2
    assert "in the settings" in scene.ended["password"].err


FULL = (
    "histories",
    "output",
    "metrics",
    "worker log",
    "git cache",
    "process arguments",
    "canary status",
    "events",
    "annotations",
    "alert payloads",
)
"""Where there is always something to be searched."""


@pytest.mark.parametrize("where", [*FULL, "temporary files", "world"])
def test_no_secret_is_found(scene: Scene, where: str) -> None:
    searched = Traces()
    searched.found = {where: scene.traces.found.get(where, [])}

    assert searched.leaks(SECRETS) == []


@pytest.mark.parametrize("where", FULL)
def test_something_was_searched(scene: Scene, where: str) -> None:
    assert sum(map(len, scene.traces.found[where])) > 50


def test_the_search_finds_what_is_there() -> None:
    for form in (b"x%s", b"%s", b"yy%s"):
        traces = Traces()
        traces.add("here", base64.b64encode(form % SECRETS["git-token"].encode()))
        assert traces.leaks(SECRETS)
    assert os.environ.get("T_GIT_TOKEN") is None
