"""The cluster under contract, and the clients that ask it.

The contract suite runs against the emulator, and with KUBEBUILDER_ASSETS set against a real
kube-apiserver too. Tests of the emulator alone ask for `emulator`; where it differs from a real
server on purpose, `deviations` says so.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from kubernetes import client, config, dynamic

from tests.sandbox.cluster_api import deviations
from tests.sandbox.cluster_api.real import RealServer
from tests.sandbox.cluster_api.servers import Pair, Server
from tests.sandbox.cluster_api.subjects import DEFINITIONS, NAMESPACE, SUBJECTS
from tidegate.sandbox.cluster_api import ClusterApi, write_kubeconfig
from tidegate.sandbox.cluster_api.kubeconfig import Cluster as Served
from tidegate.sandbox.control_plane import Cluster, find_assets
from tidegate.sandbox.control_plane.assets import VARIABLE

settings.register_profile("long", max_examples=1000, derandomize=False)
# The client is typed in parts; its calls are what is under test here, not its types.
_client: Any = client
_config: Any = config
_dynamic: Any = dynamic
Raw = Callable[..., tuple[int, Any]]


@contextmanager
def _event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in a thread of its own: the clients under test block theirs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="package")
def serve() -> Iterator[Callable[[ClusterApi], ClusterApi]]:
    """Starts cluster APIs, and stops them at the end of the session."""
    started: list[ClusterApi] = []
    with _event_loop() as loop:

        def start(api: ClusterApi) -> ClusterApi:
            asyncio.run_coroutine_threadsafe(api.start(), loop).result(5)
            started.append(api)
            return api

        yield start
        for api in started:
            asyncio.run_coroutine_threadsafe(api.stop(), loop).result(5)


@pytest.fixture(scope="package")
def emulator(serve: Callable[[ClusterApi], ClusterApi]) -> ClusterApi:
    return serve(ClusterApi("contract"))


@pytest.fixture(scope="package")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real API server, with the two controllers whose work the emulator does itself."""
    assets = find_assets(os.environ)
    if assets is None:
        pytest.skip("KUBEBUILDER_ASSETS is not set: the emulator alone was held to the contract")
    if assets.controller_manager is None:
        pytest.skip("KUBEBUILDER_ASSETS has no kube-controller-manager, which empties namespaces")
    with _event_loop() as loop:

        def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result(120)

        server = RealServer(assets, tmp_path_factory.mktemp("real"))
        yield run(server.start())
        run(server.stop())


@pytest.fixture(scope="package", params=["emulator", "real"] if os.environ.get(VARIABLE) else ["emulator"])
def cluster(request: pytest.FixtureRequest) -> Served:
    """The server under contract: each in turn."""
    found: Served = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def _skip_deviations(request: pytest.FixtureRequest) -> None:
    is_real = "cluster" in request.fixturenames and request.node.callspec.params.get("cluster") == "real"
    reason = deviations.reason(request.node.path.name, request.node.name) if is_real else None
    if reason:
        pytest.skip(f"a deviation of the emulator: {reason}")


@pytest.fixture(scope="package")
def kubeconfig(cluster: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_kubeconfig(tmp_path_factory.mktemp("cluster") / "kubeconfig", [cluster])


@pytest.fixture(scope="package")
def api(kubeconfig: Path) -> Iterator[Any]:
    found = _config.new_client_from_config(str(kubeconfig))
    yield found
    found.rest_client.pool_manager.clear()


@pytest.fixture(scope="package")
def core(api: Any) -> Any:
    return _client.CoreV1Api(api)


@pytest.fixture(scope="package")
def apps(api: Any) -> Any:
    return _client.AppsV1Api(api)


@pytest.fixture(scope="package")
def clients() -> Any:
    """The client's classes and helpers, by name."""
    return _client


@pytest.fixture(scope="package")
def custom(api: Any) -> Any:
    return _client.CustomObjectsApi(api)


@pytest.fixture(scope="package")
def dyn(api: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    cache = tmp_path_factory.mktemp("discovery") / "cache.json"
    return _dynamic.DynamicClient(api, cache_file=str(cache))


@pytest.fixture(scope="package")
def raw(cluster: Served) -> Iterator[Raw]:
    """Calls without a client in between: raw(method, path, body, content_type=, accept=, **query)."""
    server = Server(cluster.url, cluster.token or "", cluster.certificate_authority)
    yield server.call
    server.close()


@pytest.fixture
def namespace(core: Any) -> Iterator[str]:
    """A namespace of the test's own."""
    made = core.create_namespace({"metadata": {"generateName": "contract-"}})
    yield made.metadata.name
    core.delete_namespace(made.metadata.name)


@pytest.fixture(scope="package")
def kubectl_program() -> str:
    beside = Path(sys.executable).parent / "kubectl"
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    return found or pytest.skip("kubectl is not installed")


@pytest.fixture
def kubectl(
    kubectl_program: str, kubeconfig: Path, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Runs kubectl in the test's namespace; returns its output, raises AssertionError with its complaint."""
    cache = tmp_path_factory.getbasetemp() / "kubectl-cache"
    environment = {"HOME": str(cache), "PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig)}

    def run(*arguments: str, stdin: str = "", code: int = 0) -> str:
        command = [kubectl_program, "--cache-dir", str(cache), "--namespace", namespace, *arguments]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=environment, timeout=20, check=False
        )
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout + done.stderr

    return run


@pytest.fixture
def deployment() -> Callable[..., dict[str, Any]]:
    """Makes the manifest of a small Deployment."""

    def make(name: str = "web", image: str = "podinfo:1", **spec: Any) -> dict[str, Any]:
        container = {"name": "app", "image": image, "ports": [{"containerPort": 9898}]}
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
        }

    return make


_WIDGET_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1},
                "colour": {"type": "string", "enum": ["red", "blue"], "default": "blue"},
                "code": {"type": "string", "pattern": "^[a-z]+$"},
                "replicas": {"type": "integer"},
                "steps": {"type": "array", "items": {"type": "integer"}},
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "weight": {"type": "integer"}},
                    },
                },
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "status": {
            "type": "object",
            "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}},
        },
    },
}


def established(raw: Raw, name: str) -> None:
    """Wait until a definition's kind is served."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        _, definition = raw("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
        group, version = definition["spec"]["group"], definition["spec"]["versions"][0]["name"]
        plural = definition["spec"]["names"]["plural"]
        code, found = raw("GET", f"/apis/{group}/{version}")
        if code == 200 and plural in {resource["name"] for resource in found["resources"]}:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} is not established")


@pytest.fixture(scope="package")
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Asserts that something holds within ten seconds: a real cluster's controllers take their time."""

    def wait(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < end
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="package")
def wait_established(raw: Raw) -> Callable[[str], None]:
    return lambda name: established(raw, name)


@pytest.fixture(scope="package")
def widgets(raw: Raw, core: Any) -> Iterator[str]:
    """A custom kind with two versions, status, scale and columns; the value is its path's start."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _WIDGET_SCHEMA},
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
        },
        "additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
        ],
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.contract.test"},
        "spec": {
            "group": "contract.test",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"]},
            "versions": [version, {**version, "name": "v1beta1", "storage": False}],
        },
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    code, answer = raw("POST", path, definition)
    assert code == 201, answer
    established(raw, "widgets.contract.test")
    yield "/apis/contract.test/v1"
    raw("DELETE", f"{path}/widgets.contract.test")


def _ready(server: Server, eventually: Any) -> Server:
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    for definition in DEFINITIONS:
        server.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    places = [subject.place(NAMESPACE) for subject in SUBJECTS]
    eventually(lambda: all(server.call("GET", place)[0] == 200 for place in places))
    return server


@pytest.fixture(scope="package")
def imitation(emulator: ClusterApi, eventually: Any) -> Iterator[Server]:
    server = Server(emulator.url, emulator.token or "")
    yield _ready(server, eventually)
    server.close()


@pytest.fixture(scope="package")
def pair(real: Cluster, imitation: Server, eventually: Any) -> Iterator[Pair]:
    server = Server(real.url, real.token or "", real.certificate_authority)
    yield Pair(_ready(server, eventually), imitation)
    server.close()
