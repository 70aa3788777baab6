"""`tidegate plan`: print the stages that a release would go through; changes nothing."""

from datetime import UTC, datetime
from typing import Any

from tidegate.cli.exits import exits
from tidegate.cli.options import File, Json, Revision
from tidegate.cli.output import Output
from tidegate.cli.release_name import ReleaseName, request_from
from tidegate.cli.survey import LocalSurvey, survey
from tidegate.cli.views import plan_view
from tidegate.cli.words import short
from tidegate.decisions.freezes import frozen_now
from tidegate.decisions.narration import freeze_line
from tidegate.domain.application import COORDINATION, FURTHER_CLUSTERS
from tidegate.domain.plan import Plan, describe
from tidegate.settings import load_settings


@exits
def plan(file: File, revision: Revision = None, json: Json = False) -> int:
    """Print the stages of a release and its earliest end; nothing is changed, no cluster is asked.

    A canary without a primary is initialised instead, and one whose template is unchanged ends at once.
    """
    output = Output(as_json=json)
    settings = load_settings()
    request = request_from(file, revision, settings)
    found = survey(request, settings, file)
    for warning in found.warnings:
        output.warn(warning)
    if json:
        output.document(_document(found))
        return 0
    release = ReleaseName.of_request(request).with_clusters(found.clusters[1:])
    output.say(f"{release} at {short(found.sha)} ({found.ref}): {found.objects} objects")
    now = datetime.now(UTC)
    for canary, compiled in found.plans.items():
        output.result(plan_view(canary, compiled, now))
        if held := frozen_now(compiled, now):
            output.warn(f"{canary}: {freeze_line(held)}; a release would wait for its end")
    if len(found.plans) > 1:
        output.say(_together(found))
    if len(found.clusters) > 1:
        output.say(_everywhere(found))
    if not found.plans:
        output.say("no canaries: the sync is the release")
    return 0


def _together(found: LocalSurvey) -> str:
    if not found.coordinated:
        return f"not coordinated ({COORDINATION}): each canary is promoted by itself"
    return f"coordinated: {', '.join(found.coordinated)}; none is promoted before all have passed"


def _everywhere(found: LocalSurvey) -> str:
    return (
        f"in {', '.join(found.clusters)} ({FURTHER_CLUSTERS}): each step is done in all of them, each is "
        "judged by itself, and one that fails takes all back"
    )


def _document(found: LocalSurvey) -> dict[str, Any]:
    return {
        "event": "plan",
        **found.model_dump(mode="json", exclude={"plans"}),
        "canaries": {canary: _plan(compiled) for canary, compiled in found.plans.items()},
    }


def _plan(compiled: Plan) -> dict[str, Any]:
    held = frozen_now(compiled, datetime.now(UTC))
    return {
        **compiled.model_dump(mode="json", exclude={"stages"}),
        "stages": [{**stage.model_dump(mode="json"), "text": describe(stage)} for stage in compiled.stages],
        "earliest_end_seconds": compiled.earliest_end_seconds,
        "frozen": held.model_dump(mode="json") if held else None,
    }
