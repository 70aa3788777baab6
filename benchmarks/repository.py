"""A Git repository with podinfo's manifests, for releases of any version and analysis."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

BRANCH = "latest"
_MANIFESTS = Path(__file__).parent / "podinfo"
_POLICY = "policy.yaml"
_NAME = "podinfo"
_HOSTS = {_NAME: "app.istio.example.com"}
_OF_ALL = ("kustomization.yaml", "latency.yaml")
_AUTHOR = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com")


class Repository:
    """A repository in a folder of its own, for a namespace.

    `hosts` says where podinfo is visited; of several names each gets a copy, which is called so.
    """

    def __init__(self, folder: Path, namespace: str = "test", hosts: Mapping[str, str] = _HOSTS) -> None:
        self._folder = folder
        self._namespace = namespace
        self._hosts = hosts

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
        podinfo's container; `policy` is a ReleasePolicy for it, and this commit's alone. Of several copies
        `flags` and `container` change the last.
        """
        files = dict(self._files(version, analysis or {}))
        _edit_container(files[self._file(self._last, "deployment.yaml")], flags, container or {})
        if policy:
            files["kustomization.yaml"]["resources"].append(_POLICY)
            files[_POLICY] = policy
        for name, manifest in files.items():
            (self._folder / name).write_text(yaml.safe_dump(manifest, sort_keys=False))
        return await self.commit_all(version)

    async def commit_all(self, version: str) -> str:
        """Commit whatever the folder holds by now; the commit's SHA."""
        await self._git("add", "--all")
        await self._git(*_AUTHOR, "commit", "--quiet", "--message", f"podinfo {version}")
        return (await self._git("rev-parse", "HEAD")).strip()

    @property
    def _last(self) -> str:
        return list(self._hosts)[-1]

    @staticmethod
    def _file(name: str, file: str) -> str:
        return file if name == _NAME or file in _OF_ALL else f"{name}-{file}"

    def _files(self, version: str, analysis: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """All manifests by the names of their files."""
        resources: dict[str, None] = {}
        for name in self._hosts:
            for file in sorted(_MANIFESTS.iterdir()):
                manifest = _named(yaml.safe_load(file.read_text()), name)
                self._change(manifest, name, version, analysis)
                yield self._file(name, file.name), manifest
                resources |= dict.fromkeys(self._file(name, each) for each in manifest.get("resources", ()))
        kustomization = {"namespace": self._namespace, "resources": list(resources)}
        yield "kustomization.yaml", kustomization

    def _change(self, manifest: dict[str, Any], name: str, version: str, analysis: dict[str, Any]) -> None:
        match manifest.get("kind"):
            case "Deployment":
                container = manifest["spec"]["template"]["spec"]["containers"][0]
                container["image"] = f"stefanprodan/podinfo:{version}"
            case "Canary":
                spec = manifest["spec"]
                spec["service"]["hosts"] = [self._hosts[name]]
                for hook in spec["analysis"]["webhooks"]:
                    command = hook["metadata"]["cmd"]
                    address = f"{name}-canary.{self._namespace}:"
                    hook["metadata"]["cmd"] = command.replace("podinfo-canary.test:", address)
                changed = spec["analysis"] | analysis
                spec["analysis"] = {key: value for key, value in changed.items() if value is not None}

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


def _named(value: Any, name: str) -> Any:
    """The same for another name: whatever is called podinfo is called so."""
    match value:
        case dict():
            return {key: _named(each, name) for key, each in value.items()}
        case list():
            return [_named(each, name) for each in value]
    return name if value == _NAME else value


def _edit_container(deployment: dict[str, Any], flags: Sequence[str], fields: dict[str, Any]) -> None:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["command"] += flags
    container |= fields
