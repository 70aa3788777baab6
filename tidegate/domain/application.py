"""An Argo CD `Application`: what to sync, from where, to where."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator
from pydantic_core import PydanticCustomError

from tidegate.domain.base import ManifestModel
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import dig

API_GROUP = "argoproj.io"
SYNC_OPTIONS = ("CreateNamespace", "ServerSideApply")
OWN_ANNOTATIONS = "tidegate.dev/"
COORDINATION = "tidegate.dev/coordination"
"""Annotation of an Application: whether its canaries are promoted together ("on", as without it) or not."""
FURTHER_CLUSTERS = "tidegate.dev/further-clusters"
"""Annotation of an Application: clusters that it goes to beside its destination, as in "mesh03,mesh04"."""


class Directory(ManifestModel):
    """How a plain directory of manifests is read."""

    recurse: bool = False
    include: str = ""
    exclude: str = ""
    unsupported: ClassVar = {"jsonnet": "render Jsonnet to plain manifests in Git"}


class Source(ManifestModel):
    """Where the manifests are kept."""

    repo_url: str = Field(alias="repoURL", min_length=1)
    path: str = "."
    target_revision: str = "HEAD"
    directory: Directory = Directory()
    unsupported: ClassVar = {
        "chart": "Helm charts are not rendered yet: render to plain manifests or kustomize in Git",
        "helm": "Helm charts are not rendered yet: render to plain manifests or kustomize in Git",
        "kustomize": "write these options into the kustomization.yaml",
        "plugin": "config management plugins are not run: render to plain manifests in Git",
        "ref": "several sources are not merged: use one source",
        "name": "several sources are not merged: use one source",
    }


class Destination(ManifestModel):
    """Which cluster and which namespace: the cluster by name, or by its API server's address."""

    name: str = ""
    server: str = ""
    namespace: str = "default"

    @model_validator(mode="after")
    def _one_cluster(self) -> Self:
        if bool(self.name) == bool(self.server):
            raise ValueError("needs either name or server; give exactly one of them")
        return self


class Automated(ManifestModel):
    """`automated` is Tidegate's normal case: a release syncs without a further question."""

    enabled: bool = True
    unsupported: ClassVar = {
        "prune": "objects are not pruned yet: set prune to false",
        "selfHeal": "a release runs once and does not self-heal: set selfHeal to false",
        "allowEmpty": "objects are not pruned yet: set allowEmpty to false",
    }


class SyncPolicy(ManifestModel):
    """How the sync is done."""

    automated: Automated | None = None
    sync_options: tuple[str, ...] = ()
    unsupported: ClassVar = {
        "retry": "every step is retried for the outage budget of the settings: remove it",
        "managedNamespaceMetadata": "put the namespace's labels into a Namespace manifest",
    }

    @model_validator(mode="after")
    def _known_options(self) -> Self:
        for option in self.sync_options:
            name, _, value = option.partition("=")
            if name not in SYNC_OPTIONS or value not in ("true", "false"):
                known = ", ".join(f"{each}=true" for each in SYNC_OPTIONS)
                raise ValueError(
                    f"the sync option {option!r} is not supported yet; use {known}, or remove it"
                )
        if "ServerSideApply=false" in self.sync_options:
            raise ValueError("'ServerSideApply=false' is not possible; Tidegate always applies on the server")
        return self

    @property
    def create_namespace(self) -> bool:
        """Whether a missing destination namespace is created."""
        return "CreateNamespace=true" in self.sync_options


class ApplicationSpec(ManifestModel):
    """`project`, `info` and `revisionHistoryLimit` are Argo CD's own bookkeeping and change no release."""

    project: str = "default"
    source: Source
    destination: Destination
    sync_policy: SyncPolicy = SyncPolicy()
    info: tuple[dict[str, str], ...] = ()
    revision_history_limit: int | None = None
    unsupported: ClassVar = {
        "sources": "several sources are not merged: use one source",
        "ignoreDifferences": "leave the field out of the manifest in Git: it is then left alone",
        "sourceHydrator": "point source at the hydrated branch",
    }


def _given(value: object) -> object:
    return value or {}


def _own(annotations: dict[str, str]) -> dict[str, str]:
    """Without other tools' annotations, which may hold whole manifests: no history needs them."""
    return {name: value for name, value in annotations.items() if name.startswith(OWN_ANNOTATIONS)}


class Metadata(ManifestModel):
    """The part of an object's metadata that Tidegate reads; the rest is the user's."""

    model_config = ManifestModel.model_config | {"extra": "ignore"}

    name: str = Field(min_length=1)
    namespace: str = ""
    annotations: Annotated[dict[str, str], BeforeValidator(_given), PlainSerializer(_own)] = {}


class Application(ManifestModel):
    """One Argo CD Application manifest."""

    api_version: Literal["argoproj.io/v1alpha1"] = "argoproj.io/v1alpha1"
    kind: Literal["Application"] = "Application"
    metadata: Metadata
    spec: ApplicationSpec
    status: Any = Field(default=None, exclude=True)
    operation: Any = Field(default=None, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _says_what_goes_together(cls, value: Any) -> Any:
        """Before the types are looked at: to YAML, off without quotes is no text."""
        asked = dig(value, "metadata", "annotations", COORDINATION)
        if asked not in (None, "on", "off"):
            raise _misunderstood(COORDINATION, asked, 'write "on" or "off", in quotes')
        return value

    @model_validator(mode="before")
    @classmethod
    def _says_where_else_it_goes(cls, value: Any) -> Any:
        asked = dig(value, "metadata", "annotations", FURTHER_CLUSTERS)
        if asked is not None and not _cluster_names(asked):
            mend = "name clusters of the settings, each once, with commas between them, or remove it"
            raise _misunderstood(FURTHER_CLUSTERS, asked, mend)
        return value

    @property
    def name(self) -> str:
        """The application's name."""
        return self.metadata.name

    @property
    def coordinated(self) -> bool:
        """Whether none of its canaries is promoted before all have passed."""
        return self.metadata.annotations.get(COORDINATION) != "off"

    @property
    def further_clusters(self) -> tuple[str, ...]:
        """Where it goes beside its destination: names of the settings."""
        return _cluster_names(self.metadata.annotations.get(FURTHER_CLUSTERS))

    @classmethod
    def from_manifest(cls, manifest: object, file: str = "") -> "Application":
        """Read a manifest; InvalidInput names the file, the field and the mend."""
        if not isinstance(manifest, dict):
            raise InvalidInput("is not a manifest", file=file, mend="write one Argo CD Application")
        if manifest.get("kind") != "Application":
            found = f"{manifest.get('apiVersion', '?')} {manifest.get('kind', '?')}"
            raise InvalidInput(
                f"is {found}, not an Application",
                file=file,
                field="kind",
                mend="give an Argo CD Application (argoproj.io/v1alpha1)",
            )
        return cls.parse(manifest, file=file)


def _cluster_names(text: object) -> tuple[str, ...]:
    """The names in an annotation's text; none where one is empty or there twice."""
    names = tuple(name.strip() for name in text.split(",")) if isinstance(text, str) else ()
    return names if all(names) and len(set(names)) == len(names) else ()


def _misunderstood(annotation: str, found: object, mend: str) -> PydanticCustomError:
    return PydanticCustomError(
        "unsupported",
        "is {shown}; {mend}",
        {"name": f"metadata.annotations.{annotation}", "shown": repr(found)[:40], "mend": mend},
    )
