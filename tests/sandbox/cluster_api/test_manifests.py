"""The manifests that people start from, stored by the emulator as a real API server stores them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox.cluster_api.sequences import comparable, differences
from tests.sandbox.cluster_api.servers import Json, Pair, Server
from tests.sandbox.cluster_api.subjects import NAMESPACE

_ROOT = Path(__file__).parents[3]
_FOLDERS = (_ROOT / "examples", _ROOT.parent / "shared" / "seed")
_DEFINED = _ROOT.parent / "shared" / "crds"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_PLURALS = {
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "Canary": "canaries",
    "Gateway": "gateways",
}

_STORED_OTHERWISE = {"DaemonSet"}
"""A real server adds the annotation deprecated.daemonset.template.generation, and a status of zeros."""


def _documents(path: Path) -> Iterator[Json]:
    for document in yaml.safe_load_all(path.read_text()):
        if isinstance(document, dict) and document.get("kind") not in (None, "Kustomization"):
            yield document


def _found() -> Iterator[Any]:
    for folder in _FOLDERS:
        for path in sorted(folder.rglob("*.yaml")):
            for document in _documents(path):
                name = f"{path.relative_to(folder.parent)}:{document['kind']}"
                if document["kind"] not in _STORED_OTHERWISE:
                    yield pytest.param(document, id=name)


@pytest.fixture(scope="module")
def defined(pair: Pair, eventually: Any) -> Pair:
    """Both servers, with the definitions that Istio, Flagger and Argo CD publish."""
    if not _DEFINED.is_dir():
        pytest.skip(f"the published definitions are not at {_DEFINED}")
    for source in ("flagger.yaml", "istio-networking.yaml", "argocd-application.yaml"):
        for definition in _documents(_DEFINED / source):
            for server in (pair.real, pair.imitation):
                server.call("POST", _CRDS, definition)
                _await_kind(server, definition, eventually)
    return pair


def _await_kind(server: Server, definition: Json, eventually: Any) -> None:
    spec = definition["spec"]
    path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    eventually(lambda: server.call("GET", path)[0] == 200)


@pytest.mark.parametrize("how", ["create", "apply"])
@pytest.mark.parametrize("manifest", list(_found()))
def test_a_manifest_is_stored_alike(defined: Pair, manifest: Json, how: str) -> None:
    expected, actual = (_written(server, manifest, how) for server in (defined.real, defined.imitation))
    assert not differences(expected, actual)
    assert expected["code"] in (201, 404), "404 is a kind in a version that neither serves"


def _written(server: Server, manifest: Json, how: str) -> Json:
    version = str(manifest["apiVersion"])
    plural = _PLURALS.get(manifest["kind"], manifest["kind"].lower() + "s")
    place = f"/{'apis' if '/' in version else 'api'}/{version}/namespaces/{NAMESPACE}/{plural}"
    body = {**manifest, "metadata": {**manifest["metadata"], "namespace": NAMESPACE}}
    name = manifest["metadata"]["name"]
    if how == "create":
        code, answer = server.call("POST", place, body, fieldManager="git")
    else:
        code, answer = server.call(
            "PATCH", f"{place}/{name}", body, content_type="application/apply-patch+yaml", fieldManager="git"
        )
    server.call("DELETE", f"{place}/{name}")
    return comparable(code, answer) if code != 404 else {"code": code}
