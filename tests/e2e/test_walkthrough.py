"""What the article does by hand: from its repository's first commit to its last."""

import pytest

from tests.e2e.article import SEED, Article, is_available
from tests.e2e.user import serves

pytestmark = pytest.mark.skipif(not is_available(), reason=f"needs the article's manifests in {SEED}")


def test_the_articles_first_commit_is_initialised_as_it_is(article: Article) -> None:
    assert (article.first.code, article.first.outcome["outcome"]) == (0, "initialised"), article.first


async def test_the_articles_last_commit_is_promoted_in_steps_of_five(article: Article) -> None:
    assert (article.last.code, article.last.outcome["outcome"]) == (0, "promoted"), article.last
    assert article.weights == [*range(0, 55, 5), 0]
    assert [check["check"] for check in article.last.canary["verdicts"]] == [
        "request-success-rate",
        "latency",
    ]
    assert await article.application.end_state() == serves("3.1.1")


def test_what_had_to_be_adapted_is_told_as_a_warning(article: Article) -> None:
    warnings = " ".join(article.last.outcome["warnings"])
    assert "autoscaling/v2beta1 is no longer served" in warnings
    assert "MetricTemplate" in warnings
