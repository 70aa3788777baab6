"""`tidegate status`: a release as it stands now, or as it ended."""

from temporalio.client import Client

from tidegate.cli.connection import run, ui_link
from tidegate.cli.displays import status_document
from tidegate.cli.exits import exits
from tidegate.cli.observation import Observation, observe
from tidegate.cli.options import Json, Name, OptionalFile
from tidegate.cli.output import Output
from tidegate.cli.release_name import ReleaseName, find_release
from tidegate.cli.views import outcome_view, release_view
from tidegate.cli.watching import recorded_outcome

_HOW = {"terminated": "terminated", "timed out": "timed out", "failed": "cut off by a failure"}


@exits
def status(application: Name = None, file: OptionalFile = None, json: Json = False) -> int:
    """Print where the application's last release stands.

    The exit code is 0 whatever the release came to: ask `watch` for the release's own.
    """
    output = Output(as_json=json)

    async def work(client: Client) -> int:
        release = await find_release(client, application, file)
        seen = await observe(client, release.workflow_id)
        link = ui_link(client, release.workflow_id, seen.run_id)
        await _print(client, output, seen.model_copy(update={"ui": link}))
        return 0

    return run(work)


async def _print(client: Client, output: Output, seen: Observation) -> None:
    """Without a worker to ask, an ended run's own record still tells how it ended."""
    remains = left_behind(seen)
    outcome = None if seen.worker_answers else await recorded_outcome(client, seen)
    if output.as_json:
        recorded = {"outcome": outcome.model_dump(mode="json")} if outcome else {}
        output.document(
            {**status_document(seen), **recorded, **({"left_behind": remains} if remains else {})}
        )
        return
    output.result(release_view(seen))
    if outcome:
        output.result(outcome_view(outcome))
    if remains:
        output.warn(remains)
    output.link(seen.ui)


def left_behind(seen: Observation) -> str:
    """What a release that was cut off may have left, as its canaries said last, and the remedy."""
    if not seen.was_cut_off:
        return ""
    shares = [
        f"{each.canary} had {each.weight} % of the traffic on the canary"
        for each in seen.canaries
        if each.weight and each.outcome is None
    ]
    what = ", ".join(shares) or "what it left is not known"
    release = ReleaseName.of_workflow(seen.workflow_id)
    how = _HOW[seen.closed_as]
    return f"the release was {how}; {what}: `tidegate recover {release}` looks and puts it right"
