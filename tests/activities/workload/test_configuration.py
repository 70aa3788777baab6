"""ConfigMaps and Secrets of a canary: copied for the primary, and changed for it by a promotion alone."""

import base64
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.configuration import configured as read_configuration
from tidegate.domain.marks import CONFIGURATION, COPIED_FOR, ROLLBACK, annotations
from tidegate.domain.plan import Purpose
from tidegate.manifests.configuration import TRACKING, Configuration, references

HUSH = base64.b64encode(b"hush").decode()


def configure(world: Any, value: str, *, name: str = "config", **fields: Any) -> None:
    """Apply the ConfigMap as a sync does."""
    metadata = {"name": name, "namespace": "test"} | fields.pop("metadata", {})
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}
    world.workloads.apply(manifest | fields, manager="tidegate")


def keep_secret(world: Any, value: str = HUSH) -> None:
    metadata = {"name": "secret", "namespace": "test"}
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"value": value}}
    world.workloads.apply(manifest | {"type": "example.com/token"}, manager="tidegate")


def refer(deployment: Any, hpa: Any, canary: Any) -> None:
    """Let the target refer to a ConfigMap, a Secret, and something that may be missing."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [
        {"configMapRef": {"name": "config"}},
        {"secretRef": {"name": "secret"}},
        {"configMapRef": {"name": "absent", "optional": True}},
    ]


@pytest.fixture
def configured(world: Any) -> Any:
    """A canary that was initialised with a ConfigMap and a Secret."""
    configure(world, "blue", binaryData={"logo": "AAEC"})
    keep_secret(world)
    world.commit("a", change=refer)
    world.initialise()
    return world


def referred(world: Any, name: str = "podinfo-primary") -> dict[str, str]:
    """Kind -> name of the first reference of the kind."""
    found = references(world.deployment(name)["spec"]["template"])
    return {kind: name for kind, name in reversed(found) if name != "absent"}


def contents(world: Any, kind: str = "ConfigMap") -> Any:
    """What the primary's pods get."""
    return world.workloads.get("v1", kind, "test", referred(world)[kind])


def copies(world: Any) -> set[str]:
    return {
        each["metadata"]["name"]
        for kind in ("ConfigMap", "Secret")
        for each in world.workloads.list("v1", kind, "test")
        if COPIED_FOR in annotations(each)
    }


def release(world: Any, revision: str = "a", *steps: str) -> None:
    for step in steps or ("prepare", "scale_up", "promote"):
        world.step(step, revision)


def test_the_primary_has_copies_of_its_own(configured: Any) -> None:
    config, secret = contents(configured), contents(configured, "Secret")
    assert (config["data"], config["binaryData"]) == ({"value": "blue"}, {"logo": "AAEC"})
    assert (secret["data"], secret["type"]) == ({"value": HUSH}, "example.com/token")
    assert config["immutable"] is secret["immutable"] is True
    assert config["metadata"]["name"].startswith("config-primary-")
    assert secret["metadata"]["name"].startswith("secret-primary-")
    assert referred(configured, "podinfo") == {"ConfigMap": "config", "Secret": "secret"}


def test_an_unchanged_configuration_is_nothing_to_release(configured: Any) -> None:
    configure(configured, "blue", binaryData={"logo": "AAEC"}, metadata={"labels": {"team": "red"}})
    assert configured.plan("a").plan.purpose is Purpose.UPKEEP


def test_a_changed_configuration_alone_is_released(configured: Any) -> None:
    configure(configured, "red")
    result = configured.plan("a")
    assert result.plan.purpose is Purpose.RELEASE
    assert result.reason.startswith("ConfigMap config has changed: ")
    release(configured, "a", "prepare", "scale_up")
    assert contents(configured)["data"] == {"value": "blue"}
    before = referred(configured)
    release(configured, "a", "promote")
    assert contents(configured)["data"] == {"value": "red"}
    assert contents(configured, "Secret")["metadata"]["name"] == before["Secret"]
    assert before["ConfigMap"] in copies(configured)


def test_a_promotion_that_stands_leaves_no_stale_copy(configured: Any) -> None:
    configure(configured, "red")
    release(configured)
    release(configured, "a", "scale_down")
    assert copies(configured) == set(referred(configured).values())
    assert configured.plan("a").plan.purpose is Purpose.UPKEEP


def test_a_rollback_leaves_the_primary_with_the_old_contents(configured: Any) -> None:
    before = configured.deployment("podinfo-primary")
    configure(configured, "red")
    keep_secret(configured, base64.b64encode(b"other").decode())
    release(configured)
    release(configured, "a", "restore")
    configured.step("scale_down", turning_back=True)
    after = configured.deployment("podinfo-primary")
    assert after["spec"] == before["spec"]
    assert annotations(after)[CONFIGURATION] == annotations(before)[CONFIGURATION]
    assert contents(configured)["data"] == {"value": "blue"}
    assert contents(configured, "Secret")["data"] == {"value": HUSH}
    assert configured.plan("a").reason.startswith("ConfigMap config has changed; Secret secret has changed")


def test_a_promotion_that_was_cut_short_is_undone_with_its_configuration(configured: Any) -> None:
    configure(configured, "red")
    release(configured)
    configured.step("scale_down", turning_back=True)
    assert configured.step("prepare").warnings
    assert contents(configured)["data"] == {"value": "blue"}


def test_copies_of_a_release_that_did_not_stand_go_with_the_next_that_does(configured: Any) -> None:
    configure(configured, "red")
    release(configured, "a", "prepare", "scale_up", "promote", "restore")
    configured.step("scale_down", turning_back=True)
    assert len(copies(configured)) == 3
    configure(configured, "green")
    release(configured, "a", "prepare", "scale_up", "promote", "scale_down")
    assert copies(configured) == set(referred(configured).values())


def test_no_secret_is_in_the_marks_of_a_deployment(configured: Any) -> None:
    keep_secret(configured, base64.b64encode(b"other").decode())
    release(configured)
    for name in ("podinfo", "podinfo-primary"):
        told = str(configured.deployment(name))
        assert ROLLBACK in told or name == "podinfo"
        assert not [text for text in ("hush", "other", HUSH) if text in told]


def test_a_configuration_edited_during_the_analysis_is_not_promoted(configured: Any) -> None:
    configured.commit("b", "podinfo:2", refer)
    configured.sync("b")
    release(configured, "b", "prepare", "scale_up")
    configure(configured, "red")
    with pytest.raises(ApplicationError) as raised:
        configured.route(20, "b")
    assert raised.value.message == (
        "ConfigMap config has changed in namespace test during the analysis: "
        "what was judged is not what would be promoted"
    )
    with pytest.raises(ApplicationError, match="ConfigMap config has changed in namespace test"):
        configured.step("promote", "b")
    assert (configured.image("podinfo-primary"), len(copies(configured))) == ("podinfo:1", 2)


def test_what_is_promoted_is_what_is_compared(configured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    release(configured, "a", "prepare", "scale_up")

    def edited_for_a_moment(site: Any) -> Configuration:
        read = read_configuration(site)
        source, *others = read.sources
        return read._replace(sources=(source | {"data": {"value": "red"}}, *others))

    monkeypatch.setattr("activities.workload.configured", edited_for_a_moment)
    with pytest.raises(ApplicationError, match="ConfigMap config has changed in namespace test"):
        configured.step("promote")
    assert contents(configured)["data"] == {"value": "blue"}


def test_what_pods_of_an_earlier_template_serve_with_stays_until_they_are_gone(configured: Any) -> None:
    before = referred(configured)["ConfigMap"]
    configure(configured, "red")
    configured.commit("b", "podinfo:broken", refer)
    configured.sync("b")
    with pytest.raises(ApplicationError, match="is not ready after"):
        configured.step("promote", "b", deadline_seconds=0.5)
    assert configured.step("scale_down", "b").notes == ("podinfo is scaled to 0",)
    assert configured.workloads.get("v1", "ConfigMap", "test", before)["data"] == {"value": "blue"}
    assert referred(configured)["ConfigMap"] != before
    configured.commit("c", "podinfo:3", refer)
    configured.sync("c")
    release(configured, "c", "prepare", "scale_up", "promote", "scale_down")
    assert configured.workloads.get("v1", "ConfigMap", "test", before) is None


def test_what_opts_out_is_shared_with_the_target(world: Any) -> None:
    configure(world, "blue", metadata={"annotations": {TRACKING: "disabled"}})
    keep_secret(world)
    world.commit("a", change=refer)
    world.initialise()
    assert referred(world)["ConfigMap"] == "config"
    configure(world, "red", metadata={"annotations": {TRACKING: "disabled"}})
    assert world.plan("a").plan.purpose is Purpose.UPKEEP


def test_what_may_be_missing_is_tracked_once_it_is_there(configured: Any) -> None:
    configure(configured, "x", name="absent")
    assert configured.plan("a").reason.startswith("ConfigMap absent is tracked now: ")


def test_a_copy_that_somebody_deleted_is_made_anew_where_nothing_is_released(configured: Any) -> None:
    name = referred(configured)["ConfigMap"]
    configured.workloads.delete("v1", "ConfigMap", "test", name)
    assert configured.step("prepare").notes == (f"ConfigMap {name} was made for podinfo-primary",)
    assert contents(configured)["data"] == {"value": "blue"}


def test_a_copy_that_somebody_replaced_is_replaced_again(configured: Any) -> None:
    name = referred(configured)["ConfigMap"]
    live = contents(configured)
    marks = {COPIED_FOR: "podinfo-primary"}
    configured.workloads.delete("v1", "ConfigMap", "test", name)
    configure(configured, "hacked", name=name, metadata={"annotations": marks})
    configured.step("prepare")
    assert contents(configured)["data"] == live["data"]


def test_an_object_of_a_copys_name_that_is_none_is_left_alone(configured: Any) -> None:
    name = referred(configured)["ConfigMap"]
    configured.workloads.delete("v1", "ConfigMap", "test", name)
    configure(configured, "mine", name=name)
    with pytest.raises(ApplicationError, match=f"ConfigMap test/{name} exists, and was not made for podinfo"):
        configured.step("prepare")
    assert contents(configured)["data"] == {"value": "mine"}


def test_a_late_command_removes_no_copy_that_a_later_one_made(configured: Any) -> None:
    late = configured.fence()
    configure(configured, "red")
    release(configured)
    with pytest.raises(ApplicationError) as raised:
        configured.step("scale_down", fence=late)
    assert raised.value.type == "StaleCommand"
    assert len(copies(configured)) == 3


def test_a_plain_canary_asks_for_no_configuration(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.initialise()
    asked: list[str] = []
    read, listed = type(world.workloads).get, type(world.workloads).list

    def get(self: Any, version: str, kind: str, *rest: Any) -> Any:
        asked.append(kind)
        return read(self, version, kind, *rest)

    def list_(self: Any, version: str, kind: str, *rest: Any) -> Any:
        asked.append(kind)
        return listed(self, version, kind, *rest)

    monkeypatch.setattr(type(world.workloads), "get", get)
    monkeypatch.setattr(type(world.workloads), "list", list_)
    world.commit("b", "podinfo:2")
    world.sync("b")
    world.plan("b")
    release(world, "b", "prepare", "scale_up", "promote", "scale_down")
    assert "Deployment" in asked
    assert {"ConfigMap", "Secret"}.isdisjoint(asked)
