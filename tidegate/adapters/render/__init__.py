"""From files to manifests: a plain directory, or kustomize where there is a kustomization."""

from pathlib import Path

from tidegate.adapters.git.paths import FIELD, source_path
from tidegate.adapters.render.directory import render_directory
from tidegate.adapters.render.documents import RenderedManifest, load_documents
from tidegate.adapters.render.kustomize import kustomization_in, render_kustomization
from tidegate.domain.application import Directory
from tidegate.domain.errors import InvalidInput

__all__ = ["RenderedManifest", "load_documents", "render"]


def render(root: Path, path: str, directory: Directory | None = None) -> tuple[RenderedManifest, ...]:
    """The manifests of folder `path` of the checkout `root`, in the order of their files.

    `directory` says how a plain directory is read. Raises InvalidInput, with files named relative to the
    repository, and Unreachable when kustomize cannot be run or does not end.
    """
    root = root.resolve()
    folder = source_path(root, path)
    if (folder / "Chart.yaml").exists():
        raise InvalidInput(
            "Helm charts are not supported yet: Chart.yaml",
            file=folder.relative_to(root).as_posix(),
            field=FIELD,
            mend="render the chart to plain manifests or kustomize in Git",
        )
    if kustomization_in(folder):
        return render_kustomization(root, folder)
    return render_directory(root, folder, directory or Directory())
