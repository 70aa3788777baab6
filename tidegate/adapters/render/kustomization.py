"""Looks through a kustomization and its bases before kustomize may read them.

Kustomize fetches whatever looks like an address, and takes bases from anywhere on the disk. Here every
reference has to name something that exists within the repository; the rest is refused by file and field.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tidegate.adapters.git.paths import refuse_escaping_links
from tidegate.adapters.render.documents import load_documents, read_limited
from tidegate.domain.errors import InvalidInput
from tidegate.manifests.references import KUSTOMIZATION_NAMES

PLUGIN_FIELDS = ("generators", "transformers", "validators")
INLINE_FIELDS = frozenset({*PLUGIN_FIELDS, "patchesStrategicMerge"})
GENERATED_FIELDS = frozenset({"files", "envs", "env"})
REFERENCE_FIELDS = INLINE_FIELDS | GENERATED_FIELDS | {"resources", "bases", "components", "crds"}
REFERENCE_FIELDS |= {"configurations", "path", "paths", "replacements"}
"""Keys under which a text names a file or a folder, wherever they stand in a kustomization."""

FIELD_PATHS = frozenset({"fields", "fieldSpecs"})
"""Keys below which `path` means a field of an object."""

HELM_FIELDS = ("helmCharts", "helmChartInflationGenerator")
MAX_FOLDERS = 200


class _Scope(NamedTuple):
    """A folder to check. In a folder of plugins every resource is the configuration of one."""

    folder: Path
    plugins: bool


class _Reference(NamedTuple):
    """A text that names a file or folder, or is YAML itself, and the field it stands in."""

    field: str
    key: str
    text: str

    @property
    def inline(self) -> bool:
        return self.key in INLINE_FIELDS and ("\n" in self.text or self.text.startswith("{"))


def check_kustomization(root: Path, folder: Path) -> None:
    """Raise InvalidInput unless everything that the kustomization reaches lies in the repository."""
    waiting = [_Scope(folder, plugins=False)]
    seen = set(waiting)
    while waiting:
        bases = [base for base in _check_folder(root, waiting.pop()) if base not in seen]
        seen.update(bases)
        waiting += bases
        if len(seen) > MAX_FOLDERS:
            raise InvalidInput(
                f"reaches more than {MAX_FOLDERS} folders",
                file=_shown(root, folder),
                mend="flatten its bases",
            )


def _check_folder(root: Path, scope: _Scope) -> list[_Scope]:
    """Check one folder's kustomization; return the folders it refers to."""
    refuse_escaping_links(scope.folder, root)
    bases = []
    for file in (scope.folder / name for name in KUSTOMIZATION_NAMES if (scope.folder / name).is_file()):
        shown = _shown(root, file)
        for document in load_documents(read_limited(file, shown), shown):
            _refuse_helm(document, shown)
            for reference in _references(document, "", ""):
                bases += _check_reference(root, scope, shown, reference)
    return bases


def _check_reference(root: Path, scope: _Scope, shown: str, reference: _Reference) -> list[_Scope]:
    plugin = scope.plugins or reference.key in PLUGIN_FIELDS
    if reference.inline:
        _check_plugin(root, scope.folder, reference.text.encode(), shown)
        return []
    target = _local(root, scope.folder, shown, reference)
    if target.is_dir():
        return [_Scope(target, plugin)]
    if plugin:
        shown = _shown(root, target)
        _check_plugin(root, scope.folder, read_limited(target, shown), shown)
    return []


def _check_plugin(root: Path, folder: Path, text: bytes, shown: str) -> None:
    """A plugin's configuration refers to files as well."""
    for document in load_documents(text, shown):
        for reference in _references(document, "", ""):
            if not reference.inline:
                _local(root, folder, shown, reference)


def _references(node: Any, field: str, key: str) -> Iterator[_Reference]:
    if isinstance(node, dict):
        for name in (name for name in node if name not in FIELD_PATHS):
            yield from _references(node[name], f"{field}.{name}" if field else name, name)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _references(value, f"{field}[{index}]", key)
    elif isinstance(node, str) and key in REFERENCE_FIELDS:
        named = key in GENERATED_FIELDS and "=" in node and "://" not in node
        yield _Reference(field, key, node.partition("=")[2] if named else node)


def _local(root: Path, folder: Path, shown: str, reference: _Reference) -> Path:
    """The file or folder that a reference names, resolved. Raises InvalidInput."""
    where = {"file": shown, "field": reference.field}
    text = reference.text
    if "://" in text or "::" in text or "?" in text or text.startswith("git@"):
        raise InvalidInput(
            f"{text!r} is remote, and nothing is fetched while rendering",
            **where,
            mend="copy it into the repository",
        )
    target = _resolved(folder / text)
    if target is None or not target.is_relative_to(root):
        raise InvalidInput(f"{text!r} leaves the repository", **where, mend="name something within it")
    if not target.exists():
        raise InvalidInput(f"{text!r} is not in the repository", **where, mend="add it or correct the name")
    return target


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long, a NUL
        return None


def _refuse_helm(document: Any, file: str) -> None:
    for field in HELM_FIELDS:
        if isinstance(document, dict) and document.get(field):
            raise InvalidInput(
                "Helm charts are not supported yet",
                file=file,
                field=field,
                mend="render the chart to plain manifests in Git",
            )


def _shown(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
