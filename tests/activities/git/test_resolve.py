"""git_resolve against a real repository."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from git import Repo
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.git import GitActivities
from tidegate.adapters.git import GitRepositories
from tidegate.contracts import Limits, ReleaseRequest, ResolveCommand, Resolved, SourceRef
from tidegate.domain.application import Application
from tidegate.settings import ClusterSettings, ReleaseSettings, Settings

Resolve = Callable[..., Resolved]


@pytest.fixture
def resolve(repositories: GitRepositories, origin: Repo) -> Resolve:
    settings = Settings(
        clusters={"mesh02": ClusterSettings()},
        release=ReleaseSettings(outage_budget_seconds=60, sync_timeout_seconds=120),
    )

    def run(revision: str = "", cluster: str = "mesh02", **source: Any) -> Resolved:
        application = Application.from_manifest(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": "podinfo"},
                "spec": {
                    "source": {
                        "repoURL": f"file://{origin.working_dir}",
                        "path": "deploy",
                        "targetRevision": "latest",
                    }
                    | source,
                    "destination": {"name": "mesh02", "namespace": "test"},
                    "syncPolicy": {"syncOptions": ["CreateNamespace=true"]},
                },
            }
        )
        request = ReleaseRequest(application=application, cluster=cluster, revision=revision)
        activities = GitActivities(repositories, settings)
        resolved = ActivityEnvironment().run(activities.resolve, ResolveCommand(request=request))
        assert isinstance(resolved, Resolved)
        return resolved

    return run


def test_a_branch_becomes_a_commit_and_a_reference(
    resolve: Resolve, committed: Callable[..., str], origin: Repo
) -> None:
    sha = committed()
    resolved = resolve()
    assert resolved.ref == "branch latest"
    assert resolved.limits == Limits(outage_budget_seconds=60, sync_timeout_seconds=120)
    owner = resolved.owner
    assert (owner.application, owner.cluster, owner.namespace) == ("podinfo", "mesh02", "test")
    assert owner.create_namespace
    assert owner.source == SourceRef(repo_url=f"file://{origin.working_dir}", sha=sha, path="deploy")


def test_the_request_s_revision_goes_before_the_application_s(
    resolve: Resolve, committed: Callable[..., str], origin: Repo
) -> None:
    first = committed()
    origin.create_tag("v1.2.0")
    committed({"kind": "ConfigMap"})
    assert (resolve("v1.2.0").owner.source.sha, resolve("v1.2.0").ref) == (first, "tag v1.2.0")
    assert (resolve(first).owner.source.sha, resolve(first).ref) == (first, "commit")


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        ({"revision": "nowhere"}, "RevisionNotFound", "'nowhere' is not in the repository"),
        ({"path": "gone"}, "InvalidInput", "'gone' is not in the repository at this revision"),
        ({"path": "../.."}, "InvalidInput", "leaves the repository"),
        ({"cluster": "mesh09"}, "InvalidInput", "unknown cluster 'mesh09'; known clusters: mesh02"),
    ],
)
def test_what_is_not_there_is_the_user_s_to_mend(
    resolve: Resolve, committed: Callable[..., str], asked: dict[str, Any], kind: str, message: str
) -> None:
    committed()
    with pytest.raises(ApplicationError, match=message) as failure:
        resolve(**asked)
    assert (failure.value.type, failure.value.non_retryable) == (kind, True)


def test_a_repository_out_of_reach_is_tried_again(resolve: Resolve, tmp_path: Path, free_port: int) -> None:
    with pytest.raises(ApplicationError) as failure:
        resolve(repoURL=f"https://127.0.0.1:{free_port}/x.git")
    assert (failure.value.type, failure.value.non_retryable) == ("Unreachable", False)
