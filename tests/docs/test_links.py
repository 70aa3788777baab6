"""Links of the documents lead somewhere."""

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def test_every_relative_link_leads_to_a_file(documents: list[Any]) -> None:
    dead = [
        f"{document.name}: {target}"
        for document in documents
        for target in _relative_links(document)
        if not (document.path.parent / target.partition("#")[0]).exists()
    ]
    assert dead == []


def test_every_anchor_is_a_heading(documents: list[Any]) -> None:
    missing = [
        f"{document.name}: {target}"
        for document in documents
        for target in _relative_links(document)
        if "#" in target and not _has_heading(document.path, target)
    ]
    assert missing == []


def test_the_links_are_found(readme: Any) -> None:
    assert "docs/operations.md" in _relative_links(readme)


def _relative_links(document: Any) -> list[str]:
    targets = [found["target"] for found in _LINK.finditer(document.prose)]
    return [target for target in targets if "://" not in target and not target.startswith("mailto:")]


def _has_heading(path: Path, target: str) -> bool:
    file, _, anchor = target.partition("#")
    text = ((path.parent / file) if file else path).read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return anchor in [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
