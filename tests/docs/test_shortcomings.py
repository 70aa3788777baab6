"""Each shortcoming that docs/why.md claims to answer is answered by tests that are there."""

import re
from typing import Any

from tests.docs.conftest import ROOT

_ROW = re.compile(r"^\| (?P<shortcoming>[^|]+) \| [^|]+ \| (?P<tests>`test_[^|]+) \|$", re.M)


def test_each_of_the_fourteen_shortcomings_names_tests_that_there_are(documents: list[Any]) -> None:
    page = next(each.text for each in documents if each.name == "docs/why.md")
    rows = _ROW.findall(page)
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.M)
    }
    named = [name for _, tests in rows for name in re.findall(r"test_\w+", tests)]
    assert len(rows) == 14
    assert [name for name in named if name not in there] == []
