"""Where the programs of a real control plane are: envtest's convention, KUBEBUILDER_ASSETS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

VARIABLE = "KUBEBUILDER_ASSETS"


class Assets(NamedTuple):
    """The programs; without a controller manager, the sandbox's own controllers take its place."""

    api_server: Path
    etcd: Path
    controller_manager: Path | None


def find_assets(environment: Mapping[str, str]) -> Assets | None:
    """The programs in the folder that KUBEBUILDER_ASSETS names; None when it names none.

    Raises FileNotFoundError, with what to do, when the folder lacks one that is needed.
    """
    if not environment.get(VARIABLE):
        return None
    folder = Path(environment[VARIABLE]).expanduser().resolve()
    api_server, etcd = (_needed(folder, name) for name in ("kube-apiserver", "etcd"))
    manager = folder / "kube-controller-manager"
    return Assets(api_server, etcd, manager if _runs(manager) else None)


def _needed(folder: Path, name: str) -> Path:
    if not _runs(folder / name):
        raise FileNotFoundError(
            f"{VARIABLE} is {folder}, which has no program {name}: `make assets` prints a folder "
            f"that has all of them; without {VARIABLE} the cluster APIs are emulated"
        )
    return folder / name


def _runs(program: Path) -> bool:
    return program.is_file() and os.access(program, os.X_OK)
