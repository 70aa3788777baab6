"""A Service moves from one Deployment to the next under constant traffic, and is given back."""

import json
from typing import Any

import yaml

from tests.e2e import manifests
from tests.e2e.test_uninstallation import serve
from tests.e2e.user import Application, Ended, Observed, until


def workload(namespace: str, version: str, *flags: str) -> dict[str, Any]:
    """One of the Deployments that stand side by side, each with the version in its name and labels."""
    name, labels = f"podinfo-v{version[-1]}", {"app": f"podinfo-v{version[-1]}"}
    made = manifests.deployment(namespace, version, *flags)
    template = made["spec"]["template"] | {"metadata": {"labels": labels}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return made | {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def service(namespace: str, version: str) -> dict[str, Any]:
    ports = [{"name": "http", "port": 9898, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "podinfo", "namespace": namespace, "labels": {"team": "tides"}},
        "spec": {"selector": {"app": f"podinfo-v{version[-1]}"}, "ports": ports},
    }


def canary(namespace: str, **analysis: Any) -> dict[str, Any]:
    made = manifests.canary(namespace, **analysis)
    made["spec"]["targetRef"] = {"apiVersion": "v1", "kind": "Service", "name": "podinfo"}
    return made


WORKLOADS = (("3.1.0",), ("3.1.1",), ("3.1.2", "--random-error=true"))


async def release(application: Application, version: str, **analysis: Any) -> tuple[Ended, Observed]:
    """Let the Service move to a version while requests come in."""
    name = application.name
    stand = [workload(name, *each) for each in WORKLOADS]
    documents = [*stand, service(name, version), canary(name, **analysis)]
    await application.commit_files({"podinfo.yaml": yaml.safe_dump_all(documents, sort_keys=False)})
    async with application.observed() as seen:
        ended = await application.start()
    return ended, seen


async def selectors(application: Application) -> dict[str, str]:
    """Which version each Service leads to."""
    ask = ("-n", application.namespace, "get", "services", "-o", "json")
    text = await application.user.kubectl("mesh02", *ask)
    found = {each["metadata"]["name"]: each["spec"]["selector"]["app"] for each in json.loads(text)["items"]}
    return dict(sorted(found.items()))


def leading(apex: str, canary: str, primary: str) -> dict[str, str]:
    return {"podinfo": apex, "podinfo-canary": canary, "podinfo-primary": primary}


async def test_a_service_is_taken_over_promoted_rolled_back_and_given_back(application: Application) -> None:
    name = application.name
    await serve(application, workload(name, "3.1.0"), service(name, "3.1.0"))
    await until(application.serves)
    ended, seen = await release(application, "3.1.0")
    assert (ended.code, ended.outcome["outcome"], set(seen.answers)) == (0, "initialised", {200}), ended
    assert await selectors(application) == leading("podinfo-v0", "podinfo-v0", "podinfo-v0")

    ended, seen = await release(application, "3.1.1")
    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert (seen.weights, set(seen.answers)) == ([0, 25, 50, 0], {200})
    assert await application.version() == "3.1.1"
    assert await selectors(application) == leading("podinfo-v1", "podinfo-v1", "podinfo-v1")

    load = manifests.load_test(name, rate=60)
    ended, seen = await release(application, "3.1.2", threshold=1, webhooks=[load])
    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert (await application.version(), await application.weight()) == ("3.1.1", 0)
    assert await selectors(application) == leading("podinfo-v1", "podinfo-v1", "podinfo-v1")

    async with application.observed() as seen:
        ended = await application.tell("uninstall", "--json")
    assert (ended.outcome["outcome"], set(seen.answers)) == ("uninstalled", {200}), ended
    assert await application.version() == "3.1.1"
    assert await selectors(application) == {"podinfo": "podinfo-v1"}
    await application.remove()
