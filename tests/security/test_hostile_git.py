"""Hostile revisions, repositories and servers of Git do no harm."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tidegate.adapters.git import GitRepositories
from tidegate.domain.errors import InvalidInput, TidegateError
from tidegate.settings import GitSettings

IDENTITY = {"GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@x", "GIT_COMMITTER_NAME": "x"} | {
    "GIT_COMMITTER_EMAIL": "x@x",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "PATH": "/usr/bin:/bin",
}


class Origin:
    """A repository whose objects are written by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main", str(folder), at="/")

    def git(self, *arguments: str, stdin: bytes = b"", at: str = "") -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=at or self.folder,
            input=stdin,
            env=IDENTITY,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(self, *entries: tuple[str, str, str, bytes]) -> str:
        """A commit of (mode, type, name, content): names that git itself would refuse are written, too."""
        tree = b""
        for mode, kind, name, content in entries:
            sha = (
                content.decode()
                if kind == "commit"
                else self.git("hash-object", "-w", "--stdin", stdin=content)
            )
            tree += f"{mode} {name}".encode() + b"\0" + bytes.fromhex(sha)
        written = self.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=tree)
        sha = self.git("commit-tree", written, "-m", "x")
        self.git("update-ref", "refs/heads/main", sha)
        return sha


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "origin")


@pytest.fixture
def repositories(tmp_path: Path) -> GitRepositories:
    return GitRepositories(GitSettings(cache=tmp_path / "cache"), {})


FILE = ("100644", "blob", "a.yaml", b"kind: x\n")
MARK = "was-here"


@pytest.mark.parametrize(
    "revision",
    [
        f"--upload-pack=touch {MARK}",
        f"-u{MARK}",
        "--output=x",
        "main\n--exec=x",
        "main\0",
        "ma\rin",
        "main\x1b[31m",
        "\u202emain",
        "..",
        "../../../../etc/passwd",
        "refs/heads/../../config",
        "refs/heads/*",
        "*",
        "main..main",
        "main~1",
        "main^{/x}",
        "main@{1}",
        "@{-1}",
        "@",
        ":/x",
        ":a.yaml",
        "HEAD:a.yaml",
        "FETCH_HEAD",
        "refs/tidegate/x",
        "a" * 100_000,
        "9" * 100_000,
        "1 " * 50_000,
        "|| " * 30_000,
    ],
    ids=lambda text: repr(text)[:30],
)
def test_a_hostile_revision_is_refused_in_one_line(
    revision: str, origin: Origin, repositories: GitRepositories
) -> None:
    origin.commit(FILE)
    began = time.process_time()
    with pytest.raises(InvalidInput) as caught:
        repositories.resolve(f"file://{origin.folder}", revision)

    assert time.process_time() - began < 10
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert not list(origin.folder.parent.rglob(MARK))


@pytest.mark.parametrize(
    "name", ["..", ".", ".git", ".GIT", "git~1", ".git/config", "../evil", "/etc/evil", ".g\u200cit", ""]
)
def test_a_file_name_that_leaves_the_checkout_is_not_written(
    name: str, origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    sha = origin.commit(FILE, ("100644", "blob", name, b"evil"))
    with suppress(TidegateError):
        repositories.checkout(f"file://{origin.folder}", sha)

    written = [file for file in tmp_path.rglob("*") if file.is_file() and file.read_bytes() == b"evil"]
    assert [file for file in written if file.parent.name != sha or file.name.lower() == ".git"] == []
    assert not Path("/etc/evil").exists()


def test_a_submodule_is_neither_fetched_nor_run(
    origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    modules = (
        f'[submodule "x"]\n path = x\n url = ext::sh -c "touch {tmp_path}/{MARK}"\n update = !touch {MARK}\n'
    )
    entry = ("160000", "commit", "x", b"1" * 40)
    sha = origin.commit(("100644", "blob", ".gitmodules", modules.encode()), FILE, entry)
    folder = repositories.checkout(f"file://{origin.folder}", sha)

    assert sorted(file.name for file in folder.rglob("*") if file.is_file()) == [".gitmodules", "a.yaml"]
    assert not list(tmp_path.rglob(MARK))


def test_filters_and_hooks_of_a_repository_run_nothing(
    origin: Origin, repositories: GitRepositories, tmp_path: Path
) -> None:
    command = f"touch {tmp_path}/{MARK}"
    for hook in ("post-checkout", "post-index-change", "pre-receive", "reference-transaction", "upload-pack"):
        file = origin.folder / f".git/hooks/{hook}"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{command}\n")
        file.chmod(0o755)
    for name in ("filter.x.smudge", "filter.x.process", "core.fsmonitor", "uploadpack.packObjectsHook"):
        origin.git("config", name, command)
    sha = origin.commit(("100644", "blob", ".gitattributes", b"* filter=x diff=x merge=x\n"), FILE)
    for file in tmp_path.rglob(MARK):
        file.unlink()  # our own git ran the origin's hooks
    folder = repositories.checkout(f"file://{origin.folder}", sha)

    assert (folder / "a.yaml").read_bytes() == FILE[3]
    assert not list(tmp_path.rglob(MARK))
