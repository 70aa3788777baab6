"""Which ReleasePolicy is a Canary's: at most one, in its namespace, that names it."""

from collections.abc import Iterator, Sequence

from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.release_policy import API_GROUP, ReleasePolicy
from tidegate.manifests.references import Rendered, api_group, namespace_of


def policy_of(canary: Canary, objects: Sequence[Rendered]) -> ReleasePolicy | None:
    """The canary's policy; InvalidInput names the policy that is a second one, or does not fit."""
    own = [
        (policy, rendered)
        for policy, rendered in _policies(objects)
        if (namespace_of(rendered.manifest), policy.spec.canary_ref.name) == (canary.namespace, canary.name)
    ]
    for _, second in own[1:]:
        error = InvalidInput(
            f"Canary {canary.name} has the ReleasePolicy {own[0][0].metadata.name} already",
            field="spec.canaryRef.name",
            mend="put both into one",
        )
        raise second.blamed(error)
    for policy, rendered in own:
        try:
            policy.refuse_unfit(canary)
        except InvalidInput as error:
            raise rendered.blamed(error) from None
    return own[0][0] if own else None


def refuse_strays(canaries: Sequence[Canary], objects: Sequence[Rendered]) -> None:
    """InvalidInput for a policy whose Canary is not there: nobody would follow it, and nobody know."""
    known = {(canary.namespace, canary.name) for canary in canaries}
    for policy, rendered in _policies(objects):
        namespace, name = namespace_of(rendered.manifest), policy.spec.canary_ref.name
        if (namespace, name) not in known:
            error = InvalidInput(
                f"no Canary {namespace}/{name} among the manifests",
                field="spec.canaryRef.name",
                mend="add it to the application's path, or correct the name or the policy's namespace",
            )
            raise rendered.blamed(error)


def _policies(objects: Sequence[Rendered]) -> Iterator[tuple[ReleasePolicy, Rendered]]:
    for each in objects:
        if (api_group(each.manifest), each.manifest.get("kind")) == (API_GROUP, "ReleasePolicy"):
            try:
                yield ReleasePolicy.parse(each.manifest), each
            except InvalidInput as error:
                raise each.blamed(error) from None
