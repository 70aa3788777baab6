"""A Git repository with podinfo's manifests, for releases of any version and analysis."""

import asyncio
from pathlib import Path
from typing import Any

import yaml

BRANCH = "latest"
_MANIFESTS = Path(__file__).parent / "podinfo"
_AUTHOR = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com")


class Repository:
    """A repository in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def url(self) -> str:
        """Where it is cloned from."""
        return self._folder.as_uri()

    async def create(self) -> None:
        """Make it, without any commit yet."""
        self._folder.mkdir(parents=True)
        await self._git("init", "--quiet", "--initial-branch", BRANCH)

    async def commit(self, version: str, analysis: dict[str, Any] | None = None) -> None:
        """Commit podinfo at an image version; `analysis` replaces fields of the Canary's analysis."""
        for file in sorted(_MANIFESTS.iterdir()):
            manifest = yaml.safe_load(file.read_text())
            _change(manifest, version, analysis or {})
            (self._folder / file.name).write_text(yaml.safe_dump(manifest, sort_keys=False))
        await self._git("add", "--all")
        await self._git(*_AUTHOR, "commit", "--quiet", "--message", f"podinfo {version}")

    async def _git(self, *arguments: str) -> None:
        child = await asyncio.create_subprocess_exec(
            "git",
            "-C",
            str(self._folder),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await child.communicate()
        if child.returncode:
            raise RuntimeError(f"git {arguments[0]}: {output.decode().strip()}")


def _change(manifest: dict[str, Any], version: str, analysis: dict[str, Any]) -> None:
    match manifest.get("kind"):
        case "Deployment":
            container = manifest["spec"]["template"]["spec"]["containers"][0]
            container["image"] = f"stefanprodan/podinfo:{version}"
        case "Canary":
            changed = manifest["spec"]["analysis"] | analysis
            manifest["spec"]["analysis"] = {key: value for key, value in changed.items() if value is not None}
