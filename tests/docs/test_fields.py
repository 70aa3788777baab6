"""What the reference says about manifest fields is what the models do."""

import re
from functools import partial
from typing import Any

import pytest
import yaml

from tests.tiers import DEFINITIONS
from tidegate.domain import (
    alert_provider,
    analysis,
    application,
    approval_rule,
    canary,
    comparison,
    freeze_rule,
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
    ("ReleasePolicy", "spec.freezes[]"): freeze_rule.FreezeRule,
}
TOP = (
    application.Application,
    application.Metadata,
    alert_provider.AlertProvider,
    canary.Canary,
    metric_template.MetricTemplate,
    release_policy.ReleasePolicy,
)
MANIFESTS, CANARY = PAGES = "docs/reference/manifests.md", "docs/reference/canary.md"
FLAGGER = DEFINITIONS / "flagger.yaml"
_ROW = re.compile(r"^\| (\w+) \| `([\w.\[\]]+)` \| ([^|]*) \| ?([^|]*) ?\|$", re.M)


def test_the_table_of_fields_is_the_models(documents: list[Any]) -> None:
    tables = [
        page.partition("<!-- fields")[2].partition("<!-- end of fields")[0]
        for page in map(partial(_page, documents), PAGES)
    ]
    told = {
        (kind, part): (_names(read), _names(refused))
        for table in tables
        for kind, part, read, refused in _ROW.findall(table)
    }
    assert told == {place: (_read(model), list(model.unsupported)) for place, model in PARTS.items()}


def test_the_table_leaves_no_model_out() -> None:
    assert set(_subclasses(ManifestModel)) == {*PARTS.values(), *TOP}


@pytest.mark.parametrize(
    ("kind", "model"),
    [(kind, model) for (kind, _), model in PARTS.items()],
    ids=lambda part: part if isinstance(part, str) else part.__name__,
)
def test_every_field_is_described(kind: str, model: type[ManifestModel], documents: list[Any]) -> None:
    page = _page(documents, MANIFESTS if kind in ("Application", "ReleasePolicy") else CANARY)
    assert [name for name in _read(model) if not re.search(rf"\b{name}\b", page)] == []


@pytest.mark.skipif(not FLAGGER.exists(), reason=f"{FLAGGER} is not there to compare with")
def test_every_field_of_flaggers_own_schemas_is_read_or_refused() -> None:
    definitions = {
        each["spec"]["names"]["kind"]: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for each in yaml.safe_load_all(FLAGGER.read_text())
        if each
    }
    unknown = {
        f"{kind} {part}.{field}"
        for (kind, part), model in PARTS.items()
        if kind in definitions
        for field in _properties(definitions[kind], part)
        if field not in {*_read(model), *model.unsupported}
    }
    assert unknown == set()


def _properties(schema: Any, part: str) -> list[str]:
    for step in part.split("."):
        schema = schema["properties"][step.removesuffix("[]")]
        schema = schema["items"] if step.endswith("[]") else schema
    return list(schema.get("properties", ()))


def _page(documents: list[Any], name: str) -> str:
    text: str = next(each.text for each in documents if each.name == name)
    return text


def _read(model: type[ManifestModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def _subclasses(model: type[ManifestModel]) -> list[type[ManifestModel]]:
    own = [each for each in model.__subclasses__() if each.__module__.startswith("tidegate.domain.")]
    return [*own, *(deeper for each in own for deeper in _subclasses(each))]
