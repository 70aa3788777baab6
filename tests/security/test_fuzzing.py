"""Whatever strangers write, the readers answer with a value or with the one error that they promise."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

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
from tidegate.decisions.freezes import frozen
from tidegate.decisions.hey import parse_hey
from tidegate.decisions.hook_answers import (
    GATE_HEADER,
    LATEST_SECONDS,
    SOONEST_SECONDS,
    HookAnswer,
    later_seconds,
    word_of,
)
from tidegate.decisions.plan import compile_plan
from tidegate.domain.alert_provider import AlertProvider
from tidegate.domain.application import Application
from tidegate.domain.canary import Canary
from tidegate.domain.duration import format_duration, parse_duration
from tidegate.domain.errors import InvalidInput
from tidegate.domain.freeze_rule import FreezeRule
from tidegate.domain.metric_template import MetricTemplate
from tidegate.domain.plan import Plan, Purpose
from tidegate.domain.redaction import redacted
from tidegate.domain.release_policy import ReleasePolicy
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
            "metrics": [
                {"name": "request-duration", "thresholdRange": {"max": 1}},
                {"name": "request-success-rate", "thresholdRange": {"min": 99}},
            ],
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
ALERTS = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "AlertProvider",
    "metadata": {"name": "x"},
    "spec": {
        "type": "slack",
        "channel": "general",
        "username": "x",
        "address": "http://x/",
        "proxy": "http://x",
        "secretRef": {"name": "x"},
    },
}
POLICY = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "ReleasePolicy",
    "metadata": {"name": "x"},
    "spec": {
        "canaryRef": {"name": "podinfo"},
        "steps": [{"weight": 0.5, "duration": "1m", "checks": ["request-duration"]}, {"weight": 20}],
        "analysis": {
            "initialDelay": "1m",
            "minimumRequests": 10,
            "noData": "wait",
            "checks": [{"name": "request-success-rate", "dryRun": True}],
        },
        "comparison": {
            "with": "primary",
            "metrics": [{"name": "request-duration", "worse": "increase", "effectSize": 0.1}],
            "minimumSamples": 20,
            "step": "30s",
            "window": "1h",
            "confidence": 0.98,
        },
        "approvals": [{"before": 20, "quorum": 1, "approvers": ["ann", "bob"]}],
        "freezes": [
            {"schedule": "0 18 * * FRI", "duration": "62h", "timeZone": "Europe/Berlin", "reason": "weekend"}
        ],
    },
}
CRON = st.lists(st.text("0123456789*/,-#LWMONFRI", max_size=12), min_size=4, max_size=6).map(" ".join)
ZONES = st.text() | st.sampled_from(["Europe/Berlin", "../../etc/passwd", "/etc/localtime", "Europe", "\0"])
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
INSTANTS = st.integers(0, 86_400 * 3_650).map(lambda seconds: NOON + timedelta(seconds=seconds))


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in _places(value[key], (*path, key)))]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copy


def _read_policy(manifest: object) -> Plan:
    """What becomes of a policy: read, held against its canary, and compiled into the plan."""
    policy, canary = ReleasePolicy.parse(manifest), Canary.parse(CANARY)
    policy.refuse_unfit(canary)
    plan = compile_plan(canary, Purpose.RELEASE, 5.0, policy)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    return plan


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
@example("hey HTT'P://'0")
def test_a_hey_command_is_read_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert urlsplit(parse_hey(text).url).scheme in ("http", "https")


@pytest.mark.parametrize(
    ("read", "valid"),
    [
        (Application.from_manifest, APPLICATION),
        (Canary.parse, CANARY),
        (MetricTemplate.parse, TEMPLATE),
        (AlertProvider.parse, ALERTS),
        (_read_policy, POLICY),
    ],
    ids=["Application", "Canary", "MetricTemplate", "AlertProvider", "ReleasePolicy"],
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


@chosen(UNHURRIED)
@given(CRON | st.text(), st.sampled_from(["1m", "62h", "8784h"]), ZONES, INSTANTS)
@example("0 0 30 2 *", "1m", "UTC", datetime(2026, 1, 1, tzinfo=UTC))
@example("* * * * *", "1m", "UTC", datetime(2026, 1, 1, tzinfo=UTC))
@example("0 0 29 2 MON#5", "1m", "UTC", datetime(2026, 1, 1, tzinfo=UTC))
@example("30 2 * * *", "2m", "Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
def test_a_freeze_is_refused_in_one_line_or_ends_after_the_moment_it_holds_at(
    schedule: str, duration: str, zone: str, at: datetime
) -> None:
    written = {"schedule": schedule, "duration": duration, "timeZone": zone, "reason": "x"}
    try:
        rule = FreezeRule.parse(written)
    except InvalidInput as error:
        _one_line(error)
        return
    found = frozen([rule], at)
    assert found is None or found.until > at


@chosen(UNHURRIED)
@given(
    st.none() | st.text() | st.from_regex(r"\AMon, \d+ Jan \d+ \d+:00:00 (GMT|[+-]\d+)\Z"),
    st.none() | st.text() | st.sampled_from(["never", "LATER"]),
    st.binary()
    | st.builds(lambda gate, reason: json.dumps({"gate": gate, "reason": reason}).encode(), JSON, JSON),
    INSTANTS,
)
@example("Mon, 1 Jan 2026 00:00:00 +" + "9" * 30, None, b'{"gate": "later", "reason": "\\ud83d"}', NOON)
@example("9" * 5000, "later", b"[" * 100_000, NOON)
def test_a_hook_s_answer_is_understood_or_passed_over_and_can_be_stored(
    retry_after: str | None, header: str | None, body: bytes, now: datetime
) -> None:
    word, reason = word_of({GATE_HEADER: header} if header is not None else {}, body)
    again = later_seconds(retry_after, now)
    assert again is None or SOONEST_SECONDS <= again <= LATEST_SECONDS
    assert "\n" not in reason
    answer = HookAnswer(reason=redacted(reason), word=word, again_seconds=again)
    assert HookAnswer.model_validate_json(answer.model_dump_json()) == answer
