"""A plain directory of manifests, read as Argo CD reads one."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from tidegate.adapters.render.documents import RenderedManifest, load_manifests, read_limited
from tidegate.domain.application import Directory
from tidegate.domain.errors import InvalidInput

SUFFIXES = (".yaml", ".yml", ".json")
SKIP_MARK = b"+argocd:skip-file-rendering"
MAX_FILES = 2_000
MAX_ALTERNATIVES = 100
_BRACES = re.compile(r"\{([^{}]*)\}")


def render_directory(root: Path, folder: Path, options: Directory) -> tuple[RenderedManifest, ...]:
    """The manifests of a folder's files in the order of their names; exclude wins over include."""
    manifests: list[RenderedManifest] = []
    for file in _selected(folder, options):
        shown = file.relative_to(root).as_posix()
        text = read_limited(file, shown)
        if SKIP_MARK not in text:
            manifests += load_manifests(text, shown)
    return tuple(manifests)


def _selected(folder: Path, options: Directory) -> list[Path]:
    include, exclude = _alternatives(options.include), _alternatives(options.exclude)
    files = []
    for file in _candidates(folder, recurse=options.recurse):
        name = file.relative_to(folder).as_posix()
        if options.exclude and _matches(name, exclude):
            continue
        if not options.include or _matches(name, include):
            files.append(file)
        if len(files) > MAX_FILES:
            raise InvalidInput(
                f"has more than {MAX_FILES} manifest files", field="spec.source.path", mend="narrow the path"
            )
    return files


def _candidates(folder: Path, *, recurse: bool) -> Iterator[Path]:
    """Links were followed into the repository already; a linked folder is not walked, so no loop is."""
    entries = folder.rglob("*") if recurse else folder.iterdir()
    yield from sorted(entry for entry in entries if entry.suffix in SUFFIXES and entry.is_file())


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _alternatives(pattern: str) -> list[str]:
    """Expand `{a,b}`, as Argo CD's globs have it; `*` matches `/` as well, there and here."""
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        text = waiting.pop()
        match = _BRACES.search(text)
        if not match:
            done.append(text)
        else:
            waiting += [text[: match.start()] + part + text[match.end() :] for part in match[1].split(",")]
        if len(done) + len(waiting) > MAX_ALTERNATIVES:
            raise InvalidInput(
                "has too many alternatives in braces",
                field="spec.source.directory",
                mend="simplify the pattern",
            )
    return done
