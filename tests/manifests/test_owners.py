"""Taking an object away from Flagger's Canary."""

from typing import Any

import pytest

from tidegate.domain.marks import ASKED_FOR
from tidegate.manifests.owners import disowning, owning_canary

CANARY = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "podinfo", "uid": "1"}
OTHER = {"apiVersion": "example.com/v1", "kind": "Application", "name": "shop", "uid": "2"}
LABELS = {"app": "podinfo-primary", "app.kubernetes.io/instance": "podinfo"}
ANNOTATIONS = {"argocd.argoproj.io/tracking-id": "podinfo:apps/Deployment:test/podinfo", "team": "blue"}


def owned(*owners: dict[str, str]) -> dict[str, Any]:
    metadata = {
        "name": "podinfo",
        "labels": LABELS,
        "annotations": ANNOTATIONS,
        "ownerReferences": list(owners),
    }
    return {"kind": "Deployment", "metadata": metadata}


@pytest.mark.parametrize(
    ("live", "canary"),
    [
        (None, ""),
        ({"metadata": {"name": "podinfo"}}, ""),
        (owned(), ""),
        (owned(OTHER), ""),
        (owned(OTHER, CANARY), "podinfo"),
    ],
)
def test_only_a_canary_of_flaggers_is_told(live: Any, canary: str) -> None:
    assert owning_canary(live) == canary


def test_what_has_no_owner_any_more_loses_argo_cds_marks_in_the_same_write() -> None:
    marks = {
        "labels": {"app.kubernetes.io/instance": None},
        "annotations": {"argocd.argoproj.io/tracking-id": None},
    }
    assert disowning(owned(CANARY)) == {"metadata": {"ownerReferences": None, **marks}}


def test_what_the_canary_asks_for_itself_stays() -> None:
    live = owned(CANARY)
    asked = '{"annotations":[],"labels":["app.kubernetes.io/instance"]}'
    live["metadata"] |= {"annotations": ANNOTATIONS | {ASKED_FOR: asked}}
    assert disowning(live)["metadata"]["labels"] == {}


def test_other_owners_stay_and_with_them_all_marks() -> None:
    assert disowning(owned(CANARY, OTHER)) == {"metadata": {"ownerReferences": [OTHER]}}
