"""Server-side apply's invariants, held against whatever objects hypothesis comes up with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from tidegate.sandbox.cluster_api import fieldset, shapes, typed
from tidegate.sandbox.cluster_api.apply import apply_configuration
from tidegate.sandbox.cluster_api.errors import ApiError
from tidegate.sandbox.cluster_api.objects import clone
from tidegate.sandbox.cluster_api.ownership import Manager, owned_part, write_owners
from tidegate.sandbox.cluster_api.patch.merge import merge
from tidegate.sandbox.cluster_api.patch.strategic import strategic_merge

Json = dict[str, Any]
_GIT, _HAND = Manager("git", "Apply", "apps/v1"), Manager("hand", "Apply", "apps/v1")
_SHAPE = shapes.WORKLOAD
_words = st.sampled_from(["a", "b", "c"])
_maps = st.dictionaries(_words, _words, max_size=3)
_containers: st.SearchStrategy[list[Json]] = st.lists(
    st.fixed_dictionaries(
        {"name": _words},
        optional={
            "image": _words,
            "args": st.lists(_words, max_size=2),
            "env": st.lists(
                st.fixed_dictionaries({"name": _words, "value": _words}),
                max_size=2,
                unique_by=lambda e: e["name"],
            ),
        },
    ),
    min_size=1,  # an empty keyed list is nobody's, which the properties below do not speak of
    max_size=3,
    unique_by=lambda container: str(container["name"]),
)
_objects: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {}, optional={"labels": _maps, "finalizers": st.lists(_words, unique=True)}
        )
    },
    optional={
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "replicas": st.integers(0, 3),
                "selector": _maps,
                "template": st.fixed_dictionaries(
                    {"spec": st.fixed_dictionaries({"containers": _containers})}
                ),
            },
        )
    },
)


def _apply(live: Json, wanted: Json, manager: Manager, *, force: bool = False) -> Json:
    wanted = {**wanted, "metadata": {"name": "a", **wanted["metadata"]}}
    applied, owners = apply_configuration(live, wanted, manager, _SHAPE, force=force)
    result: Json = clone(applied)
    write_owners(result, owners, live)
    return result


def _new(wanted: Json, manager: Manager) -> Json:
    return _apply({"metadata": {}}, wanted, manager)


def _at(obj: Json, paths: fieldset.FieldSet) -> Json:
    flat = dict(_leaves(owned_part(obj), _SHAPE, ()))
    return {fieldset.readable(path): flat.get(path) for path in paths}


def _leaves(value: Any, shape: shapes.Shape, path: fieldset.Path) -> Iterator[tuple[fieldset.Path, Any]]:
    parts = typed.parts_of(value, shape)
    yield path, "parts" if parts or value in ({}, None) else value
    for element, (part, inner) in parts.items():
        yield from _leaves(part, inner, (*path, element))


@given(_objects)
def test_applying_twice_is_applying_once(wanted: Json) -> None:
    once = _new(wanted, _GIT)
    assert _apply(once, wanted, _GIT) == once


@given(_objects, _objects)
def test_an_unforced_apply_changes_nothing_that_others_own(theirs: Json, mine: Json) -> None:
    live = _new(theirs, _GIT)
    owned = typed.fields_of(owned_part(theirs), _SHAPE)
    try:
        after = _apply(live, mine, _HAND)
    except ApiError as refused:
        event(f"refused with {refused.code}")
    else:
        assert _at(after, owned) == _at(live, owned)


@given(_objects, _objects)
def test_a_forced_apply_brings_all_that_it_names(theirs: Json, mine: Json) -> None:
    after = _apply(_new(theirs, _GIT), mine, _HAND, force=True)
    owned = typed.fields_of(owned_part(mine), _SHAPE)
    alone = {path: value for path, value in _at(_new(mine, _HAND), owned).items() if value not in ([], {})}
    assert {path: value for path, value in _at(after, owned).items() if path in alone} == alone


@given(_objects, _objects)
def test_what_is_applied_no_more_is_gone_and_the_others_part_stays(theirs: Json, mine: Json) -> None:
    before = _new(theirs, _GIT)
    try:
        shared = _apply(before, mine, _HAND)
    except ApiError:
        return
    left = _apply(shared, {"metadata": {}}, _HAND)
    owned = typed.fields_of(owned_part(theirs), _SHAPE)
    assert _at(left, owned) == _at(before, owned)
    assert typed.fields_of(owned_part(left), _SHAPE) <= owned


@given(_objects)
def test_owned_fields_read_back_as_written(wanted: Json) -> None:
    fields = typed.fields_of(owned_part(wanted), _SHAPE)
    assert fieldset.decode(fieldset.encode(fields)) == fields


@given(_objects, _objects)
def test_patches_leave_their_object_alone_and_settle(value: Json, patch: Json) -> None:
    untouched = clone(value)
    patches: list[Callable[[Json], Json]] = [
        lambda live: merge(live, patch),
        lambda live: strategic_merge(live, patch, _SHAPE),
    ]
    for change in patches:
        once = change(value)
        assert change(once) == once
        assert value == untouched
