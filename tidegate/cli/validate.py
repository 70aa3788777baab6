"""`tidegate validate`: check an application's manifests at a revision; changes nothing."""

from tidegate.cli.exits import exits
from tidegate.cli.options import File, Json, Revision
from tidegate.cli.output import Output
from tidegate.cli.release_name import ReleaseName, request_from
from tidegate.cli.survey import survey
from tidegate.cli.words import short
from tidegate.settings import load_settings


@exits
def validate(file: File, revision: Revision = None, json: Json = False) -> int:
    """Resolve, render and check the manifests; nothing is changed, no cluster is asked."""
    output = Output(as_json=json)
    settings = load_settings()
    request = request_from(file, revision, settings)
    found = survey(request, settings, file)
    for warning in found.warnings:
        output.warn(warning)
    if json:
        output.document(
            {
                "event": "valid",
                **found.model_dump(mode="json", exclude={"plans"}),
                "canaries": list(found.plans),
            }
        )
    else:
        canaries = ", ".join(found.plans) or "none"
        release = ReleaseName.of_request(request).with_clusters(found.clusters[1:])
        output.say(
            f"valid: {release} at {short(found.sha)} ({found.ref}), "
            f"{found.objects} objects, canaries: {canaries}"
        )
    return 0
