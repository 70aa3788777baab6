"""A container's environment and arguments, from its spec and from what the spec refers to."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.sandbox.addresses import cluster_address
from tidegate.sandbox.client import CONFIG_MAPS, SECRETS, ClusterClient, NotFoundError, Object, Resource

_SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['([^']+)'\]$")
_REFERENCE = re.compile(r"\$(\$|\([A-Za-z_][A-Za-z0-9_.-]*\))")


class ConfigError(Exception):
    """The container's configuration refers to something that does not exist."""


async def container_environment(
    client: ClusterClient, pod: Object, container: Object, address: str
) -> dict[str, str]:
    """The variables the container gets. ConfigError when a reference leads nowhere."""
    source = _Source(client, pod, address)
    environment = {"HOSTNAME": str(pod["metadata"]["name"])}
    for entry in container.get("envFrom") or []:
        environment.update(await source.all_of(entry))
    for entry in container.get("env") or []:
        value = await source.value(entry)
        if value is not None:
            environment[entry["name"]] = expand(value, environment)
    return environment


def expand(text: str, environment: Mapping[str, str]) -> str:
    """The text with `$(NAME)` replaced by known variables; `$$` stands for `$`."""

    def replace(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return environment.get(match[1][1:-1], match[0])

    return _REFERENCE.sub(replace, text)


def expand_all(words: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Each word expanded."""
    return tuple(expand(word, environment) for word in words)


class _Source:
    """Where values come from: the pod itself, ConfigMaps and Secrets of its namespace."""

    def __init__(self, client: ClusterClient, pod: Object, address: str) -> None:
        self._client = client
        self._pod = pod
        self._address = address

    async def all_of(self, entry: Object) -> dict[str, str]:
        kind = "configMapRef" if "configMapRef" in entry else "secretRef"
        reference = entry.get(kind) or {}
        data = await self._data(CONFIG_MAPS if kind == "configMapRef" else SECRETS, reference)
        return {entry.get("prefix", "") + name: value for name, value in (data or {}).items()}

    async def value(self, entry: Object) -> str | None:
        origin = entry.get("valueFrom")
        if not origin:
            return str(entry.get("value") or "")
        if "fieldRef" in origin:
            return self._field(origin["fieldRef"]["fieldPath"])
        if "configMapKeyRef" in origin:
            return await self._key(CONFIG_MAPS, origin["configMapKeyRef"])
        if "secretKeyRef" in origin:
            return await self._key(SECRETS, origin["secretKeyRef"])
        raise ConfigError(f"variable {entry['name']}: valueFrom {', '.join(origin)} is not supported")

    async def _key(self, resource: Resource, reference: Object) -> str | None:
        data = await self._data(resource, reference)
        if data is not None and reference["key"] in data:
            return data[reference["key"]]
        if reference.get("optional"):
            return None
        raise ConfigError(f"couldn't find key {reference['key']} in {resource.kind} {reference['name']}")

    async def _data(self, resource: Resource, reference: Object) -> dict[str, str] | None:
        try:
            found = await self._client.get(resource, self._pod["metadata"]["namespace"], reference["name"])
        except NotFoundError:
            if reference.get("optional"):
                return None
            raise ConfigError(f'{resource.kind.lower()} "{reference["name"]}" not found') from None
        data: dict[str, str] = found.get("data") or {}
        if resource is SECRETS:
            return {name: base64.b64decode(value).decode() for name, value in data.items()}
        return data

    def _field(self, path: str) -> str:
        subscript = _SUBSCRIPT.match(path)
        if subscript:
            return str((self._pod["metadata"].get(subscript[1]) or {}).get(subscript[2], ""))
        known: dict[str, Any] = {
            "metadata.name": self._pod["metadata"]["name"],
            "metadata.namespace": self._pod["metadata"]["namespace"],
            "metadata.uid": self._pod["metadata"]["uid"],
            "spec.nodeName": self._pod["spec"].get("nodeName", ""),
            "spec.serviceAccountName": self._pod["spec"].get("serviceAccountName", ""),
            "status.podIP": cluster_address(self._address),
        }
        if path not in known:
            raise ConfigError(f"field {path} is not supported")
        return str(known[path])
