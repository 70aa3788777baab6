"""`tidegate abort`: roll a release back now."""

from typing import Annotated

import typer

from tidegate.cli.exits import exits
from tidegate.cli.observation import Observation
from tidegate.cli.options import Json, Name, OptionalFile
from tidegate.cli.output import Output
from tidegate.cli.signalling import Steering, ended, name_of, steer
from tidegate.contracts import ABORT, AbortRequest
from tidegate.domain.release import Phase

ABORTING = (Phase.ROLLING_BACK, Phase.ABORTED, Phase.SUPERSEDED, Phase.FAILED)

Reason = Annotated[str, typer.Option(help="Why, for whoever reads the release later.", show_default=False)]


@exits
def abort(
    application: Name = None, file: OptionalFile = None, reason: Reason = "", json: Json = False
) -> int:
    """Roll the release back now: all traffic to the old version first."""
    steering = Steering(ABORT, _seen, _sentence, AbortRequest(reason=reason))
    return steer(steering, application, file, Output(as_json=json))


def _seen(seen: Observation) -> bool:
    """An abort is done when the traffic is back, whatever is still being cleared away."""
    aborting = any(each.phase in ABORTING for each in seen.canaries)
    return ended(seen) or (aborting and not any(each.weight for each in seen.canaries))


def _sentence(seen: Observation) -> str:
    outcome = seen.release.outcome if seen.release else None
    if outcome is not None:
        return f"{outcome.application}: {outcome.outcome}; {outcome.reason}"
    return f"rolling back {name_of(seen)}: all traffic is on the primary"
