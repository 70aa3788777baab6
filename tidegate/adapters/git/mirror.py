"""A bare copy of one repository in the cache, and work trees made from it.

Any number of threads and processes of one machine may use it: whatever changes it holds an exclusive file
lock, and finished things appear by an atomic rename.

    <cache>/<repository>/mirror.lock     held while the mirror changes
    <cache>/<repository>/checkouts.lock  held while a checkout is made or deleted
    <cache>/<repository>/updated         when the last complete fetch began (ns since the epoch)
    <cache>/<repository>/mirror/         the bare repository: the remote's branches and tags
    <cache>/<repository>/checkouts/<sha>/
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from tidegate.adapters.files import write_atomically
from tidegate.adapters.git.command import GitCommand, GitFailed

REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
IN_USE_SECONDS = 600.0
"""A checkout used this recently may be in somebody's hands, and is never deleted."""


class Mirror:
    """The cached copy of one repository."""

    def __init__(self, folder: Path, git: GitCommand, *, timeout: float, keep: int) -> None:
        self._folder = folder
        self._git = git
        self._timeout = timeout
        self._keep = keep
        self._mirror = folder / "mirror"
        self._checkouts = folder / "checkouts"

    def update(self) -> None:
        """Fetch branches and tags, unless another has begun a fetch since this call and finished it."""
        asked = time.time_ns()
        with self._locked("mirror") as lock:
            began = time.time_ns()
            if asked <= self._last_update() <= began:
                return
            self._fetch(*REFSPECS, lock=lock)
            write_atomically(self._folder / "updated", str(began))

    def need(self, sha: str) -> bool:
        """Have a full SHA's commit: from the cache when it is there, else from the remote. False: no such."""
        if self.has(sha):
            return True
        self.update()
        return self.has(sha) or self._fetch_commit(sha)

    def has(self, sha: str) -> bool:
        """Whether the commit is in the cache."""
        return self._mirror.is_dir() and self.commit(sha) == sha

    def refs(self) -> frozenset[str]:
        """Full names of the branches and tags, as of the last update."""
        return frozenset(
            self._local("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags").split()
        )

    def commit(self, name: str) -> str | None:
        """The commit behind a full ref name or an object name; annotated tags are peeled. None: no commit."""
        try:
            return self._local("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
        except GitFailed as failure:
            if "ambiguous" in failure.message:
                raise
            return None

    def remote_head(self) -> tuple[str, str]:
        """The remote's HEAD: the branch's full name ("" when detached) and its SHA ("" when empty)."""
        answer = self._remote("ls-remote", "--symref", "--", self._git.address.url, "HEAD")
        ref = sha = ""
        for line in answer.splitlines():
            value, _, name = line.partition("\t")
            if name == "HEAD" and value.startswith("ref: "):
                ref = value.removeprefix("ref: ")
            elif name == "HEAD":
                sha = value
        return ref, sha

    def checkout(self, sha: str) -> Path:
        """The work tree of a commit that the cache has. It is shared: read it, never change it."""
        folder = self._checkouts / sha
        with self._locked("checkouts") as lock:
            if not folder.is_dir():
                self._make_checkout(sha, folder, lock)
                self._prune()
            os.utime(folder)
        return folder

    def _make_checkout(self, sha: str, folder: Path, lock: int) -> None:
        """Write the tree without git archive, which would leave out files marked export-ignore."""
        self._checkouts.mkdir(exist_ok=True)
        temporary = Path(mkdtemp(prefix=".making-", dir=self._checkouts))
        tree, index = temporary / "tree", temporary / "index"
        tree.mkdir()
        try:
            place = (f"--git-dir={self._mirror}", f"--work-tree={tree}")
            self._git.local(*place, "read-tree", sha, index=index, lock=lock)
            self._git.local(*place, "checkout-index", "--all", "--force", index=index, lock=lock)
            tree.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _prune(self) -> None:
        """Delete the checkouts beyond the newest `keep`, and what crashed makers left behind."""
        finished = [each for each in self._checkouts.iterdir() if not each.name.startswith(".")]
        finished.sort(key=lambda each: each.stat().st_mtime, reverse=True)
        stale = [*finished[self._keep :], *self._checkouts.glob(".making-*"), *self._checkouts.glob(".old-*")]
        for folder in stale:
            if time.time() - folder.stat().st_mtime < IN_USE_SECONDS:
                continue
            grave = self._checkouts / f".old-{folder.name.lstrip('.')}"
            with suppress(OSError):
                folder.rename(grave)
            shutil.rmtree(grave, ignore_errors=True)

    def _fetch_commit(self, sha: str) -> bool:
        """Ask for a commit that no branch or tag reaches; most servers hand it out."""
        try:
            with self._locked("mirror") as lock:
                self._fetch(f"+{sha}:refs/tidegate/{sha}", lock=lock)
        except GitFailed as failure:
            if any(
                sign in failure.message
                for sign in ("not our ref", "couldn't find remote ref", "unadvertised")
            ):
                return False
            raise
        return self.has(sha)

    def _fetch(self, *refspecs: str, lock: int) -> None:
        self._create(lock)
        self._remove_stale_locks()
        options = ("--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        prune = ("--prune",) if refspecs == REFSPECS else ()
        command = (f"--git-dir={self._mirror}", "fetch", *options, *prune, "--")
        self._remote(*command, self._git.address.url, *refspecs, lock=lock)

    def _create(self, lock: int) -> None:
        if self._mirror.is_dir():
            return
        temporary = mkdtemp(prefix=".mirror-", dir=self._folder)
        self._git.local(f"--git-dir={temporary}", "init", "--bare", "--quiet", "--template=", lock=lock)
        Path(temporary).rename(self._mirror)

    def _remove_stale_locks(self) -> None:
        """Git's own lock files outlive a git that was killed; under our lock no other git is at work."""
        for pattern in ("*.lock", "refs/**/*.lock", "objects/info/*.lock", "objects/pack/*.lock"):
            for file in self._mirror.glob(pattern):
                file.unlink(missing_ok=True)

    def _last_update(self) -> int:
        with suppress(OSError, ValueError):
            return int((self._folder / "updated").read_text())
        return 0

    def _local(self, *arguments: str) -> str:
        return self._git.local(f"--git-dir={self._mirror}", *arguments)

    def _remote(self, *arguments: str, lock: int | None = None) -> str:
        return self._git.remote(*arguments, timeout=self._timeout, lock=lock)

    @contextmanager
    def _locked(self, what: str) -> Iterator[int]:
        """Hold one of the repository's locks; it is the open file's, so threads exclude each other too."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / f"{what}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file.fileno()
