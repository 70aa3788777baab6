"""A `ReleasePolicy` of Tidegate's own, in Git beside the manifests: what a Canary cannot say of its release.

It refers to its Canary, and is never applied to a cluster. Each section beside `canaryRef` is optional.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from tidegate.domain.application import Metadata
from tidegate.domain.approval_rule import ApprovalRule
from tidegate.domain.base import Duration, ManifestModel
from tidegate.domain.canary import NO_DATA, Canary
from tidegate.domain.comparison import HEAVIEST, Comparison
from tidegate.domain.errors import InvalidInput
from tidegate.domain.freeze_rule import FreezeRule
from tidegate.domain.percent import Percent, exact

API_GROUP = "tidegate.dev"


class PolicyCanaryRef(ManifestModel):
    """The Canary, of the policy's own namespace."""

    name: str = Field(min_length=1)


class Step(ManifestModel):
    """One weight of the canary in percent, how long it bakes, and which of its metrics are judged there.

    Without a duration it is the Canary's interval; without checks, all metrics are judged.
    """

    weight: Percent = Field(gt=0)
    duration: Duration | None = None
    checks: tuple[str, ...] | None = None

    @field_validator("weight", mode="before")
    @classmethod
    def _hundredths(cls, value: object) -> object:
        if isinstance(value, float) and abs(value - exact(value)) > 1e-9:
            raise ValueError(f"{value:g} is finer than a hundredth; write two decimals at most, as in 0.25")
        return value


class PolicyCheck(ManifestModel):
    """One of the Canary's metrics. The verdict of a dry run is told, and never holds the release up."""

    name: str = Field(min_length=1)
    dry_run: bool = False


class PolicyAnalysis(ManifestModel):
    """What must be there before a check is judged, and what its silence means.

    `initial_delay`: so long the first routing stands under load before anything is judged. With fewer than
    `minimum_requests` to the canary, in its window or a longer bake, a check has no verdict
    and waits for more; with none at all it is as without data.
    """

    initial_delay: Duration | None = None
    minimum_requests: int = Field(default=0, ge=0)
    no_data: Literal["fail", "wait"] | None = None
    checks: tuple[PolicyCheck, ...] = ()

    @model_validator(mode="after")
    def _each_check_once(self) -> Self:
        names = [check.name for check in self.checks]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"has the check {twice[0]!r} twice; keep one of them")
        return self


class ReleasePolicySpec(ManifestModel):
    """What is said of the Canary's release."""

    canary_ref: PolicyCanaryRef
    steps: tuple[Step, ...] = ()
    analysis: PolicyAnalysis = PolicyAnalysis()
    comparison: Comparison | None = None
    approvals: tuple[ApprovalRule, ...] = ()
    freezes: tuple[FreezeRule, ...] = ()

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

    @property
    def dry_runs(self) -> frozenset[str]:
        """The checks whose verdicts never hold the release up."""
        return frozenset(check.name for check in self.spec.analysis.checks if check.dry_run)

    @property
    def with_baseline(self) -> bool:
        """Whether a baseline is to stand beside the canary while it is analysed."""
        return self.spec.comparison is not None and self.spec.comparison.with_baseline

    def baseline_share(self, weight: float) -> float:
        """What a baseline gets, in percent, where the canary gets `weight`."""
        return self.spec.comparison.baseline_share(weight) if self.spec.comparison else 0

    def refuse_unfit(self, canary: Canary) -> None:
        """InvalidInput for what the policy says and its Canary has not, or says otherwise."""
        if self.spec.steps and canary.spec.analysis.iterations:
            raise InvalidInput(
                f"are weights, and Canary {canary.name} has iterations",
                field="spec.steps",
                mend="remove the steps, or give the Canary stepWeight instead of iterations",
            )
        for index, step in enumerate(self.spec.steps):
            _refuse_unknown(step.checks or (), canary, f"spec.steps.{index}.checks")
        for index, check in enumerate(self.spec.analysis.checks):
            _refuse_unknown((check.name,), canary, f"spec.analysis.checks.{index}.name")
        self._refuse_unanswerable(canary)
        weights = tuple(step.weight for step in self.spec.steps) or canary.spec.analysis.weights
        self._refuse_unmade_comparison(canary, weights)
        for index, rule in enumerate(self.spec.approvals):
            rule.refuse_unfit(canary, weights, f"spec.approvals.{index}")

    def _refuse_unmade_comparison(self, canary: Canary, weights: Sequence[float]) -> None:
        if self.spec.comparison is None:
            return
        if canary.spec.skip_analysis:
            raise InvalidInput(
                f"is never made, as Canary {canary.name} has skipAnalysis",
                field="spec.comparison",
                mend="remove one of them",
            )
        if not canary.spec.analysis.iterations and min(weights, default=0) > HEAVIEST:
            raise InvalidInput(
                f"is never made, as all weights are above {HEAVIEST}, where nobody has as many requests",
                field="spec.comparison",
                mend=f"begin with a weight of {HEAVIEST} or less, or remove it",
            )
        if self.with_baseline and (split := _unlike_split(canary)):
            raise InvalidInput(
                f"needs a split by weights alone, and Canary {canary.name} has {split}",
                field="spec.comparison.with",
                mend=f"compare with: primary, or remove {split.split()[0]} from the Canary",
            )
        for index, metric in enumerate(self.spec.comparison.metrics):
            field = f"spec.comparison.metrics.{index}.name"
            _refuse_unknown((metric.name,), canary, field)
            if metric.name in self.dry_runs:
                raise InvalidInput(
                    f"{metric.name!r} is a dry run, and a comparison counts",
                    field=field,
                    mend="remove it here, or its dryRun",
                )

    def _refuse_unanswerable(self, canary: Canary) -> None:
        analysis = self.spec.analysis
        if analysis.minimum_requests and canary.spec.service.is_tcp:
            raise InvalidInput(
                f"cannot be counted: Canary {canary.name} is one of connections (appProtocol tcp)",
                field="spec.analysis.minimumRequests",
                mend="remove it",
            )
        annotated = canary.metadata.annotations.get(NO_DATA)
        if analysis.no_data and annotated and analysis.no_data != annotated:
            raise InvalidInput(
                f"is {analysis.no_data}, and the annotation {NO_DATA} of Canary {canary.name} {annotated}",
                field="spec.analysis.noData",
                mend="keep one of them",
            )


def _unlike_split(canary: Canary) -> str:
    """What gives a canary other requests than a baseline could have: by rules, as copies, or by a cookie."""
    analysis = canary.spec.analysis
    found = {
        "iterations": analysis.iterations,
        "match": analysis.match,
        "mirror": analysis.mirrored,
        "sessionAffinity (its visitors stay, so that it has more than its weight)": analysis.session_affinity,
    }
    return next((name for name, asked in found.items() if asked), "")


def _refuse_unknown(checks: tuple[str, ...], canary: Canary, field: str) -> None:
    known = [metric.name for metric in canary.spec.analysis.metrics]
    for check in checks:
        if check not in known:
            raise InvalidInput(
                f"{check!r} is no metric of Canary {canary.name}",
                field=field,
                mend=f"name one of {', '.join(known)}" if known else "give the Canary this metric",
            )
