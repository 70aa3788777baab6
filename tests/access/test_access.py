"""The access that deploy/kubernetes grants is enough for a release, and none of it is for nothing."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.access.conftest import ACCESS, Installation, Use, rights
from tests.e2e import manifests
from tests.e2e.user import Application, serves, until

NEEDED = (
    ("asm", "mesh-control-plane"),
    ("mesh02", "destination"),
    ("mesh02", "configuration"),
    ("mesh02", "canaries"),
    ("mesh02", "flagger"),
    ("asm", "flagger"),
    ("mesh01", "load"),
)
UNSEEN = {
    Use("", "namespaces", "create"): "server-side apply asks for it inside the patch that creates",
    Use("networking.istio.io", "virtualservices", "list"): "a recovery asks for it",
    Use("autoscaling", "horizontalpodautoscalers", "delete"): "for a Canary that gave its autoscaler up",
    Use("networking.istio.io", "virtualservices", "delete"): "for routes that no gateway asks for",
    Use("flagger.app", "canaries", "get"): "where a Flagger runs on the mesh control plane",
    Use("autoscaling", "horizontalpodautoscalers", "watch"): "follows the list when it is not well at once",
}
BALANCED = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "balanced"},
    "spec": {"type": "LoadBalancer", "selector": {"app": "podinfo"}, "ports": [{"port": 80}]},
}
AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "podinfo"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
        "minReplicas": 1,
        "maxReplicas": 2,
    },
}


def files(name: str, version: str, *flags: str, **analysis: Any) -> dict[str, str]:
    """The tests' podinfo, configured and autoscaled, a metric asked in the cluster, and a load balancer."""
    canary = manifests.canary(name, **{"metrics": [manifests.SUCCESS_RATE, rate()], **analysis})
    canary["spec"]["progressDeadlineSeconds"] = 20
    canary["spec"]["autoscalerRef"] = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "name": "podinfo",
    }
    deployment = manifests.deployment(name, version, *flags)
    deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [
        {"configMapRef": {"name": "config"}},
        {"secretRef": {"name": "secret"}},
    ]
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"}, "data": {"v": version}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "secret"},
        "stringData": {"v": version},
    }
    documents = [deployment, config, secret, AUTOSCALER, BALANCED, canary]
    return {
        "podinfo.yaml": yaml.safe_dump_all(documents),
        "template.yaml": manifests.request_rate("http://prometheus.istio-system:9090"),
    }


def rate() -> dict[str, Any]:
    return {"name": "rate", "interval": "2s", "templateRef": {"name": "rate"}, "thresholdRange": {"min": 1}}


async def balance(application: Application) -> None:
    """Play the cloud that gives the load balancer its address."""
    get = ("-n", application.namespace, "get", "service", "-o", "name")

    async def created() -> bool:
        return "service/balanced" in await application.user.kubectl("mesh02", *get)

    await until(created)
    await asyncio.sleep(1)  # So that the sync watches for it.
    status = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
    patch = ("patch", "service", "balanced", "--subresource=status", "--type=merge", "-p", status)
    await application.user.kubectl("mesh02", "-n", application.namespace, *patch)


async def release_in_every_way(application: Application) -> None:
    """Initialise, promote, roll back, wait in vain for a pod, and abort when Git is gone."""
    await application.commit_files(files(application.name, "3.1.0"))
    command = await application.begin()
    await balance(application)
    ended = await command.ended()
    assert ended.outcome["outcome"] == "initialised", ended

    await application.commit_files(files(application.name, "3.1.1"))
    ended = await application.start()
    assert ended.outcome["outcome"] == "promoted", ended

    load = manifests.load_test(application.name, rate=60)
    flags = {"threshold": 1, "webhooks": [load]}
    await application.commit_files(files(application.name, "3.1.2", "--random-error=true", **flags))
    ended = await application.start()
    assert ended.outcome["outcome"] == "rolled back", ended

    await application.commit_files(files(application.name, "3.1.3", "--unready=true"))
    ended = await application.start()
    assert ended.outcome["outcome"] == "rolled back", ended

    await application.commit_files(files(application.name, "3.1.4", interval="10m"))
    command = await application.begin()
    await application.until_weight(25)
    application.lose_git()
    await application.tell("abort")
    ended = await command.ended()
    assert ended.outcome["outcome"] == "aborted", ended


async def configure(application: Application, version: str) -> None:
    """Bring what the target refers to in line with what a version was promoted with."""
    for kind, field in (("configmap", "data"), ("secret", "stringData")):
        patch = (
            "patch",
            kind,
            kind.removesuffix("map"),
            "--type=merge",
            "-p",
            json.dumps({field: {"v": version}}),
        )
        await application.user.kubectl("mesh02", "-n", application.namespace, *patch)


@pytest.fixture
async def released(installation: Installation, application: Application) -> Installation:
    await release_in_every_way(application)
    return installation


async def begin_daemons(installation: Installation, folder: Path) -> Application:
    """An application with a DaemonSet, whose first version serves."""
    application = Application(installation.admin, "daemons", folder / "daemons")
    await application.create()
    await installation.bind(application.namespace)
    await application.commit_files({"podinfo.yaml": manifests.daemons(application.name, "3.1.0")})
    ended = await application.start()
    assert ended.outcome["outcome"] == "initialised", ended
    return application


async def test_the_access_is_enough_and_none_of_it_is_unused(
    released: Installation, application: Application, tmp_path: Path
) -> None:
    daemons = await begin_daemons(released, tmp_path)
    assert released.refusals() == []
    assert await application.end_state() == serves("3.1.1")
    for cluster, folder in NEEDED:
        assert rights(folder) - released.uses(cluster) - set(UNSEEN) == set(), f"unused in {cluster}"
    assert rights("prometheus") <= released.uses("mesh02")

    await configure(application, "3.1.1")
    for each in (application, daemons):
        ended = await each.tell("uninstall", "--json")
        assert ended.outcome["outcome"] == "uninstalled", ended
    assert [line for line in released.refusals() if not line.endswith("at the cluster scope")] == []
    used = released.uses("asm") | released.uses("mesh02")
    assert rights("uninstall") - used - set(UNSEEN) == set()

    await check_namespaces(released, tmp_path)


async def check_namespaces(installation: Installation, folder: Path) -> None:
    """With CreateNamespace nothing can be bound before; the refusal says what is missing."""
    application = Application(installation.admin, "newcomer", folder / "newcomer")
    await application.create()
    await application.commit_files(files(application.name, "3.1.0"))
    ended = await application.start()
    assert (ended.code, "denied access" in ended.outcome["reason"]) == (1, True), ended

    for cluster in ("asm", "mesh02"):
        await installation.grant("namespaces", cluster)
    command = await application.begin()
    await balance(application)
    ended = await command.ended()
    assert ended.outcome["outcome"] == "initialised", ended
    for cluster in ("asm", "mesh02"):
        unused = rights("namespaces") - installation.uses(cluster) - set(UNSEEN)
        assert unused == set(), f"unused in {cluster}"
        await installation.revoke("namespaces", cluster)


async def test_the_worker_itself_is_accepted_by_a_real_server(installation: Installation) -> None:
    folder = str(ACCESS.parent / "worker")
    said = await installation.admin.kubectl("mesh01", "apply", "-k", folder, "--dry-run=server")
    assert {line.partition("/")[0].partition(".")[0] for line in said.splitlines()} == {
        "namespace",
        "configmap",
        "service",
        "deployment",
        "poddisruptionbudget",
        "networkpolicy",
    }
