"""`scripts/assets`, with a `go` and a `curl` that only play their parts."""

import os
import re
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).parents[2]
VERSION = "".join(
    re.findall(r"\tk8s\.io/kubernetes (\S+)", (CHECKOUT / "tests/control_plane/go.mod").read_text())
)
PROGRAMS = {"kube-apiserver", "kube-controller-manager", "etcd"}

UNREACHABLE = "exit 7"
BUILDS = """
[ "$1" = version ] && echo go version go1.0 && exit
while [ "$1" != -o ]; do shift; done
touch "$2/kube-apiserver" "$2/kube-controller-manager" && chmod +x "$2"/*
"""
PUBLISHES = """
for last; do :; done
while [ "$1" != --output ]; do shift; done
case "$last" in
  *.sha256) echo CHECKSUM ;;
  *) printf program ;;
esac >"$2"
"""


class Machine(NamedTuple):
    """A machine with an empty cache."""

    folder: Path

    @property
    def cache(self) -> Path:
        return self.folder / "tidegate" / "control-plane"

    def install(self, program: str, script: str) -> None:
        path = self.folder / "bin" / program
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def assets(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        variables = {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder),
            **environment,
        }
        return subprocess.run(
            [CHECKOUT / "scripts" / "assets"], env=variables, capture_output=True, text=True, check=False
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.install("curl", UNREACHABLE)
    machine.install("etcd", "exit 0")
    machine.install("go", BUILDS)
    return machine


def test_programs_are_built_into_a_folder_by_version(machine: Machine) -> None:
    done = machine.assets()

    folder = machine.cache / VERSION
    assert (done.returncode, done.stdout) == (0, f"{folder}\n"), done.stderr
    assert {entry.name for entry in folder.iterdir()} == PROGRAMS
    assert all(os.access(entry, os.X_OK) for entry in folder.iterdir())


def test_what_is_in_the_cache_is_not_built_again(machine: Machine) -> None:
    first = machine.assets()
    machine.install("go", "exit 1")

    assert machine.assets().stdout == first.stdout


@pytest.mark.parametrize(
    ("program", "script", "words"),
    [("go", "echo no such module >&2; exit 1", "was not built"), ("curl", PUBLISHES, "the checksum")],
)
def test_what_fails_is_told_and_leaves_nothing_behind(
    machine: Machine, program: str, script: str, words: str
) -> None:
    machine.install(program, script)
    done = machine.assets()

    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr.splitlines()[-1]
    assert list(machine.cache.iterdir()) == []


def test_a_release_that_stops_answering_is_built_instead(machine: Machine) -> None:
    right = sha256(b"program").hexdigest()
    machine.install(
        "curl", PUBLISHES.replace("CHECKSUM", right).replace("*) printf", "*SHA256SUMS) exit 7 ;; *) printf")
    )
    done = machine.assets()

    assert done.returncode == 0, done.stderr
    assert (machine.cache / VERSION / "kube-apiserver").read_text() == ""


@pytest.mark.skipif(
    any(os.access(f"{folder}/go", os.X_OK) for folder in ("/usr/bin", "/bin")), reason="go is there"
)
def test_without_any_way_it_says_what_to_do(machine: Machine) -> None:
    (machine.folder / "bin" / "go").unlink()
    done = machine.assets()

    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert "https://go.dev/dl/" in line
    assert "KUBEBUILDER_ASSETS" in line


def test_a_folder_that_is_given_is_taken_when_it_has_what_is_needed(machine: Machine, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    lacking = machine.assets(KUBEBUILDER_ASSETS=str(given))
    for program in ("kube-apiserver", "etcd"):
        (given / program).touch(mode=0o755)
    taken = machine.assets(KUBEBUILDER_ASSETS=str(given))

    assert lacking.returncode == 1
    assert "which has no program kube-apiserver" in lacking.stderr
    assert taken.stdout == f"{given}\n"
