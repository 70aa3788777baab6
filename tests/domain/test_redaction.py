"""Secrets in texts that others wrote."""

import time

import pytest

from tidegate.domain.redaction import manifest_secrets, redacted, url_secrets

SECRET = "c4nary-s3cret"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"https://ann:{SECRET}@host/x?y", "https://***@host/x?y"),
        (
            f"fatal: '{'https'}://{SECRET}@host/repo.git/' not found",
            "fatal: 'https://***@host/repo.git/' not found",
        ),
        (f"Authorization: Bearer {SECRET}", "Authorization: ***"),
        (f"authorization: Basic {SECRET}", "authorization: ***"),
        (f'{{"Authorization": ["Bearer {SECRET}"], "Host": "x"}}', '{"Authorization": ["***"], "Host": "x"}'),
        (f"sent Bearer {SECRET} to it", "sent Bearer *** to it"),
        (f"X-Api-Key={SECRET}; b=c", "X-Api-Key=***; b=c"),
        (f"/x?token={SECRET}&a=b", "/x?token=***&a=b"),
        (f"password: '{SECRET}'", "password: '***'"),
        (
            f"a -----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY----- b",
            "a *** b",
        ),
        (f"-----BEGIN PRIVATE KEY-----{SECRET}", "***"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, expected: str) -> None:
    assert redacted(text) == expected


def test_half_a_character_is_told_as_a_question_mark() -> None:
    assert redacted("half a \ud83d, all of \U0001f600") == "half a ?, all of \U0001f600"


@pytest.mark.parametrize(
    "text",
    [
        "the environment variable GIT_TOKEN is not set here",
        "it asks for a login and no [git.credentials] of the settings fits; add it with token_env",
        "clusters.mesh02.prometheus_token_env: not set",
        "Basic authentication failed",
        "Secret test/registry: field is immutable",
        "the token is missing or wrong",
        "http://loadtester.test answered 500: no Bearer given",
        "git@git.example:team/repo",
        "podinfo@mesh02/test",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    ["a-" * 50_000, "a://" * 20_000, "bearer " * 20_000, "token" * 20_000, "-----BEGIN PRIVATE KEY" * 5_000],
)
def test_a_long_text_takes_no_long_time(text: str) -> None:
    began = time.process_time()
    redacted(text, ["s3cret"])

    assert time.process_time() - began < 5


def test_a_known_secret_is_taken_out_wherever_it_is() -> None:
    assert redacted(f"x{SECRET}y", [SECRET]) == "x***y"


def test_a_short_secret_does_not_riddle_the_text() -> None:
    assert redacted("a red rose", ["", "e"]) == "a red rose"


def test_the_secrets_of_a_url_are_known_as_they_travel() -> None:
    found = url_secrets("http://ann:p%40ss@host/")

    assert {"ann", "p@ss", "p%40ss", "YW5uOnBAc3M="} <= set(found)
    assert url_secrets("http://host/") == url_secrets("http://[") == []


def test_the_secrets_of_a_secret_are_its_values() -> None:
    secret = {"kind": "Secret", "data": {"a": "YzRuYXJ5"}, "stringData": {"b": SECRET}}

    assert {"YzRuYXJ5", "c4nary", SECRET} <= set(manifest_secrets(secret))
    assert manifest_secrets({"kind": "ConfigMap", "data": {"a": SECRET}}) == []
    assert manifest_secrets({"kind": "Secret", "data": None}) == manifest_secrets(None) == []
