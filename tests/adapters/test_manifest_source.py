"""Manifests are rendered once, whoever asks, and failures are not kept."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from git import Actor, Repo

from tidegate.adapters.git import GitRepositories
from tidegate.adapters.manifest_source import ManifestSource
from tidegate.contracts import ApplicationRef, CanaryRef, SourceRef
from tidegate.domain.errors import InvalidInput, Unreachable
from tidegate.settings import GitSettings

CONFIG_MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}\n"


class Counting(GitRepositories):
    """Counts checkouts; refuses the first `failures`."""

    def __init__(self, cache: Path, failures: int = 0) -> None:
        super().__init__(GitSettings(cache=cache))
        self.checkouts = 0
        self._failures = failures
        self._lock = threading.Lock()

    def checkout(self, repo_url: str, sha: str) -> Path:
        with self._lock:
            self.checkouts += 1
            if self.checkouts <= self._failures:
                raise Unreachable("Git", "no route")
        return super().checkout(repo_url, sha)


@pytest.fixture
def source(tmp_path: Path) -> SourceRef:
    repo = Repo.init(tmp_path / "origin")
    (tmp_path / "origin" / "one.yaml").write_text(CONFIG_MAP)
    repo.git.add("--all")
    author = Actor("Ann", "ann@example.org")
    sha = repo.index.commit("one", author=author, committer=author).hexsha
    return SourceRef(repo_url=f"file://{repo.working_dir}", sha=sha, path=".")


def owner(source: SourceRef, namespace: str = "test") -> ApplicationRef:
    return ApplicationRef(application="podinfo", cluster="mesh02", namespace=namespace, source=source)


def test_many_threads_cause_one_checkout(tmp_path: Path, source: SourceRef) -> None:
    repositories = Counting(tmp_path / "cache")
    manifests = ManifestSource(repositories)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: manifests.manifests(source), range(16)))
    assert repositories.checkouts == 1
    assert all(each[0]["metadata"] == {"name": "one"} for each in found)


def test_a_failure_is_tried_again(tmp_path: Path, source: SourceRef) -> None:
    manifests = ManifestSource(Counting(tmp_path / "cache", failures=1))
    with pytest.raises(Unreachable):
        manifests.manifests(source)
    assert len(manifests.manifests(source)) == 1


def test_what_was_used_last_is_kept(tmp_path: Path, source: SourceRef) -> None:
    repositories = Counting(tmp_path / "cache")
    manifests = ManifestSource(repositories, keep=1)
    other = source.model_copy(update={"path": "./"})
    for asked in (source, source, other, source):
        manifests.manifests(asked)
    assert repositories.checkouts == 3


def test_contents_are_placed_into_their_namespace(tmp_path: Path, source: SourceRef) -> None:
    manifests = ManifestSource(Counting(tmp_path / "cache"))
    for namespace in ("test", "other"):
        (manifest,) = manifests.contents(owner(source, namespace)).manifests
        assert manifest["metadata"]["namespace"] == namespace


def test_a_canary_that_git_does_not_have_is_refused(tmp_path: Path, source: SourceRef) -> None:
    manifests = ManifestSource(Counting(tmp_path / "cache"))
    with pytest.raises(InvalidInput, match="no Canary test/podinfo"):
        manifests.bundle(CanaryRef(owner=owner(source), namespace="test", name="podinfo"))


def test_files_are_known_to_messages(tmp_path: Path, source: SourceRef) -> None:
    manifests = ManifestSource(Counting(tmp_path / "cache"))
    assert [each.file for each in manifests.rendered(source)] == ["one.yaml"]
