"""What those lose who used a VirtualService that a release takes over."""

from typing import Any

import pytest

from tidegate.domain.marks import RELEASE
from tidegate.manifests.takeover import lost

PLAIN = {"route": [{"destination": {"host": "shop"}}]}
VERSION = [{"uri": {"prefix": "/version"}}]


def routes(*http: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "shop"}, "spec": {"hosts": ["shop"], "http": list(http), **spec}}


@pytest.mark.parametrize(
    ("before", "wanted", "said"),
    [
        (
            routes(PLAIN | {"match": VERSION}, PLAIN | {"timeout": "7s"}),
            routes(PLAIN),
            "2 routes (match, timeout 7s)",
        ),
        (routes(PLAIN | {"timeout": "7s"}), routes(PLAIN | {"timeout": "15s"}), "1 route (timeout 7s)"),
        (routes(PLAIN | {"timeout": "7s"}), routes(PLAIN | {"timeout": "7s"}), ""),
        (routes(PLAIN | {"match": VERSION}), routes(PLAIN | {"match": VERSION}), ""),
        (routes(PLAIN | {"name": "all"}), routes(PLAIN), ""),
        (routes({"redirect": {"uri": "/new"}}), routes(PLAIN), "1 route (redirect)"),
        (
            routes({"route": [{"destination": {"host": "shop", "subset": "v1"}}]}),
            routes(PLAIN),
            "1 route (subset v1)",
        ),
        (
            routes(PLAIN, hosts=["shop", "shop.example.com"]),
            routes(PLAIN),
            "the hosts shop.example.com",
        ),
        (routes(PLAIN), routes(PLAIN), ""),
    ],
)
def test_only_what_is_really_lost_is_told(before: dict[str, Any], wanted: dict[str, Any], said: str) -> None:
    assert lost(before, wanted) == said


def test_what_is_a_releases_own_or_not_there_loses_nothing() -> None:
    own = routes(PLAIN | {"timeout": "7s"})
    own["metadata"]["annotations"] = {RELEASE: "release/mesh02/test/shop"}
    assert lost(own, routes(PLAIN)) == ""
    assert lost(None, routes(PLAIN)) == ""
