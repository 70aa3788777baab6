"""The documents of the project, as text and as fenced blocks."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w+)?[^\n]*\n(?P<text>.*?)^ *```$", re.M | re.S)


class Block(NamedTuple):
    """A fenced code block; `where` names its document."""

    where: str
    language: str
    text: str


class Document(NamedTuple):
    """A Markdown file of the project."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def blocks(self) -> list[Block]:
        return [_block(self.name, found) for found in _FENCE.finditer(self.text)]

    @property
    def prose(self) -> str:
        """All but the fenced blocks."""
        return _FENCE.sub("", self.text)


def _block(where: str, found: re.Match[str]) -> Block:
    indent = len(found["indent"])
    text = "".join(line[indent:] for line in found["text"].splitlines(keepends=True))
    return Block(where, found["language"] or "", text)


def _markdown_files() -> list[Path]:
    """Those that Git knows or would take: neither an environment's nor a cache's."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
    names = found.stdout.split() or [str(path) for path in (ROOT / "docs").rglob("*.md")] + ["README.md"]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def documents() -> list[Document]:
    return [Document(path, path.read_text()) for path in _markdown_files()]


@pytest.fixture(scope="session")
def blocks(documents: list[Document]) -> list[Block]:
    return [block for document in documents for block in document.blocks]


@pytest.fixture(scope="session")
def readme(documents: list[Document]) -> Document:
    return next(document for document in documents if document.name == "README.md")
