"""Real repositories in a temporary folder."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from git import Actor, Repo

from tidegate.adapters.git import GitRepositories
from tidegate.settings import GitSettings

AUTHOR = Actor("Ann Author", "ann@example.org")


class Origin:
    """A repository that plays the remote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = Repo.init(folder, initial_branch="main")

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def commit(self, files: dict[str, str] | None = None, message: str = "change") -> str:
        """Write files, commit everything, and return the SHA."""
        for name, text in (files or {"file.yaml": message}).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.repo.git.add("--all")
        return self.repo.index.commit(message, author=AUTHOR, committer=AUTHOR).hexsha

    def tag(self, *names: str, message: str | None = None) -> None:
        for name in names:
            self.repo.git.update_ref(f"refs/tags/{name}", "HEAD") if message is None else self._annotate(
                name, message
            )

    def _annotate(self, name: str, message: str) -> None:
        with self.repo.config_writer() as config:
            config.set_value("user", "name", AUTHOR.name)
            config.set_value("user", "email", AUTHOR.email)
        self.repo.create_tag(name, message=message)


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "origin")


@pytest.fixture
def make_origin(tmp_path: Path) -> Callable[[str], Origin]:
    return lambda name: Origin(tmp_path / name)


@pytest.fixture
def settings(tmp_path: Path) -> GitSettings:
    return GitSettings(cache=tmp_path / "cache")


@pytest.fixture
def repositories(settings: GitSettings) -> GitRepositories:
    return GitRepositories(settings)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.fixture
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ssh on PATH that notes its arguments, and runs the remote command here."""
    (tmp_path / "bin").mkdir()
    noted = tmp_path / "arguments"
    program = tmp_path / "bin/ssh"
    program.write_text(f"""#!/bin/sh
for word; do printf '%s\\n' "$word"; done >{noted}
for last; do :; done
eval "$last"
""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return noted
