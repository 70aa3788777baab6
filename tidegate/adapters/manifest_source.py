"""An application's manifests from their reference: checked out, rendered and read once per worker.

Every step of a release asks for the same manifests, so the last ones used are kept. What is handed out is
shared by all callers and threads: read it, and copy before changing anything in it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from tidegate.adapters.git import GitRepositories
from tidegate.adapters.render import render
from tidegate.contracts import ApplicationRef, CanaryRef, SourceRef
from tidegate.domain.manifest import Manifest
from tidegate.manifests.bundle import Bundle, Contents, read_contents
from tidegate.manifests.references import Rendered

KEEP = 32
"""Sets of manifests kept; more than the releases that one worker walks at a time."""

K = TypeVar("K")
V = TypeVar("V")


class ManifestSource:
    """Safe for use from any thread. All methods block, and raise InvalidInput, AccessDenied, Unreachable."""

    def __init__(self, repositories: GitRepositories, keep: int = KEEP) -> None:
        self._repositories = repositories
        self._rendered: _Recent[SourceRef, tuple[Rendered, ...]] = _Recent(keep)
        self._contents: _Recent[tuple[SourceRef, str], Contents] = _Recent(keep)

    def manifests(self, source: SourceRef) -> tuple[Manifest, ...]:
        """The manifests as Git describes them, in the order of their files."""
        return tuple(each.manifest for each in self.rendered(source))

    def rendered(self, source: SourceRef) -> tuple[Rendered, ...]:
        """The manifests with the files that they came from."""
        return self._rendered.get(source, lambda: self._render(source))

    def contents(self, owner: ApplicationRef) -> Contents:
        """The manifests read and validated for their destination: objects in place, canaries with theirs."""
        return self._contents.get(
            (owner.source, owner.namespace),
            lambda: read_contents(self.rendered(owner.source), owner.namespace),
        )

    def bundle(self, ref: CanaryRef) -> Bundle:
        """One canary and what it refers to."""
        return self.contents(ref.owner).bundle(ref.namespace, ref.name)

    def _render(self, source: SourceRef) -> tuple[Rendered, ...]:
        checkout = self._repositories.checkout(source.repo_url, source.sha)
        return tuple(
            Rendered(each.manifest, each.file) for each in render(checkout, source.path, source.directory)
        )


class _Entry(Generic[V]):
    """A value that is made once; other callers wait for it. A failure is not kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: list[V] = []

    def get(self, make: Callable[[], V]) -> V:
        with self._lock:
            if not self._made:
                self._made.append(make())
            return self._made[0]


class _Recent(Generic[K, V]):
    """The values of the keys used last."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, _Entry[V]] = OrderedDict()

    def get(self, key: K, make: Callable[[], V]) -> V:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._keep:
                self._entries.popitem(last=False)
        return entry.get(make)
