"""A canary is uninstalled under constant traffic: nobody notices, and its owner has everything back."""

import json
from typing import Any

from tests.e2e import manifests
from tests.e2e.user import Application, serves

HOST = "podinfo"


async def objects(application: Application, cluster: str, *kinds: str) -> dict[str, Any]:
    """The live objects of these kinds by "Kind/name"."""
    get = ("-n", application.namespace, "get", ",".join(kinds), "-o", "json")
    found = json.loads(await application.user.kubectl(cluster, *get))["items"]
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


async def adopt(application: Application) -> tuple[Any, Any]:
    """A target that serves, as its owner's Service and VirtualService lead to it, and its first release."""
    owned = await serve(application, manifests.deployment(application.namespace, "3.1.0"))
    await application.until_version("3.1.0")
    async with application.observed() as seen:
        await application.initialise()
    assert set(seen.answers) == {200}, seen.answers
    assert await application.end_state() == serves("3.1.0")
    return owned


async def serve(application: Application, *workload: Any) -> tuple[Any, Any]:
    """What its owner applied before the first release: Service, VirtualService, and perhaps a workload."""
    name = application.namespace
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": HOST, "labels": {"team": "blue"}},
        "spec": {"selector": {"app": "podinfo"}, "ports": [{"name": "http", "port": 9898}]},
    }
    routes = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": HOST},
        "spec": {
            "hosts": [application.host],
            "gateways": [manifests.GATEWAY],
            "http": [{"route": [{"destination": {"host": HOST}}]}],
        },
    }
    for cluster, manifests_ in (("mesh02", (service, *workload)), ("asm", (routes,))):
        file = application.folder / f"{cluster}.json"
        for each in (namespace, *manifests_):
            file.write_text(json.dumps(each))
            await application.user.kubectl(cluster, "-n", name, "apply", "-f", str(file))
    return service, routes


async def test_what_was_there_is_taken_over_and_given_back_without_a_lost_request(
    application: Application,
) -> None:
    service, routes = await adopt(application)
    await application.commit("3.1.1")
    ended = await application.start()
    assert ended.outcome["outcome"] == "promoted", ended

    async with application.observed() as seen:
        ended = await application.tell("uninstall", "--json")
    assert ended.outcome["outcome"] == "uninstalled", ended
    assert set(seen.answers) == {200}, seen.answers
    assert await application.version() == "3.1.1"

    left = await objects(application, "mesh02", "deployments", "services", "horizontalpodautoscalers")
    assert set(left) == {"Deployment/podinfo", "Service/podinfo"}
    assert left["Service/podinfo"]["spec"]["selector"] == service["spec"]["selector"]
    assert left["Service/podinfo"]["metadata"]["labels"] == service["metadata"]["labels"]
    assert left["Deployment/podinfo"]["status"]["availableReplicas"] == 1
    mesh = await objects(application, "asm", "virtualservices", "destinationrules")
    assert set(mesh) == {"VirtualService/podinfo"}
    assert mesh["VirtualService/podinfo"]["spec"] == routes["spec"]
    assert "tidegate.dev/release" not in mesh["VirtualService/podinfo"]["metadata"]["annotations"]
    await application.remove()


async def test_a_canary_that_a_release_made_routes_for_keeps_its_door(application: Application) -> None:
    await application.initialise()
    async with application.observed() as seen:
        ended = await application.tell("uninstall", "--json")
    assert "VirtualService podinfo stays, since requests come in by it" in ended.notes, ended
    assert set(seen.answers) == {200}, seen.answers
    assert await application.virtual_service_weights() == {"podinfo": 100}

    ended = await application.start()
    assert ended.outcome["outcome"] == "initialised", ended
    await application.remove()
