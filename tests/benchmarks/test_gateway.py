"""What visitors' answers say."""

import pytest

from benchmarks.gateway import Answer, failures, turned_away_after


def answer(second: float, version: str) -> Answer:
    return Answer(second, second + 0.01, version)


def test_the_canary_is_gone_with_the_first_answer_after_its_last_one() -> None:
    answers = [
        answer(1.0, "new"),
        answer(1.1, "old"),
        answer(1.2, "new"),
        answer(1.3, "old"),
        answer(1.4, "old"),
    ]
    assert turned_away_after(answers, "new", since=1.0) == pytest.approx(310)


def test_answers_are_taken_in_the_order_of_their_ends() -> None:
    slow = Answer(1.0, 1.5, "new")
    answers = [slow, answer(1.1, "old"), answer(1.6, "old")]
    assert turned_away_after(answers, "new", since=1.0) == pytest.approx(610)


def test_a_failure_is_no_answer_by_the_primary() -> None:
    answers = [answer(1.0, "new"), Answer(1.1, 1.2, failure="503"), answer(1.3, "old")]
    assert turned_away_after(answers, "new", since=1.0) == pytest.approx(310)


@pytest.mark.parametrize(
    ("versions", "problem"), [(["old"], "answered no request"), (["old", "new"], "still answering")]
)
def test_an_abort_that_was_not_seen_is_not_measured(versions: list[str], problem: str) -> None:
    answers = [answer(second, version) for second, version in enumerate(versions)]
    with pytest.raises(ValueError, match=problem):
        turned_away_after(answers, "new", since=0.0)


def test_failures_are_counted_by_kind() -> None:
    answers = [
        answer(1.0, "old"),
        Answer(1, 2, failure="503"),
        Answer(1, 2, failure="503"),
        Answer(1, 2, failure="X"),
    ]
    assert failures(answers) == {"503": 2, "X": 1}
