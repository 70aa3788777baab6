"""A canary's manifests in a real Git repository, as activities get them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from git import Actor, Repo

from tidegate.adapters.git import GitRepositories
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.contracts import ApplicationRef, CanaryRef, SourceRef
from tidegate.domain.manifest import Manifest
from tidegate.settings import GitSettings

AUTHOR = Actor("Ann Author", "ann@example.org")


@pytest.fixture
def repositories(tmp_path: Path) -> GitRepositories:
    """Git with an empty cache."""
    return GitRepositories(GitSettings(cache=tmp_path / "cache"))


@pytest.fixture
def manifest_source(repositories: GitRepositories) -> ManifestSource:
    """Where activities get their manifests from."""
    return ManifestSource(repositories)


@pytest.fixture
def origin(tmp_path: Path) -> Repo:
    """The remote: an empty repository with branch `latest`."""
    return Repo.init(tmp_path / "origin", initial_branch="latest")


@pytest.fixture
def committed(origin: Repo) -> Callable[..., str]:
    """Commit manifests to a file of the remote; the SHA is the result."""

    def commit(*manifests: Manifest, file: str = "deploy/all.yaml") -> str:
        path = Path(origin.working_dir, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump_all(manifests))
        origin.git.add("--all")
        return origin.index.commit("change", author=AUTHOR, committer=AUTHOR).hexsha

    return commit


@pytest.fixture
def canary_ref(origin: Repo, committed: Callable[..., str]) -> Callable[..., CanaryRef]:
    """Commit podinfo's manifests with these metrics and webhooks; the reference is the result."""

    def make(
        *more: Manifest,
        metrics: tuple[Any, ...] = (),
        webhooks: tuple[Any, ...] = (),
        alerts: tuple[Any, ...] = (),
        target: str = "podinfo",
        annotations: dict[str, str] | None = None,
    ) -> CanaryRef:
        canary = _canary(target, metrics, webhooks)
        canary["spec"]["analysis"]["alerts"] = list(alerts)
        canary["metadata"]["annotations"] = annotations
        sha = committed(_deployment(target), canary, *more)
        source = SourceRef(repo_url=f"file://{origin.working_dir}", sha=sha, path="deploy")
        owner = ApplicationRef(application="podinfo", cluster="mesh02", namespace="test", source=source)
        return CanaryRef(owner=owner, namespace="test", name="podinfo")

    return make


def _deployment(name: str) -> Manifest:
    labels = {"app": name}
    container = {"name": "podinfo", "image": "stefanprodan/podinfo:6.0.0"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def _canary(target: str, metrics: tuple[Any, ...], webhooks: tuple[Any, ...]) -> Manifest:
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "service": {"port": 9898},
            "analysis": {
                "interval": "30s",
                "threshold": 5,
                "stepWeight": 5,
                "metrics": list(metrics),
                "webhooks": list(webhooks),
            },
        },
    }
