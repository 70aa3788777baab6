"""The two base models: one for values of our own, one for users' manifests.

A manifest model refuses what it does not know, and names what it knows but does not act on yet.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from tidegate.domain.complaints import first_complaint
from tidegate.domain.duration import format_duration, parse_duration, parse_window
from tidegate.domain.errors import InvalidInput
from tidegate.domain.redaction import redacted

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
]
"""Seconds in Python; Go's notation ("30s", "1m30s") in manifests and histories."""


def _window(text: object) -> str:
    parse_window(text)
    return str(text)


Window = Annotated[str, BeforeValidator(_window)]
"""A query's window as it is written, for it goes into queries of several languages."""


class Model(BaseModel):
    """A frozen value of Tidegate's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ManifestModel(BaseModel):
    """A frozen part of a user's manifest, in Kubernetes' camelCase."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True
    )

    unsupported: ClassVar[Mapping[str, str]] = {}
    """Fields that are known but not acted on yet: name in the manifest -> how to mend the manifest."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_unsupported(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        asked = [name for name in cls.unsupported if value.get(name)]
        if asked:
            raise PydanticCustomError(
                "unsupported",
                "is not supported yet; {mend}",
                {"name": asked[0], "mend": cls.unsupported[asked[0]]},
            )
        return {name: item for name, item in value.items() if name not in cls.unsupported}

    @classmethod
    def parse(cls, value: object, *, file: str = "", field: str = "") -> Self:
        """Build the model from a manifest's part, or raise InvalidInput for its first fault."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise _invalid_input(error.errors(), file, field) from None


def _invalid_input(faults: list[ErrorDetails], file: str, prefix: str) -> InvalidInput:
    fault, context = faults[0], faults[0].get("ctx", {})
    place, told = first_complaint(faults)
    path = [prefix, *(str(part) for part in place)]
    problem, _, mend = told.partition("; ")
    if fault["type"] == "unsupported":
        path.append(str(context["name"]))
    if not mend:
        mend = _MENDS.get(fault["type"], f"correct this value (it is {_shown(fault)})")
    return InvalidInput(problem, file=file, field=".".join(part for part in path if part), mend=mend)


_MENDS = {"missing": "add it", "extra_forbidden": "check the spelling or remove it"}


def _shown(fault: ErrorDetails) -> str:
    """An address may be a secret as a whole, as a chat's is; one without a scheme does not look like it."""
    if fault["loc"][-1:] in (("address",), ("proxy",)):
        return "not shown, for it may be a secret"
    text = redacted(repr(fault.get("input")))
    return text if len(text) <= 60 else f"{text[:57]}..."
