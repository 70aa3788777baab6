"""What a user of Tidegate has at hand: a repository, the command line, kubectl, temporal, and the gateway."""

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from tests.e2e import manifests
from tidegate.adapters.git import RepositoryAddress
from tidegate.sandbox.processes import find_program
from tidegate.sandbox.world import World

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds that anything may take on a busy machine."""


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What was printed with --json."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def outcome(self) -> dict[str, Any]:
        """The outcome document; the last one that a start or a watch prints."""
        return next(each for each in self.documents if each["event"] == "outcome")

    @property
    def canary(self) -> dict[str, Any]:
        """The outcome of the only canary."""
        (canary,) = self.outcome["canaries"]
        return dict(canary)

    @property
    def notes(self) -> list[str]:
        """What the canary did, line by line."""
        return [note["text"] for note in self.canary["notes"]]


class Command:
    """A command that runs."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None
        assert child.stderr is not None
        self._child = child
        self._out: list[str] = []
        self._reading = asyncio.gather(_collect(child.stdout, self._out), child.stderr.read(), child.wait())

    async def ended(self) -> Ended:
        """Wait for its end."""
        try:
            _, err, code = await asyncio.wait_for(asyncio.shield(self._reading), PATIENCE)
        except TimeoutError:
            _, err, _ = await self.kill()
            raise AssertionError(f"did not end: {''.join(self._out)}{err.decode()}") from None
        return Ended(code, "".join(self._out), err.decode())

    async def submission(self) -> dict[str, Any]:
        """What became of a start; waits until it is printed."""
        return await self.document("submission")

    async def document(self, event: str) -> dict[str, Any]:
        """The first document of an event; waits until it is printed."""

        async def printed() -> bool:
            return bool(self._documents(event))

        await until(printed)
        return self._documents(event)[0]

    async def until_status(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until the last status that was printed meets the condition."""

        async def met() -> bool:
            return any(map(condition, self._documents("status")[-1:]))

        await until(met)
        return self._documents("status")[-1]

    async def until_phase(self, phase: str) -> None:
        """Wait until the only canary is in a phase."""
        await self.until_status(lambda status: [each["phase"] for each in status["canaries"]] == [phase])

    def _documents(self, event: str) -> list[dict[str, Any]]:
        return [each for each in map(json.loads, self._out) if each["event"] == event]

    async def kill(self) -> tuple[None, bytes, int]:
        """End it, if it still runs; what is left to read."""
        if self._child.returncode is None:
            self._child.kill()
        return await self._reading


async def _collect(stream: asyncio.StreamReader, lines: list[str]) -> None:
    while line := await stream.readline():
        lines.append(line.decode())


async def until(condition: Callable[[], Awaitable[object]], within: float = PATIENCE) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.05)


@dataclass
class User:
    """Somebody at a shell in the world; `environment` is added to the shell's."""

    world: World
    environment: Mapping[str, str] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)

    def variables(self) -> dict[str, str]:
        """The shell's environment."""
        inherited = {name: value for name, value in os.environ.items() if not _is_ours(name)}
        return {**inherited, **self.world.environment(), **self.environment}

    async def begin(self, *argv: str) -> Command:
        """Start a command."""
        child = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**22,  # a status is one line
            env=self.variables(),
            cwd=CHECKOUT,
        )
        self.commands.append(Command(child))
        return self.commands[-1]

    async def leave(self) -> None:
        """End the commands that still run."""
        for command in self.commands:
            await command.kill()

    async def run(self, *argv: str) -> Ended:
        """Run a command to its end."""
        return await (await self.begin(*argv)).ended()

    async def starter(self, *arguments: str) -> Ended:
        """`starter.py`."""
        return await self.run(sys.executable, "starter.py", *arguments)

    async def kubectl(self, cluster: str, *arguments: str) -> str:
        """What kubectl prints; it has to succeed."""
        return await self._program("kubectl", "--context", cluster, *arguments)

    async def temporal(self, *arguments: str) -> str:
        """What Temporal's own command line prints; it has to succeed."""
        return await self._program("temporal", *arguments)

    async def _program(self, name: str, *arguments: str) -> str:
        ended = await self.run(str(find_program(name)), *arguments)
        assert ended.code == 0, ended.err
        return ended.out


def _is_ours(name: str) -> bool:
    return name.startswith(("TIDEGATE_", "TEMPORAL_", "KUBE"))


@dataclass
class Application:
    """One application with a repository, a namespace and a host of its own name."""

    user: User
    name: str
    folder: Path

    @property
    def world(self) -> World:
        """Where it is released."""
        return self.user.world

    @property
    def namespace(self) -> str:
        """The namespace that it is released to."""
        return self.name

    @property
    def file(self) -> Path:
        """The Application manifest."""
        return self.folder / "application.yaml"

    @property
    def repository(self) -> Path:
        """The Git repository."""
        return self.folder / "repository"

    @property
    def host(self) -> str:
        """The host that the gateway knows it by."""
        return f"{self.name}.example.com"

    @property
    def workflow_id(self) -> str:
        """The workflow id of its release."""
        return f"release/mesh02/{self.namespace}/{self.name}"

    @property
    def canary_id(self) -> str:
        """The workflow id of its canary."""
        return f"canary/mesh02/{self.namespace}/podinfo"

    async def create(self) -> None:
        """Make the repository and the Application manifest."""
        self.folder.mkdir(parents=True)
        await self.git("init", "--quiet", "--initial-branch=latest", str(self.repository))
        self.describe()

    def describe(self, **changes: Any) -> None:
        """Write the Application manifest."""
        self.file.write_text(manifests.application(self.name, f"file://{self.repository}", **changes))

    async def commit(self, version: str, *flags: str, **analysis: Any) -> str:
        """Commit a version; its SHA."""
        return await self.commit_files(
            {"podinfo.yaml": manifests.podinfo(self.name, version, *flags, **analysis)}
        )

    async def commit_files(self, files: Mapping[str, str]) -> str:
        """Commit files in the place of all that there were; the SHA."""
        for old in self.repository.glob("*.yaml"):
            old.unlink()
        for name, text in files.items():
            (self.repository / name).write_text(text)
        await self.git("-C", str(self.repository), "add", "--all")
        who = ("-c", "user.name=e2e", "-c", "user.email=e2e@example.com")
        await self.git("-C", str(self.repository), *who, "commit", "--quiet", "--allow-empty", "-m", "change")
        return (await self.git("-C", str(self.repository), "rev-parse", "HEAD")).strip()

    def lose_git(self) -> None:
        """Take the repository away, and what the worker keeps of it."""
        kept = RepositoryAddress.parse(f"file://{self.repository}").folder
        self.repository.rename(self.folder / "gone")
        shutil.rmtree(self.world.directory / "git" / kept)

    async def git(self, *arguments: str) -> str:
        """What git prints."""
        ended = await self.user.run("git", *arguments)
        assert ended.code == 0, ended.err
        return ended.out

    async def start(self, *options: str) -> Ended:
        """Release it and wait for the end."""
        return await (await self.begin(*options)).ended()

    async def begin(self, *options: str) -> Command:
        """Start a release; the command waits for its end."""
        arguments = ("start", "-f", str(self.file), "--wait", "--json", *options)
        return await self.user.begin(sys.executable, "starter.py", *arguments)

    async def initialise(self) -> None:
        """Release the first version."""
        await self.commit("3.1.0")
        ended = await self.start("--no-validate")
        assert (ended.code, ended.outcome["outcome"]) == (0, "initialised"), ended

    async def remove(self) -> None:
        """Delete it from all clusters: Envoy watches a limited number of files."""
        delete = ("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")
        await asyncio.gather(*(self.user.kubectl(cluster, *delete) for cluster in ("asm", "mesh02")))

    async def begin_long_bake(self) -> "Baking":
        """Begin to release version 3.1.1, whose first bake would last for minutes."""
        sha = await self.commit("3.1.1", interval="10m")
        command = await self.begin("--no-validate")
        try:
            await self.until_weight(25)
        except TimeoutError:
            await command.kill()
            raise AssertionError(await command.ended()) from None
        return Baking(self, command, sha)

    async def tell(self, command: str, *options: str) -> Ended:
        """`starter.py pause` and its like; it has to succeed."""
        ended = await self.user.starter(command, f"{self.name}@mesh02/{self.namespace}", *options)
        assert ended.code == 0, ended
        return ended

    async def status(self) -> dict[str, Any]:
        """What `starter.py status --json` prints."""
        (document,) = (await self.tell("status", "--json")).documents
        return document

    async def weight(self) -> int:
        """The canary's share of the traffic in Envoy."""
        return (await self.world.envoy_weights(self.host)).get("podinfo-canary", 0)

    async def until_weight(self, weight: int) -> None:
        """Wait until Envoy gives the canary this share."""

        async def in_force() -> bool:
            return await self.weight() == weight

        await until(in_force)

    async def version(self) -> str:
        """Who answers at the gateway."""
        headers = {"Host": self.host}
        async with aiohttp.request("GET", self.world.gateway_url, headers=headers) as response:
            return str((await response.json())["version"])

    async def until_version(self, version: str) -> None:
        """Wait until this version answers at the gateway, which may know nobody to answer yet."""

        async def answers() -> bool:
            with contextlib.suppress(aiohttp.ContentTypeError):
                return await self.version() == version
            return False

        await until(answers)

    async def virtual_service_weights(self) -> dict[str, int]:
        """Weights of the VirtualService by the destination's host."""
        text = await self.user.kubectl(
            "asm", "-n", self.namespace, "get", "virtualservice", "podinfo", "-o", "json"
        )
        (route,) = json.loads(text)["spec"]["http"]
        return {each["destination"]["host"]: each.get("weight", 100) for each in route["route"]}

    async def target_replicas(self) -> str:
        """`spec.replicas` of the target."""
        path = "jsonpath={.spec.replicas}"
        return await self.user.kubectl("mesh02", "-n", self.namespace, "get", "deploy", "podinfo", "-o", path)

    async def end_state(self) -> tuple[str, int, dict[str, int], str]:
        """Seen from outside: who serves, the canary's weight in Envoy, the VirtualService, the target."""
        weights = await self.virtual_service_weights()
        return await self.version(), await self.weight(), weights, await self.target_replicas()

    async def serves(self) -> bool:
        """Whether a request through the gateway is answered well."""
        async with aiohttp.request("GET", self.world.gateway_url, headers={"Host": self.host}) as response:
            return response.status == 200

    @contextlib.asynccontextmanager
    async def observed(self) -> AsyncIterator["Observed"]:
        """Constant load at the gateway, and a look at Envoy's weights, until the end of the block."""
        seen = Observed()
        tasks = [asyncio.create_task(self._send(seen)) for _ in range(2)]
        tasks.append(asyncio.create_task(self._look(seen)))
        try:
            yield seen
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, seen: "Observed") -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(self.world.gateway_url, headers={"Host": self.host}) as response:
                    await response.read()
                    seen.answers[response.status] += 1
                await asyncio.sleep(0.02)

    async def _look(self, seen: "Observed") -> None:
        while True:
            weight = await self.weight()
            if weight != seen.weights[-1]:
                seen.weights.append(weight)
            await asyncio.sleep(0.05)


class Baking(NamedTuple):
    """A release in the middle of a bake, and the command that waits for its end."""

    application: Application
    command: Command
    sha: str


@dataclass
class Observed:
    """The answers at the gateway by status, and the canary's weights in the order that they came."""

    answers: Counter[int] = field(default_factory=Counter)
    weights: list[int] = field(default_factory=lambda: [0])


def serves(version: str) -> tuple[str, int, dict[str, int], str]:
    """The end state in which the primary serves everybody with the version."""
    return version, 0, {"podinfo-primary": 100, "podinfo-canary": 0}, "0"
