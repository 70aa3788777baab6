"""`tidegate approve`: open the gate that a release waits at."""

from datetime import UTC, datetime, timedelta

from tidegate.cli.exits import exits
from tidegate.cli.observation import Observation
from tidegate.cli.options import Json, Name, OptionalFile
from tidegate.cli.output import Output
from tidegate.cli.signalling import Steering, ended, name_of, steer
from tidegate.contracts import APPROVE, CanaryStatus
from tidegate.decisions.narration import NOTHING_TO_APPROVE, is_approval

LATELY = timedelta(seconds=10)
"""The next gate may wait already by the time of the first look."""


@exits
def approve(application: Name = None, file: OptionalFile = None, json: Json = False) -> int:
    """Open the gate that waits, in the place of its hooks; the next gate needs an approval of its own."""
    return steer(Steering(APPROVE, _seen, _sentence), application, file, Output(as_json=json))


def _seen(seen: Observation) -> bool:
    heard = (_is_approved(each) or _is_in_vain(each) for each in seen.canaries)
    return ended(seen) or (bool(seen.canaries) and all(heard))


def _is_approved(canary: CanaryStatus) -> bool:
    begin = datetime.now(UTC) - LATELY
    return any(is_approval(note.text) and note.at > begin for note in canary.notes)


def _is_in_vain(canary: CanaryStatus) -> bool:
    return [note.text for note in canary.notes[-1:]] == [NOTHING_TO_APPROVE]


def _sentence(seen: Observation) -> str:
    if ended(seen) or all(map(_is_in_vain, seen.canaries)):
        return f"no gate of {name_of(seen)} waits for an approval"
    doing = "; ".join(f"{each.canary}: {each.doing}" for each in seen.canaries)
    return f"approved {name_of(seen)}: {doing}"
