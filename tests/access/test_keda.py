"""The access to ScaledObjects: without it a release that has one is refused, and it uses all of it."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.access.conftest import WORKER, Installation, rights
from tests.e2e import manifests
from tests.e2e.test_keda import files
from tests.e2e.user import Application, serves, until
from tidegate.sandbox.processes import find_program


@pytest.fixture
async def scaled(installation: Installation, tmp_path: Path) -> AsyncIterator[Application]:
    """An application that KEDA scales, and a worker that may not touch a ScaledObject."""
    application = Application(installation.admin, "scaled", tmp_path / "scaled")
    await application.create()
    await installation.bind(application.namespace)
    await installation.revoke("keda", "mesh02")
    await until(partial(answered, installation, application.namespace, "no"))
    yield application
    await installation.grant("keda", "mesh02")


async def answered(installation: Installation, namespace: str, answer: str) -> bool:
    """What the server's authorizer says by now to whether the worker may list ScaledObjects."""
    worker = ("--as", WORKER.name, "-n", namespace)
    asked = ("--context", "mesh02", "auth", "can-i", "list", "scaledobjects.keda.sh", *worker)
    return (await installation.admin.run(str(find_program("kubectl")), *asked)).out.strip() == answer


async def test_a_scaled_object_needs_its_own_access_and_uses_all_of_it(
    installation: Installation, scaled: Application
) -> None:
    await scaled.commit_files(files(scaled.name, "3.1.0"))
    refused = await scaled.start()
    assert refused.code == 1, refused
    assert "scaledobjects.keda.sh" in refused.outcome["reason"], refused

    before = installation.refusals()
    await installation.grant("keda", "mesh02")
    await until(partial(answered, installation, scaled.namespace, "yes"))
    for version, outcome in {"3.1.0": "initialised", "3.1.1": "promoted"}.items():
        await scaled.commit_files(files(scaled.name, version))
        ended = await scaled.start()
        assert ended.outcome["outcome"] == outcome, ended

    await installation.admin.kubectl("mesh02", "-n", scaled.namespace, "delete", "scaledobject", "podinfo")
    await scaled.commit_files({"podinfo.yaml": manifests.podinfo(scaled.name, "3.1.2")})
    ended = await scaled.start()
    assert "ScaledObject podinfo-primary is no longer asked for; it was removed" in ended.notes, ended
    assert await scaled.end_state() == serves("3.1.2")
    assert installation.refusals() == before
    assert rights("keda") <= installation.uses("mesh02")
