"""The access that a comparison with a baseline takes: without it a release says so before anything moves."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.access.conftest import WORKER, Installation, rights
from tests.e2e import manifests
from tests.e2e.test_comparison import baselines, policy
from tests.e2e.user import Application, serves, until
from tidegate.sandbox.processes import find_program

CLUSTERS = ("asm", "mesh02")


@pytest.fixture
async def beside(installation: Installation, tmp_path: Path) -> AsyncIterator[Application]:
    """An application that was released once, by a worker that may delete nothing."""
    application = Application(installation.admin, "beside", tmp_path / "beside")
    await application.create()
    await installation.bind(application.namespace)
    for cluster in CLUSTERS:
        await installation.revoke("uninstall", cluster)
    await application.initialise()
    yield application
    for cluster in CLUSTERS:
        await installation.grant("uninstall", cluster)


async def may_delete(installation: Installation, namespace: str) -> bool:
    """Whether the servers' authorizers have learnt of the grant, which they do by a watch."""
    worker = ("--as", WORKER.name, "-n", namespace)
    asked = {"asm": "destinationrules.networking.istio.io", "mesh02": "deployments.apps"}
    said = [
        await installation.admin.run(
            str(find_program("kubectl")), "--context", cluster, "auth", "can-i", "delete", resource, *worker
        )
        for cluster, resource in asked.items()
    ]
    return all(each.out.strip() == "yes" for each in said)


async def test_a_baseline_needs_its_own_access_and_no_other(
    installation: Installation, beside: Application
) -> None:
    text = manifests.podinfo(beside.name, "3.1.1", interval="3s", webhooks=None)
    await beside.commit_files({"podinfo.yaml": text, "policy.yaml": policy("baseline")})
    refused = await beside.start()
    assert refused.outcome["outcome"] == "rolled back", refused
    assert "grant deploy/kubernetes/access/baseline" in refused.outcome["reason"]
    assert await baselines(beside) == []

    before = len(installation.refusals())
    for cluster in CLUSTERS:
        await installation.grant("baseline", cluster)
    await until(partial(may_delete, installation, beside.namespace))
    async with beside.observed() as seen:
        released = await beside.start()
    assert released.outcome["outcome"] == "promoted", released
    assert (await beside.end_state(), await baselines(beside)) == (serves("3.1.1"), [])
    assert (len(installation.refusals()), set(seen.answers)) == (before, {200})
    used = installation.uses("asm") | installation.uses("mesh02")
    assert rights("baseline") <= used
