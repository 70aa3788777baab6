"""Whatever strangers write, the readers answer with a value or with the one error that they promise."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as chosen
from hypothesis import strategies as st

from tidegate.adapters.git.repositories import choose_ref
from tidegate.adapters.git.versions import NotAConstraint, highest, is_pinned, parse_version
from tidegate.adapters.render.documents import load_manifests
from tidegate.cli.release_name import ReleaseName
from tidegate.contracts import Fence
from tidegate.decisions.egress import Egress
from tidegate.decisions.hey import parse_hey
from tidegate.domain.application import Application
from tidegate.domain.canary import Canary
from tidegate.domain.duration import format_duration, parse_duration
from tidegate.domain.errors import InvalidInput
from tidegate.domain.metric_template import MetricTemplate
from tidegate.domain.redaction import redacted
from tidegate.settings import ClusterSettings, Settings, SettingsError

UNHURRIED = chosen(deadline=None)
"""How long an example takes says more of the machine than of us."""

NUMBERS = st.text("0123456789.-+^~<>=!|,*xXv \u0663", max_size=40)
WORDS = st.sampled_from(
    [
        "hey",
        "-z",
        "-n",
        "-q",
        "-c",
        "-m",
        "-H",
        "-d",
        "--",
        "=",
        "1m",
        "9" * 5000,
        "http://x/",
        "'",
        '"',
        "$(",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
APPLICATION = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "podinfo"},
    "spec": {
        "source": {"repoURL": "https://git.example/x", "path": ".", "directory": {"recurse": True}},
        "destination": {"name": "mesh02", "namespace": "test"},
        "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
    },
}
CANARY = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "Canary",
    "metadata": {"name": "podinfo", "namespace": "test"},
    "spec": {
        "targetRef": {"kind": "Deployment", "name": "podinfo"},
        "service": {"port": 80, "hosts": ["x"], "match": [{}]},
        "analysis": {
            "interval": "1m",
            "stepWeights": [1, 2],
            "metrics": [{"name": "request-duration", "thresholdRange": {"max": 1}}],
            "webhooks": [{"name": "x", "url": "http://x/", "timeout": "1s", "metadata": {"cmd": "hey"}}],
        },
    },
}
TEMPLATE = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "MetricTemplate",
    "metadata": {"name": "x"},
    "spec": {"provider": {"type": "prometheus", "address": "http://x"}, "query": "1"},
}


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in _places(value[key], (*path, key)))]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copy


def _one_line(error: InvalidInput) -> None:
    text = str(error)
    assert "\n" not in text
    assert len(text) < 2_000


@chosen(UNHURRIED)
@given(st.text() | NUMBERS | st.from_regex(r"\A(\d+(\.\d+)?(ms|s|m|h)){1,4}\Z"))
@example("9" * 400 + "s")
@example("\u0663s")
def test_a_duration_is_read_or_refused_and_can_be_written(text: str) -> None:
    with suppress(ValueError):
        assert 0 < parse_duration(text) <= 366 * 86_400
        assert format_duration(parse_duration(text))


@chosen(UNHURRIED)
@given(st.text() | NUMBERS, st.lists(NUMBERS, max_size=5))
@example("1.0.0-x", ["v" + "1" * 5000])
@example("^" + "1" * 240 + "-a", ["1.0.0-b"])
def test_a_version_range_is_read_or_refused(constraint: str, tags: list[str]) -> None:
    is_pinned(constraint)
    for tag in tags:
        parse_version(tag)
    with suppress(NotAConstraint):
        assert highest(constraint, tags) in (None, *tags)


@chosen(UNHURRIED)
@given(st.text() | NUMBERS, st.lists(NUMBERS, max_size=5))
def test_a_revision_names_one_of_the_refs_or_none(revision: str, names: list[str]) -> None:
    refs = [f"refs/{kind}/{name}" for kind in ("heads", "tags") for name in names]
    with suppress(InvalidInput):
        assert choose_ref(revision, refs) in (None, *refs)


@chosen(UNHURRIED)
@given(st.text() | st.lists(WORDS | st.text(max_size=5)).map(" ".join))
def test_a_hey_command_is_read_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert parse_hey(text).url.startswith("http")


@pytest.mark.parametrize(
    ("read", "valid"),
    [(Application.from_manifest, APPLICATION), (Canary.parse, CANARY), (MetricTemplate.parse, TEMPLATE)],
    ids=["Application", "Canary", "MetricTemplate"],
)
@chosen(UNHURRIED, max_examples=200)
@given(data=st.data())
def test_a_manifest_with_anything_anywhere_is_read_or_refused_in_one_line(
    read: Callable[[object], Any], valid: Any, data: st.DataObject
) -> None:
    assert read(valid)
    place = data.draw(st.sampled_from(_places(valid)))
    try:
        read(_replaced(valid, place, data.draw(JSON)))
    except InvalidInput as error:
        _one_line(error)


@chosen(UNHURRIED)
@given(st.binary() | st.text("{}[]&*!<>:-#|'\" \n\tab01.%", max_size=80).map(str.encode))
def test_a_file_is_read_or_refused_in_one_line(content: bytes) -> None:
    for name in ("x.yaml", "x.json"):
        try:
            list(load_manifests(content, name))
        except InvalidInput as error:
            _one_line(error)


@chosen(UNHURRIED)
@given(st.text() | st.from_regex(r"\A\d+\.\d+\Z"))
@example("9" * 5000 + ".1")
@example("\u00b2.1")
def test_a_fence_is_read_or_none(text: str) -> None:
    fence = Fence.parse(text)
    assert fence is None or Fence.parse(str(fence)) == fence


@chosen(UNHURRIED)
@given(st.text(), st.text(min_size=1))
def test_a_cluster_is_found_or_refused_by_any_name(name: str, known: str) -> None:
    with suppress(SettingsError):
        found = Settings(clusters={known: ClusterSettings(server="https://x")}).cluster_for(name=name)
        assert found == known


@chosen(UNHURRIED)
@given(st.text())
def test_a_workflow_id_is_a_release_or_none(text: str) -> None:
    name = ReleaseName.of_workflow(text)
    assert name is None or name.workflow_id == text


@chosen(UNHURRIED)
@given(st.text() | st.text("htps:/.@#?[]\\169254%0a", max_size=40).map("http://".__add__))
def test_an_address_is_allowed_or_refused(url: str) -> None:
    with suppress(InvalidInput):
        Egress().check(url)


@chosen(UNHURRIED)
@given(st.text(), st.text(min_size=4))
def test_a_known_secret_never_passes_redaction(text: str, secret: str) -> None:
    assert secret not in redacted(f"{text}{secret}{text}", [secret]).replace("***", "")
