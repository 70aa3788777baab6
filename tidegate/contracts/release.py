"""The Release workflow: what it is asked for, what it answers."""

from enum import StrEnum
from typing import Self

from pydantic import Field

from tidegate.contracts.names import release_workflow_id
from tidegate.contracts.outcomes import ReleaseOutcome
from tidegate.contracts.references import ApplicationRef, SourceRef
from tidegate.domain.application import Application
from tidegate.domain.base import Model
from tidegate.domain.release import Phase


class Mode(StrEnum):
    """What a run of the Release workflow is for: a release, putting right what one left, or undoing all."""

    RELEASE = "release"
    RECOVER = "recover"
    UNINSTALL = "uninstall"


class OnConflict(StrEnum):
    """What to do when another revision of the application is being released."""

    SUPERSEDE = "supersede"
    QUEUE = "queue"
    REJECT = "reject"


class Disposition(StrEnum):
    """What became of a submission."""

    STARTED = "started"
    ATTACHED = "attached"
    SUPERSEDING = "superseding"
    QUEUED = "queued"
    REJECTED = "rejected"


class ReleaseRequest(Model):
    """Bring one application at one revision to its destination.

    In the mode `recover`, bring its canaries back to the old side; in the mode `uninstall`, let their targets
    serve by themselves again. `revision` then only says what was last released.
    """

    application: Application
    cluster: str = Field(min_length=1)
    revision: str
    on_conflict: OnConflict = OnConflict.SUPERSEDE
    started_by: str = ""
    override_freeze: str = ""
    """Why its canaries begin even in a freeze of their policies, and who says so; empty: they wait."""
    mode: Mode = Mode.RELEASE
    canaries: tuple[str, ...] = ()
    """The names of those that are uninstalled; none: all."""
    forgotten: tuple[str, ...] = ()
    """Further clusters that are gone for good, where an uninstallation gives nothing back."""
    previous: ReleaseOutcome | None = None
    """How the run before this one ended, when it handed over by continuing as new."""
    held: bool = False
    """Whether the run before this one was paused before its sync when it handed over to this one."""
    promoted: bool = False
    """Whether the analysis is skipped, as the starter or somebody who signaled that run has asked."""
    warnings: tuple[str, ...] = ()
    """What that run had to warn of."""
    queued: tuple["ReleaseRequest", ...] = ()
    """Requests to hand over to, in order, when this one has ended."""
    dropped: tuple[str, ...] = ()
    """Revisions that were queued and will not be released, since this one superseded them."""

    @property
    def wanted_revision(self) -> str:
        """What the user asked for: the revision given, else the application's own."""
        return self.revision or self.application.spec.source.target_revision

    @property
    def told_clusters(self) -> str:
        """Where it goes, for people."""
        return ", ".join((self.cluster, *self.application.further_clusters))

    @property
    def recovers(self) -> bool:
        """Whether it only puts right what a release left behind."""
        return self.mode is Mode.RECOVER

    @property
    def uninstalls(self) -> bool:
        """Whether it gives the canaries' objects back."""
        return self.mode is Mode.UNINSTALL

    @property
    def releases(self) -> bool:
        """Whether it brings a revision."""
        return self.mode is Mode.RELEASE

    @property
    def workflow_id(self) -> str:
        """One release at a time for an application at a destination."""
        return release_workflow_id(
            self.cluster, self.application.spec.destination.namespace, self.application.name
        )

    def owner_at(self, sha: str) -> ApplicationRef:
        """The application's manifests at a commit, and where they go."""
        spec = self.application.spec
        return ApplicationRef(
            application=self.application.name,
            cluster=self.cluster,
            namespace=spec.destination.namespace,
            create_namespace=spec.sync_policy.create_namespace,
            further_clusters=self.application.further_clusters,
            source=SourceRef(
                repo_url=spec.source.repo_url, sha=sha, path=spec.source.path, directory=spec.source.directory
            ),
        )


class Submission(Model):
    """The running release's answer to a start. `revision` is what it releases now, a SHA once resolved."""

    disposition: Disposition
    revision: str
    run_id: str
    reason: str = ""
    wanted: str = ""
    """The submitted revision, as a SHA once resolved: what to follow when it does not run yet."""


class AbortRequest(Model):
    """Why a person or a pipeline aborts."""

    reason: str = ""
    superseded: bool = False
    with_others: bool = False
    """Whether another canary of the release has turned back: then it is no abort, but a rollback."""

    @classmethod
    def read(cls, argument: object) -> Self:
        """A request from whatever somebody typed into the UI: an abort is never lost to a wrong argument."""
        if isinstance(argument, cls):
            return argument
        if isinstance(argument, dict):
            superseded = argument.get("superseded") is True
            return cls(reason=str(argument.get("reason") or ""), superseded=superseded)
        return cls(reason=str(argument or ""))


class ReleaseStatus(Model):
    """Answer of a Release's status query."""

    application: str
    cluster: str
    namespace: str
    revision: str
    sha: str = ""
    phase: Phase
    paused: bool = False
    waiting_for: str = ""
    canaries: tuple[str, ...] = ()
    """Workflow ids of the canaries of this release."""
    queued: tuple[str, ...] = ()
    """Revisions that wait for this release's end."""
    warnings: tuple[str, ...] = ()
    outcome: ReleaseOutcome | None = None
