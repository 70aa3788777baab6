"""Encryption switched on while a release is under way, and releases under it: nothing is left to read."""

import base64
import json
import re
import sys
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
from temporalio.client import Client

from tests.e2e.user import Application, Baking, Ended, serves
from tests.security.conftest import KEY_SETTINGS, KEYS, Installation, Site
from tests.security.history import ENCODED, events, failures, payloads

pytestmark = pytest.mark.timeout(600)
"""Half a dozen releases stand before the first tests."""

ENCRYPTED = b"binary/encrypted"
ACTIVE = "TIDEGATE_ENCRYPTION__ACTIVE_KEY"
NewApplication = Callable[[Installation, str], Awaitable[Application]]


class Switched(NamedTuple):
    """An installation that began to encrypt in the middle of a release, and how that release ended."""

    site: Installation
    baking: Baking
    ended: Ended


class Sealed(NamedTuple):
    """An application that was never released without encryption: promoted, then failed, and then aborted."""

    application: Application
    promoted: Ended
    failed: Ended
    aborted: Ended


@pytest.fixture(scope="module")
async def switched(install: Site, new_application: NewApplication) -> Switched:
    site = await install("sealed", TIDEGATE_ENCRYPTION__KEYS=KEY_SETTINGS, **KEYS)
    application = await new_application(site, "early")
    await application.initialise()
    baking = await application.begin_long_bake()
    await site.restart(**{ACTIVE: "one"})
    await application.tell("abort", "--reason", "reason-given-late")
    return Switched(site, baking, await baking.command.ended())


@pytest.fixture(scope="module")
async def sealed(switched: Switched, new_application: NewApplication) -> Sealed:
    application = await new_application(switched.site, "late")
    await application.initialise()
    await application.commit("3.1.1")
    promoted = await application.start()
    await application.commit("3.1.2")
    application.describe(source=_source(application, path="no-such-path"))
    failed = await application.start("--no-validate")
    application.describe()
    await switched.site.restart(**{ACTIVE: "two"})
    await application.commit("3.1.3", interval="10m")
    command = await application.begin("--no-validate")
    await application.until_weight(25)
    await application.tell("abort", "--reason", "reason-under-key-two")
    return Sealed(application, promoted, failed, await command.ended())


def _source(application: Application, path: str) -> dict[str, str]:
    return {"repoURL": f"file://{application.repository}", "path": path, "targetRevision": "latest"}


@pytest.fixture(scope="module")
async def keyless(switched: Switched) -> Client:
    """A client that sees what Temporal keeps."""
    return await Client.connect(switched.site.world.temporal_address)


async def test_encryption_is_switched_on_in_the_middle_of_a_release(switched: Switched) -> None:
    assert (switched.ended.code, switched.ended.outcome["reason"]) == (3, "reason-given-late"), switched.ended
    assert await switched.baking.application.end_state() == serves("3.1.0")


async def test_only_what_came_after_the_switch_is_encrypted(switched: Switched, keyless: Client) -> None:
    found = [
        payload.metadata["encoding"]
        for event in await events(keyless, switched.baking.application.canary_id)
        for payload in payloads(event)
    ]

    assert found[0] != ENCRYPTED
    assert found[-1] == ENCRYPTED


async def test_releases_end_as_they_do_without_encryption(sealed: Sealed) -> None:
    assert [ended.outcome["outcome"] for ended in (sealed.promoted, sealed.failed, sealed.aborted)] == [
        "promoted",
        "invalid",
        "aborted",
    ], sealed
    assert "'no-such-path' is not in the repository" in sealed.failed.outcome["reason"]
    assert sealed.aborted.outcome["reason"] == "reason-under-key-two"


async def test_every_payload_of_a_history_is_encrypted(sealed: Sealed, keyless: Client) -> None:
    for workflow_id in (sealed.application.workflow_id, sealed.application.canary_id):
        kept = [payload for event in await events(keyless, workflow_id) for payload in payloads(event)]

        assert len(kept) > 10
        assert {payload.metadata["encoding"] for payload in kept} == {ENCRYPTED}


async def test_failures_in_a_history_are_encrypted(sealed: Sealed, keyless: Client) -> None:
    kept = [
        failure
        for event in await events(keyless, sealed.application.workflow_id)
        for failure in failures(event)
    ]

    assert kept
    assert {(failure.message, failure.stack_trace) for failure in kept} == {(ENCODED, "")}


async def test_the_database_holds_no_plaintext_of_it(sealed: Sealed, switched: Switched) -> None:
    early = [str(switched.baking.application.repository)]
    late = [str(sealed.application.repository), "no-such-path", "reason-under-key-two", "reason-given-late"]
    folder = switched.site.world.directory / "temporal"
    database = b"".join(file.read_bytes() for file in folder.iterdir())

    assert [text for text in early if text.encode() not in database] == [], "it would be found"
    assert [text for text in late if text.encode() in database] == []


async def test_what_temporal_lists_and_describes_is_encrypted(sealed: Sealed, keyless: Client) -> None:
    described = await keyless.get_workflow_handle(sealed.application.workflow_id).describe()
    shown = list(payloads(described.raw_description))

    assert shown
    assert {payload.metadata["encoding"] for payload in shown} == {ENCRYPTED}


async def test_a_command_without_the_keys_says_so_in_one_line(sealed: Sealed, switched: Switched) -> None:
    stranger = type(switched.site.user)(switched.site.world)
    ended = await stranger.starter("status", f"{sealed.application.name}@mesh02/{sealed.application.name}")

    assert ended.code == 2
    assert ended.err == (
        "error: settings: encryption.keys: data is encrypted with key 'two', which is not here: add it "
        "(known: none)\n"
    )


async def test_temporals_command_line_reads_through_the_codec_server(
    sealed: Sealed, switched: Switched
) -> None:
    settings = {"TIDEGATE_CODEC_SERVER__ADDRESS": "127.0.0.1:0"}
    user = type(switched.site.user)(switched.site.world, switched.site.settings | settings)
    arguments = ("workflow", "show", "--workflow-id", sealed.application.workflow_id, "-o", "json")
    server = await user.begin(sys.executable, "starter.py", "codec-server", "--json")
    endpoint = (await server.document("codec-server"))["endpoint"]

    closed = await user.temporal(*arguments)
    opened = await user.temporal(*arguments, "--codec-endpoint", endpoint)
    await server.kill()
    assert ["reason-under-key-two" in _data(shown) for shown in (closed, opened)] == [False, True]


def _data(shown: str) -> str:
    """The bytes of all payloads within a history as JSON."""
    found = re.findall(r'"data": "([^"]*)"', json.dumps(json.loads(shown)))
    return "".join(base64.b64decode(data).decode(errors="replace") for data in found)
