"""Revisions and checkouts of real repositories."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.git import GitRepositories
from tidegate.adapters.git.repositories import credential_for
from tidegate.domain.errors import AccessDenied, InvalidInput, RevisionNotFound, Unreachable
from tidegate.settings import GitCredential, GitSettings

Origin = Any
WHO = {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b"}


def mirror_of(settings: GitSettings) -> Path:
    (folder,) = settings.cache.glob("*/mirror")
    return folder


def test_every_kind_of_revision_becomes_a_full_sha(origin: Origin, repositories: GitRepositories) -> None:
    first = origin.commit()
    origin.tag("v1.2.0", "light")
    origin.tag("v1.3.0", message="annotated")
    second = origin.commit(message="second")
    origin.repo.create_head("release/1.x", first)

    def resolved(revision: str) -> tuple[str, str, str]:
        found = repositories.resolve(origin.url, revision)
        return found.sha, found.ref, found.kind

    assert resolved("") == resolved("HEAD") == resolved("main") == (second, "refs/heads/main", "branch")
    assert resolved("light") == (first, "refs/tags/light", "tag")
    assert resolved("v1.3.0") == resolved("^1.0") == resolved("1.x") == (first, "refs/tags/v1.3.0", "tag")
    assert resolved("refs/heads/main") == (second, "refs/heads/main", "branch")
    assert resolved("release/1.x") == (first, "refs/heads/release/1.x", "branch")
    assert resolved(first) == resolved(first[:8]) == resolved(first.upper()) == (first, first, "commit")


def test_a_local_path_is_a_repository(origin: Origin, repositories: GitRepositories) -> None:
    sha = origin.commit()
    assert repositories.resolve(str(origin.folder), "main").sha == sha


def test_a_detached_head_resolves(origin: Origin, repositories: GitRepositories) -> None:
    sha = origin.commit()
    origin.commit(message="second")
    origin.repo.git.checkout("--detach", sha)
    assert repositories.resolve(origin.url, "HEAD").sha == sha


def test_a_branch_that_moves_is_followed(origin: Origin, repositories: GitRepositories) -> None:
    origin.commit()
    repositories.resolve(origin.url, "main")
    origin.repo.git.commit("--amend", "--allow-empty", "-m", "rewritten", "--author", "A <a@b>", env=WHO)
    assert repositories.resolve(origin.url, "main").sha == origin.repo.head.commit.hexsha


def test_a_deleted_branch_is_forgotten(origin: Origin, repositories: GitRepositories) -> None:
    origin.commit()
    origin.repo.create_head("topic")
    repositories.resolve(origin.url, "topic")
    origin.repo.delete_head("topic")
    with pytest.raises(RevisionNotFound):
        repositories.resolve(origin.url, "topic")


@pytest.mark.parametrize(
    "revision", ["nope", "^9", "0" * 40, "beef", "--all", "main~1", "main:file.yaml", "@{-1}", "a\0b"]
)
def test_an_unknown_revision_is_named_in_the_refusal(
    origin: Origin, repositories: GitRepositories, revision: str
) -> None:
    origin.commit()
    with pytest.raises(RevisionNotFound) as caught:
        repositories.resolve(origin.url, revision)
    assert caught.value.field == "spec.source.targetRevision"
    assert repr(revision) in str(caught.value)


def test_an_empty_repository_has_no_head(origin: Origin, repositories: GitRepositories) -> None:
    with pytest.raises(RevisionNotFound, match="empty"):
        repositories.resolve(origin.url, "")


def test_a_branch_and_a_tag_of_one_name_are_ambiguous(origin: Origin, repositories: GitRepositories) -> None:
    origin.commit()
    origin.tag("main")
    with pytest.raises(InvalidInput, match="write refs/heads/main or refs/tags/main"):
        repositories.resolve(origin.url, "main")
    assert repositories.resolve(origin.url, "refs/tags/main").kind == "tag"


def test_an_ambiguous_short_sha_is_refused(origin: Origin, repositories: GitRepositories) -> None:
    """Commits are made until two share their first four digits."""
    seen: set[str] = set()
    stream = b""
    for number in range(1, 1500):
        stream += f"commit refs/heads/b{number}\ncommitter A <a@b> {number} +0000\ndata 0\n\n".encode()
    (origin.folder / "stream").write_bytes(stream)
    with (origin.folder / "stream").open("rb") as file:
        origin.repo.git.fast_import("--quiet", istream=file)
    shared = None
    for sha in origin.repo.git.for_each_ref("--format=%(objectname)").split():
        shared = sha[:4] if sha[:4] in seen else shared
        seen.add(sha[:4])
    assert shared is not None
    with pytest.raises(InvalidInput, match="ambiguous"):
        repositories.resolve(origin.url, shared)


def test_a_commit_that_no_branch_reaches_is_asked_for(origin: Origin, repositories: GitRepositories) -> None:
    sha = origin.commit()
    origin.repo.git.update_ref("refs/pull/1/head", sha)
    origin.repo.git.symbolic_ref("HEAD", "refs/heads/other")
    origin.repo.git.update_ref("-d", "refs/heads/main")
    assert repositories.resolve(origin.url, sha).sha == sha


def test_a_known_sha_needs_no_remote(origin: Origin, repositories: GitRepositories) -> None:
    sha = origin.commit()
    repositories.resolve(origin.url, sha)
    origin.folder.rename(origin.folder.with_name("gone"))
    assert repositories.resolve(origin.url, sha).sha == sha
    assert (repositories.checkout(origin.url, sha) / "file.yaml").read_text() == "change"


def test_a_missing_repository_is_invalid_input(repositories: GitRepositories, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not appear to be a git repository") as caught:
        repositories.resolve(f"file://{tmp_path}/none", "main")
    assert caught.value.field == "spec.source.repoURL"


def test_local_repositories_may_be_forbidden(origin: Origin, settings: GitSettings) -> None:
    origin.commit()
    closed = GitRepositories(settings.model_copy(update={"allow_file": False}))
    with pytest.raises(InvalidInput, match=r"git\.allow_file"):
        closed.resolve(origin.url, "main")


def test_a_checkout_holds_the_commits_files(origin: Origin, repositories: GitRepositories) -> None:
    sha = origin.commit({"a.yaml": "one", "sub/b.yaml": "two", ".gitattributes": "a.yaml export-ignore\n"})
    origin.commit({"a.yaml": "changed"})
    folder = repositories.checkout(origin.url, sha)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert names == [".gitattributes", "a.yaml", "sub/b.yaml"]
    assert (folder / "a.yaml").read_text() == "one"


def test_the_machines_git_configuration_runs_nothing(
    origin: Origin, repositories: GitRepositories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = origin.commit({"a.yaml": "one", ".gitattributes": "*.yaml filter=lfs\n"})
    witness = tmp_path / "witness"
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        file = tmp_path / "hooks" / hook
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\ntouch {witness}\n")
        file.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f'[core]\nhooksPath = {tmp_path}/hooks\n[filter "lfs"]\nsmudge = touch {witness}; cat\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (repositories.checkout(origin.url, sha) / "a.yaml").read_text() == "one"
    assert not witness.exists()


def test_a_checkout_needs_a_full_sha(origin: Origin, repositories: GitRepositories) -> None:
    origin.commit()
    with pytest.raises(RevisionNotFound, match="no full SHA"):
        repositories.checkout(origin.url, "../main")


def test_old_checkouts_are_pruned_by_last_use(origin: Origin, settings: GitSettings) -> None:
    repositories = GitRepositories(settings.model_copy(update={"keep_checkouts": 2}))
    folders = []
    for number in range(4):
        folder = repositories.checkout(origin.url, origin.commit(message=f"change {number}"))
        folders.append(folder)
        hours_ago = time.time() - 3600 * (5 - number)
        os.utime(folder, (hours_ago, hours_ago))
    assert [folder.exists() for folder in folders] == [False, False, True, True]


def test_a_checkout_in_use_is_not_pruned(origin: Origin, settings: GitSettings) -> None:
    repositories = GitRepositories(settings.model_copy(update={"keep_checkouts": 1}))
    folders = [repositories.checkout(origin.url, origin.commit(message=f"change {n}")) for n in range(3)]
    assert all(folder.exists() for folder in folders)


def _resolve_and_check_out(cache: str, url: str) -> tuple[str, str]:
    repositories = GitRepositories(GitSettings(cache=Path(cache)))
    sha = repositories.resolve(url, "main").sha
    return sha, (repositories.checkout(url, sha) / "file.yaml").read_text()


def test_processes_and_threads_share_one_cache(origin: Origin, settings: GitSettings) -> None:
    sha = origin.commit()
    cache = str(settings.cache)
    with (
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes,
        ThreadPoolExecutor(6) as threads,
    ):
        pending = [processes.submit(_fresh_process, cache, origin.url) for _ in range(2)]
        pending += [threads.submit(_resolve_and_check_out, cache, origin.url) for _ in range(6)]
        assert [each.result(timeout=60) for each in pending] == [(sha, "change")] * 8
    assert len(list(settings.cache.glob("*/checkouts/*"))) == 1


def _fresh_process(cache: str, url: str) -> tuple[str, str]:
    return _resolve_and_check_out(cache, url)


def test_waiting_threads_share_one_fetch(
    origin: Origin, settings: GitSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tidegate.adapters.git import mirror

    origin.commit()
    fetches: list[tuple[str, ...]] = []
    together = threading.Barrier(4)
    real = mirror.Mirror._fetch

    def counted(self: mirror.Mirror, *refspecs: str, lock: int) -> None:
        fetches.append(refspecs)
        real(self, *refspecs, lock=lock)

    def resolve(_: int) -> str:
        together.wait()
        return GitRepositories(settings).resolve(origin.url, "main").sha

    monkeypatch.setattr(mirror.Mirror, "_fetch", counted)
    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(resolve, range(4)))) == 1
    assert len(fetches) < 4


def test_locks_left_by_a_killed_git_do_not_block(
    origin: Origin, repositories: GitRepositories, settings: GitSettings
) -> None:
    origin.commit()
    repositories.resolve(origin.url, "main")
    sha = origin.commit(message="second")
    for name in ("packed-refs.lock", "refs/heads/main.lock", "config.lock", "HEAD.lock"):
        (mirror_of(settings) / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror_of(settings) / name).touch()
    assert repositories.resolve(origin.url, "main").sha == sha


def test_a_host_that_refuses_the_connection_is_unreachable(settings: GitSettings, unused_port: int) -> None:
    with pytest.raises(Unreachable, match=f"127.0.0.1:{unused_port}/a"):
        GitRepositories(settings).resolve(f"https://ann@127.0.0.1:{unused_port}/a", "main")


def test_a_host_that_never_answers_is_unreachable(
    settings: GitSettings, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = GitRepositories(settings.model_copy(update={"fetch_timeout_seconds": 0.3}))
    with pytest.raises(Unreachable, match=r"no answer within 0\.3 s"):
        hasty.resolve(f"https://127.0.0.1:{silent_port}/a", "main")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://git.example/team/a", "team"),
        ("https://GIT.example/team", "team"),
        ("https://ann@git.example/team/a", "team"),
        ("https://git.example/team-b/a", "host"),
        ("https://git.example/other", "host"),
        ("https://git.example:443/team/a", "team"),
        ("https://git.example:8443/team/a", ""),
        ("https://git.example:4430/team/a", ""),
        ("https://other.example/a", "port"),
        ("https://other.example/a/b", "path"),
        ("https://other.example:443/a", "port"),
        ("https://other.example:8443/a", "other port"),
        ("ssh://git@other.example:22/a", "ssh url"),
        ("ssh://git@other.example:443/a", ""),
        ("https://git.example.evil/team/a", ""),
        ("git@git.example:team/a", "ssh"),
        ("git@git.example.evil:team/a", ""),
    ],
)
def test_the_longest_prefix_of_whole_segments_wins(url: str, expected: str) -> None:
    prefixes = {
        "https://git.example": "host",
        "https://git.example/team": "team",
        "git@git.example": "ssh",
        "https://other.example:443/": "port",
        "https://other.example/a/b": "path",
        "https://other.example:8443": "other port",
        "ssh://other.example": "ssh url",
    }
    credentials = {prefix: GitCredential(token_env=name) for prefix, name in prefixes.items()}
    assert credential_for(url, credentials).token_env == expected


def test_a_missing_secret_is_said_by_the_name_of_its_variable(settings: GitSettings) -> None:
    credentials = {"https://git.example": GitCredential(token_env="TEAM_TOKEN")}
    repositories = GitRepositories(settings.model_copy(update={"credentials": credentials}), environ={})
    with pytest.raises(AccessDenied, match="TEAM_TOKEN is not set"):
        repositories.resolve("https://git.example/a", "main")


def test_ssh_is_called_with_the_key_and_strict_host_keys(
    make_origin: Callable[[str], Origin], settings: GitSettings, fake_ssh: Path, tmp_path: Path
) -> None:
    origin = make_origin("a b")
    sha = origin.commit()
    url = f"ssh://git@git.example{origin.folder}".replace(" ", "%20")
    credential = GitCredential(ssh_key_file_env="KEY", ssh_known_hosts=str(tmp_path / "known hosts"))
    repositories = GitRepositories(
        settings.model_copy(update={"credentials": {"ssh://git.example": credential}}),
        environ={"KEY": str(tmp_path / "key file")},
    )
    assert repositories.resolve(url, "main").sha == sha
    arguments = fake_ssh.read_text().splitlines()
    assert arguments[arguments.index("-i") + 1] == str(tmp_path / "key file")
    assert f'UserKnownHostsFile="{tmp_path / "known hosts"}"' in arguments
    assert {"StrictHostKeyChecking=yes", "BatchMode=yes", "IdentitiesOnly=yes"} <= set(arguments)
