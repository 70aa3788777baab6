"""How people name a release: podinfo, podinfo@mesh02/test, or the Application's file."""

import getpass
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tidegate.adapters.git import RepositoryAddress
from tidegate.adapters.render import load_documents
from tidegate.contracts import APPLICATION_ATTRIBUTE, RELEASE_WORKFLOW, ReleaseRequest, release_workflow_id
from tidegate.domain.application import Application, Destination
from tidegate.domain.base import Model
from tidegate.domain.errors import InvalidInput
from tidegate.settings import Settings, SettingsError, check_further_clusters, load_settings

_NAME = re.compile(
    r"(?P<application>[a-z0-9][-a-z0-9.]*)(?:@(?P<cluster>[^/@\s]+)/(?P<namespace>[a-z0-9][-a-z0-9]*))?"
)


class ReleaseName(Model):
    """An application at a destination. Printed as podinfo@mesh02/test."""

    application: str
    cluster: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.application}@{self.cluster}/{self.namespace}"

    def with_clusters(self, further: Sequence[str]) -> str:
        """The same where it goes to several clusters: podinfo@mesh02+mesh03/test."""
        return f"{self.application}@{'+'.join((self.cluster, *further))}/{self.namespace}"

    @property
    def destination(self) -> str:
        """mesh02/test."""
        return f"{self.cluster}/{self.namespace}"

    @property
    def workflow_id(self) -> str:
        """The id of its Release workflow."""
        return release_workflow_id(self.cluster, self.namespace, self.application)

    @classmethod
    def of_workflow(cls, workflow_id: str) -> Self | None:
        """The release that a workflow id names; None for an id of another form."""
        parts = workflow_id.split("/")
        if len(parts) != 4 or parts[0] != "release" or not all(parts):
            return None
        return cls(cluster=parts[1], namespace=parts[2], application=parts[3])

    @classmethod
    def of_request(cls, request: ReleaseRequest) -> Self:
        """The release that a request asks for."""
        namespace = request.application.spec.destination.namespace
        return cls(application=request.application.name, cluster=request.cluster, namespace=namespace)


async def find_release(client: Client, name: str | None, file: Path | None) -> ReleaseName:
    """The one release that was meant; InvalidInput when none or several were."""
    if name is not None and file is not None:
        raise InvalidInput("both a name and a file are given", mend="give one of them")
    if name is None and file is None:
        raise InvalidInput("needs an application", mend="give its name or, with -f, its file")
    if file is not None:
        return ReleaseName.of_request(request_from(file, None, load_settings()))
    matched = _NAME.fullmatch(name or "")
    if matched is None:
        raise InvalidInput(
            f"{name!r} is not an application's name",
            mend="write podinfo or podinfo@cluster/namespace, or give its file with -f",
        )
    parts = matched.groupdict()
    if parts["cluster"]:
        return ReleaseName(**parts)
    return _only(parts["application"], await _known_releases(client, parts["application"]))


def request_from(file: Path, revision: str | None, settings: Settings) -> ReleaseRequest:
    """A request for what the file describes, at its own targetRevision when `revision` is None.

    Raises InvalidInput or SettingsError. An empty revision is refused: it is an unset variable of somebody's
    CI, and would release whatever the branch holds.
    """
    if revision is not None and not revision.strip():
        raise InvalidInput(
            "is empty",
            field="--revision",
            mend="give a branch, tag or SHA, or leave it out to release the Application's targetRevision",
        )
    application = read_application(file)
    _refuse_address(application, file)
    cluster = _cluster(settings, application.spec.destination, file.name)
    _check_further(settings, cluster, application, file)
    return ReleaseRequest(
        application=application,
        cluster=cluster,
        revision=revision or "",
        started_by=whoami(),
    )


def _refuse_address(application: Application, file: Path) -> None:
    """Before Temporal is given it: a URL with a password in it would stay in the history."""
    try:
        RepositoryAddress.parse(application.spec.source.repo_url)
    except InvalidInput as error:
        raise error.within(str(file)) from None


def _check_further(settings: Settings, cluster: str, application: Application, file: Path) -> None:
    try:
        check_further_clusters(settings, cluster, application.further_clusters)
    except InvalidInput as error:
        raise error.within(str(file)) from None


def whoami() -> str:
    """Who starts something: ann@laptop."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def read_application(file: Path) -> Application:
    """The one Application of a YAML or JSON file; InvalidInput says what else the file is."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"cannot be read: {error.strerror}", file=str(file), mend="give the file of an Application"
        ) from None
    documents = [each for each in load_documents(text, str(file)) if each is not None]
    if len(documents) != 1:
        raise InvalidInput(
            f"holds {len(documents)} documents", file=str(file), mend="give a file with one Application"
        )
    return Application.from_manifest(documents[0], file=str(file))


async def _known_releases(client: Client, application: str) -> list[ReleaseName]:
    """By the search attribute; where it is not registered, by the workflow ids of all releases."""
    everything = f"WorkflowType = '{RELEASE_WORKFLOW}'"
    try:
        found = await _listed(client, f"{everything} AND {APPLICATION_ATTRIBUTE} = '{application}'")
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
        found = set()
    found = found or await _listed(client, everything)
    return sorted((each for each in found if each.application == application), key=str)


async def _listed(client: Client, query: str) -> set[ReleaseName]:
    names = {ReleaseName.of_workflow(each.id) async for each in client.list_workflows(query)}
    return {name for name in names if name is not None}


def _only(application: str, found: list[ReleaseName]) -> ReleaseName:
    if not found:
        raise InvalidInput(
            f"no release of {application} is known",
            mend="see `tidegate list`, or give the Application's file with -f",
        )
    if len(found) > 1:
        raise InvalidInput(
            f"{application} has {len(found)} destinations",
            mend=f"name one of {', '.join(map(str, found))}",
        )
    return found[0]


def _cluster(settings: Settings, destination: Destination, file: str) -> str:
    try:
        return settings.cluster_for(server=destination.server, name=destination.name)
    except SettingsError as error:
        raise InvalidInput(error.mend, file=file, field=f"spec.{error.field}") from None
