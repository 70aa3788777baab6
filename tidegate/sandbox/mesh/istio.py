"""What the sandbox's mesh understands of Istio's networking objects, as models.

A route is read strictly: a field that would change where a request goes, and that the mesh does not know,
makes the object invalid. An invalid object is left out of the configuration and reported; it never stops
the others.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Manifest = Mapping[str, Any]

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|ns))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_HOST = re.compile(r"\*|(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_HEADER_NAME = re.compile(r":?[A-Za-z0-9!#$&'*+.^_`|~-]+")
_NOT_RE2 = re.compile(r"\(\?(=|!|<=|<!|>|P=)|\\[1-9]")


def seconds(duration: str) -> float:
    """`1m30s` as 90.0. Raises ValueError when it is no duration."""
    if not _DURATION.fullmatch(duration):
        raise ValueError(f"{duration!r} is not a duration such as 10s, 500ms or 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(duration))


def _duration(value: str) -> str:
    seconds(value)
    return value


def _regex(value: str) -> str:
    if _NOT_RE2.search(value):
        raise ValueError(f"{value!r} uses look-around or back-references, which RE2 does not have")
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from error
    return value


def _header_name(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a header's name")
    return value


def _header_value(value: str) -> str:
    if any(ord(letter) < 32 and letter != "\t" for letter in value):
        raise ValueError("a header's value holds control characters")
    return value


def _host(value: str) -> str:
    if not _HOST.fullmatch(value.lower()):
        raise ValueError(f"{value!r} is not a host")
    return value.lower()


Duration = Annotated[str, AfterValidator(_duration)]
Regex = Annotated[str, AfterValidator(_regex)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
Host = Annotated[str, AfterValidator(_host)]


class Lenient(BaseModel):
    """A model that passes over what it does not know."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Strict(Lenient):
    """A model that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")


class StringMatch(Strict):
    """One of exact, prefix and regex (RE2, the whole value); none of them means present."""

    exact: str | None = None
    prefix: str | None = None
    regex: Regex | None = None

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if sum(value is not None for value in (self.exact, self.prefix, self.regex)) > 1:
            raise ValueError("exact, prefix and regex exclude one another")
        return self


class HTTPMatch(Strict):
    """Conditions on a request, all of which have to hold."""

    name: str | None = None
    uri: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: dict[HeaderName, StringMatch] = {}
    without_headers: dict[HeaderName, StringMatch] = {}
    query_params: dict[str, StringMatch] = {}
    ignore_uri_case: bool = False
    gateways: tuple[str, ...] = ()
    source_labels: dict[str, str] = {}
    source_namespace: str = ""


class Port(Strict):
    """A port by its number."""

    number: int = Field(gt=0, lt=65536)


class Destination(Strict):
    """A service: its host as in a VirtualService, and the port when it has several."""

    host: Host
    port: Port | None = None


class HeaderOperations(Strict):
    """What to do to the headers of a request or a response."""

    set: dict[HeaderName, HeaderValue] = {}
    add: dict[HeaderName, HeaderValue] = {}
    remove: tuple[HeaderName, ...] = ()


class Headers(Strict):
    """Header operations for both directions."""

    request: HeaderOperations = HeaderOperations()
    response: HeaderOperations = HeaderOperations()


class RouteDestination(Strict):
    """A destination with its share of the traffic."""

    destination: Destination
    weight: int | None = Field(default=None, ge=0, le=2**31)
    headers: Headers = Headers()


def _refuse_no_weight(route: tuple[RouteDestination, ...]) -> None:
    if len(route) > 1 and not sum(part.weight or 0 for part in route):
        raise ValueError("the weights of a route's destinations add up to 0")


class Retries(Strict):
    """How often, and upon what, a request is tried again."""

    attempts: int = Field(default=2, ge=0)
    per_try_timeout: Duration | None = None
    retry_on: str | None = None
    retry_remote_localities: bool | None = None
    retry_ignore_previous_hosts: bool | None = None


class Rewrite(Strict):
    """The path and host that the destination sees."""

    uri: str | None = None
    authority: Host | None = None


class CorsPolicy(Strict):
    """Which browsers' origins may call."""

    allow_origin: tuple[str, ...] = ()
    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: Duration | None = None
    allow_credentials: bool | None = None


class Percentage(Strict):
    """Per cent, 0 to 100."""

    value: float = Field(default=0.0, ge=0, le=100)


class Redirect(Strict):
    """Where the client is sent instead."""

    uri: str | None = None
    authority: str | None = None
    scheme: str | None = None
    redirect_code: Literal[301, 302, 303, 307, 308] = 301


class Body(Strict):
    """The body of a direct response."""

    string: str = ""


class DirectResponse(Strict):
    """An answer that the proxy gives by itself."""

    status: int = Field(ge=200, le=599)
    body: Body = Body()


class Delay(Strict):
    """Hold some requests back before they are sent on."""

    fixed_delay: Duration
    percentage: Percentage = Percentage(value=100)


class Abort(Strict):
    """Answer some requests with an error."""

    http_status: int = Field(ge=200, le=599)
    percentage: Percentage = Percentage(value=100)


class Fault(Strict):
    """Faults to inject, to see how clients and releases bear them."""

    delay: Delay | None = None
    abort: Abort | None = None


class Delegate(Strict):
    """The VirtualService whose rules stand in for this one; in the same namespace where none is named."""

    name: str
    namespace: str = ""


class HTTPRoute(Strict):
    """The first route that matches a request decides where it goes, or how it is answered."""

    name: str | None = None
    match: tuple[HTTPMatch, ...] = ()
    route: tuple[RouteDestination, ...] = ()
    redirect: Redirect | None = None
    direct_response: DirectResponse | None = None
    delegate: Delegate | None = None
    fault: Fault | None = None
    timeout: Duration | None = None
    retries: Retries | None = None
    headers: Headers = Headers()
    rewrite: Rewrite | None = None
    cors_policy: CorsPolicy | None = None
    mirror: Destination | None = None
    mirror_percentage: Percentage = Percentage(value=100)

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        if sum(map(bool, (self.route, self.redirect, self.direct_response, self.delegate))) != 1:
            raise ValueError("a route has one of route, redirect, directResponse and delegate")
        _refuse_no_weight(self.route)
        return self


class TCPMatch(Strict):
    """Conditions on a connection."""

    port: int | None = Field(default=None, gt=0, lt=65536)
    gateways: tuple[str, ...] = ()


class TCPRoute(Strict):
    """The first route that matches a connection decides where it goes."""

    match: tuple[TCPMatch, ...] = ()
    route: tuple[RouteDestination, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        _refuse_no_weight(self.route)
        return self


class VirtualServiceSpec(Lenient):
    """Hosts, the gateways they are reached through (`mesh` when none), and the routes in order.

    One without hosts is for others to delegate to.
    """

    hosts: tuple[Host, ...] = ()
    gateways: tuple[str, ...] = ("mesh",)
    http: tuple[HTTPRoute, ...] = ()
    tcp: tuple[TCPRoute, ...] = ()


class ServerPort(Lenient):
    """A gateway's port."""

    number: int = Field(default=80, gt=0, lt=65536)
    protocol: str = "HTTP"


class Server(Lenient):
    """The hosts which a gateway serves; each may carry its VirtualServices' namespace (`ns/host`)."""

    port: ServerPort = ServerPort()
    hosts: tuple[str, ...] = ()


class WorkloadSelector(Lenient):
    """Labels of pods."""

    labels: dict[str, str] = {}


class EgressListener(Lenient):
    """A port on which a sidecar takes its workload's calls; all of them where none is named."""

    port: ServerPort | None = None


class SidecarSpec(Lenient):
    """Whose sidecar it is, and how it is called."""

    workload_selector: WorkloadSelector = WorkloadSelector()
    egress: tuple[EgressListener, ...] = ()


class GatewaySpec(Lenient):
    """A gateway's servers."""

    servers: tuple[Server, ...] = ()
