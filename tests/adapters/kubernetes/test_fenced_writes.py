"""Fenced writes: later commands win, whoever comes back from the dead."""

import copy
from typing import Any

import pytest

from tidegate.adapters.kubernetes import Cluster
from tidegate.contracts import FENCE_ANNOTATION, Fence
from tidegate.decisions.sync_action import UNCHANGED, action
from tidegate.domain.errors import Conflict, InvalidInput, ReleaseFailed, StaleCommand
from tidegate.domain.manifest import Manifest, ObjectRef

REF = ("v1", "ConfigMap", "test", "colours")
OBJECT = ObjectRef(api_version="v1", kind="ConfigMap", namespace="test", name="colours")
FIRST, SECOND = Fence(epoch=1000, sequence=1), Fence(epoch=1000, sequence=2)


def config_map(**data: str) -> Manifest:
    metadata = {"name": "colours", "namespace": "test"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def painted(**data: str) -> Any:
    return lambda live: live | {"data": data}


def merging(**data: str | None) -> Any:
    return lambda live: {"metadata": {}, "data": data}


def live(cluster: Cluster) -> Manifest:
    found = cluster.get(*REF)
    assert found is not None
    return found


def test_a_write_leaves_its_token_on_the_object(cluster: Cluster) -> None:
    change = cluster.fenced_apply(config_map(sky="blue"), FIRST, manager="tidegate")
    assert change.before is None
    assert live(cluster)["metadata"]["annotations"] == {FENCE_ANNOTATION: "1000.1"}


def test_a_write_tells_the_object_before_and_after(cluster: Cluster) -> None:
    cluster.fenced_apply(config_map(sky="blue"), FIRST, manager="tidegate")
    change = cluster.fenced_apply(config_map(sky="grey"), SECOND, manager="tidegate")
    assert change.before is not None
    assert (change.before["data"], change.after["data"]) == ({"sky": "blue"}, {"sky": "grey"})


@pytest.mark.parametrize("epoch", [999, 1000])
def test_a_stale_token_is_refused(cluster: Cluster, epoch: int) -> None:
    cluster.fenced_apply(config_map(sky="blue"), SECOND, manager="tidegate")
    older = Fence(epoch=epoch, sequence=1)
    with pytest.raises(StaleCommand, match=f"obeyed command 1000.2 already; {epoch}.1 is older"):
        cluster.fenced_apply(config_map(sky="grey"), older, manager="tidegate")
    with pytest.raises(StaleCommand):
        cluster.fenced_update(OBJECT, older, painted(sky="grey"), manager="tidegate")
    with pytest.raises(StaleCommand):
        cluster.fenced_merge(OBJECT, older, merging(sky="grey"), manager="tidegate")
    assert live(cluster)["data"] == {"sky": "blue"}


def test_a_merge_changes_what_it_names_and_no_more(cluster: Cluster) -> None:
    cluster.fenced_apply(config_map(sky="blue", sea="green", sun="red"), FIRST, manager="somebody")
    cluster.fenced_merge(OBJECT, SECOND, merging(sky="grey", sun=None), manager="tidegate")
    found = live(cluster)
    assert found["data"] == {"sky": "grey", "sea": "green"}
    assert found["metadata"]["annotations"] == {FENCE_ANNOTATION: "1000.2"}


def test_the_same_token_may_write_again(cluster: Cluster) -> None:
    for _ in range(2):
        change = cluster.fenced_apply(config_map(sky="blue"), FIRST, manager="tidegate")
    assert action(*change) == UNCHANGED


def test_the_manifest_given_is_left_as_it_was(cluster: Cluster) -> None:
    manifest = config_map(sky="blue")
    given = copy.deepcopy(manifest)
    cluster.fenced_apply(manifest, FIRST, manager="tidegate")
    assert manifest == given


def test_what_the_manifest_no_longer_has_is_removed_even_if_a_fenced_write_created_it(
    cluster: Cluster,
) -> None:
    cluster.fenced_apply(config_map(sky="blue", sea="green"), FIRST, manager="tidegate")
    cluster.fenced_apply(config_map(sky="blue"), SECOND, manager="tidegate")
    assert live(cluster)["data"] == {"sky": "blue"}


def test_an_update_changes_what_it_is_told_and_nothing_else(cluster: Cluster) -> None:
    cluster.fenced_apply(config_map(sky="blue"), FIRST, manager="tidegate")
    change = cluster.fenced_update(OBJECT, SECOND, painted(sky="grey"), manager="tidegate")
    assert live(cluster) == change.after
    assert (change.after["data"], change.after["metadata"]["uid"]) == (
        {"sky": "grey"},
        change.before["metadata"]["uid"] if change.before else "",
    )


def test_an_update_of_nothing_fails_the_release(cluster: Cluster) -> None:
    with pytest.raises(ReleaseFailed, match="ConfigMap test/colours does not exist in cluster mesh02"):
        cluster.fenced_update(OBJECT, FIRST, painted(), manager="tidegate")


def test_a_conflict_is_read_anew(cluster: Cluster) -> None:
    cluster.fenced_apply(config_map(sky="blue"), FIRST, manager="tidegate")
    seen: list[Manifest] = []

    def interrupted(found: Manifest) -> Manifest:
        if not seen:
            cluster.apply(config_map(sea="green"), manager="somebody")
        seen.append(found)
        return found | {"data": found["data"] | {"sky": "grey"}}

    cluster.fenced_update(OBJECT, SECOND, interrupted, manager="tidegate")
    assert live(cluster)["data"] == {"sky": "grey", "sea": "green"}


def test_a_later_command_in_between_is_obeyed(cluster: Cluster) -> None:
    cluster.fenced_apply(config_map(sky="blue"), FIRST, manager="tidegate")

    def overtaken(found: Manifest) -> Manifest:
        cluster.fenced_apply(config_map(sky="red"), SECOND, manager="tidegate")
        return found | {"data": {"sky": "grey"}}

    with pytest.raises(StaleCommand):
        cluster.fenced_update(OBJECT, FIRST, overtaken, manager="tidegate")
    assert live(cluster)["data"] == {"sky": "red"}


def test_a_creation_that_a_later_command_overtook_is_refused(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zombie read that there is nothing; by the time it writes, the later command has created it."""
    read = cluster.get

    def slow_read(*ref: str) -> Manifest | None:
        monkeypatch.setattr(cluster, "get", read)
        found = read(*ref)
        cluster.fenced_apply(config_map(sky="red"), SECOND, manager="tidegate")
        return found

    monkeypatch.setattr(cluster, "get", slow_read)
    with pytest.raises(StaleCommand):
        cluster.fenced_apply(config_map(sky="grey"), FIRST, manager="tidegate")
    assert live(cluster)["data"] == {"sky": "red"}


def test_a_conflict_that_never_ends_is_left_to_the_retry_of_the_step(cluster: Cluster) -> None:
    cluster.fenced_apply(config_map(turn="0"), FIRST, manager="tidegate")

    def always_interrupted(found: Manifest) -> Manifest:
        turn = str(int(found["data"]["turn"]) + 1)
        cluster.apply(config_map(turn=turn), manager="somebody")
        return found | {"data": {"turn": "mine"}}

    with pytest.raises(Conflict):
        cluster.fenced_update(OBJECT, SECOND, always_interrupted, manager="tidegate")


def test_the_api_servers_refusal_of_a_creation_is_invalid_input(cluster: Cluster) -> None:
    manifest = config_map()
    manifest["metadata"]["name"] = "Not A Name"
    with pytest.raises(InvalidInput, match="ConfigMap test/Not A Name was refused"):
        cluster.fenced_apply(manifest, FIRST, manager="tidegate")
