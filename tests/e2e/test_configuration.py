"""A release in which nothing changes but a ConfigMap."""

import json
from typing import Any

import aiohttp
import yaml

from tests.e2e import manifests
from tests.e2e.user import Application, serves, until


def files(name: str, *, threshold: int = 2, **variables: str) -> dict[str, str]:
    """The tests' podinfo with a ConfigMap that podinfo takes its flags from."""
    deployment = manifests.deployment(name, "3.1.0")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["envFrom"] = [{"configMapRef": {"name": "flags"}}]
    data = {f"PODINFO_{key.upper()}": value for key, value in variables.items()}
    flags = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": data}
    # One request in nine is a server error where the flags ask for it: of so many, no bake can see none.
    canary = manifests.canary(name, threshold=threshold, webhooks=[manifests.load_test(name, rate=60)])
    return {"podinfo.yaml": yaml.safe_dump_all([deployment, flags, canary])}


async def message(application: Application) -> str:
    headers = {"Host": application.host}
    async with aiohttp.request("GET", application.world.gateway_url, headers=headers) as response:
        return str((await response.json())["message"])


async def primary_pods(application: Application) -> list[dict[str, Any]]:
    select = ("get", "pods", "-l", "app=podinfo-primary", "-o", "json")
    text = await application.user.kubectl("mesh02", "-n", application.namespace, *select)
    return list(json.loads(text)["items"])


async def restart_primary(application: Application) -> None:
    """Delete the primary's pod, and wait until another one serves."""
    (old,) = await primary_pods(application)
    delete = ("delete", "pod", old["metadata"]["name"], "--wait=false")
    await application.user.kubectl("mesh02", "-n", application.namespace, *delete)

    async def replaced() -> bool:
        names = {each["metadata"]["name"] for each in await primary_pods(application)}
        return bool(names) and old["metadata"]["name"] not in names

    await until(replaced)
    wait = ("wait", "deployment/podinfo-primary", "--for=condition=Available", "--timeout=60s")
    await application.user.kubectl("mesh02", "-n", application.namespace, *wait)


async def test_a_changed_configmap_alone_is_released_and_rolled_back(application: Application) -> None:
    await application.commit_files(files(application.name, ui_message="one"))
    assert (await application.start()).outcome["outcome"] == "initialised"
    assert await message(application) == "one"

    await application.commit_files(files(application.name, ui_message="two"))
    async with application.observed() as seen:
        ended = await application.start()
    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert any(note.startswith("ConfigMap flags has changed: ") for note in ended.notes)
    assert seen.weights == [0, 25, 50, 0]
    assert await message(application) == "two"

    bad = files(application.name, threshold=1, ui_message="three", random_error="true")
    await application.commit_files(bad)
    ended = await application.start()
    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert await application.end_state() == serves("3.1.0")
    await restart_primary(application)

    async def answers() -> bool:
        return await message(application) == "two"

    await until(answers)
    await application.remove()
