"""Git: what a release's revision names."""

from temporalio import activity

from activities.step import step
from tidegate.adapters.git import GitRepositories, source_path
from tidegate.contracts import Limits, ResolveCommand, Resolved
from tidegate.domain.errors import InvalidInput
from tidegate.settings import ReleaseSettings, Settings, SettingsError, check_further_clusters


class GitActivities:
    """Everything that a release asks of Git."""

    def __init__(
        self, repositories: GitRepositories, settings: Settings, *, search_attributes: bool = False
    ) -> None:
        """`search_attributes`: whether Temporal knows Tidegate's, for the workflows to use."""
        self._repositories = repositories
        self._settings = settings
        self._search_attributes = search_attributes

    @activity.defn(name="git_resolve")
    @step
    def resolve(self, command: ResolveCommand) -> Resolved:
        """Fix the revision to a commit that has the application's path.

        No revision means the application's own targetRevision. Raises InvalidInput (RevisionNotFound, a path
        or a cluster that is not there), AccessDenied, Unreachable.
        """
        request = command.request
        _require_cluster(self._settings, request.cluster)
        check_further_clusters(self._settings, request.cluster, request.application.further_clusters)
        source = request.application.spec.source
        revision = self._repositories.resolve(source.repo_url, request.revision or source.target_revision)
        source_path(self._repositories.checkout(source.repo_url, revision.sha), source.path)
        limits = limits_of(self._settings.release, self._search_attributes)
        return Resolved(owner=request.owner_at(revision.sha), ref=revision.told, limits=limits)


def _require_cluster(settings: Settings, name: str) -> None:
    try:
        settings.cluster(name)
    except SettingsError as error:
        raise InvalidInput(error.mend, file=error.file, field=error.field) from None


def limits_of(release: ReleaseSettings, search_attributes: bool) -> Limits:
    """What the workflows obey, of the worker's settings."""
    return Limits(
        drain_seconds=release.drain_seconds,
        outage_budget_seconds=release.outage_budget_seconds,
        sync_timeout_seconds=release.sync_timeout_seconds,
        search_attributes=search_attributes,
    )
