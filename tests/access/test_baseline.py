"""The access that a comparison with a baseline takes: without it a release says so before anything moves."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.access.conftest import Installation, rights
from tests.e2e import manifests
from tests.e2e.test_comparison import baselines, policy
from tests.e2e.user import Application, serves

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
    await asyncio.sleep(1)  # The server's authorizer learns of it by a watch.
    async with beside.observed() as seen:
        released = await beside.start()
    assert released.outcome["outcome"] == "promoted", released
    assert (await beside.end_state(), await baselines(beside)) == (serves("3.1.1"), [])
    assert (len(installation.refusals()), set(seen.answers)) == (before, {200})
    used = installation.uses("asm") | installation.uses("mesh02")
    assert rights("baseline") <= used
