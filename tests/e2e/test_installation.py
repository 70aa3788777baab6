"""An installation of another kind: a worker with settings of its own, from the environment alone.

Its load tester is called by webhook, its repository asks for a token, and its way to mesh02 can be cut.
"""

import json
import shutil
import ssl
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from tests.e2e.conftest import NewApplication
from tests.e2e.outage import Relay
from tests.e2e.user import CHECKOUT, Application, User, serves
from tidegate.sandbox.processes import Process, Processes
from tidegate.sandbox.world import World

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")

TOKEN = "t0p-s3cret-t0ken"
LOGIN = b64encode(f"git:{TOKEN}".encode()).decode()
ONE_STEP = {"stepWeight": None, "stepWeights": [50], "interval": "2s"}


class Installation(NamedTuple):
    """Its application, whose version 3.1.0 serves, its worker, and its way to mesh02."""

    application: Application
    worker: Process
    mesh02: Relay


@pytest.fixture(scope="module")
async def certificate(user: User, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    made = await user.run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names),
        *("-keyout", "-", "-out", "-"),
    )
    assert made.code == 0, made.err
    file.write_text(made.out)
    return file


@pytest.fixture(scope="module")
async def mesh02(world: World) -> AsyncIterator[Relay]:
    relay = Relay(world.clusters["mesh02"].url)
    await relay.join()
    yield relay
    await relay.cut()


@pytest.fixture(scope="module")
async def installation(
    user: User, new_application: NewApplication, mesh02: Relay, certificate: Path
) -> AsyncIterator[Installation]:
    application = await new_application()
    async with Processes(application.folder) as processes, published(application, certificate) as url:
        source = {"repoURL": url, "path": ".", "targetRevision": "latest"}
        application.describe(source=source)
        environment = settings(application.folder, url, mesh02, user.world)
        application.user = User(
            user.world, environment | {"E2E_TOKEN": TOKEN, "GIT_SSL_CAINFO": str(certificate)}, user.commands
        )
        worker = await start_worker(application.user, processes)
        await application.initialise()
        yield Installation(application, worker, mesh02)


def settings(folder: Path, repository: str, mesh02: Relay, world: World) -> dict[str, str]:
    """What differs from the settings of the other tests."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(world.kubeconfig.read_text().replace(world.clusters["mesh02"].url, mesh02.address))
    return {
        "TIDEGATE_WORKER__TASK_QUEUE": "elsewhere",
        "TIDEGATE_LOAD__MODE": "webhook",
        "TIDEGATE_CLUSTERS__MESH02__KUBECONFIG": str(kubeconfig),
        "TIDEGATE_GIT__CACHE": str(folder / "cache"),
        "TIDEGATE_GIT__CREDENTIALS": json.dumps({repository: {"token_env": "E2E_TOKEN"}}),
    }


@asynccontextmanager
async def published(application: Application, certificate: Path) -> AsyncIterator[str]:
    """The repository's address on an https server that asks for the token."""
    git = application.repository / ".git"
    (git / "hooks" / "post-commit").write_text("#!/bin/sh\nexec git update-server-info\n")
    (git / "hooks" / "post-commit").chmod(0o755)
    app = web.Application(middlewares=[ask_for_token])
    app.router.add_static("/podinfo.git", git)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/podinfo.git"
    finally:
        await runner.cleanup()


@web.middleware
async def ask_for_token(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.headers.get("Authorization") != f"Basic {LOGIN}":
        raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Basic realm="git"'})
    return await handler(request)


async def start_worker(user: User, processes: Processes) -> Process:
    log = processes.logs / "worker.log"

    async def polls() -> bool:
        return "polling task queue elsewhere" in log.read_text()

    argv = [sys.executable, "worker.py"]
    return await processes.start("worker", argv, polls, user.variables(), CHECKOUT, within=60)


async def test_a_token_is_in_no_history_no_log_and_no_output(installation: Installation) -> None:
    application = installation.application
    await application.commit("3.1.0", interval="10m")
    ended = await application.start()
    assert (ended.code, ended.outcome["outcome"]) == (0, "unchanged"), ended

    show = ("workflow", "show", "-o", "json", "--workflow-id")
    ids = (application.workflow_id, application.canary_id)
    histories = [await application.user.temporal(*show, workflow_id) for workflow_id in ids]
    seen = "".join([*histories, ended.out, ended.err, installation.worker.log.read_text()])
    assert application.name in seen
    assert [form for form in (TOKEN, LOGIN) if form in seen] == []


async def test_the_load_tester_is_called_through_the_service_proxy(installation: Installation) -> None:
    application = installation.application
    await application.commit("3.2.0", **ONE_STEP)
    ended = await application.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert ended.canary["load"] is None  # the worker itself sent none
    assert await application.end_state() == serves("3.2.0")


async def test_an_outage_of_a_cluster_is_survived_and_shown_as_a_retry(installation: Installation) -> None:
    application = installation.application
    await application.commit("3.3.0", **ONE_STEP)
    command = await application.begin()
    await application.until_weight(50)
    async with installation.mesh02.outage():
        await command.until_status(lambda status: status["retries"])
        retries = (await application.status())["retries"]
        told = (await application.tell("status")).out
    ended = await command.ended()

    assert {each["attempt"] > 1 for each in retries} == {True}
    assert ["mesh02 is out of reach" in each["failure"] for each in retries] == [True] * len(retries)
    assert "mesh02 is out of reach" in told
    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
