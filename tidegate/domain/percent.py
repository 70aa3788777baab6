"""Shares of the traffic in percent: whole numbers where they are, else to a hundredth.

A mesh knows no fractions. It splits by the proportion of whole weights, of which a hundredth takes 10,000.
"""

from typing import Annotated

from pydantic import AfterValidator, Field


def exact(share: float) -> float:
    """The nearest hundredth, as an int where it is one: 5.0 -> 5, 99.500001 -> 99.5."""
    rounded = round(share, 2)
    return int(rounded) if float(rounded).is_integer() else rounded


def rest(share: float) -> float:
    """What the others have."""
    return exact(100 - share)


def share_of(part: int, whole: int) -> float:
    """A weight's share of all weights. What gets anything at all has no 0, what leaves anything no 100."""
    share = exact(100 * part / whole) if whole else 0
    return min(max(share, 0.01), 99.99) if 0 < part < whole else share


def proportions(*shares: float) -> tuple[int, ...]:
    """Whole weights in the proportion of the shares: the shares themselves where all are whole."""
    scale = next((scale for scale in (1, 10) if all(exact(each * scale) % 1 == 0 for each in shares)), 100)
    return tuple(round(share * scale) for share in shares)


Percent = Annotated[int | float, Field(ge=0, le=100), AfterValidator(exact)]
