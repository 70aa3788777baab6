"""In which of several clusters something failed: an error that comes from one of them bears its name."""

from collections.abc import Iterator
from contextlib import contextmanager

from tidegate.contracts import CanaryRef
from tidegate.domain.errors import TidegateError


@contextmanager
def named(ref: CanaryRef) -> Iterator[None]:
    """Errors of this block are told with the cluster of a reference that is for one of several."""
    try:
        yield
    except TidegateError as error:
        if ref.cluster and not cluster_of(error):
            error.add_note(ref.cluster)
        raise


def cluster_of(error: TidegateError) -> str:
    """Where it happened; empty where there is only one place."""
    return next(iter(getattr(error, "__notes__", ())), "")
