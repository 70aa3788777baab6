"""The schemas that what is made is held against.

Those of custom kinds are the ones that their projects publish; KEDA's, which is not among these, is the
sandbox's own, field by field. Built-in kinds have those of the sandbox's server, with its rules, which
tests/sandbox/cluster_api holds to a real one's.
"""

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import yaml

from tests.tiers import DEFINITIONS
from tidegate.domain.manifest import Manifest
from tidegate.manifests import scaled_object
from tidegate.sandbox.cluster_api import known_fields, validation
from tidegate.sandbox.cluster_api.builtin import BUILT_IN
from tidegate.sandbox.cluster_api.structural import Schema, problems, prune
from tidegate.sandbox.inventory import definitions


def check(manifest: Manifest) -> None:
    """AssertionError with what the schema does not know or take; skips where no schema is at hand."""
    kind = BUILT_IN_KINDS.get((manifest["apiVersion"], manifest["kind"]))
    if kind is None:
        schema = _custom(manifest["apiVersion"], manifest["kind"])
    else:
        schema = known_fields.SCHEMAS[kind.group, kind.kind]
        validation.check(kind, manifest, None)
    assert list(problems(manifest["metadata"], known_fields.METADATA)) == []
    assert prune(deepcopy(manifest), schema) == []
    assert [str(problem) for problem in problems(manifest, schema)] == []


BUILT_IN_KINDS = {(kind.api_version, kind.kind): kind for kind in BUILT_IN}


def _custom(api_version: str, kind: str) -> Schema:
    group, _, version = api_version.partition("/")
    specs = _own() if group == scaled_object.GROUP else _published()
    for spec in specs:
        if (spec["group"], spec["names"]["kind"]) == (group, kind):
            found = {each["name"]: each["schema"]["openAPIV3Schema"] for each in spec["versions"]}
            return dict(found[version])
    pytest.skip(f"needs the published CustomResourceDefinition of {kind} ({group}) in {DEFINITIONS}")


@cache
def _own() -> tuple[dict[str, Any], ...]:
    return tuple(each["spec"] for each in definitions())


@cache
def _published() -> tuple[dict[str, Any], ...]:
    files = sorted(DEFINITIONS.glob("*.yaml"))
    documents = [each for file in files for each in yaml.load_all(file.read_text(), yaml.CSafeLoader)]
    return tuple(each["spec"] for each in documents if each)
