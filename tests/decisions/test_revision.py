"""What counts as something to release."""

import json
from typing import Any

import pytest

from tidegate.decisions.revision import changes, purpose_of, template_hash
from tidegate.domain.marks import CONFIGURATION, INITIALISING, REVISION, ROLLBACK, TEMPLATE_HASH
from tidegate.domain.plan import Purpose
from tidegate.domain.workload import DAEMON_SET


def target(image: str = "podinfo:1", **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "podinfo"}}, "spec": {"containers": [{"image": image}]}}
    return {"metadata": {"name": "podinfo"}, "spec": {"template": template, **spec}}


def primary(**marks: str) -> dict[str, Any]:
    return {"metadata": {"name": "podinfo-primary", "annotations": marks}}


HASH = template_hash(target())
SHA = "0c62d7c" + "0" * 33
RECORD = json.dumps({"hash": HASH, "revision": SHA, "rollout": {}})


def test_a_daemon_set_without_pods_has_the_hash_of_one_with_pods() -> None:
    daemons = target() | {"kind": "DaemonSet"}
    assert template_hash(DAEMON_SET.at_rest(daemons, daemons)) == template_hash(daemons) == HASH


def test_the_hash_is_stable() -> None:
    assert HASH == "3c569a2716fa9a51"


def test_the_order_of_keys_does_not_count() -> None:
    turned = target()
    turned["spec"]["template"] = dict(reversed(turned["spec"]["template"].items()))
    assert template_hash(turned) == HASH


def test_only_the_pod_template_counts() -> None:
    assert template_hash(target(replicas=7, minReadySeconds=9)) == HASH
    assert template_hash(target("podinfo:2")) != HASH


@pytest.mark.parametrize(
    ("live", "image", "purpose", "reason"),
    [
        (None, "podinfo:1", Purpose.INITIALISATION, "there is no podinfo-primary yet"),
        (
            primary(**{TEMPLATE_HASH: HASH, INITIALISING: "true"}),
            "podinfo:1",
            Purpose.INITIALISATION,
            "podinfo-primary was not finished",
        ),
        (primary(), "podinfo:1", Purpose.RELEASE, "podinfo-primary carries no record of what it runs"),
        (
            primary(**{TEMPLATE_HASH: HASH, REVISION: SHA}),
            "podinfo:1",
            Purpose.UPKEEP,
            f"the pod template is still {HASH} of 0c62d7c",
        ),
        (
            primary(**{TEMPLATE_HASH: HASH, REVISION: SHA}),
            "podinfo:2",
            Purpose.RELEASE,
            f"the pod template {template_hash(target('podinfo:2'))} differs from {HASH} of 0c62d7c",
        ),
        (
            primary(**{TEMPLATE_HASH: template_hash(target("podinfo:2")), ROLLBACK: RECORD}),
            "podinfo:2",
            Purpose.RELEASE,
            f"the pod template {template_hash(target('podinfo:2'))} differs from {HASH} of 0c62d7c, "
            "from which an unfinished promotion is undone",
        ),
        (
            primary(**{TEMPLATE_HASH: "new", ROLLBACK: RECORD}),
            "podinfo:1",
            Purpose.UPKEEP,
            f"the pod template is still {HASH} of 0c62d7c, from which an unfinished promotion is undone",
        ),
        (
            primary(**{TEMPLATE_HASH: HASH, ROLLBACK: "{"}),
            "podinfo:1",
            Purpose.RELEASE,
            "podinfo-primary carries no record of what it runs",
        ),
    ],
)
def test_the_purpose_follows_from_what_the_primary_runs(
    live: Any, image: str, purpose: Purpose, reason: str
) -> None:
    assert purpose_of(live, target(image)) == (purpose, reason)


MAP = {"ConfigMap app": "1111"}
WITH_MAP = template_hash(target(), MAP)


def configured(**marks: str) -> dict[str, Any]:
    return primary(**{TEMPLATE_HASH: WITH_MAP, REVISION: SHA, CONFIGURATION: json.dumps(MAP)} | marks)


@pytest.mark.parametrize(
    ("live", "image", "configuration", "purpose", "reason"),
    [
        (configured(), "podinfo:1", MAP, Purpose.UPKEEP, "the pod template is still {was}"),
        (
            configured(),
            "podinfo:1",
            {"ConfigMap app": "2222"},
            Purpose.RELEASE,
            "ConfigMap app has changed: {now} differs from {was}",
        ),
        (
            configured(),
            "podinfo:1",
            MAP | {"Secret app": "3333"},
            Purpose.RELEASE,
            "Secret app is tracked now: {now} differs from {was}",
        ),
        (
            configured(),
            "podinfo:1",
            {},
            Purpose.RELEASE,
            "ConfigMap app is no longer there, or no longer tracked: {now} differs from {was}",
        ),
        (
            configured(),
            "podinfo:2",
            {"ConfigMap app": "2222"},
            Purpose.RELEASE,
            "the pod template {now} differs from {was}; ConfigMap app has changed",
        ),
        (
            configured(**{CONFIGURATION: "["}),
            "podinfo:1",
            {"ConfigMap app": "2222"},
            Purpose.RELEASE,
            "the pod template {now} differs from {was}; ConfigMap app is tracked now",
        ),
        (
            configured(
                **{
                    TEMPLATE_HASH: "new",
                    CONFIGURATION: "{}",
                    ROLLBACK: json.dumps(
                        {"hash": WITH_MAP, "revision": SHA, "configuration": json.dumps(MAP), "rollout": {}}
                    ),
                }
            ),
            "podinfo:1",
            MAP,
            Purpose.UPKEEP,
            "the pod template is still {was}, from which an unfinished promotion is undone",
        ),
    ],
)
def test_a_changed_configuration_is_a_new_revision_and_named(
    live: Any, image: str, configuration: dict[str, str], purpose: Purpose, reason: str
) -> None:
    now = template_hash(target(image), configuration)
    told = reason.format(was=f"{WITH_MAP} of 0c62d7c", now=now)
    assert purpose_of(live, target(image), configuration) == (purpose, told)


def test_nothing_tracked_leaves_the_hash_as_it_was() -> None:
    assert template_hash(target(), {}) == HASH != WITH_MAP


def test_changes_are_told_by_name_in_order() -> None:
    assert changes({"b": "1", "c": "1"}, {"c": "2", "a": "1"}) == (
        "a is tracked now",
        "b is no longer there, or no longer tracked",
        "c has changed",
    )
