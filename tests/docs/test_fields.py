"""What the reference says about manifest fields is what the models do."""

import re
from typing import Any

import pytest

from tidegate.domain import (
    alert_provider,
    analysis,
    application,
    approval_rule,
    canary,
    comparison,
    metric_template,
    release_policy,
    service,
)
from tidegate.domain.base import ManifestModel

PARTS: dict[tuple[str, str], type[ManifestModel]] = {
    ("Application", "spec"): application.ApplicationSpec,
    ("Application", "spec.source"): application.Source,
    ("Application", "spec.source.directory"): application.Directory,
    ("Application", "spec.destination"): application.Destination,
    ("Application", "spec.syncPolicy"): application.SyncPolicy,
    ("Application", "spec.syncPolicy.automated"): application.Automated,
    ("Canary", "spec"): canary.CanarySpec,
    ("Canary", "spec.targetRef"): canary.TargetRef,
    ("Canary", "spec.autoscalerRef"): canary.AutoscalerRef,
    ("Canary", "spec.autoscalerRef.primaryScalerReplicas"): canary.ScalerReplicas,
    ("Canary", "spec.service"): service.Service,
    ("Canary", "spec.service.rewrite"): service.Rewrite,
    ("Canary", "spec.service.apex"): service.ServiceMetadata,
    ("Canary", "spec.service.primary"): service.ServiceMetadata,
    ("Canary", "spec.service.canary"): service.ServiceMetadata,
    ("Canary", "spec.service.unmanagedMetadata"): service.UnmanagedMetadata,
    ("Canary", "spec.analysis"): analysis.Analysis,
    ("Canary", "spec.analysis.sessionAffinity"): analysis.SessionAffinity,
    ("Canary", "spec.analysis.metrics[]"): analysis.Metric,
    ("Canary", "spec.analysis.metrics[].templateRef"): analysis.TemplateRef,
    ("Canary", "spec.analysis.metrics[].thresholdRange"): analysis.ThresholdRange,
    ("Canary", "spec.analysis.webhooks[]"): analysis.Webhook,
    ("Canary", "spec.analysis.alerts[]"): analysis.Alert,
    ("AlertProvider", "spec"): alert_provider.AlertProviderSpec,
    ("MetricTemplate", "spec"): metric_template.MetricTemplateSpec,
    ("MetricTemplate", "spec.provider"): metric_template.Provider,
    ("MetricTemplate", "spec.provider.secretRef"): metric_template.SecretRef,
    ("ReleasePolicy", "spec"): release_policy.ReleasePolicySpec,
    ("ReleasePolicy", "spec.canaryRef"): release_policy.PolicyCanaryRef,
    ("ReleasePolicy", "spec.steps[]"): release_policy.Step,
    ("ReleasePolicy", "spec.analysis"): release_policy.PolicyAnalysis,
    ("ReleasePolicy", "spec.analysis.checks[]"): release_policy.PolicyCheck,
    ("ReleasePolicy", "spec.comparison"): comparison.Comparison,
    ("ReleasePolicy", "spec.comparison.metrics[]"): comparison.ComparedMetric,
    ("ReleasePolicy", "spec.approvals[]"): approval_rule.ApprovalRule,
}
TOP = (
    application.Application,
    application.Metadata,
    alert_provider.AlertProvider,
    canary.Canary,
    metric_template.MetricTemplate,
    release_policy.ReleasePolicy,
)
_ROW = re.compile(r"^\| (\w+) \| `([\w.\[\]]+)` \| ([^|]*) \| ?([^|]*) ?\|$", re.M)


def test_the_table_of_fields_is_the_models(documents: list[Any]) -> None:
    page = next(each.text for each in documents if each.name == "docs/reference/manifests.md")
    table = page.partition("<!-- fields")[2].partition("<!-- end of fields")[0]
    told = {
        (kind, part): (_names(read), _names(refused)) for kind, part, read, refused in _ROW.findall(table)
    }
    assert told == {place: (_read(model), list(model.unsupported)) for place, model in PARTS.items()}


def test_the_table_leaves_no_model_out() -> None:
    assert set(_subclasses(ManifestModel)) == {*PARTS.values(), *TOP}


@pytest.mark.parametrize("model", PARTS.values(), ids=lambda model: model.__name__)
def test_every_field_is_described(model: type[ManifestModel], documents: list[Any]) -> None:
    page = next(each.text for each in documents if each.name == "docs/reference/manifests.md")
    assert [name for name in _read(model) if not re.search(rf"\b{name}\b", page)] == []


def _read(model: type[ManifestModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def _subclasses(model: type[ManifestModel]) -> list[type[ManifestModel]]:
    own = [each for each in model.__subclasses__() if each.__module__.startswith("tidegate.domain.")]
    return [*own, *(deeper for each in own for deeper in _subclasses(each))]
