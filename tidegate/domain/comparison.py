"""A comparison of the canary's numbers with the current version's, and what of a difference counts."""

from enum import StrEnum


class Worse(StrEnum):
    """Which way a value gets worse."""

    INCREASE = "increase"
    DECREASE = "decrease"
    EITHER = "either"
