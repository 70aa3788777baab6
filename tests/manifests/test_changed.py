"""What a release changed around a canary is told field by field."""

from typing import Any

import pytest

from tidegate.manifests.changed import changed_fields

HTTP = {"name": "http", "port": 9898, "targetPort": 9898}


def live(spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"kind": "Service", "metadata": {"name": "shop", **metadata}, "spec": spec}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"ports": [HTTP]}, {"ports": [HTTP | {"port": 9899}]}, "port 9898 -> 9899"),
        (
            {"ports": [HTTP]},
            {"ports": [HTTP, {"name": "grpc", "port": 9999}]},
            "ports[1].name nothing -> grpc, ports[1].port nothing -> 9999",
        ),
        ({"ports": [HTTP | {"nodePort": 30000}]}, {"ports": [HTTP]}, ""),
        ({"selector": {"app": "shop"}}, {"selector": {"app": "shop-primary"}}, ""),
        ({"http": [{"timeout": "7s"}]}, {"http": [{"timeout": "15s"}]}, "http[0].timeout 7s -> 15s"),
        ({"http": [{"route": [{"weight": 1}]}]}, {"http": [{"route": [{"weight": 2}]}]}, ""),
        ({"hosts": ["a"]}, {"hosts": ["a", "b"]}, "hosts ['a'] -> ['a', 'b']"),
        ({"trafficPolicy": {"tls": {"mode": "DISABLE"}}}, {}, "trafficPolicy.tls.mode DISABLE -> nothing"),
    ],
)
def test_a_changed_field_is_told_with_both_values(
    before: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    assert changed_fields(live(before), live(after)) == said


def test_marks_of_a_release_are_no_changes_and_others_are() -> None:
    before = live({}, annotations={"tidegate.dev/fence": "1", "owner": "ann"})
    after = live({}, annotations={"tidegate.dev/fence": "2", "owner": "bob"}, labels={"team": "red"})
    assert changed_fields(before, after) == "annotations.owner changed, labels.team nothing -> red"


def test_what_may_be_a_credential_is_not_told() -> None:
    def route(token: str) -> dict[str, Any]:
        sent = {"request": {"set": {"authorization": f"Bearer {token}", "x-key": token}}}
        matched = [{"headers": {"x-secret": {"exact": token}}, "uri": {"exact": f"https://ann:{token}@shop"}}]
        return {"http": [{"headers": sent, "match": matched}]}

    before, after = live(route("s3cr3t-old")), live(route("s3cr3t-new"), annotations={"x-token": "s3cr3t"})
    told = changed_fields(before, after)
    assert "s3cr3t" not in told
    assert "annotations.x-token added, http[0].headers.request.set.authorization changed" in told
    assert "http[0].match[0].uri.exact https://***@shop -> https://***@shop" in told


def test_what_was_made_has_no_changes() -> None:
    assert changed_fields(None, live({"ports": [HTTP]})) == ""
