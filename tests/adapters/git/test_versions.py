"""Version constraints over tags, as Argo CD reads them."""

import pytest

from tidegate.adapters.git.versions import NotAConstraint, highest, is_pinned

TAGS = (
    "v1.0.0",
    "1.2.0",
    "v1.2.9",
    "1.3.0-rc.1",
    "v2.0.0-alpha",
    "v2.0.0",
    "2.1",
    "v3.0.0-beta.2",
    "nightly",
    "v1",
)


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("*", "2.1"),
        ("1.x", "v1.2.9"),
        ("1.*", "v1.2.9"),
        ("v1.x", "v1.2.9"),
        ("^1.0.0", "v1.2.9"),
        ("~1.2.0", "v1.2.9"),
        ("~>1.2.0", "v1.2.9"),
        (">=1.0.0 <1.2.9", "1.2.0"),
        (">= 1.0.0, < 1.2.9", "1.2.0"),
        (">=v1.0, <v2", "v1.2.9"),
        ("=>1.0 =<2.0.0", "v2.0.0"),
        ("1.0 - 2.0.0", "v2.0.0"),
        ("^1.0.0 || ^2.0.0", "2.1"),
        ("^1.0.0 || ~4", "v1.2.9"),
        (">=1.0.0 !=2.1.0 !=2.0.0", "v1.2.9"),
        ("=1.2.0", "1.2.0"),
        (">2.1.0", None),
        ("^4", None),
        ("*-0", "v3.0.0-beta.2"),
        (">=1.0.0-0", "v3.0.0-beta.2"),
        (">=1.2.0-0 <2.0.0", "1.3.0-rc.1"),
        ("^1.2.0-0", "1.3.0-rc.1"),
        ("~1.3.0-0", "1.3.0-rc.1"),
        ("~1.3-0", "1.3.0-rc.1"),
        (">=3.0.0-beta.3", None),
        ("<=3.0.0-beta.2", "v3.0.0-beta.2"),
        ("^2.0.0 || >=3.0.0-0", "v3.0.0-beta.2"),
    ],
)
def test_the_highest_matching_tag_wins(constraint: str, expected: str | None) -> None:
    assert highest(constraint, TAGS) == expected


@pytest.mark.parametrize(
    "text", ["main", "release-1.x", "", ">=", "><1", "1.0.0.0", "^main", "|| 1.x", "a b", "1.x.2y"]
)
def test_a_name_is_no_constraint(text: str) -> None:
    with pytest.raises(NotAConstraint):
        highest(text, TAGS)


@pytest.mark.parametrize("text", ["1.2.3", "v1.2.3", "1.2", "1", "1.2.3-rc.1", "v1.2.3+build.5"])
def test_a_version_by_itself_is_a_name(text: str) -> None:
    assert is_pinned(text)
