"""Paths within a checkout that cannot lead out of it."""

import os
from pathlib import Path, PurePosixPath

from tidegate.domain.errors import InvalidInput

FIELD = "spec.source.path"


def source_path(checkout: Path, path: str) -> Path:
    """The folder `path` of a checkout. InvalidInput when it is missing, or leaves the repository.

    Every symbolic link below the folder has to end inside the repository, too: a renderer follows them.
    """
    written = PurePosixPath(path or ".")
    if written.is_absolute() or ".." in written.parts or "\0" in path:
        raise InvalidInput(f"{path!r} leaves the repository", field=FIELD, mend="write a path below its root")
    root = checkout.resolve()
    folder = root / written
    if not folder.resolve().is_relative_to(root):
        raise InvalidInput(f"{path!r} is a link out of the repository", field=FIELD, mend="remove the link")
    if not folder.is_dir():
        problem = (
            "is a file, not a folder" if folder.exists() else "is not in the repository at this revision"
        )
        raise InvalidInput(f"{path!r} {problem}", field=FIELD, mend="name a folder of manifests")
    refuse_escaping_links(folder.resolve(), root)
    return folder.resolve()


def refuse_escaping_links(folder: Path, root: Path) -> None:
    """Raise InvalidInput for a symbolic link anywhere below `folder` that ends outside `root`."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            entry = Path(parent, name)
            if entry.is_symlink() and not _stays(entry, root):
                shown = entry.relative_to(root).as_posix()
                raise InvalidInput("is a link out of the repository", file=shown, mend="remove the link")


def _stays(link: Path, root: Path) -> bool:
    try:
        return link.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a loop of links leads nowhere
        return False
