"""Turns (repository, revision) into a commit, and a commit into files."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tidegate.adapters.git.address import FIELD as URL_FIELD
from tidegate.adapters.git.address import RepositoryAddress
from tidegate.adapters.git.command import GitCommand, GitFailed
from tidegate.adapters.git.mirror import Mirror
from tidegate.adapters.git.versions import NotAConstraint, highest, is_pinned
from tidegate.domain.base import Model
from tidegate.domain.errors import InvalidInput, RevisionNotFound
from tidegate.settings import GitCredential, GitSettings

FIELD = "spec.source.targetRevision"
HEADS, TAGS = "refs/heads/", "refs/tags/"
_FULL_SHA = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
_OWN_PORTS = {"https": ":443", "ssh": ":22"}
_SHORT_SHA = re.compile(r"[0-9a-f]{4,39}", re.IGNORECASE)

LONGEST_REVISION = 250
"""Characters: what a file system lets a ref have. A longer one takes minutes to read as a version range."""

Kind = Literal["branch", "tag", "commit"]


class ResolvedRevision(Model):
    """What a revision stood for at the moment it was resolved."""

    sha: str
    """Full SHA of the commit."""

    ref: str
    """Full name of the branch or tag it came from; the SHA itself when a commit was named."""

    kind: Kind

    @property
    def told(self) -> str:
        """What it was, for people: "branch latest", "tag v1.2.0" or "commit"."""
        name = self.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        return self.kind if self.kind == "commit" else f"{self.kind} {name}"


class GitRepositories:
    """All repositories, through one cache. Safe for many threads, processes and workers of a machine."""

    def __init__(self, settings: GitSettings, environ: Mapping[str, str] | None = None) -> None:
        """`environ` holds the variables that the settings' credentials name; the process's by default."""
        self._settings = settings
        self._environ = os.environ if environ is None else environ

    def resolve(self, repo_url: str, revision: str) -> ResolvedRevision:
        """Resolve a branch, tag, full ref name, short or full SHA, version constraint, or ""/HEAD.

        A version constraint takes the highest matching tag. Raises RevisionNotFound, InvalidInput
        (ambiguous, or a URL that is not allowed), AccessDenied, Unreachable.
        """
        revision = revision.strip()
        if not revision.isprintable() or revision.startswith("-") or len(revision) > LONGEST_REVISION:
            raise RevisionNotFound(
                f"{revision[:60]!r} is no revision", field=FIELD, mend="name a branch, tag or SHA"
            )
        with self._explained(repo_url) as mirror:
            if _FULL_SHA.fullmatch(revision):
                return self._commit(mirror, revision.lower())
            if revision in ("", "HEAD"):
                return self._head(mirror)
            mirror.update()
            return self._named(mirror, revision)

    def checkout(self, repo_url: str, sha: str) -> Path:
        """A folder with the commit's files, shared and read-only by agreement. Errors as for `resolve`."""
        if not _FULL_SHA.fullmatch(sha):
            raise RevisionNotFound(f"{sha!r} is no full SHA", field=FIELD, mend="resolve the revision first")
        with self._explained(repo_url) as mirror:
            return mirror.checkout(self._commit(mirror, sha.lower()).sha)

    def _commit(self, mirror: Mirror, sha: str) -> ResolvedRevision:
        if not mirror.need(sha):
            raise _unknown(sha)
        return ResolvedRevision(sha=sha, ref=sha, kind="commit")

    def _head(self, mirror: Mirror) -> ResolvedRevision:
        ref, sha = mirror.remote_head()
        if not sha:
            raise RevisionNotFound("the repository is empty", field=FIELD, mend="push a commit")
        if not ref:
            return self._commit(mirror, sha)
        mirror.update()
        return self._at(mirror, ref)

    def _named(self, mirror: Mirror, revision: str) -> ResolvedRevision:
        ref = choose_ref(revision, mirror.refs())
        if ref:
            return self._at(mirror, ref)
        sha = self._abbreviated(mirror, revision) if _SHORT_SHA.fullmatch(revision) else None
        if not sha:
            raise _unknown(revision)
        return ResolvedRevision(sha=sha, ref=sha, kind="commit")

    def _at(self, mirror: Mirror, ref: str) -> ResolvedRevision:
        sha = mirror.commit(ref)
        if not sha:
            raise RevisionNotFound(
                f"{ref!r} is no commit", field=FIELD, mend="name a branch or a tag of a commit"
            )
        return ResolvedRevision(sha=sha, ref=ref, kind="tag" if ref.startswith(TAGS) else "branch")

    def _abbreviated(self, mirror: Mirror, revision: str) -> str | None:
        try:
            return mirror.commit(revision.lower())
        except GitFailed:
            raise InvalidInput(
                f"{revision!r} is ambiguous: several commits begin with it",
                field=FIELD,
                mend="write more digits",
            ) from None

    @contextmanager
    def _explained(self, repo_url: str) -> Iterator[Mirror]:
        """The repository's mirror; git's failures become errors of our own."""
        address = RepositoryAddress.parse(repo_url)
        if address.transport == "file" and not self._settings.allow_file:
            raise InvalidInput(
                f"{address} is a local repository, which this installation does not allow",
                field=URL_FIELD,
                mend="use https or ssh, or set git.allow_file",
            )
        home = self._settings.cache.absolute()
        git = GitCommand(home, address, credential_for(repo_url, self._settings.credentials), self._environ)
        timeout, keep = self._settings.fetch_timeout_seconds, self._settings.keep_checkouts
        try:
            yield Mirror(home / address.folder, git, timeout=timeout, keep=keep)
        except GitFailed as failure:
            raise git.explain(failure) from None


def choose_ref(revision: str, refs: Collection[str]) -> str | None:
    """The full ref name that a revision stands for; a version constraint wins over a name, as in Argo CD."""
    if revision in refs:
        return revision
    if not is_pinned(revision):
        tags = (ref.removeprefix(TAGS) for ref in refs if ref.startswith(TAGS))
        try:
            tag = highest(revision, tags)
        except NotAConstraint:
            tag = None
        if tag:
            return TAGS + tag
    found = [prefix + revision for prefix in (HEADS, TAGS) if prefix + revision in refs]
    if len(found) > 1:
        raise InvalidInput(
            f"{revision!r} is both a branch and a tag", field=FIELD, mend=f"write {' or '.join(found)}"
        )
    return found[0] if found else None


def credential_for(repo_url: str, credentials: Mapping[str, GitCredential]) -> GitCredential:
    """The credential of the longest prefix that covers the URL; an empty one when there is none."""
    covering = [prefix for prefix in credentials if _covers(_folded(prefix), _folded(repo_url))]
    return (
        credentials[max(covering, key=lambda prefix: len(_folded(prefix)))] if covering else GitCredential()
    )


def _covers(prefix: str, url: str) -> bool:
    """A prefix ends where a path segment ends, lest `https://host/team` cover `https://host/team-b`."""
    rest = url.removeprefix(prefix)
    ends = "/" if "://" in prefix else "/:"
    return url.startswith(prefix) and (not rest or rest[0] in ends or prefix[-1:] in ends)


def _folded(url: str) -> str:
    """Scheme and host in lower case, without what a prefix need not repeat: a user, the scheme's own port."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        host, colon, path = url.partition(":")
        return host.lower() + colon + path
    origin, slash, path = rest.partition("/")
    host = origin.rpartition("@")[2].lower().removesuffix(_OWN_PORTS.get(scheme.lower(), ""))
    return f"{scheme.lower()}://{host}{slash}{path}"


def _unknown(revision: str) -> RevisionNotFound:
    return RevisionNotFound(
        f"{revision!r} is not in the repository", field=FIELD, mend="name a branch, tag, SHA or version range"
    )
