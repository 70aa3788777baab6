"""Everything that a release leaves behind or shows, gathered to be searched for secrets."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.service import RPCError

from tests.security.history import events, payloads
from tidegate.adapters.encryption import Keyring
from tidegate.cli.payloads import EncryptionCodec

LOOK_SECONDS = 0.02


class Traces:
    """Texts and bytes by where they were found."""

    def __init__(self) -> None:
        self.found: dict[str, list[bytes]] = {}

    def add(self, where: str, content: str | bytes) -> None:
        """Keep something for the search."""
        self.found.setdefault(where, []).append(content.encode() if isinstance(content, str) else content)

    def add_files(self, where: str, folder: Path) -> None:
        """Keep every file below a folder, with its name."""
        for file in folder.rglob("*"):
            if file.is_file() and not file.is_symlink():
                with contextlib.suppress(OSError):
                    self.add(where, str(file).encode() + b"\n" + file.read_bytes())

    async def add_histories(self, client: Client, keyring: Keyring) -> None:
        """Keep every history, what it says in search attributes and summaries, and each payload opened."""
        codec = EncryptionCodec(keyring)
        for workflow_id in {each.id async for each in client.list_workflows()}:
            for event in await events(client, workflow_id):
                self.add("histories", event.SerializeToString())
                for payload in payloads(event):
                    self.add("histories", _opened(codec, payload))
            with contextlib.suppress(RPCError):
                description = await client.get_workflow_handle(workflow_id).describe()
                self.add("histories", str(description.raw_description))

    def add_objects(self, listed: str) -> None:
        """Keep what a release writes beside the specifications that it is given, of a list in JSON."""
        for each in json.loads(listed)["items"]:
            self.add("annotations", json.dumps(each["metadata"].get("annotations", {})))
            if each["kind"] == "Canary":
                self.add("canary status", json.dumps(each.get("status", {})))
            if each["kind"] == "Event":
                self.add("events", json.dumps(each))

    @contextlib.asynccontextmanager
    async def process_arguments(self) -> AsyncIterator[None]:
        """Look at the arguments of all processes again and again while the block runs."""
        task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            task.cancel()

    async def _look(self) -> None:
        seen: set[bytes] = set()
        while True:
            seen.update(_command_lines())
            self.found["process arguments"] = sorted(seen)
            await asyncio.sleep(LOOK_SECONDS)

    def leaks(self, secrets: Mapping[str, str]) -> list[str]:
        """Which secret was found where, in any of the forms in which one travels."""
        return [
            f"{name} in {where}: {_around(content, form)!r}"
            for where, contents in self.found.items()
            for name, secret in secrets.items()
            for form in _forms(secret)
            for content in contents
            if form in content
        ]


def _opened(codec: EncryptionCodec, payload: Payload) -> bytes:
    return codec.opened(payload).SerializeToString()


def _forms(secret: str) -> list[bytes]:
    """As it is, quoted for a URL, and in base64 whatever stands around it."""
    plain = secret.encode()
    forms = [plain, quote(secret, safe="").encode()]
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + plain)
        forms.append(encoded[4 if offset else 0 : -4])
    return forms


def _around(content: bytes, form: bytes) -> bytes:
    at = content.index(form)
    return content[max(0, at - 120) : at + len(form) + 60]


def _command_lines() -> Iterator[bytes]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield file.read_bytes()
