"""Builds a kustomization with `kubectl kustomize`, kept off the network and inside the repository."""

import shutil
import subprocess
import sys
from pathlib import Path

from tidegate.adapters.render.documents import RenderedManifest, load_manifests
from tidegate.adapters.render.kustomization import check_kustomization
from tidegate.domain.errors import InvalidInput, Unreachable
from tidegate.manifests.references import KUSTOMIZATION_NAMES

TIMEOUT_SECONDS = 60.0
NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there: what the inspection of references overlooks still reaches no network."""


def kustomization_in(folder: Path) -> Path | None:
    """The folder's kustomization file, if it has one."""
    return next((folder / name for name in KUSTOMIZATION_NAMES if (folder / name).is_file()), None)


def render_kustomization(root: Path, folder: Path) -> tuple[RenderedManifest, ...]:
    """The manifests that a kustomization builds; all of them count as coming from its file."""
    file = kustomization_in(folder)
    if file is None:
        raise InvalidInput("has no kustomization", file=folder.relative_to(root).as_posix())
    check_kustomization(root, folder)
    name = file.relative_to(root).as_posix()
    return tuple(load_manifests(_build(root, folder, name), name))


def _build(root: Path, folder: Path, name: str) -> bytes:
    command = [kubectl(), "kustomize", "--load-restrictor=LoadRestrictionsRootOnly", str(folder)]
    proxies = {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": ""}
    environment = {"HOME": "/nonexistent", "PATH": "/nonexistent", **proxies}
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=TIMEOUT_SECONDS, env=environment, cwd=root
        )
    except subprocess.TimeoutExpired:
        raise Unreachable("kubectl kustomize", f"no result for {name} in {TIMEOUT_SECONDS:g} s") from None
    if done.returncode:
        complaint = done.stderr.decode(errors="replace")
        raise InvalidInput(f"does not build: {_telling(complaint, root)}", file=name, mend="correct it")
    return done.stdout


def kubectl() -> str:
    """The kubectl beside the interpreter, else the one on PATH. Raises Unreachable."""
    beside = Path(sys.executable).parent / "kubectl"
    found = str(beside) if beside.is_file() else shutil.which("kubectl")
    if not found:
        raise Unreachable("kubectl", "it is neither beside the Python interpreter nor on PATH")
    return found


def _telling(complaint: str, root: Path) -> str:
    """Kustomize's complaint in one line, with paths relative to the repository."""
    lines = [line for line in complaint.splitlines() if line.strip() and not line.startswith("# Warning")]
    text = " ".join(" ".join(lines).split()).removeprefix("error: ")
    return text.replace(f"{root}/", "").replace(str(root), ".")[:500]
