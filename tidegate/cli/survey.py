"""Looks at an application's manifests without a cluster: what `start` checks, `validate` and `plan` print."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from tidegate.adapters.git import GitRepositories
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.contracts import ReleaseRequest
from tidegate.decisions.coordination import others_than, told_names, with_meeting
from tidegate.decisions.egress import check_addresses
from tidegate.decisions.plan import compile_plan
from tidegate.decisions.requirements import refuse_suspended
from tidegate.decisions.sync_set import sync_set
from tidegate.domain.base import Model
from tidegate.domain.errors import InvalidInput
from tidegate.domain.plan import Plan, Purpose
from tidegate.manifests.bundle import Contents
from tidegate.manifests.references import THE_CLUSTERS
from tidegate.settings import Settings


class LocalSurvey(Model):
    """What a revision holds. `plans` has each canary's plan of a release, by podinfo.test.

    `coordinated` names the canaries that are promoted together; none when each is promoted by itself.
    """

    revision: str
    sha: str
    ref: str
    objects: int
    plans: dict[str, Plan]
    coordinated: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    """Where it goes, the destination first."""
    warnings: tuple[str, ...] = ()


def survey(request: ReleaseRequest, settings: Settings, file: Path) -> LocalSurvey:
    """Resolve, render, validate and compile. Raises InvalidInput, AccessDenied or Unreachable.

    `file` is the Application's, for messages about what it asks for.
    """
    try:
        return _survey(request, settings)
    except InvalidInput as error:
        if request.revision and error.field == "spec.source.targetRevision":
            raise InvalidInput(error.problem, field="--revision", mend=error.mend) from None
        raise error.within(str(file)) from None


def _survey(request: ReleaseRequest, settings: Settings) -> LocalSurvey:
    repositories = GitRepositories(settings.git)
    resolved = repositories.resolve(request.application.spec.source.repo_url, request.wanted_revision)
    owner = request.owner_at(resolved.sha)
    contents = ManifestSource(repositories).contents(owner)
    _check(contents, settings, owner.clusters)
    canaries = [bundle.canary for bundle in contents.bundles]
    together = told_names(canaries) if len(canaries) > 1 and request.application.coordinated else ()
    return LocalSurvey(
        revision=request.wanted_revision,
        sha=resolved.sha,
        ref=resolved.told,
        objects=len(sync_set(contents.manifests, owner, settings.mesh_cluster(owner.cluster)).items),
        plans=_plans(contents, settings.release.drain_seconds, together),
        coordinated=together,
        clusters=owner.clusters,
        warnings=tuple(_unlooked(line, owner.cluster) for line in contents.warnings),
    )


def _unlooked(warning: str, cluster: str) -> str:
    """A warning as it is before anybody has looked into the cluster."""
    return warning.replace(THE_CLUSTERS, f"the release will look for it in {cluster}")


def _check(contents: Contents, settings: Settings, clusters: Sequence[str]) -> None:
    """The worker checks all of it as well, and addresses once more when it calls them."""
    for bundle, cluster in product(contents.bundles, clusters):
        refuse_suspended(bundle.canary)
        check_addresses(
            bundle.canary,
            bundle.template_of,
            bundle.provider_of,
            settings.addresses.egress,
            load_mode=settings.load.mode,
            prometheus=settings.cluster(cluster).prometheus,
        )


def _plans(contents: Contents, drain_seconds: float, together: Sequence[str]) -> dict[str, Plan]:
    """Each canary's own plan, with its meeting with those that it is promoted together with."""
    names = told_names([bundle.canary for bundle in contents.bundles])
    return {
        f"{bundle.canary.name}.{bundle.canary.namespace}": with_meeting(
            compile_plan(bundle.canary, Purpose.RELEASE, drain_seconds, bundle.policy),
            others_than(name, together),
            contents.freezes,
        )
        for bundle, name in zip(contents.bundles, names, strict=True)
    }
