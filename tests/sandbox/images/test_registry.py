"""Which images the sandbox knows."""

from __future__ import annotations

import pytest

from tidegate.sandbox.images.registry import pull, split_reference


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("stefanprodan/podinfo:3.1.0", ("podinfo", "3.1.0")),
        ("ghcr.io/stefanprodan/podinfo:6.0.0", ("podinfo", "6.0.0")),
        ("localhost:5000/stefanprodan/podinfo", ("podinfo", "latest")),
        ("weaveworks/flagger-loadtester:0.18.0", ("loadtester", "0.18.0")),
        ("ghcr.io/fluxcd/flagger-loadtester:0.34.0@sha256:abc", ("loadtester", "0.34.0")),
    ],
)
def test_a_known_image_is_pulled_with_its_tag(reference: str, expected: tuple[str, str]) -> None:
    image = pull(reference)
    assert image is not None
    assert (image.module.rpartition(".")[2], image.tag) == expected


@pytest.mark.parametrize("reference", ["nginx", "podinfo:6.0.0", "stefanprodan/podinfo-extra:1"])
def test_an_unknown_image_is_not_pulled(reference: str) -> None:
    assert pull(reference) is None


def test_a_registry_port_is_not_taken_for_a_tag() -> None:
    assert split_reference("localhost:5000/app") == ("localhost:5000/app", "latest")
