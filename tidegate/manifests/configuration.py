"""ConfigMaps and Secrets that a pod template refers to: found, told apart by their contents, copied.

The primary refers to copies of its own, named after their contents. A copy is never overwritten, so the pod
template says which contents belong to it: bringing an earlier template back brings its configuration back.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import NamedTuple

from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig, name_of
from tidegate.domain.marks import CONFIGURATION, COPIED_FOR, COPY_LABEL, annotations
from tidegate.manifests.naming import OWNER_LABELS, PRIMARY_SUFFIX

KINDS = ("ConfigMap", "Secret")
TRACKING = "flagger.app/config-tracking"
"""Annotation of a ConfigMap or Secret; `disabled`: the primary shares it with the target."""

NOT_COPIED = ("kubernetes.io/service-account-token",)
"""Types of Secrets whose contents belong to a controller that would remove a copy."""

CONTENTS = ("type", "data", "binaryData")
LONGEST_NAME = 253
VERSION_DIGITS = 10

Names = Mapping["Reference", str]
"""A referred object -> the name of its copy."""


class Reference(NamedTuple):
    """A ConfigMap or Secret of the pods' own namespace."""

    kind: str
    name: str

    def __str__(self) -> str:
        """As messages name it: ConfigMap podinfo-config."""
        return f"{self.kind} {self.name}"


class Configuration(NamedTuple):
    """What a target's template refers to and is tracked, as it is in the cluster."""

    primary: str = ""
    sources: tuple[Manifest, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        """ "ConfigMap podinfo-config" -> its digest."""
        return {str(_reference(source)): digest(source) for source in self.sources}

    @property
    def names(self) -> dict[Reference, str]:
        """Each object's copy."""
        return {_reference(source): copy_name(self.primary, source) for source in self.sources}

    @property
    def copies(self) -> tuple[Manifest, ...]:
        """What the primary refers to instead."""
        return tuple(copy_for(self.primary, source) for source in self.sources)

    @property
    def marks(self) -> dict[str, str]:
        """The annotation by which a primary remembers what it was promoted with; none without any."""
        return {CONFIGURATION: written(self.digests)} if self.sources else {}


def references(template: Manifest) -> tuple[Reference, ...]:
    """Everything that a pod template refers to, once each, in the order of kind and name."""
    return tuple(sorted({place.reference for place in _places(template)}))


def renamed(template: Manifest, names: Names) -> Manifest:
    """The template with its references led to the copies; what has none stays."""
    copy = deepcopy(template)
    for place in _places(copy):
        place.holder[place.field] = names.get(place.reference, place.reference.name)
    return copy


def is_tracked(source: Manifest) -> bool:
    """Whether an object is to be copied: its owner has not opted out, and it is no copy itself."""
    opted_out = annotations(source).get(TRACKING) == "disabled"
    is_copy = COPY_LABEL in (dig(source, "metadata", "labels") or {})
    return not (opted_out or is_copy or source.get("type") in NOT_COPIED)


def digest(source: Manifest) -> str:
    """Sixteen hex digits that name an object's contents.

    Those of a Secret are keyed with its uid: whoever sees the digest alone can try no guesses on it.
    """
    contents = {field: source[field] for field in CONTENTS if source.get(field)}
    key = str(dig(source, "metadata", "uid") or "") if source["kind"] == "Secret" else ""
    return hmac.new(key.encode(), written(contents).encode(), hashlib.sha256).hexdigest()[:16]


def copy_name(primary: str, source: Manifest) -> str:
    """The name of the primary's copy with these contents; InvalidInput when it is too long for a name.

    Two primaries have two copies of what their targets share: each goes when its own needs it no more.
    """
    version = hashlib.sha256(f"{primary} {digest(source)}".encode()).hexdigest()[:VERSION_DIGITS]
    name = f"{name_of(source)}{PRIMARY_SUFFIX}-{version}"
    if len(name) > LONGEST_NAME:
        raise InvalidInput(
            f"{_reference(source)} has no room for the suffix of the primary's copy",
            field="metadata.name",
            mend=f"use a name of at most {LONGEST_NAME - len(name) + len(name_of(source))} characters, "
            f"or annotate it with {TRACKING}: disabled",
        )
    return name


def copy_for(primary: str, source: Manifest) -> Manifest:
    """The copy of an object that a primary of this name refers to.

    No annotation is copied: kubectl keeps a Secret's data in one.
    """
    metadata = source["metadata"]
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key not in OWNER_LABELS}
    return {
        "apiVersion": "v1",
        "kind": source["kind"],
        "metadata": {
            "name": copy_name(primary, source),
            "namespace": metadata["namespace"],
            "labels": labels | {COPY_LABEL: "configuration"},
            "annotations": {COPIED_FOR: primary},
        },
        **{field: deepcopy(source[field]) for field in CONTENTS if source.get(field)},
        "immutable": True,
    }


def same_contents(one: Manifest, other: Manifest) -> bool:
    """Whether two objects hold the same, whatever they are called."""
    return all((one.get(field) or None) == (other.get(field) or None) for field in CONTENTS)


def written(value: Mapping[str, object]) -> str:
    """Canonical JSON: the order of keys does not count."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _reference(source: Manifest) -> Reference:
    return Reference(source["kind"], name_of(source))


class _Place(NamedTuple):
    """Where a template names an object: the mapping, and its field with the name."""

    reference: Reference
    holder: Manifest
    field: str


def _places(template: Manifest) -> Iterator[_Place]:
    pod = dig(template, "spec")
    for volume in _items(pod, "volumes"):
        yield from _named(volume, "configMap", "ConfigMap")
        yield from _named(volume, "secret", "Secret", "secretName")
        for source in _items(volume.get("projected"), "sources"):
            yield from _named(source, "configMap", "ConfigMap")
            yield from _named(source, "secret", "Secret")
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for container in _items(pod, field):
            yield from _of_environment(container)


def _of_environment(container: Manifest) -> Iterator[_Place]:
    for variable in _items(container, "env"):
        yield from _named(variable.get("valueFrom"), "configMapKeyRef", "ConfigMap")
        yield from _named(variable.get("valueFrom"), "secretKeyRef", "Secret")
    for source in _items(container, "envFrom"):
        yield from _named(source, "configMapRef", "ConfigMap")
        yield from _named(source, "secretRef", "Secret")


def _named(parent: object, part: str, kind: str, field: str = "name") -> Iterator[_Place]:
    holder = dig(parent, part)
    if isinstance(holder, dict) and isinstance(name := holder.get(field), str) and name:
        yield _Place(Reference(kind, name), holder, field)


def _items(parent: object, field: str) -> list[Manifest]:
    found = dig(parent, field)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
