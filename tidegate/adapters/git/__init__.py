"""Git: what a revision is, and its files. The only importer of GitPython is `command` in here."""

from tidegate.adapters.git.address import RepositoryAddress, redact_url
from tidegate.adapters.git.paths import source_path
from tidegate.adapters.git.repositories import GitRepositories, ResolvedRevision

__all__ = ["GitRepositories", "RepositoryAddress", "ResolvedRevision", "redact_url", "source_path"]
