"""What is wrong with a value of a manifest, in plain words: pydantic speaks of inputs and patterns."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

WEB_ADDRESS = r"^https?://[^\s/]+"
OPTIONAL_WEB_ADDRESS = rf"^$|{WEB_ADDRESS}"

_PATTERNS = {WEB_ADDRESS: "is not an http(s) URL", OPTIONAL_WEB_ADDRESS: "is not an http(s) URL"}
"""What a pattern of our models asks for; of any other the pattern itself is shown."""

_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "is not a whole number",
    "float_type": "is not a number",
    "float_parsing": "is not a number",
    "finite_number": "is not a finite number",
    "bool_type": "is not true or false",
    "bool_parsing": "is not true or false",
    "string_type": "is not a text",
    "string_unicode": "is not a text",
    "string_too_long": "is longer than {max_length} characters",
    "string_pattern_mismatch": "does not match {pattern}",
    "too_long": "has more than {max_length} items",
    "greater_than": "is not more than {gt:g}",
    "greater_than_equal": "is less than {ge:g}",
    "less_than": "is not less than {lt:g}",
    "less_than_equal": "is more than {le:g}",
    "literal_error": "is not {expected}",
    "enum": "is not {expected}",
    "dict_type": "is not a mapping",
    "mapping_type": "is not a mapping",
    "model_type": "is not a mapping",
    "model_attributes_type": "is not a mapping",
    "tuple_type": "is not a list",
    "list_type": "is not a list",
}


_TYPES = ("int", "float", "str", "bool")
"""What pydantic adds to the place of a value that may be of several types."""


def complaint(fault: ErrorDetails) -> str:
    """The problem in words, without the field; a "; mend" of one of our own validators stays."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in ("string_too_short", "too_short"):
        return _too_short(context)
    if kind == "string_pattern_mismatch" and context["pattern"] in _PATTERNS:
        return _PATTERNS[context["pattern"]]
    words = _WORDS.get(kind)
    return words.format_map(context) if words else fault["msg"].removeprefix("Value error, ")


def first_complaint(faults: Sequence[ErrorDetails]) -> tuple[tuple[int | str, ...], str]:
    """Where the first fault is, and the complaint about it: one for all types that a value may be of."""
    *place, last = faults[0]["loc"] or ("",)
    same = [fault for fault in faults if last in _TYPES and list(fault["loc"][:-1]) == place]
    if len(same) < 2:
        return faults[0]["loc"], complaint(faults[0])
    told = dict.fromkeys(map(complaint, same))
    if "is not a number" in told:
        told.pop("is not a whole number", None)
    return tuple(place), " and ".join(told)


def _too_short(context: Mapping[str, Any]) -> str:
    least = context["min_length"]
    return "is empty" if least == 1 else f"has fewer than {least} items"
