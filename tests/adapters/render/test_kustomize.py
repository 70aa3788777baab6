"""Kustomizations: built offline, from the repository alone."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tidegate.adapters.render import kustomize, render
from tidegate.domain.errors import InvalidInput, Unreachable

Checkout = Any

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: podinfo
spec:
  template:
    spec:
      containers:
      - name: podinfod
        image: podinfo:1
"""
OVERLAY = """\
namespace: test
resources: [../base]
images: [{name: podinfo, newTag: "2"}]
labels: [{pairs: {team: a}, fields: [{path: spec/template/metadata/labels, create: true}]}]
configMapGenerator: [{name: settings, files: [app.conf=settings.conf], literals: [address=http://backend:80]}]
patches: [{path: patch.yaml}]
transformers:
- |-
  apiVersion: builtin
  kind: PrefixTransformer
  metadata: {name: prefix}
  prefix: my-
  fieldSpecs: [{path: metadata/name}]
"""
PATCH = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: podinfo}\nspec: {replicas: 3}\n"


@pytest.fixture
def overlay(checkout: Checkout) -> Checkout:
    checkout.write(
        {"base/kustomization.yaml": "resources: [deployment.yaml]", "base/deployment.yaml": DEPLOYMENT}
    )
    checkout.write(
        {"over/kustomization.yaml": OVERLAY, "over/patch.yaml": PATCH, "over/settings.conf": "a=1"}
    )
    return checkout


def refusal(checkout: Checkout, path: str = "over") -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        render(checkout.root, path)
    assert str(checkout.root) not in str(caught.value)
    return caught.value


def test_an_overlay_is_built(overlay: Checkout) -> None:
    found = {manifest["kind"]: (manifest, file) for manifest, file in render(overlay.root, "over")}
    deployment, file = found["Deployment"]
    assert file == "over/kustomization.yaml"
    assert (deployment["metadata"]["name"], deployment["metadata"]["namespace"]) == ("my-podinfo", "test")
    assert deployment["spec"]["replicas"] == 3
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "podinfo:2"
    assert found["ConfigMap"][0]["data"] == {"app.conf": "a=1", "address": "http://backend:80"}


@pytest.mark.parametrize("name", ["kustomization.yml", "Kustomization"])
def test_every_name_of_a_kustomization_counts(overlay: Checkout, name: str) -> None:
    (overlay.root / "base/kustomization.yaml").rename(overlay.root / "base" / name)
    assert [m.manifest["metadata"]["name"] for m in render(overlay.root, "base")] == ["podinfo"]


@pytest.mark.parametrize(
    ("kustomization", "field", "problem"),
    [
        ("resources: [https://example.invalid/a.yaml]", "resources[0]", "is remote"),
        ("resources: ['git@example.invalid:a/b']", "resources[0]", "is remote"),
        ("resources: ['github.com/a/b?ref=v1']", "resources[0]", "is remote"),
        ("resources: [github.com/a/b]", "resources[0]", "is not in the repository"),
        ("bases: ['git::https://example.invalid/a']", "bases[0]", "is remote"),
        ("components: [ssh://example.invalid/a]", "components[0]", "is remote"),
        ("patches: [{path: 'https://example.invalid/p'}]", "patches[0].path", "is remote"),
        ("openapi: {path: 'https://example.invalid/p'}", "openapi.path", "is remote"),
        (
            "configMapGenerator: [{name: a, files: ['k=https://example.invalid/x?y=patch.yaml']}]",
            "configMapGenerator[0].files[0]",
            "is remote",
        ),
        ("generators: [{kind: x}, plugin.yaml]", "patches[0].path", "is remote"),
        ('transformers: ["kind: x\\npath: http://localhost/p"]', "path", "is remote"),
        ("transformers: [plugins]", "path", "is remote"),
        ("resources: [missing.yaml]", "resources[0]", "is not in the repository"),
        ("resources: [../../outside]", "resources[0]", "leaves the repository"),
        ("resources: [/etc]", "resources[0]", "leaves the repository"),
        ("resources: [../base/link]", "resources[0]", "leaves the repository"),
        ("helmCharts: [{name: x}]", "helmCharts", "Helm charts are not supported yet"),
        ("resources: [a, {", "", "is not YAML"),
        ("namespce: x", "", 'unknown field "namespce"'),
        ("resources: [../base/deployment.yaml]", "", "is not in or below 'over'"),
        ("resources: [patch.yaml, patch.yaml]", "", "does not build"),
    ],
)
def test_a_kustomization_that_does_not_build_is_refused_in_one_line(
    overlay: Checkout, kustomization: str, field: str, problem: str
) -> None:
    overlay.write({"over/kustomization.yaml": kustomization, "../outside/kustomization.yaml": "namespace: x"})
    overlay.write({"over/plugin.yaml": "kind: x\npatches: [{path: 'https://example.invalid'}]"})
    overlay.write({"over/plugins/kustomization.yaml": "resources: [p.yaml]"})
    overlay.write({"over/plugins/p.yaml": "kind: PatchTransformer\npath: http://localhost/p"})
    (overlay.root / "base/link").symlink_to(overlay.root.parent / "outside")
    error = refusal(overlay)
    assert error.field == field
    assert problem in str(error)
    assert error.file.startswith("over/")


def test_a_link_out_of_the_repository_in_a_base_is_refused(overlay: Checkout) -> None:
    (overlay.root / "base/secret.yaml").symlink_to("/etc/hostname")
    assert refusal(overlay).file == "base/secret.yaml"


def test_bases_that_refer_to_each_other_end(overlay: Checkout) -> None:
    overlay.write({"base/kustomization.yaml": "resources: [../over]"})
    assert "cycle" in str(refusal(overlay))


@pytest.fixture
def outside_server() -> Iterator[tuple[str, list[str]]]:
    """A server that must not be asked, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "kustomization",
    ["resources: ['{}/a']", "crds: ['{}/a']", "configMapGenerator: [{{name: a, envs: ['{}/a']}}]"],
)
def test_nothing_is_fetched(
    overlay: Checkout, outside_server: tuple[str, list[str]], kustomization: str
) -> None:
    address, asked = outside_server
    overlay.write({"over/kustomization.yaml": kustomization.format(address)})
    assert "is remote" in str(refusal(overlay))
    assert asked == []


def test_a_build_that_does_not_end_is_given_up(
    overlay: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(kustomize, "kubectl", lambda: str(program))
    monkeypatch.setattr(kustomize, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(Unreachable, match="no result for over/kustomization"):
        render(overlay.root, "over")
