"""The demo's last words: what each release came to, and what it meant for the application's users."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from rich.table import Table

from tidegate.domain.release import Phase
from tidegate.sandbox.demo.commands import Commands
from tidegate.sandbox.demo.example import Command
from tidegate.sandbox.demo.users import Experience
from tidegate.sandbox.temporal import NAMESPACE

LIST: Command = ["python", "starter.py", "list"]


class Expected(NamedTuple):
    """A release of the demo: the version it is of, the phase it has to end in, and that phase in words."""

    version: str
    phase: Phase
    ending: str


class Release(NamedTuple):
    """A release as `starter.py list` has it."""

    workflow_id: str
    run_id: str
    phase: str
    seconds: float

    def address(self, ui: str) -> str:
        """Its page in the Temporal UI."""
        return f"{ui}/namespaces/{NAMESPACE}/workflows/{quote(self.workflow_id, safe='')}/{self.run_id}"


async def releases(commands: Commands) -> list[Release]:
    """All releases, the first one first."""
    return parse(json.loads(await commands.read([*LIST, "--json"])))


def parse(listing: Mapping[str, Any]) -> list[Release]:
    """The releases in the JSON of `starter.py list`, the first one first."""
    rows = sorted(listing["releases"], key=lambda row: str(row["started"]))
    return [Release(row["workflow_id"], row["run_id"], row["phase"], row["seconds"]) for row in rows]


def table(expected: Sequence[Expected], found: Sequence[Release]) -> Table:
    """What each release came to."""
    result = Table("release", "of", "ended", "took", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for number, (wanted, release) in enumerate(zip(expected, found, strict=False), start=1):
        good = release.phase == wanted.phase
        ending = wanted.ending if good else f"{release.phase}, not {wanted.phase}"
        cells = (str(number), f"podinfo {wanted.version}", ending, f"{release.seconds:.1f} s")
        result.add_row(*cells, style="green" if good else "bold red")
    return result


def surprises(expected: Sequence[Expected], found: Sequence[Release], users: Experience) -> list[str]:
    """What is not as it had to be, in words; nothing when all is."""
    said = [
        f"the release of podinfo {wanted.version} ended as {release.phase}, not {wanted.phase}"
        for wanted, release in zip(expected, found, strict=False)
        if release.phase != wanted.phase
    ]
    if len(found) != len(expected):
        said.append(f"there were {len(found)} releases, not {len(expected)}")
    if users.lost:
        statuses = ", ".join(f"{number} x {status or 'no answer'}" for status, number in users.lost.items())
        said.append(f"users lost requests that no faulty version failed: {statuses}")
    return said


def experience(users: Experience) -> list[str]:
    """What the users got, in lines."""
    served = ", ".join(f"{number} by {version}" for version, number in sorted(users.versions.items()))
    faulty = ", ".join(
        f"{number} by {version} while it was tried" for version, number in sorted(users.own_errors.items())
    )
    return [
        f"Users made {users.requests} requests meanwhile.",
        f"  answered: {served or 'none'}",
        f"  failed:   {faulty or 'none by a faulty version'}; {users.lost.total()} for any other reason",
    ]
