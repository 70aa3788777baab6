"""What a hook may say, and what of it counts."""

import json
from datetime import UTC, datetime

import pytest

from tidegate.decisions.hook_answers import Word, later_seconds, word_of

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def said(**told: object) -> bytes:
    return json.dumps(told).encode()


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({}, b"", (None, "")),
        ({}, b"Forbidden", (None, "")),
        ({}, b"[1, 2]", (None, "")),
        ({}, b"\xff{", (None, "")),
        ({}, b"[" * 100_000, (None, "")),
        ({"Tidegate-Gate": "never"}, b"", (Word.NEVER, "")),
        ({"Tidegate-Gate": " Later "}, b"not JSON", (Word.LATER, "")),
        ({"Tidegate-Gate": "maybe"}, b"", (None, "")),
        ({}, said(gate="never", reason="not\nnow"), (Word.NEVER, "not now")),
        ({}, said(gate="later"), (Word.LATER, "")),
        ({}, said(gate={"x": 1}, reason=7), (None, "")),
        ({"Tidegate-Gate": "later"}, said(gate="never", reason="busy"), (Word.LATER, "busy")),
    ],
)
def test_a_word_is_found_in_header_or_body(
    headers: dict[str, str], body: bytes, expected: tuple[Word | None, str]
) -> None:
    assert word_of(headers, body) == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("90", 90.0),
        ("0", 1.0),
        ("9" * 40, 86_400.0),
        ("Mon, 23 Nov 2026 02:10:00 GMT", 600.0),
        ("Mon, 23 Nov 99999999999999999999 02:10:00 GMT", None),
        ("Mon, 23 Nov 2026 02:10:00 +99999999999999999999", None),
        ("Mon, 23 Nov 2026 01:00:00 GMT", 1.0),
        ("Mon, 23 Nov 2036 02:10:00 GMT", 86_400.0),
    ],
)
def test_retry_after_is_kept_within_a_second_and_a_day(header: str | None, seconds: float | None) -> None:
    assert later_seconds(header, NOW) == seconds
