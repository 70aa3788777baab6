"""hey's command line: what is understood, and how the rest is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.decisions.hey import HeyCommand, is_hey, parse_hey
from tidegate.domain.errors import InvalidInput

URL = "http://podinfo-canary.test:9898/"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            f"hey -z 1m -q 10 -c 2 {URL}",
            HeyCommand(url=URL, duration=60, rate=10, workers=2, requests=None),
        ),
        (f"hey {URL}", HeyCommand(url=URL, workers=50, requests=200)),
        (f"hey -n 1000 -c 10 {URL}", HeyCommand(url=URL, workers=10, requests=1000)),
        (f"hey -n=60 --c=3 --q 0.5 {URL}", HeyCommand(url=URL, workers=3, requests=60, rate=0.5)),
        (f"hey -q 0 {URL}", HeyCommand(url=URL)),
        (f"hey -z 30s -z 1m30s {URL}", HeyCommand(url=URL, duration=90, requests=None)),
        (
            f"""hey -m post -T application/json -d '{{"price": "$5"}}' {URL}""",
            HeyCommand(url=URL, method="POST", content_type="application/json", body='{"price": "$5"}'),
        ),
        (
            f"""hey -H "X-Canary: always" -H 'Accept: */*' -host podinfo.example.com {URL}""",
            HeyCommand(
                url=URL, headers=(("X-Canary", "always"), ("Accept", "*/*")), host="podinfo.example.com"
            ),
        ),
        (
            "hey -n 50 'http://podinfo.test/?a=1&b=2'",
            HeyCommand(url="http://podinfo.test/?a=1&b=2", requests=50),
        ),
    ],
)
def test_a_common_command_line_is_understood(command: str, expected: HeyCommand) -> None:
    assert parse_hey(command) == expected


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (f"hey -h2 {URL}", "-h2"),
        (f"hey -a user:password {URL}", "flag -a,"),
        (f"hey -D body.json {URL}", "flag -D,"),
        (f"hey -t 5 {URL}", "flag -t,"),
        (f"hey -c2 {URL}", "flag -c2,"),
        (f"hey -disable-keepalive {URL}", "-disable-keepalive"),
        (f"hey {URL} -c 2", "after the URL"),
        ("hey -c 2", "no URL"),
        ("hey -c", "no value for -c"),
        ("hey http://user:password@podinfo.test/", "credentials in its URL"),
        ("hey podinfo.test", "in place of a URL"),
        ("hey ftp://podinfo.test", "in place of a URL"),
        ("hey http://podinfo.test:99999/", "in place of a URL"),
        (f"hey -z 10 {URL}", "-z '10'"),
        (f"hey -q fast {URL}", "-q 'fast'"),
        (f"hey -q nan {URL}", "-q 'nan'"),
        (f"hey -c 0 {URL}", "-c '0'"),
        (f"hey -n -5 {URL}", "-n '-5'"),
        (f"hey -n 10 -c 20 {URL}", "-n 10 below -c 20"),
        (f"hey -z 1m -c 501 {URL}", "501 workers"),
        (f"hey -m BREW {URL}", "-m 'BREW'"),
        (f"hey -H nonsense {URL}", "-H"),
        (f"wrk {URL}", "not hey"),
        ("", "not hey"),
    ],
)
def test_what_is_not_understood_is_named(command: str, named: str) -> None:
    with pytest.raises(InvalidInput, match=r"^metadata\.cmd: ") as refused:
        parse_hey(command)
    assert named in str(refused.value)
    assert refused.value.mend


@pytest.mark.parametrize(
    "command",
    [
        f"hey {URL}; rm -rf /",
        f"hey {URL} && true",
        f"hey {URL} | tee out",
        f"hey {URL} > out",
        f"hey {URL} &",
        f"hey -d $(id) {URL}",
        f"hey -d `id` {URL}",
        f'hey -d "$HOME" {URL}',
        f"hey -d $HOME {URL}",
        f"hey {URL}\nhey {URL}",
        f"hey -d 'unclosed {URL}",
    ],
)
def test_a_shell_is_never_needed(command: str) -> None:
    with pytest.raises(InvalidInput, match=r"no shell runs it|close every quotation"):
        parse_hey(command)


@pytest.mark.parametrize(
    ("command", "expected"),
    [("hey http://x", True), ("heyo http://x", False), ("wrk hey", False), ("", False)],
)
def test_only_hey_is_hey(command: str, expected: bool) -> None:
    assert is_hey(command) is expected


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        told = str(parse_hey(f"hey {text}").workers)
    except InvalidInput as error:
        told = str(error)
    assert len(told.splitlines()) == 1
