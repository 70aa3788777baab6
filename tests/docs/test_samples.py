"""Manifests and settings in the documents are such that they would be taken."""

import re
from pathlib import Path
from typing import Any

import yaml

from tidegate.domain.application import Application
from tidegate.domain.canary import Canary
from tidegate.domain.release_policy import ReleasePolicy
from tidegate.settings import load_settings

KINDS: dict[str, Any] = {"Application": Application, "Canary": Canary, "ReleasePolicy": ReleasePolicy}


def test_every_manifest_in_the_documents_is_accepted(blocks: list[Any]) -> None:
    manifests = [yaml.safe_load(block.text) for block in blocks if block.language == "yaml"]
    ours = [each for each in manifests if isinstance(each, dict) and each.get("kind") in KINDS]
    assert {each["kind"] for each in ours} == set(KINDS)
    assert [KINDS[each["kind"]].parse(each).metadata.name for each in ours]


def test_every_settings_file_in_the_documents_is_accepted(blocks: list[Any], tmp_path: Path) -> None:
    samples = [block.text for block in blocks if block.language == "toml"]
    assert samples
    assert all(_load(sample, tmp_path).clusters for sample in samples)


def test_the_settings_of_the_composed_installation_are_accepted(root: Path, tmp_path: Path) -> None:
    settings = _load((root / "deploy/compose/tidegate.toml").read_text(), tmp_path)
    assert settings.mesh_cluster("mesh02") == "asm"


def test_every_setting_given_by_a_variable_is_accepted(root: Path, documents: list[Any]) -> None:
    texts = [document.text for document in documents if document.name != "docs/reference/settings.md"]
    texts += [(root / "Dockerfile").read_text()]
    given = [dict(re.findall(r"\b(TIDEGATE_\w+__\w+)=([\w.:/]+)", text)) for text in texts]
    assert any(given)
    assert all(load_settings(variables) for variables in given)


def _load(text: str, folder: Path) -> Any:
    file = folder / "tidegate.toml"
    file.write_text(text)
    return load_settings({"TIDEGATE_CONFIG": str(file)})
