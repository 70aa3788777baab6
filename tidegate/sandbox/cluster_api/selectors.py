"""Label and field selectors: parsed once, then asked of each object."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tidegate.sandbox.cluster_api.errors import bad_request
from tidegate.sandbox.cluster_api.objects import Object, dig

Labels = Mapping[str, str]
Matcher = Callable[[Labels], bool]
Predicate = Callable[[Object], bool]

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUALITY = re.compile(r"^(?P<key>[^\s=!]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s=!]*)$")
_ORDER = re.compile(r"^(?P<key>[^\s<>]+)\s*(?P<op>[<>])\s*(?P<value>-?\d+)$")
_KEY = re.compile(r"^!?\s*[A-Za-z0-9][A-Za-z0-9_./-]*$")


def parse_labels(text: str) -> Matcher:
    """A label selector in any of Kubernetes' forms: a=b, a==b, a!=b, a in (b,c), a notin (b), a, !a, a>1."""
    terms = [_label_term(part) for part in _split(text)]
    return lambda labels: all(term(labels) for term in terms)


def _split(text: str) -> list[str]:
    parts = re.split(r",(?![^(]*\))", text)
    return [part.strip() for part in parts if part.strip()]


def _label_term(text: str) -> Matcher:
    if found := _SET.match(text):
        values = {value.strip() for value in found["values"].split(",")}
        return _membership(found["key"], values, negate=found["op"] == "notin")
    if found := _EQUALITY.match(text):
        return _membership(found["key"], {found["value"]}, negate=found["op"] == "!=")
    if found := _ORDER.match(text):
        return _order(found["key"], found["op"], int(found["value"]))
    if not _KEY.match(text):
        raise bad_request(f"unable to parse requirement: {text!r} is not a label selector")
    return _presence(text)


def _membership(key: str, values: set[str], *, negate: bool) -> Matcher:
    if negate:
        return lambda labels: labels.get(key) not in values
    return lambda labels: labels.get(key) in values


def _presence(text: str) -> Matcher:
    if text.startswith("!"):
        absent = text[1:].strip()
        return lambda labels: absent not in labels
    return lambda labels: text in labels


def _order(key: str, operator: str, bound: int) -> Matcher:
    def compare(labels: Labels) -> bool:
        try:
            value = int(labels.get(key, ""))
        except ValueError:
            return False
        return value > bound if operator == ">" else value < bound

    return compare


def match_selector(selector: Mapping[str, Any] | None) -> Matcher:
    """A metav1.LabelSelector (matchLabels, matchExpressions) as a matcher; an empty one matches all."""
    selector = selector or {}
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    terms = [_membership(key, {value}, negate=False) for key, value in wanted.items()]
    terms += [_expression(expression) for expression in selector.get("matchExpressions") or []]
    return lambda labels: all(term(labels) for term in terms)


def _expression(expression: Mapping[str, Any]) -> Matcher:
    key, operator = str(expression["key"]), expression["operator"]
    if operator in ("In", "NotIn"):
        return _membership(key, set(expression.get("values") or ()), negate=operator == "NotIn")
    return _presence(key if operator == "Exists" else f"!{key}")


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """A metav1.LabelSelector in the text form that scale objects and table columns show."""
    selector = selector or {}
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    terms += [_expression_text(expression) for expression in selector.get("matchExpressions") or []]
    return ",".join(terms)


def _expression_text(expression: Mapping[str, Any]) -> str:
    key, operator = expression["key"], expression["operator"]
    if operator in ("In", "NotIn"):
        return f"{key} {operator.lower()} ({','.join(sorted(expression.get('values') or ()))})"
    return str(key) if operator == "Exists" else f"!{key}"


def parse_fields(text: str, supported: frozenset[str]) -> Predicate:
    """A field selector over the fields that the kind supports.

    Raises ApiError (400) for another field.
    """
    terms = [_field_term(part, supported) for part in _split(text)]
    return lambda obj: all(term(obj) for term in terms)


def _field_term(text: str, supported: frozenset[str]) -> Predicate:
    found = re.match(r"^([^=!]+?)(!=|==|=)(.*)$", text)
    if not found:
        raise bad_request(f"invalid selector: {text!r}; can't understand {text!r}")
    path, operator, value = found.groups()
    if path not in supported:
        raise bad_request(f"field label not supported: {path}")
    steps, wanted = path.split("."), operator != "!="

    def compare(obj: Object) -> bool:
        return (field_text(dig(obj, *steps)) == value) is wanted

    return compare


def field_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
