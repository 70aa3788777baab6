"""Semantic version constraints over tags, read as Argo CD reads them.

Comma or space means and, `||` means or; `=>`, `=<`, `!=`, `~>`, hyphen ranges and wildcards are known. A
prerelease is considered only by a constraint that has one itself (`>=1.0.0-0`, `*-0`), and then in its
whole range. A complete or partial version without an operator ("1.2") is a name, not a constraint.
"""

import re
from collections.abc import Iterable

from semantic_version import NpmSpec, Version
from semantic_version.base import Range

_LOOSE = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?((?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)")
_TERM = re.compile(r"(?P<op>[<>=!~^]*)(?P<version>[0-9xX*.]+)(?:-(?P<pre>[0-9A-Za-z.-]+))?")
_OPERATORS = (
    {"": "", "=": "=", "==": "=", "=>": ">=", ">=": ">=", "=<": "<=", "<=": "<="}
    | {op: op for op in (">", "<", "^", "~", "!=")}
    | {"~>": "~"}
)


class NotAConstraint(ValueError):
    """The text is no version constraint."""


def is_pinned(text: str) -> bool:
    """Whether the text is a version by itself, and so the name of a tag."""
    return _LOOSE.fullmatch(text) is not None


def parse_version(tag: str) -> Version | None:
    """The version a tag stands for ("v1.2" is 1.2.0), or None."""
    match = _LOOSE.fullmatch(tag)
    if not match:
        return None
    try:
        numbers = ".".join(str(int(part or 0)) for part in match.groups()[:3])
        return Version(numbers + match[4])
    except ValueError:
        return None


def highest(constraint: str, tags: Iterable[str]) -> str | None:
    """The tag with the highest version that satisfies the constraint. Raises NotAConstraint."""
    groups = _groups(constraint)
    versions = {tag: version for tag in sorted(tags) if (version := parse_version(tag))}
    matching = [tag for tag, version in versions.items() if any(_satisfies(version, g) for g in groups)]
    return max(matching, key=lambda tag: versions[tag].precedence_key, default=None)


_Term = tuple[str, str, str]
"""Operator, version (perhaps partial or with wildcards), prerelease or ""."""


def _groups(constraint: str) -> list[list[_Term]]:
    text = re.sub(r"(\S+)\s+-\s+(\S+)", r">=\1 <=\2", constraint.strip())
    text = re.sub(r"([<>=!~^])\s+", r"\1", text.replace(",", " "))
    groups = [[_term(word) for word in group.split()] for group in text.split("||")]
    if not all(groups):
        raise NotAConstraint(constraint)
    return groups


def _term(word: str) -> _Term:
    match = _TERM.fullmatch(re.sub(r"(?<![0-9A-Za-z.-])v(?=[0-9])", "", word))
    if not match or match["op"] not in _OPERATORS:
        raise NotAConstraint(word)
    operator, version = _OPERATORS[match["op"]], match["version"]
    try:
        NpmSpec(f"{'' if operator == '!=' else operator}{version}")
    except ValueError:
        raise NotAConstraint(word) from None
    return operator, version, match["pre"] or ""


def _satisfies(version: Version, group: list[_Term]) -> bool:
    if version.prerelease and not any(pre for _, _, pre in group):
        return False
    return all(_matches(version, term) for term in group)


def _matches(version: Version, term: _Term) -> bool:
    operator, base, pre = term
    if operator == "!=":
        return not _matches(version, ("", base, pre))
    if not pre:
        return _within(version, f"{operator}{base}")
    exact = _exact(base, pre)
    if exact and operator in ("", "=", ">", ">=", "<", "<="):
        return bool(Range("==" if operator in ("", "=") else operator, exact).match(version))
    floor = exact is None or version >= exact
    return floor and bool(NpmSpec(f"{operator}{base}").match(version.truncate()))


def _exact(base: str, pre: str) -> Version | None:
    """The version a term names when it has no wildcard."""
    return parse_version(f"{base}-{pre}")


def _within(version: Version, term: str) -> bool:
    """Match by plain order of versions, without npm's rule that hides prereleases of other patches."""
    ranges: Iterable[Range] = NpmSpec(term).clause.clauses
    return all(Range(each.operator, each.target).match(version) for each in ranges)
