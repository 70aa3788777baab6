"""Hostile files of a repository are refused in one clear line, soon, and without doing anything."""

import re
import time
from pathlib import Path

import pytest

from tidegate.adapters.render import render
from tidegate.adapters.render.documents import MAX_BYTES, MAX_DEPTH
from tidegate.domain.errors import InvalidInput

CORPUS = Path(__file__).parent / "corpus"
TRACE = Path("/tmp/tidegate-corpus-was-here")
SOON = 20.0
"""Seconds of processor time; a bomb that goes off takes hours, or all memory."""


def _files(folder: str) -> list[Path]:
    return sorted(file for file in (CORPUS / folder).iterdir())


def _expected(text: str) -> str:
    found = re.search(r'refusal"?: "?([^"\n]+)', text)
    assert found
    return found[1]


def _refusal(root: Path, path: str = ".") -> str:
    began = time.process_time()
    with pytest.raises(InvalidInput) as caught:
        render(root, path)
    assert time.process_time() - began < SOON
    line = str(caught.value)
    assert "\n" not in line
    assert str(root) not in line
    assert len(line) < 800
    return line


@pytest.mark.parametrize("file", _files("yaml"), ids=lambda file: file.name)
def test_a_hostile_manifest_is_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / file.name).write_bytes(file.read_bytes())

    assert _expected(file.read_text()) in _refusal(tmp_path)
    assert not TRACE.exists()


@pytest.mark.parametrize("file", _files("kustomize"), ids=lambda file: file.name)
def test_a_hostile_kustomization_is_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_bytes(file.read_bytes())

    assert _expected(file.read_text()) in _refusal(tmp_path)
    assert not TRACE.exists()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("deep.yaml", b"[" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("deep-blocks.yaml", b"".join(b" " * n + b"a:\n" for n in range(300)), f"deeper than {MAX_DEPTH}"),
        ("deep.json", b'{"a":' * 100_000, "is not JSON"),
        ("deep-list.json", b"[" * 200 + b"]" * 200, f"nested deeper than {MAX_DEPTH} levels"),
        ("wide.yaml", b"a: [" + b"x," * 1_200_000 + b"]", "has more than 500000 values"),
        ("documents.yaml", b"---\nx\n" * 400_000, "has more than 500000 values"),
        ("digits.yaml", b"a: " + b"9" * 10_000, "is not YAML"),
        ("digits.json", b'{"a": ' + b"9" * 10_000 + b"}", "is not JSON"),
        ("large.yaml", b"#" * (MAX_BYTES + 1), f"is larger than {MAX_BYTES} bytes"),
    ],
)
def test_a_generated_bomb_is_refused(name: str, content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)

    assert problem in _refusal(tmp_path)


@pytest.mark.parametrize("name", ["huge.yaml", "kustomization.yaml"])
def test_a_huge_file_is_refused_before_it_is_read(name: str, tmp_path: Path) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**40)

    assert f"{name}: is larger than {MAX_BYTES} bytes" in _refusal(tmp_path)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", "/proc/self/environ", "/dev/zero"])
def test_a_link_to_the_machine_is_refused_before_it_is_read(target: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(target)

    assert "a.yaml: is a link out of the repository" in _refusal(tmp_path)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    assert "is a link out of the repository" in _refusal(tmp_path)
