"""Who has to approve of a release, and before what: a part of a ReleasePolicy."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from tidegate.domain.base import ManifestModel
from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.percent import exact

ROLLOUT, PROMOTION = "rollout", "promotion"


def _place(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return exact(value)
    if value in (ROLLOUT, PROMOTION):
        return value
    raise ValueError("is no place of a release; write rollout, promotion or the weight of a step, such as 50")


def _name(value: Any) -> Any:
    if not isinstance(value, str) or not value.strip() or value != " ".join(value.split()):
        raise ValueError("is no name; write it as it is given to --by, without spaces around it")
    return value


class ApprovalRule(ManifestModel):
    """`quorum` different persons of `approvers` have to approve `before` the release goes on.

    With `analysis` the last bake before it, if there is one, is repeated meanwhile; without it nothing is
    judged until they have.
    """

    before: Annotated[str | int | float, BeforeValidator(_place)]
    quorum: int = Field(default=1, ge=1)
    approvers: tuple[Annotated[str, BeforeValidator(_name)], ...] = Field(min_length=1)
    analysis: bool = True

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        different = len(set(self.approvers))
        if different < len(self.approvers):
            raise ValueError("approvers have a name twice; name each of them once")
        if self.quorum > different:
            raise ValueError(
                f"quorum {self.quorum} is more than the {different} approvers; name more of them"
            )
        return self

    def refuse_unfit(self, canary: Canary, weights: tuple[float, ...], field: str) -> None:
        """InvalidInput when there is no such place in the canary's release, which has these `weights`."""
        analysis = canary.spec.analysis
        asked = self.analysis and "analysis" in self.model_fields_set
        if asked and (self.before == ROLLOUT or canary.spec.skip_analysis):
            raise InvalidInput(
                f"is not under way before {self.before}", field=f"{field}.analysis", mend="remove it"
            )
        if isinstance(self.before, str):
            return
        if analysis.iterations or canary.spec.skip_analysis:
            raise InvalidInput(
                f"is a weight, and Canary {canary.name} has no steps",
                field=f"{field}.before",
                mend="write rollout or promotion",
            )
        if self.before not in weights:
            known = ", ".join(f"{weight:g}" for weight in weights)
            raise InvalidInput(
                f"{self.before} is no weight of a step", field=f"{field}.before", mend=f"write one of {known}"
            )
