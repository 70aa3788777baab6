"""What hypothesis may do to an object: strategies for its body, and for sequences of operations on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
Bodies = st.SearchStrategy[Json]
MANAGERS = ("git", "hand", "mesh")
_words = st.sampled_from(["x", "y", "z"])
_few = st.integers(0, 3)


def some(**fields: st.SearchStrategy[Any]) -> Bodies:
    """A map in which each field may be absent."""
    return st.fixed_dictionaries({}, optional=fields)


def keyed(*keys: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Json]]:
    """A short list of maps that differ in their keys; the keys are always there."""
    named = {key: fields.pop(key) for key in keys}
    items = st.fixed_dictionaries(named, optional=fields)
    return st.lists(items, max_size=3, unique_by=lambda item: tuple(str(item[key]) for key in keys))


def _map(*names: str) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(names), _words, max_size=2)


METADATA = some(
    labels=_map("a", "b", "c"),
    annotations=_map("a", "t.dev/b"),
    finalizers=st.lists(st.sampled_from(["t.dev/a", "t.dev/b"]), max_size=2, unique=True),
)


@dataclass(frozen=True)
class Subject:
    """A kind under comparison: where it is, what its objects may hold, and what they must hold."""

    name: str
    api_version: str
    kind: str
    plural: str
    partial: Bodies
    required: Json
    status: Bodies | None = None
    scale: bool = False
    strategic: bool = True
    applied_only: bool = False
    pointers: Sequence[tuple[str, st.SearchStrategy[Any]]] = ()

    def place(self, namespace: str) -> str:
        root = "/apis" if "/" in self.api_version else "/api"
        return f"{root}/{self.api_version}/namespaces/{namespace}/{self.plural}"

    def head(self, body: Json) -> Json:
        return {"apiVersion": self.api_version, "kind": self.kind, **body}


def _completed(body: Any, required: Any) -> Any:
    """The body with what is required wherever it has nothing."""
    if isinstance(body, dict) and isinstance(required, dict):
        names = {**required, **body}
        return {name: _completed(body.get(name, required.get(name)), required.get(name)) for name in names}
    if isinstance(required, list) and not body:
        return required
    return body


def _nulled(bodies: Bodies) -> Bodies:
    """A patch from a body: at times a field of its spec becomes null, which removes it."""

    def change(body: Json, remove: bool, at: int) -> Json:
        spec = body.get("spec") if isinstance(body.get("spec"), dict) else None
        where = spec if spec else body
        name = sorted(where)[at % len(where)] if where else ""
        if not remove or not name or name == "metadata":
            return body
        inner = {**where, name: None}
        return {**body, "spec": inner} if spec else inner

    return st.builds(change, bodies, st.booleans(), st.integers(0, 5))


def operations(subject: Subject) -> st.SearchStrategy[Json]:
    partial = subject.partial
    full = partial.map(lambda body: _completed(body, subject.required))
    head = subject.head
    by = st.sampled_from(MANAGERS)
    force = st.sampled_from(["true", "false"])
    choices = [
        _operation("apply", partial.map(head), by, force=force),
        _operation("apply", full.map(head), by, force=force),
        st.just({"do": "delete"}),
        *_of_parts(subject, by, force),
    ]
    return st.one_of(choices if subject.applied_only else [*choices, *_plain(subject, partial, full, by)])


def _plain(
    subject: Subject, partial: Bodies, full: Bodies, by: st.SearchStrategy[str]
) -> list[st.SearchStrategy[Json]]:
    choices = [
        _operation("edit", _nulled(partial), by),
        _operation("replace", full.map(subject.head), by, current=st.just(True)),
        _operation("merge", _nulled(partial), by),
    ]
    if subject.strategic:
        choices.append(_operation("strategic", _nulled(partial), by))
    if subject.pointers:
        choices.append(_operation("json", json_patches(subject), by))
    return choices


def _of_parts(
    subject: Subject, by: st.SearchStrategy[str], force: st.SearchStrategy[str]
) -> list[st.SearchStrategy[Json]]:
    """Writes of the status and the scale."""
    choices = []
    if subject.status is not None:
        status = subject.status.map(lambda found: {"status": found})
        part = st.just("status")
        choices.append(_operation("merge", status, by, part=part))
        choices.append(_operation("apply", status.map(subject.head), by, part=part, force=force))
    if subject.scale:
        scale = _few.map(lambda count: {"spec": {"replicas": count}})
        whole = scale.map(lambda body: {"apiVersion": "autoscaling/v1", "kind": "Scale", **body})
        choices.append(_operation("merge", scale, by, part=st.just("scale")))
        choices.append(_operation("apply", whole, by, part=st.just("scale"), force=force))
    return choices


def beginnings(subject: Subject) -> st.SearchStrategy[Json]:
    full = subject.partial.map(lambda body: subject.head(_completed(body, subject.required)))
    by = st.sampled_from(MANAGERS)
    applied = _operation("apply", full, by)
    return applied if subject.applied_only else st.one_of(applied, _operation("create", full, by))


def sequences(subject: Subject, longest: int = 8) -> st.SearchStrategy[list[Json]]:
    rest = st.lists(operations(subject), min_size=1, max_size=longest)
    return st.builds(lambda first, more: [first, *more], beginnings(subject), rest)


def _operation(
    do: str, bodies: st.SearchStrategy[Any], by: st.SearchStrategy[str], **options: st.SearchStrategy[Any]
) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"do": st.just(do), "body": bodies, "fieldManager": by, **options})


def json_patches(subject: Subject) -> st.SearchStrategy[list[Json]]:
    def step(pointer: tuple[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Json]:
        path, values = pointer
        removal = st.just({"op": "remove", "path": path})
        writes = st.sampled_from(["add", "replace"]).flatmap(
            lambda op: values.map(lambda value: {"op": op, "path": path, "value": value})
        )
        return st.one_of(removal, writes)

    return st.lists(st.sampled_from(list(subject.pointers)).flatmap(step), min_size=1, max_size=2)
