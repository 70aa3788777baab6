"""Reads YAML and JSON that strangers wrote: safely, within bounds, as Kubernetes' own reader would.

Kubernetes knows only what JSON knows, so dates and base-60 numbers are text here, whatever YAML 1.1 says.
Duplicate keys are refused, for YAML would quietly drop one of them.
"""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

import yaml

from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig

MAX_BYTES = 5_000_000
MAX_DEPTH = 100
MAX_NODES = 500_000
"""Values in one document after its aliases are followed; a real manifest has some hundreds."""

TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")
)

_Value = TypeVar("_Value")


class RenderedManifest(NamedTuple):
    """A manifest and the file it came from, relative to the repository, for error messages."""

    manifest: Manifest
    file: str


class _Loader(yaml.CSafeLoader):
    """PyYAML's safe loader, with JSON's types."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


def _adopt_resolvers() -> None:
    """Take over PyYAML's rules but those for dates and `=`, and numbers without base 60."""
    numbers = {
        "tag:yaml.org,2002:int": re.compile(
            r"[-+]?(?:0|[1-9][0-9]*|0[0-7]+|0o[0-7]+|0x[0-9a-fA-F]+|0b[01]+)$"
        ),
        "tag:yaml.org,2002:float": re.compile(
            r"[-+]?(?:[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
            r"|\.(?:inf|Inf|INF))$|\.(?:nan|NaN|NAN)$"
        ),
    }
    for first, rules in yaml.CSafeLoader.yaml_implicit_resolvers.items():
        kept = [(tag, numbers.get(tag, rule)) for tag, rule in rules]
        dropped = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
        _Loader.yaml_implicit_resolvers[first] = [(tag, rule) for tag, rule in kept if tag not in dropped]


_adopt_resolvers()


def load_manifests(text: bytes, file: str) -> Iterator[RenderedManifest]:
    """The manifests of one file: empty documents skipped, lists expanded. Raises InvalidInput."""
    for document in load_documents(text, file):
        if document is not None:
            yield from (RenderedManifest(manifest, file) for manifest in _expanded(document, file))


def read_limited(file: Path, shown: str) -> bytes:
    """A file's content; InvalidInput before anything is read of one that is too large."""
    if file.stat().st_size > MAX_BYTES:
        raise _too_large(shown)
    return file.read_bytes()


def _too_large(shown: str) -> InvalidInput:
    return InvalidInput(f"is larger than {MAX_BYTES} bytes", file=shown, mend="split it or exclude it")


def load_documents(text: bytes, file: str) -> list[Any]:
    """The documents of a YAML file, or the one of a .json file. Raises InvalidInput, and nothing else."""
    if len(text) > MAX_BYTES:
        raise _too_large(file)
    try:
        decoded = text.decode("utf-8-sig")
        return [_json(decoded)] if file.endswith(".json") else list(_yaml(decoded))
    except _Refused as error:
        raise InvalidInput(str(error), file=file, mend="correct the file or exclude it") from None
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        problem = f"is not {'JSON' if file.endswith('.json') else 'YAML'}: {_shown(error)}"
        raise InvalidInput(problem, file=file, mend="correct the syntax") from None


class _Refused(ValueError):
    """The document is well-formed, but not acceptable."""


def _json(text: str) -> Any:
    value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    _check_value(value, MAX_DEPTH)
    _refuse_halves(value)
    return value


def _refuse_halves(value: Any) -> None:
    """JSON's escapes can say half of a character, which nothing can store; those of YAML cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _Refused("holds half of a character, as in \\ud83d without its other half") from None


def _no_number(name: str) -> NoReturn:
    raise _Refused(f"holds {name}, which is no JSON number")


def _unique(pairs: list[tuple[str, _Value]]) -> dict[str, _Value]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Refused(f"has the key {next(key for key in keys if keys.count(key) > 1)!r} twice")
    return result


def _yaml(text: str) -> Iterator[Any]:
    _check_depth(text)
    loader = _Loader(text)
    try:
        while loader.check_node() and (node := loader.get_node()):
            _check_size(node)
            value = _constructed(loader, node)
            _check_value(value, MAX_DEPTH)
            yield value
    finally:
        loader.dispose()


def _constructed(loader: _Loader, node: yaml.Node) -> Any:
    """PyYAML stumbles in many ways over a value that does not fit its explicit tag."""
    try:
        return loader.construct_document(node)
    except (IndexError, KeyError, AttributeError, TypeError) as error:
        raise _Refused("has a value that does not fit its tag") from error


def _check_depth(text: str) -> None:
    """Look at the events first: they cost no recursion, and building the nodes does."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _Refused(f"is nested deeper than {MAX_DEPTH} levels")
        if count > 2 * MAX_NODES:
            raise _Refused(f"has more than {MAX_NODES} values")


def _check_size(root: yaml.Node) -> None:
    """Refuse duplicate keys, and what grows beyond the bounds when aliases are followed (a YAML bomb)."""
    sizes: dict[int, int] = {}
    if _size(root, sizes, set()) > MAX_NODES:
        raise _Refused(f"has more than {MAX_NODES} values once its aliases are followed")


def _size(node: yaml.Node, sizes: dict[int, int], above: set[int]) -> int:
    if id(node) in above:
        raise _Refused("has an alias that contains itself")
    if id(node) not in sizes:
        above.add(id(node))
        sizes[id(node)] = 1 + sum(_size(child, sizes, above) for child in _children(node))
        above.remove(id(node))
    return sizes[id(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if node.tag not in TAGS:
        raise _Refused(
            f"has the tag {node.tag!r} in line {node.start_mark.line + 1}, which JSON does not know"
        )
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        _refuse_duplicates(node)
        for key, value in node.value:
            yield from (key, value)


def _refuse_duplicates(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _Refused(f"has a key that is no text in line {key.start_mark.line + 1}")
        if key.value in seen:
            raise _Refused(f"has the key {key.value!r} twice, again in line {key.start_mark.line + 1}")
        seen.add(key.value)


def _check_value(value: Any, depth: int) -> None:
    """Only what JSON can say."""
    if depth < 0:
        raise _Refused(f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise _Refused(f"has the key {key!r}, which is no text: quote it")
            _check_value(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check_value(item, depth - 1)
    elif isinstance(value, float) and not math.isfinite(value):
        _no_number(str(value))


def _expanded(document: Any, file: str) -> Iterator[Manifest]:
    if not isinstance(document, dict):
        raise InvalidInput(
            "is not a manifest", file=file, mend="write Kubernetes objects or exclude the file"
        )
    kind, items = document.get("kind"), document.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        for item in items:
            yield from _expanded(item, file)
        return
    _check_identity(document, file)
    yield document


def _check_identity(manifest: Manifest, file: str) -> None:
    for field in (("apiVersion",), ("kind",), ("metadata", "name")):
        value = dig(manifest, *field)
        if not isinstance(value, str) or not value:
            problem = "is missing" if value is None else f"is {value!r}, not a text"
            mend = "add it, or exclude the file when it is no Kubernetes object"
            raise InvalidInput(problem, file=file, field=".".join(field), mend=mend)


def _shown(error: Exception) -> str:
    """One line of PyYAML's several: what and where."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"{problem} in line {mark.line + 1}" if mark else problem
