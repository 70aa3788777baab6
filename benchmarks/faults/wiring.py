"""Puts a fault proxy between a scene's workers and each of their neighbours, by settings alone."""

import asyncio
import base64
import ssl
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import yaml
from aiohttp import web

from benchmarks.faults.proxy import FaultProxy
from benchmarks.faults.scene import Scene
from benchmarks.installation import CLUSTER

BUDGET_SECONDS = 10.0
"""The outage budget of a scene: short, so that an outage that is longer does not take minutes."""

OUTAGES = (5.0, BUDGET_SECONDS + 5.0)
"""Seconds of one that the retries outlast, and of one that they do not."""

GIT_SECONDS = 4.0
MESH, LOAD, WORKLOADS, PROMETHEUS, GIT = "asm", "mesh01", CLUSTER, "prometheus", "git"
CLUSTERS = {"mesh control plane": (MESH, "cluster asm"), "workload cluster": (WORKLOADS, "cluster mesh02")}
"""By their names in cases: their proxies, and what errors call them."""

Proxies = dict[str, FaultProxy]
"""By the cluster's name, "prometheus" or "git"."""

_PROXIES: WeakKeyDictionary[Scene, Proxies] = WeakKeyDictionary()


def proxies_of(scene: Scene) -> Proxies:
    """The proxies of a scene that was made with `wire`."""
    return _PROXIES[scene]


async def wire(scene: Scene, stack: AsyncExitStack) -> None:
    """Start the proxies, and point workers at them; everything ends with the stack."""
    proxies = _PROXIES[scene] = {}
    kubeconfig = await _stand_before_clusters(scene, proxies, stack)
    prometheus = await stack.enter_async_context(FaultProxy(scene.world.prometheus_url))
    proxies[PROMETHEUS] = prometheus
    git = await _serve_git(scene.directory, proxies, stack)
    scene.address_of = git.address_of
    scene.environment |= _settings(kubeconfig, scene.world.clusters, prometheus.url) | git.settings()


async def _stand_before_clusters(scene: Scene, proxies: Proxies, stack: AsyncExitStack) -> Path:
    """A proxy for each cluster; the kubeconfig that leads through them."""
    config = yaml.safe_load(scene.world.kubeconfig.read_text())
    for cluster in config["clusters"]:
        upstream, verify = cluster["cluster"]["server"], _verification(cluster["cluster"])
        proxy = await stack.enter_async_context(FaultProxy(upstream, verify=verify))
        proxies[cluster["name"]] = proxy
        cluster["cluster"] = {"server": proxy.url}
    kubeconfig = scene.directory / "kubeconfig-proxied"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(config))
    return kubeconfig


async def _serve_git(directory: Path, proxies: Proxies, stack: AsyncExitStack) -> "GitServer":
    certificate, context = await asyncio.to_thread(throw_away_certificate, directory)
    server = GitServer(certificate)
    upstream = await server.start(stack)
    proxies[GIT] = await stack.enter_async_context(FaultProxy(upstream, tls=context))
    server.public_url = proxies[GIT].url
    return server


class GitServer:
    """Serves working copies by git's plain HTTP protocol."""

    def __init__(self, certificate: Path) -> None:
        self.public_url = ""
        """The https address that workers get."""
        self._certificate = certificate
        self._folders: dict[str, Path] = {}

    async def start(self, stack: AsyncExitStack) -> str:
        """Listen until the stack ends; the base address."""
        application = web.Application()
        application.router.add_get("/{name}/{path:.*}", self._get)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def address_of(self, folder: Path) -> str:
        """The URL of the repository in a folder."""
        self._folders[folder.name] = folder / ".git"
        return f"{self.public_url}/{folder.name}"

    def settings(self) -> dict[str, str]:
        """The environment in which git trusts us, and gives up early."""
        return {
            "GIT_SSL_CAINFO": str(self._certificate),
            "TIDEGATE_GIT__FETCH_TIMEOUT_SECONDS": str(GIT_SECONDS),
        }

    async def _get(self, request: web.Request) -> web.StreamResponse:
        folder, path = self._folders.get(request.match_info["name"]), request.match_info["path"]
        if folder is None or ".." in path:
            raise web.HTTPNotFound
        if path == "info/refs":
            await _update_server_info(folder)
        file = folder / path
        if not file.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(file)


async def _update_server_info(folder: Path) -> None:
    command = ("git", f"--git-dir={folder}", "update-server-info")
    child = await asyncio.create_subprocess_exec(*command)
    if await child.wait():
        raise web.HTTPInternalServerError


def throw_away_certificate(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that is its own authority, and a server's context with it."""
    certificate, key = directory / "git-ca.pem", directory / "git-key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return certificate, context


def _settings(kubeconfig: Path, clusters: Iterable[str], prometheus: str) -> dict[str, str]:
    settings = {"TIDEGATE_RELEASE__OUTAGE_BUDGET_SECONDS": str(BUDGET_SECONDS)}
    for cluster in clusters:
        settings[f"TIDEGATE_CLUSTERS__{cluster.upper()}__KUBECONFIG"] = str(kubeconfig)
    for cluster in (LOAD, WORKLOADS):
        settings[f"TIDEGATE_CLUSTERS__{cluster.upper()}__PROMETHEUS"] = prometheus
    return settings


def _verification(cluster: dict[str, Any]) -> ssl.SSLContext | bool:
    if not cluster["server"].startswith("https"):
        return True
    data = "".join(_decoded(cluster)) or None
    return ssl.create_default_context(cafile=cluster.get("certificate-authority"), cadata=data)


def _decoded(cluster: dict[str, Any]) -> Iterator[str]:
    if data := cluster.get("certificate-authority-data"):
        yield base64.b64decode(data).decode()
