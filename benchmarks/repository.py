"""A Git repository with podinfo's manifests, for releases of any version and analysis."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

BRANCH = "latest"
_MANIFESTS = Path(__file__).parent / "podinfo"
_POLICY = "policy.yaml"
_AUTHOR = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com")


class Repository:
    """A repository in a folder of its own; `namespace` and `host` say where podinfo goes and is visited."""

    def __init__(self, folder: Path, namespace: str = "test", host: str = "app.istio.example.com") -> None:
        self._folder = folder
        self._namespace = namespace
        self._host = host

    @property
    def folder(self) -> Path:
        """Its working tree."""
        return self._folder

    @property
    def url(self) -> str:
        """Where it is cloned from."""
        return self._folder.as_uri()

    async def create(self) -> None:
        """Make it, without any commit yet."""
        self._folder.mkdir(parents=True)
        await self._git("init", "--quiet", "--initial-branch", BRANCH)

    async def commit(
        self,
        version: str,
        analysis: dict[str, Any] | None = None,
        flags: Sequence[str] = (),
        container: dict[str, Any] | None = None,
        policy: dict[str, Any] | None = None,
    ) -> str:
        """Commit podinfo at an image version, with more `flags` for its command; the commit's SHA.

        `analysis` replaces fields of the Canary's analysis (None leaves one out), `container` fields of
        podinfo's container; `policy` is a ReleasePolicy for it, and this commit's alone.
        """
        for file in sorted(_MANIFESTS.iterdir()):
            manifest = yaml.safe_load(file.read_text())
            self._change(manifest, version, analysis or {}, flags)
            if manifest.get("kind") == "Deployment":
                manifest["spec"]["template"]["spec"]["containers"][0] |= container or {}
            if policy and "resources" in manifest:
                manifest["resources"].append(_POLICY)
            (self._folder / file.name).write_text(yaml.safe_dump(manifest, sort_keys=False))
        if policy:
            (self._folder / _POLICY).write_text(yaml.safe_dump(policy, sort_keys=False))
        return await self.commit_all(version)

    async def commit_all(self, version: str) -> str:
        """Commit whatever the folder holds by now; the commit's SHA."""
        await self._git("add", "--all")
        await self._git(*_AUTHOR, "commit", "--quiet", "--message", f"podinfo {version}")
        return (await self._git("rev-parse", "HEAD")).strip()

    def _change(
        self, manifest: dict[str, Any], version: str, analysis: dict[str, Any], flags: Sequence[str]
    ) -> None:
        match manifest.get("kind"):
            case "Deployment":
                container = manifest["spec"]["template"]["spec"]["containers"][0]
                container["image"] = f"stefanprodan/podinfo:{version}"
                container["command"] += flags
            case "Canary":
                spec = manifest["spec"]
                spec["service"]["hosts"] = [self._host]
                for hook in spec["analysis"]["webhooks"]:
                    command = hook["metadata"]["cmd"]
                    hook["metadata"]["cmd"] = command.replace("-canary.test:", f"-canary.{self._namespace}:")
                changed = spec["analysis"] | analysis
                spec["analysis"] = {key: value for key, value in changed.items() if value is not None}
            case None:  # the kustomization
                manifest["namespace"] = self._namespace

    async def _git(self, *arguments: str) -> str:
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
        return output.decode()
