"""A `ReleasePolicy` of Tidegate's own, in Git beside the manifests: what a Canary cannot say of its release.

It refers to its Canary, and is never applied to a cluster. Each section beside `canaryRef` is optional.
"""

from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tidegate.domain.application import Metadata
from tidegate.domain.base import Duration, ManifestModel
from tidegate.domain.canary import Canary
from tidegate.domain.comparison import Comparison
from tidegate.domain.errors import InvalidInput

API_GROUP = "tidegate.dev"


class PolicyCanaryRef(ManifestModel):
    """The Canary, of the policy's own namespace."""

    name: str = Field(min_length=1)


class Step(ManifestModel):
    """One weight of the canary in percent, how long it bakes, and which of its metrics are judged there.

    Without a duration it is the Canary's interval; without checks, all metrics are judged.
    """

    weight: int = Field(ge=1, le=100)
    duration: Duration | None = None
    checks: tuple[str, ...] | None = None


class ReleasePolicySpec(ManifestModel):
    """What is said of the Canary's release."""

    canary_ref: PolicyCanaryRef
    steps: tuple[Step, ...] = ()
    comparison: Comparison | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set - {"canary_ref"}:
            raise ValueError("says nothing beside its canaryRef; add a section, or remove the policy")
        return self

    @model_validator(mode="after")
    def _rising_weights(self) -> Self:
        weights = [step.weight for step in self.steps]
        if not all(low < high for low, high in pairwise(weights)):
            raise ValueError(f"steps have the weights {', '.join(map(str, weights))}; let them rise")
        return self


class ReleasePolicy(ManifestModel):
    """One ReleasePolicy manifest."""

    api_version: Literal["tidegate.dev/v1alpha1"] = "tidegate.dev/v1alpha1"
    kind: Literal["ReleasePolicy"] = "ReleasePolicy"
    metadata: Metadata
    spec: ReleasePolicySpec
    status: Any = Field(default=None, exclude=True)

    def refuse_unfit(self, canary: Canary) -> None:
        """InvalidInput for what the policy says and its Canary has not."""
        if self.spec.steps and canary.spec.analysis.iterations:
            raise InvalidInput(
                f"are weights, and Canary {canary.name} has iterations",
                field="spec.steps",
                mend="remove the steps, or give the Canary stepWeight instead of iterations",
            )
        for index, step in enumerate(self.spec.steps):
            _refuse_unknown(step.checks or (), canary, f"spec.steps.{index}.checks")
        self._refuse_unmade_comparison(canary)

    def _refuse_unmade_comparison(self, canary: Canary) -> None:
        if self.spec.comparison is None:
            return
        if canary.spec.skip_analysis:
            raise InvalidInput(
                f"is never made, as Canary {canary.name} has skipAnalysis",
                field="spec.comparison",
                mend="remove one of them",
            )
        for index, metric in enumerate(self.spec.comparison.metrics):
            _refuse_unknown((metric.name,), canary, f"spec.comparison.metrics.{index}.name")


def _refuse_unknown(checks: tuple[str, ...], canary: Canary, field: str) -> None:
    known = [metric.name for metric in canary.spec.analysis.metrics]
    for check in checks:
        if check not in known:
            raise InvalidInput(
                f"{check!r} is no metric of Canary {canary.name}",
                field=field,
                mend=f"name one of {', '.join(known)}" if known else "give the Canary this metric",
            )
