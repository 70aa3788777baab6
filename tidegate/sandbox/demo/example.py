"""The example application in a Git repository of its own: what gets released in the demo and the sandbox."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[3]
EXAMPLE = "examples/01-podinfo"
PLACEHOLDER = "https://git.example.com/apps/podinfo.git"

Command = Sequence[str]


class Version(NamedTuple):
    """A version of podinfo: its image tag, and whether it fails one request in three."""

    tag: str
    faulty: bool = False


FIRST, BETTER, BROKEN = Version("6.9.0"), Version("6.9.1"), Version("6.9.2", faulty=True)


class Example:
    """Where the example lives in a sandbox's folder, and the commands that make and change it.

    Paths are as somebody would type them in the checkout, where all commands are run.
    """

    def __init__(self, sandbox: Path) -> None:
        self.sandbox = typed(sandbox)
        self.repository = f"{self.sandbox}/podinfo"
        self.earlier = f"{self.repository}.earlier"
        """Where the repository of an earlier sandbox is, with all that was committed to it."""
        self.application = f"{self.repository}/application.yaml"
        self._deployment = f"{self.repository}/deployment.yaml"
        self._address = (sandbox / "podinfo").resolve().as_uri()

    def initialisation(self) -> Command:
        """Make an empty repository with the branch `latest`."""
        return ["git", "init", "--quiet", "--initial-branch=latest", self.repository]

    def creation(self) -> list[Command]:
        """Commit the first version."""
        return [
            ["cp", "-r", f"{EXAMPLE}/.", self.repository],
            ["sed", "-i", f"s|{PLACEHOLDER}|{self._address}|", self.application],
            self._git("add", "."),
            self._git("commit", "--quiet", "-m", f"podinfo {FIRST.tag}"),
        ]

    def configuration(self) -> list[Command]:
        """Make commits in the repository independent of whoever runs them."""
        values = {
            "user.name": "Tidegate sandbox",
            "user.email": "sandbox@localhost",
            "commit.gpgsign": "false",
            "core.hooksPath": os.devnull,
            "maintenance.auto": "false",
        }
        return [self._git("config", name, value) for name, value in values.items()]

    def change(self, before: Version, after: Version) -> list[Command]:
        """Commit another version."""
        return [
            ["sed", "-i", _edit(before, after), self._deployment],
            self._git("commit", "--quiet", "-a", "-m", f"podinfo {after.tag}"),
        ]

    def starter(self, command: str, *arguments: str) -> Command:
        """A command of `starter.py` on the example's application."""
        return ["python", "starter.py", command, "-f", self.application, *arguments]

    def _git(self, *arguments: str) -> Command:
        return ["git", "-C", self.repository, *arguments]


def typed(path: Path) -> str:
    """A path as one types it in the checkout: relative when it is inside."""
    absolute = path.resolve()
    return str(absolute.relative_to(CHECKOUT) if absolute.is_relative_to(CHECKOUT) else absolute)


def _edit(before: Version, after: Version) -> str:
    edits = [f"s/podinfo:{before.tag}/podinfo:{after.tag}/"]
    if before.faulty != after.faulty:
        old, new = (str(version.faulty).lower() for version in (before, after))
        edits.append(f"s/random-error={old}/random-error={new}/")
    return "; ".join(edits)
