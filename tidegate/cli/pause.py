"""`tidegate pause`: hold a release where it is."""

from tidegate.cli.exits import exits
from tidegate.cli.observation import Observation
from tidegate.cli.options import Json, Name, OptionalFile
from tidegate.cli.output import Output
from tidegate.cli.signalling import Steering, name_of, steer, traffic
from tidegate.contracts import PAUSE


@exits
def pause(application: Name = None, file: OptionalFile = None, json: Json = False) -> int:
    """Hold the release where it is: the traffic stays, and the time does not count."""
    return steer(Steering(PAUSE, _seen, _sentence), application, file, Output(as_json=json))


def _seen(seen: Observation) -> bool:
    return seen.release is not None and seen.release.paused and all(each.paused for each in seen.canaries)


def _sentence(seen: Observation) -> str:
    stays = traffic(seen) or "it holds before its next step"
    return f"paused {name_of(seen)}: {stays}; go on with `tidegate resume {name_of(seen)}`"
