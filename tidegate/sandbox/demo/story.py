"""The demo's five steps, from a Git repository to the proof that users never noticed."""

import asyncio
import shutil
from pathlib import Path

from tidegate.domain.release import Phase
from tidegate.sandbox.demo import summary
from tidegate.sandbox.demo.commands import Commands
from tidegate.sandbox.demo.example import BETTER, BROKEN, CHECKOUT, FIRST, Example, Version
from tidegate.sandbox.demo.proof import SHOWN, proof
from tidegate.sandbox.demo.screen import Screen
from tidegate.sandbox.demo.summary import Expected
from tidegate.sandbox.demo.users import PER_SECOND, Users

EXPECTED = (
    Expected(FIRST.tag, Phase.INITIALIZED, "initialised"),
    Expected(BETTER.tag, Phase.SUCCEEDED, "promoted"),
    Expected(BROKEN.tag, Phase.FAILED, "rolled back"),
)


class Surprise(Exception):
    """The demo did not go as it has to."""


class Story:
    """The steps, in a world that is up and has a worker."""

    def __init__(
        self, screen: Screen, commands: Commands, example: Example, users: Users, gateway: str
    ) -> None:
        self._screen = screen
        self._commands = commands
        self._example = example
        self._users = users
        self._gateway = gateway
        self._surprises: list[str] = []

    async def tell(self, temporal_ui: str) -> None:
        """All of it.

        Raises CommandError when a command did not end as it has to, and Surprise, with every reason, when
        something else was not as it has to be.
        """
        await self._repository()
        await self._first_release()
        async with self._users:
            await self._promotion()
            await self._rollback()
            await self._proof()
        await self._summary(temporal_ui)
        if self._surprises:
            raise Surprise("; ".join(self._surprises))

    async def _repository(self) -> None:
        self._screen.heading("1/5  A Git repository")
        self._screen.say(
            f"Deployment, autoscaler, canary and kustomization of podinfo {FIRST.tag}, on the branch latest."
        )
        await create(self._example, self._commands, shown=True)

    async def _first_release(self) -> None:
        self._screen.heading(f"2/5  The first release: podinfo {FIRST.tag}")
        self._screen.say("Nothing serves yet, so there is nothing to compare with: it is initialised.")
        await self._release()

    async def _promotion(self) -> None:
        self._screen.heading(f"3/5  A new version: podinfo {BETTER.tag}")
        self._screen.say(
            f"From now on users send {PER_SECOND:g} requests a second through the gateway. The new version "
            "gets 5 % of them, 10 %, and so on to 50 %, is checked at each step, and is promoted."
        )
        await self._commit(FIRST, BETTER)
        await self._release()

    async def _rollback(self) -> None:
        self._screen.heading(f"4/5  A broken version: podinfo {BROKEN.tag}")
        self._screen.say("It fails one request in three. Its checks fail; the third failure rolls it back.")
        await self._commit(BETTER, BROKEN)
        self._users.faulty = BROKEN.tag
        await self._release(expected=1)
        self._users.faulty = ""
        self._screen.say("Exit code 1, as it should be: a CI job stops here.")

    async def _proof(self) -> None:
        self._screen.heading("5/5  Proof from outside")
        for command in SHOWN:
            await self._commands.run(command)
        for finding in await proof(self._commands, self._gateway, BETTER):
            self._screen.finding(*finding)
            if not finding.good:
                self._surprises.append(finding.text)

    async def _summary(self, temporal_ui: str) -> None:
        found = await summary.releases(self._commands)
        users = self._users.experience
        self._screen.heading("Summary")
        self._screen.say_all(summary.table(EXPECTED, found))
        for line in ("", *summary.experience(users), ""):
            self._screen.say(line)
        self._screen.address("Temporal UI", temporal_ui)
        for wanted, release in zip(EXPECTED[1:], found[1:], strict=False):
            self._screen.address(wanted.ending, release.address(temporal_ui))
        self._surprises += summary.surprises(EXPECTED, found, users)

    async def _commit(self, before: Version, after: Version) -> None:
        for command in self._example.change(before, after):
            await self._commands.run(command)

    async def _release(self, expected: int = 0) -> None:
        await self._commands.run(self._example.starter("start", "--wait"), expected)


def put_aside(repository: Path, earlier: Path) -> None:
    """Somebody may have committed to it; the one before that goes."""
    if repository.exists():
        shutil.rmtree(earlier, ignore_errors=True)
        repository.rename(earlier)


async def create(example: Example, commands: Commands, shown: bool) -> None:
    """Make the example's repository in the sandbox's folder; an earlier one is put aside."""
    await asyncio.to_thread(put_aside, CHECKOUT / example.repository, CHECKOUT / example.earlier)
    run = commands.run if shown else commands.read
    await run(example.initialisation())
    for command in example.configuration():
        await commands.read(command)
    for command in example.creation():
        await run(command)
