"""Which control plane a sandbox gets."""

from pathlib import Path

import pytest

from tidegate.sandbox.control_plane import Emulator, RealControlPlane, choose, find_assets
from tidegate.sandbox.control_plane.users import User, write_tokens


def install(folder: Path, *programs: str) -> dict[str, str]:
    for program in programs:
        (folder / program).touch(mode=0o755)
    return {"KUBEBUILDER_ASSETS": str(folder)}


@pytest.mark.parametrize("environment", [{}, {"KUBEBUILDER_ASSETS": ""}])
def test_without_assets_the_clusters_are_emulated(environment: dict[str, str]) -> None:
    assert isinstance(choose(environment), Emulator)


def test_with_assets_they_are_real(tmp_path: Path) -> None:
    assert isinstance(choose(install(tmp_path, "kube-apiserver", "etcd")), RealControlPlane)


@pytest.mark.parametrize(("there", "lacking"), [("etcd", "kube-apiserver"), ("kube-apiserver", "etcd")])
def test_what_is_lacking_is_named_with_what_to_do(tmp_path: Path, there: str, lacking: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"has no program {lacking}: `make assets` prints a folder"):
        find_assets(install(tmp_path, there))


def test_a_controller_manager_is_taken_where_there_is_one(tmp_path: Path) -> None:
    environment = install(tmp_path, "kube-apiserver", "etcd")
    without = find_assets(environment)
    environment = install(tmp_path, "kube-controller-manager")
    having = find_assets(environment)

    assert without is not None
    assert having is not None
    assert (without.controller_manager, having.controller_manager) == (
        None,
        tmp_path / "kube-controller-manager",
    )


def test_tokens_are_readable_by_their_owner_only_and_in_no_representation(tmp_path: Path) -> None:
    user = User("worker", ("a", "b"), token="t0p-s3cret")
    path = write_tokens(tmp_path / "tokens.csv", [user])

    assert path.read_text() == 't0p-s3cret,worker,worker,"a,b"\n'
    assert path.stat().st_mode & 0o077 == 0
    assert "t0p-s3cret" not in repr(user)
