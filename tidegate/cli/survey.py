"""Looks at an application's manifests without a cluster: what `start` checks, `validate` and `plan` print."""

from pathlib import Path

from tidegate.adapters.git import GitRepositories, ResolvedRevision
from tidegate.adapters.render import render
from tidegate.contracts import ReleaseRequest
from tidegate.decisions.plan import compile_plan
from tidegate.domain.base import Model
from tidegate.domain.errors import InvalidInput
from tidegate.domain.plan import Plan, Purpose
from tidegate.manifests.bundle import Contents, Rendered, read_contents
from tidegate.settings import Settings


class LocalSurvey(Model):
    """What a revision holds. `plans` has each canary's plan of a release, by podinfo.test."""

    revision: str
    sha: str
    ref: str
    objects: int
    plans: dict[str, Plan]
    warnings: tuple[str, ...] = ()


def survey(request: ReleaseRequest, settings: Settings, file: Path) -> LocalSurvey:
    """Resolve, render, validate and compile. Raises InvalidInput, AccessDenied or Unreachable.

    `file` is the Application's, for messages about what it asks for.
    """
    try:
        return _survey(request, settings)
    except InvalidInput as error:
        raise error.within(str(file)) from None


def _survey(request: ReleaseRequest, settings: Settings) -> LocalSurvey:
    source = request.application.spec.source
    repositories = GitRepositories(settings.git)
    resolved = repositories.resolve(source.repo_url, request.wanted_revision)
    checkout = repositories.checkout(source.repo_url, resolved.sha)
    rendered = render(checkout, source.path, source.directory)
    contents = read_contents(
        (Rendered(*each) for each in rendered), request.application.spec.destination.namespace
    )
    return LocalSurvey(
        revision=request.wanted_revision,
        sha=resolved.sha,
        ref=_named(resolved),
        objects=len(contents.manifests),
        plans=_plans(contents, settings.release.drain_seconds),
        warnings=contents.warnings,
    )


def _named(resolved: ResolvedRevision) -> str:
    """What the revision was: "branch latest", "tag v1.2.0" or "commit"."""
    name = resolved.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    return resolved.kind if resolved.kind == "commit" else f"{resolved.kind} {name}"


def _plans(contents: Contents, drain_seconds: float) -> dict[str, Plan]:
    canaries = [bundle.canary for bundle in contents.bundles]
    return {
        f"{canary.name}.{canary.namespace}": compile_plan(canary, Purpose.RELEASE, drain_seconds)
        for canary in canaries
    }
