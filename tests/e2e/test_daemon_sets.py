"""A DaemonSet that serves already is released under constant traffic, from its take-over to its return."""

from typing import Any

from tests.e2e import manifests
from tests.e2e.test_uninstallation import objects, serve
from tests.e2e.user import Application, Ended, Observed, until

NOWHERE = {"flagger.app/scale-to-zero": "true"}


async def release(
    application: Application, version: str, *flags: str, **analysis: Any
) -> tuple[Ended, Observed]:
    """Release a version while requests come in."""
    text = manifests.daemons(application.name, version, *flags, **analysis)
    await application.commit_files({"podinfo.yaml": text})
    async with application.observed() as seen:
        ended = await application.start()
    return ended, seen


async def node_selectors(application: Application) -> dict[str, Any]:
    found = await objects(application, "mesh02", "daemonsets")
    return {
        name: each["spec"]["template"]["spec"].get("nodeSelector") for name, each in sorted(found.items())
    }


async def test_a_daemon_set_is_taken_over_promoted_rolled_back_and_given_back(
    application: Application,
) -> None:
    await serve(application, manifests.daemon_set(application.name, "3.1.0"))
    await until(application.serves)
    ended, seen = await release(application, "3.1.0")
    assert (ended.code, ended.outcome["outcome"], set(seen.answers)) == (0, "initialised", {200}), ended
    assert await node_selectors(application) == {
        "DaemonSet/podinfo": NOWHERE,
        "DaemonSet/podinfo-primary": None,
    }

    ended, seen = await release(application, "3.1.1")
    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert (seen.weights, set(seen.answers)) == ([0, 25, 50, 0], {200})
    assert await application.version() == "3.1.1"

    # One request in nine is a server error: of so many, no bake can see none.
    load = manifests.load_test(application.name, rate=60)
    ended, seen = await release(application, "3.1.2", "--random-error=true", threshold=1, webhooks=[load])
    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert (await application.version(), await application.weight()) == ("3.1.1", 0)
    assert (await node_selectors(application))["DaemonSet/podinfo"] == NOWHERE

    async with application.observed() as seen:
        ended = await application.tell("uninstall", "--json")
    assert (ended.outcome["outcome"], set(seen.answers)) == ("uninstalled", {200}), ended
    assert await application.version() == "3.1.1"
    assert await node_selectors(application) == {"DaemonSet/podinfo": None}
    await application.remove()
