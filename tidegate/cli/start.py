"""`tidegate start`: begin a release, and with --wait follow it to its end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from temporalio.client import Client

from tidegate.cli.connection import run, ui_link
from tidegate.cli.exits import GAVE_UP, REFUSED, CommandFailed, exits
from tidegate.cli.following import Follower
from tidegate.cli.options import File, Json, Revision, Timeout
from tidegate.cli.output import Output
from tidegate.cli.release_name import ReleaseName, request_from, whoami
from tidegate.cli.submission import queued_behind, submit
from tidegate.cli.survey import survey
from tidegate.cli.watching import goes_on, watch_to_end, within
from tidegate.cli.words import NO_WORKER, short
from tidegate.contracts import Disposition, OnConflict, ReleaseRequest, Submission
from tidegate.domain.errors import InvalidInput
from tidegate.settings import Settings, load_settings

SENTENCES = {
    Disposition.STARTED: "started: {release} at {revision}",
    Disposition.ATTACHED: "attached: {release} at {revision} is being released already",
    Disposition.SUPERSEDING: "superseding: {release} at {running} is aborted, then {revision} follows",
    Disposition.QUEUED: "queued: {release} at {revision} follows when {running} has ended",
    Disposition.REJECTED: "another revision of {release}, {running}, is being released; wait for its end, or "
    "use --on-conflict supersede or queue",
}
BEGINS_LATER = "a release that was not running begins when one does"
NOW_RUNNING = (Disposition.STARTED, Disposition.ATTACHED)

Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the release to its end.")]
Conflict = Annotated[
    OnConflict,
    typer.Option(
        help="When another revision is being released: abort that one and drop all that is queued, wait for "
        "its end, or do not start."
    ),
]
Validate = Annotated[
    bool,
    typer.Option(
        "--validate/--no-validate",
        help="Resolve, render and check the manifests here first; the worker does so in any case.",
    ),
]

Promote = Annotated[
    bool,
    typer.Option(
        "--promote",
        help="Skip the analysis, as when going back at once to a version that is known to be good.",
    ),
]


OverrideFreeze = Annotated[
    str | None,
    typer.Option(
        metavar="REASON",
        help="Begin even in a freeze of the release's policies; the reason is noted.",
        show_default=False,
    ),
]


@exits
def start(
    file: File,
    revision: Revision = None,
    wait: Wait = False,
    timeout: Timeout = None,
    on_conflict: Conflict = OnConflict.SUPERSEDE,
    promote: Promote = False,
    validate: Validate = True,
    override_freeze: OverrideFreeze = None,
    json: Json = False,
) -> int:
    """Release an application at a revision.

    Starting the same revision again attaches to the running release, so that a retry in CI is safe.
    """
    if timeout is not None and not wait:
        raise InvalidInput(
            "limits --wait, which is not given", field="--timeout", mend="add --wait, or leave it out"
        )
    output = Output(as_json=json)
    settings = load_settings()
    asked = {"on_conflict": on_conflict, "promoted": promote, "override_freeze": _override(override_freeze)}
    request = request_from(file, revision, settings).model_copy(update=asked)
    if validate:
        request = _validated(request, settings, file, output)
    release = ReleaseName.of_request(request)
    starter = Starter(request, release, settings.worker.task_queue, output)

    async def work(client: Client) -> int:
        return await within(timeout, release, starter.run(client, wait=wait), starter.silence)

    return run(work, interrupted=f"interrupted; {goes_on(release)}")


def _override(reason: str | None) -> str:
    """Why and by whom; an empty reason is an unset variable of somebody's CI."""
    if reason is not None and not reason.strip():
        raise InvalidInput("is empty", field="--override-freeze", mend="say why, or leave it out")
    return f"{' '.join(reason.split())[:200]} (by {whoami()})" if reason else ""


class Starter:
    """One start, from the submission to the end of waiting. `sentences` tell what became of it."""

    def __init__(
        self,
        request: ReleaseRequest,
        release: ReleaseName,
        task_queue: str,
        output: Output,
        sentences: Mapping[Disposition, str] = SENTENCES,
    ) -> None:
        self._request = request
        self._release = release
        self._task_queue = task_queue
        self._output = output
        self._sentences = sentences
        self._answered = False

    async def run(self, client: Client, *, wait: bool) -> int:
        """The exit code of the submission, or with `wait` of what was submitted."""
        submission = await self.submit(client, patient=wait)
        if submission is None:
            return REFUSED
        if wait:
            return await self.follow(client, submission)
        self._output.say(f"follow it with `tidegate watch {self._release.application}`")
        return 0

    async def submit(self, client: Client, *, patient: bool) -> Submission | None:
        """Submit, and say what became of it; None when the running release refuses.

        CommandFailed when no worker answers, unless `patient`.
        """
        silence = self._say_no_worker if patient else self._give_up
        waiting = await self._droppable(client)
        submission = await submit(client, self._request, self._task_queue, silence)
        self._answered = True
        supersedes = submission.disposition is Disposition.SUPERSEDING
        dropped = tuple(each for each in waiting if supersedes and each != submission.wanted)
        self._tell(submission, ui_link(client, self._release.workflow_id, submission.run_id), dropped)
        return None if submission.disposition is Disposition.REJECTED else submission

    async def follow(self, client: Client, submission: Submission) -> int:
        """The exit code of what was submitted, once it has ended."""
        return await watch_to_end(client, self._release, self._follower(client, submission), self._output)

    def silence(self) -> str:
        """Why nothing is known of the release; empty once a worker has answered."""
        return "" if self._answered else f"{NO_WORKER} on task queue {self._task_queue!r}"

    async def _droppable(self, client: Client) -> tuple[str, ...]:
        """What is queued, and dropped when this start supersedes the running release."""
        if self._request.on_conflict is not OnConflict.SUPERSEDE:
            return ()
        return await queued_behind(client, self._release.workflow_id)

    def _follower(self, client: Client, submission: Submission) -> Follower:
        runs_now = submission.disposition in NOW_RUNNING
        revisions = {self._request.wanted_revision, submission.wanted}
        if runs_now:
            revisions.add(submission.revision)
        return Follower(client, self._release, submission.run_id, revisions - {""}, waits=not runs_now)

    def _tell(self, submission: Submission, ui: str, dropped: tuple[str, ...]) -> None:
        sentence = self._sentences[submission.disposition].format(
            release=self._release.with_clusters(self._request.application.further_clusters),
            revision=short(submission.wanted or self._request.wanted_revision),
            running=short(submission.revision),
        )
        if self._output.as_json:
            self._output.document(
                {
                    "event": "submission",
                    "workflow_id": self._release.workflow_id,
                    "requested": self._request.wanted_revision,
                    **submission.model_dump(mode="json"),
                    "dropped": dropped,
                    "ui": ui,
                }
            )
        if submission.disposition is Disposition.REJECTED:
            self._output.problem(sentence)
        else:
            self._output.say(sentence)
            if submission.disposition is Disposition.ATTACHED and self._request.override_freeze:
                self._output.warn(f"what runs already is not overridden by this: {self._overriding}")
            if dropped:
                self._output.say(f"also drops queued {', '.join(map(short, dropped))}", "yellow")
            self._output.link(ui)

    @property
    def _overriding(self) -> str:
        return f"a freeze that it waits in is by `tidegate approve {self._release} --gate freeze`"

    def _say_no_worker(self) -> None:
        self._output.say(f"{self.silence()} yet, waiting for one")

    def _give_up(self) -> None:
        raise CommandFailed(
            f"{self.silence()}; {BEGINS_LATER}",
            GAVE_UP,
        )


def _validated(request: ReleaseRequest, settings: Settings, file: Path, output: Output) -> ReleaseRequest:
    """The request at the commit that was looked at: what was validated is what is released."""
    found = survey(request, settings, file)
    for warning in found.warnings:
        output.warn(warning)
    if request.wanted_revision != found.sha:
        output.say(f"application {request.application.name} at {found.ref} = {short(found.sha)}")
    return request.model_copy(update={"revision": found.sha})
