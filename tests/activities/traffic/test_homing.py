"""No pods are taken away from traffic that another writer has given them after the last routing."""

from typing import Any

import pytest

from tests.activities.traffic.test_takeover import _edit


def _split(primary: int, canary: int, suffix: str = "") -> list[dict[str, Any]]:
    return [
        {"destination": {"host": f"podinfo-primary{suffix}"}, "weight": primary},
        {"destination": {"host": f"podinfo-canary{suffix}"}, "weight": canary},
    ]


@pytest.fixture
def released(world: Any) -> Any:
    """Revision b has pods, and all traffic is the primary's."""
    world.initialise()
    world.commit("b", "podinfo:2")
    world.sync("b")
    world.step("scale_up", "b")
    world.route(50, "b", expected=0)
    world.route(0, "b", turning_back=True)
    return world


@pytest.mark.parametrize("turning_back", [True, False])
@pytest.mark.parametrize("suffix", ["", ".test.svc.cluster.local"])
def test_a_late_split_is_routed_back_before_the_scale_down(
    released: Any, turning_back: bool, suffix: str
) -> None:
    _edit(released, lambda http: [http[0] | {"route": _split(50, 50, suffix)}])
    report = released.step("scale_down", "b", turning_back=turning_back)
    assert report.warnings == (
        "VirtualService podinfo.test was changed by kubectl-edit after the last routing: traffic 50/50; "
        "corrected",
    )
    assert released.weights() == [100, 0]
    assert released.deployment("podinfo")["spec"]["replicas"] == 0


def test_routes_as_they_were_left_cost_a_look_and_no_word(released: Any) -> None:
    before = released.routes()["metadata"]["resourceVersion"]
    assert released.step("scale_down", "b", turning_back=True).warnings == ()
    assert released.routes()["metadata"]["resourceVersion"] == before
