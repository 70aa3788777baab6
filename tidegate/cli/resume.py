"""`tidegate resume`: go on after a pause."""

from tidegate.cli.exits import exits
from tidegate.cli.observation import Observation
from tidegate.cli.options import Json, Name, OptionalFile
from tidegate.cli.output import Output
from tidegate.cli.signalling import Steering, name_of, steer, traffic
from tidegate.contracts import RESUME


@exits
def resume(application: Name = None, file: OptionalFile = None, json: Json = False) -> int:
    """Go on with a release that was paused."""
    return steer(Steering(RESUME, _seen, _sentence), application, file, Output(as_json=json))


def _seen(seen: Observation) -> bool:
    return (
        seen.release is not None
        and not seen.release.paused
        and not any(each.paused for each in seen.canaries)
    )


def _sentence(seen: Observation) -> str:
    return f"resumed {name_of(seen)}{': ' if seen.canaries else ''}{traffic(seen)}"
