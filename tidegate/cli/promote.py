"""`tidegate promote`: skip what is left of the analysis."""

from tidegate.cli.exits import exits
from tidegate.cli.observation import Observation
from tidegate.cli.options import Json, Name, OptionalFile
from tidegate.cli.output import Output
from tidegate.cli.signalling import Steering, ended, name_of, steer
from tidegate.contracts import PROMOTE
from tidegate.domain.release import Phase

PROMOTING = (Phase.PROMOTING, Phase.FINALISING)


@exits
def promote(application: Name = None, file: OptionalFile = None, json: Json = False) -> int:
    """Skip what is left of the analysis, and promote the new version now."""
    return steer(Steering(PROMOTE, _seen, _sentence), application, file, Output(as_json=json))


def _seen(seen: Observation) -> bool:
    """Once the last canary has succeeded, the release's own outcome is a moment away."""
    phases = [each.phase for each in seen.canaries]
    under_way = all(phase in (*PROMOTING, Phase.SUCCEEDED) for phase in phases)
    return ended(seen) or (under_way and any(phase in PROMOTING for phase in phases))


def _sentence(seen: Observation) -> str:
    outcome = seen.release.outcome if seen.release else None
    if outcome is not None:
        return f"{outcome.application}: {outcome.outcome}"
    phases = ", ".join(f"{each.canary} {each.phase}" for each in seen.canaries)
    return f"promoting {name_of(seen)}: {phases}"
