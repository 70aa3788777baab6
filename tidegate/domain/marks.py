"""Annotations: a primary remembers what it runs, a target what is judged, a VirtualService whose it is."""

from tidegate.domain.manifest import Manifest, dig

TEMPLATE_HASH = "tidegate.dev/template-hash"
"""Hash of the rendered target's pod template that was promoted last."""

REVISION = "tidegate.dev/revision"
"""Full commit SHA that was promoted last."""

PROMOTED_BY = "tidegate.dev/promoted-by"
"""Epoch of the release that promoted it last: whether that was this release, even at the same commit."""

ROLLBACK = "tidegate.dev/rollback"
"""While a promotion is not finished: JSON of what ran before it, so that undoing it needs no Git."""

INITIALISING = "tidegate.dev/initialising"
"""Present until the primary serves for the first time; until then the target is left alone."""

JUDGED_TEMPLATE = "tidegate.dev/judged-template"
"""On a target with replicas: hash of its live pod template as the analysis began."""

JUDGED_CONFIGURATION = "tidegate.dev/judged-configuration"
"""On a target with replicas: JSON of its ConfigMaps' and Secrets' digests as the analysis began."""

CONFIGURATION = "tidegate.dev/configuration"
"""On a primary: JSON of the digests of the ConfigMaps and Secrets that it was promoted with last."""

COPY_LABEL = "tidegate.dev/copy"
"""Label of a ConfigMap or Secret that is a primary's copy."""

COPIED_FOR = "tidegate.dev/copied-for"
"""On such a copy: the name of the primary that refers to it."""

ASKED_FOR = "tidegate.dev/asked-for"
"""On a Service: JSON of the labels, annotations and fields that its Canary asked for last."""

SCALED_BY = "tidegate.dev/scaled-by"
"""On a target with replicas: the name of KEDA's ScaledObject, which is paused between releases."""

PRIMARY = "tidegate.dev/primary"
"""On a target with replicas: JSON of the primary as the release found it."""

BASELINE_OF = "tidegate.dev/baseline-of"
"""On a baseline's Deployment, Service and DestinationRule: the name of the target that it stands beside."""

RELEASE = "tidegate.dev/release"
"""On a VirtualService: workflow id of the release that it belongs to."""

CANARY = "tidegate.dev/canary"
"""On a VirtualService: name of the Canary, in the same namespace."""

ORIGINAL = "tidegate.dev/original"
"""On a VirtualService or Service that was there before its first release: JSON of the spec that it had.

Of a Service, its selector and its ports.
"""

GIVEN_BACK = "tidegate.dev/given-back"
"""On a Service that was there before its first release, and that an uninstallation gave back: it stays."""

FURTHER = "tidegate.dev/further-clusters"
"""On the VirtualService of a canary in several workload clusters: those beside the destination, by commas.

On the destination's primary as well, which is there before the routes are; once they are, only theirs counts.
"""

TARGET = "tidegate.dev/target"
"""On a VirtualService: name of the canary's target."""

TARGET_KIND = "tidegate.dev/target-kind"
"""On a VirtualService: the kind of the canary's target; none for a Deployment."""


def annotations(manifest: Manifest) -> dict[str, str]:
    """metadata.annotations; empty when missing."""
    return dig(manifest, "metadata", "annotations") or {}
