"""What crosses a process border."""

import pytest
from pydantic import BaseModel

from tidegate import contracts
from tidegate.contracts import ReleaseRequest
from tidegate.domain.application import FURTHER_CLUSTERS, Application


@pytest.mark.parametrize(
    "model",
    [
        each
        for each in vars(contracts).values()
        if isinstance(each, type)
        and issubclass(each, BaseModel)
        and each.__module__.startswith(contracts.__name__)
    ],
)
def test_a_model_is_complete_before_many_threads_use_it(model: type[BaseModel]) -> None:
    assert model.__pydantic_complete__


def test_a_request_brings_the_application_to_the_clusters_that_its_annotation_names() -> None:
    metadata = {"name": "podinfo", "annotations": {FURTHER_CLUSTERS: "mesh03, mesh04"}}
    spec = {"source": {"repoURL": "/repo"}, "destination": {"name": "mesh02"}}
    application = Application.parse({"metadata": metadata, "spec": spec})
    request = ReleaseRequest(application=application, cluster="mesh02", revision="v1")
    stored = ReleaseRequest.model_validate_json(request.model_dump_json())
    assert stored.owner_at("a" * 40).clusters == ("mesh02", "mesh03", "mesh04")
    assert stored.told_clusters == "mesh02, mesh03, mesh04"
