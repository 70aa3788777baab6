"""A VirtualService that others had written, or a release of another strategy: it becomes ours as a whole."""

import json
from typing import Any

import pytest

from tests.workflows.neighbours import release_request
from tidegate.contracts import Fence
from tidegate.domain.manifest import Manifest
from tidegate.domain.marks import ORIGINAL, annotations

ROUTES = ("networking.istio.io/v1", "VirtualService", "test", "podinfo")
STICKY = {"cookieName": "canary-cookie"}


def _exists(world: Any, **spec: Any) -> Manifest:
    """A VirtualService that Helm brought before there was a canary."""
    full = {"hosts": ["shop.example.com"], "gateways": ["istio-system/gateway"], **spec}
    manifest = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": full,
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "test"}}
    world.mesh.apply(namespace, manager="helm")
    world.mesh.apply(manifest, manager="helm")
    return full


def _to(host: str, **rule: Any) -> Manifest:
    return {"route": [{"destination": {"host": host}}], **rule}


def _analysed(
    world: Any, revision: str, image: str, service: dict[str, Any] | None = None, **analysis: Any
) -> None:
    def change(deployment: Any, hpa: Any, canary: Any) -> None:
        canary["spec"]["analysis"].update(analysis)
        canary["spec"]["service"].update(service or {})
        if service and service.get("delegation"):
            del canary["spec"]["service"]["gateways"], canary["spec"]["service"]["hosts"]

    world.commit(revision, image, change=change)


def test_what_it_was_is_kept_and_what_is_lost_is_told(world: Any) -> None:
    admin = _to("admin", match=[{"uri": {"prefix": "/admin"}}])
    before = _exists(world, http=[admin, _to("podinfo")], exportTo=["."])
    world.sync("a")
    world.step("prepare")
    report = world.route(0)
    assert report.warnings == (
        "VirtualService podinfo.test was taken over: its rules to admin are gone; what it was is in its "
        f"annotation {ORIGINAL}",
        "VirtualService podinfo.test had 2 routes (match) and the hosts shop.example.com and the gateways "
        "istio-system/gateway, replaced by the Canary's; put them into spec.service; what it was is in its "
        f"annotation {ORIGINAL}",
    )
    live = world.routes()
    assert live["spec"]["exportTo"] == ["."]
    assert json.loads(annotations(live)[ORIGINAL]) == before
    world.route(10, expected=0)
    assert json.loads(annotations(world.routes())[ORIGINAL]) == before


def test_what_git_asks_of_routes_between_two_releases_is_told(world: Any) -> None:
    world.initialise()
    _analysed(world, "b", "podinfo:1", {"timeout": "7s"})
    assert world.route(0, "b").changed == ("VirtualService podinfo.test: http[0].timeout nothing -> 7s",)
    assert world.route(20, "b", expected=0).changed == ()


def test_nothing_of_its_own_stays_beside_our_rules(world: Any) -> None:
    _exists(world, tcp=[_to("podinfo", match=[{"port": 9898}])], http=[_to("podinfo")])
    _analysed(world, "a", "podinfo:1", {"delegation": True})
    world.initialise()
    assert set(world.routes()["spec"]) == {"http"}
    assert world.route(10, expected=0).warnings == ()


def test_another_protocol_replaces_the_rules_even_after_a_rollback(world: Any) -> None:
    world.initialise()
    world.route(20, expected=0)
    world.route(0, turning_back=True)
    _analysed(world, "b", "podinfo:2", {"appProtocol": "tcp"})
    world.route(0, "b")
    assert "http" not in world.routes()["spec"]
    assert world.route(10, "b", expected=0).warnings == ()


def test_an_ours_from_before_a_reset_is_nobody_elses(world: Any) -> None:
    world.initialise()
    first, second = world.fence(), world.fence()
    world.route(10, fence=first, expected=0)
    world.route(30, fence=second, expected=10, after=first)
    assert world.route(30, expected=10, after=first).warnings == ()
    assert world.route(40, expected=10, after=Fence(epoch=first.epoch, sequence=10_000)).warnings != ()


def test_cookies_expire_once_the_way_back_is_done(world: Any) -> None:
    _analysed(world, "a", "podinfo:1", sessionAffinity=STICKY)
    world.initialise()
    world.route(20, expected=0)
    assert "Max-Age=-1" not in str(world.routes())
    world.route(0, turning_back=True)
    assert "canary-cookie=; Max-Age=-1" in str(world.routes())


def test_without_git_the_way_back_leaves_the_cookies_and_brings_the_traffic(world: Any) -> None:
    _analysed(world, "a", "podinfo:1", sessionAffinity=STICKY)
    world.initialise()
    world.route(20, expected=0)
    world.git_down = True
    world.route(0, turning_back=True)
    assert [[each["weight"] for each in rule["route"]] for rule in world.routes()["spec"]["http"]] == [
        [100, 0],
        [100, 0],
    ]


def _edit(world: Any, change: Any) -> None:
    live = world.routes()
    http = change(live["spec"]["http"])
    manifest = {
        "apiVersion": live["apiVersion"],
        "kind": "VirtualService",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"http": http},
    }
    world.mesh.apply(manifest, manager="kubectl-edit")


def test_a_rule_put_before_ours_hides_no_split(world: Any) -> None:
    world.initialise()
    world.route(30, expected=0)
    _edit(world, lambda http: [_to("other", match=[{"uri": {"prefix": "/maint"}}]), *http])
    (remains,) = world.find_traffic(release_request()).canaries
    assert remains.faults == ("traffic 70/30",)
    world.git_down = True
    world.route(0, turning_back=True)
    assert [each["weight"] for each in world.routes()["spec"]["http"][1]["route"]] == [100, 0]


def test_a_last_rule_that_leads_elsewhere_is_a_fault_whatever_the_others_do(world: Any) -> None:
    _analysed(world, "a", "podinfo:1", sessionAffinity=STICKY)
    world.initialise()
    _edit(world, lambda http: [http[0], _to("other")])
    (remains,) = world.find(release_request(), by_marks_alone=True).canaries
    assert "VirtualService podinfo leads elsewhere" in remains.faults
    world.route(0, turning_back=True)
    assert "other" not in str(world.routes()["spec"])


@pytest.mark.parametrize("receding", [True, False])
def test_after_the_promotion_nobody_judges_the_target_any_more(world: Any, receding: bool) -> None:
    world.initialise()
    world.commit("b", "podinfo:2")
    world.sync("b")
    world.step("scale_up", "b")
    world.route(30, "b", expected=0)
    world.step("promote", "b")
    world.workloads.delete("apps/v1", "Deployment", "test", "podinfo")
    if receding:
        world.route(20, "b", expected=30, receding=True)
        assert world.weights() == [80, 20]
    else:
        with pytest.raises(Exception, match="was deleted by another writer"):
            world.route(20, "b", expected=30)
