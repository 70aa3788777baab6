"""A VirtualService's HTTP routes as Envoy's routes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tidegate.sandbox.mesh import faults
from tidegate.sandbox.mesh.istio import (
    CorsPolicy,
    Destination,
    HeaderOperations,
    Headers,
    HTTPMatch,
    HTTPRoute,
    Redirect,
    Retries,
    StringMatch,
    seconds,
)
from tidegate.sandbox.mesh.sidecars import Source

Json = dict[str, Any]
Resolve = Callable[[Destination], str]
"""Which of Envoy's clusters a destination is."""

_CORS = "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy"
_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled"
_HOST_HEADERS = frozenset({"host", ":authority"})


def envoy_routes(route: HTTPRoute, resolve: Resolve, source: Source) -> Iterator[Json]:
    """One Envoy route for each of the route's matches that the source's proxy hears of."""
    action = _action(route, resolve) if route.route else {}
    for match in route.match or (HTTPMatch(),):
        if source.hears_of(match):
            yield _route(route, match, action)


def plain_route(cluster: str) -> Json:
    """Everything to one cluster, as Istio routes to a service that no VirtualService mentions."""
    return {
        "match": {"prefix": "/"},
        "route": {"cluster": cluster, "timeout": "0s", "retry_policy": retry_policy(None)},
    }


def retry_policy(retries: Retries | None) -> Json:
    """Envoy's retry policy; Istio's default when a route says nothing."""
    retries = retries or Retries()
    words = [word.strip() for word in (retries.retry_on or _RETRY_ON).split(",") if word.strip()]
    codes = [int(word) for word in words if word.isdecimal()]
    policy: Json = {
        "num_retries": retries.attempts,
        "retry_on": ",".join(
            [word for word in words if not word.isdecimal()] + ["retriable-status-codes"] * bool(codes)
        ),
        "retriable_status_codes": codes,
    }
    if retries.per_try_timeout:
        policy["per_try_timeout"] = envoy_duration(retries.per_try_timeout)
    return policy


def envoy_duration(duration: str) -> str:
    """Istio's `1m30s` as the `90s` that Envoy's JSON wants."""
    return f"{seconds(duration):.9f}".rstrip("0").rstrip(".") + "s"


def _route(route: HTTPRoute, match: HTTPMatch, action: Json) -> Json:
    result = {"match": _match(match)} | _outcome(route, match, action)
    result |= _header_operations(route.headers)
    filters = {}
    if route.cors_policy:
        filters["envoy.filters.http.cors"] = _cors(route.cors_policy)
    if route.fault:
        filters[faults.FILTER] = faults.envoy_fault(route.fault)
    return result | ({"typed_per_filter_config": filters} if filters else {})


def _outcome(route: HTTPRoute, match: HTTPMatch, action: Json) -> Json:
    if route.redirect:
        return {"redirect": _redirect(route.redirect)}
    if route.direct_response:
        body = route.direct_response.body.string
        response: Json = {"status": route.direct_response.status}
        return {"direct_response": response | ({"body": {"inline_string": body}} if body else {})}
    return {"route": action | _rewrite(route, match)}


def _redirect(redirect: Redirect) -> Json:
    codes = {302: "FOUND", 303: "SEE_OTHER", 307: "TEMPORARY_REDIRECT", 308: "PERMANENT_REDIRECT"}
    parts = {
        "path_redirect": redirect.uri,
        "host_redirect": redirect.authority,
        "scheme_redirect": redirect.scheme,
        "response_code": codes.get(redirect.redirect_code, "MOVED_PERMANENTLY"),
    }
    return {name: value for name, value in parts.items() if value}


def _match(match: HTTPMatch) -> Json:
    result = _path(match.uri)
    if match.ignore_uri_case:
        result["case_sensitive"] = False
    pseudo = {":method": match.method, ":authority": match.authority}
    wanted = {name: value for name, value in pseudo.items() if value} | match.headers
    headers = [_header(name, value) for name, value in wanted.items()]
    headers += [_no_header(name, value) for name, value in match.without_headers.items()]
    result["headers"] = headers
    result["query_parameters"] = [_query(name, value) for name, value in match.query_params.items()]
    return result


def _path(uri: StringMatch | None) -> Json:
    if uri is None:
        return {"prefix": "/"}
    if uri.exact is not None:
        return {"path": uri.exact}
    if uri.regex is not None:
        return {"safe_regex": {"regex": uri.regex}}
    return {"prefix": uri.prefix or "/"}


def _string(match: StringMatch) -> Json | None:
    if match.exact is not None:
        return {"exact": match.exact}
    if match.prefix:
        return {"prefix": match.prefix}
    return {"safe_regex": {"regex": match.regex}} if match.regex is not None else None


def _header(name: str, match: StringMatch) -> Json:
    value = _string(match)
    return {"name": name} | ({"string_match": value} if value else {"present_match": True})


def _no_header(name: str, match: StringMatch) -> Json:
    header = _header(name, match) | {"invert_match": True}
    # Otherwise a request without the header would not match either.
    return header | {"treat_missing_header_as_empty": True} if "string_match" in header else header


def _query(name: str, match: StringMatch) -> Json:
    value = _string(match)
    return {"name": name} | ({"string_match": value} if value else {"present_match": True})


def _action(route: HTTPRoute, resolve: Resolve) -> Json:
    action: Json = {
        "weighted_clusters": {"clusters": list(_weighted(route, resolve))},
        "timeout": envoy_duration(route.timeout) if route.timeout else "0s",
        "retry_policy": retry_policy(route.retries),
    }
    if route.mirror:
        share = faults.envoy_share(route.mirror_percentage)
        action["request_mirror_policies"] = [
            {"cluster": resolve(route.mirror), "runtime_fraction": {"default_value": share}}
        ]
    return action


def _weighted(route: HTTPRoute, resolve: Resolve) -> Iterator[Json]:
    alone = len(route.route) == 1
    for part in route.route:
        yield {
            "name": resolve(part.destination),
            "weight": 100 if alone else part.weight or 0,
        } | _header_operations(part.headers)


def _rewrite(route: HTTPRoute, match: HTTPMatch) -> Json:
    result: Json = {}
    host = _host_header(route.headers.request)
    if host:
        result["host_rewrite_literal"] = host
    if route.rewrite and route.rewrite.authority:
        result["host_rewrite_literal"] = route.rewrite.authority
    if route.rewrite and route.rewrite.uri:
        result |= _path_rewrite(route.rewrite.uri, match.uri)
    return result


def _path_rewrite(path: str, match: StringMatch | None) -> Json:
    if match is None or match.regex is None:
        return {"prefix_rewrite": path}
    return {"regex_rewrite": {"pattern": {"regex": match.regex}, "substitution": path}}


def _host_header(operations: HeaderOperations) -> str | None:
    values = (value for name, value in operations.set.items() if name.lower() in _HOST_HEADERS)
    return next(values, None)


def _header_operations(headers: Headers) -> Json:
    return {
        "request_headers_to_add": list(_additions(headers.request)),
        "request_headers_to_remove": _removals(headers.request.remove),
        "response_headers_to_add": list(_additions(headers.response)),
        "response_headers_to_remove": _removals(headers.response.remove),
    }


def _additions(operations: HeaderOperations) -> Iterator[Json]:
    yield from _operation(operations.set, "OVERWRITE_IF_EXISTS_OR_ADD")
    yield from _operation(operations.add, "APPEND_IF_EXISTS_OR_ADD")


def _operation(values: Mapping[str, str], action: str) -> Iterator[Json]:
    for name, value in values.items():
        if name.lower() not in _HOST_HEADERS:
            # A lone % would start one of Envoy's operators and make it refuse the whole configuration.
            header = {"key": name, "value": value.replace("%", "%%")}
            yield {"header": header, "append_action": action, "keep_empty_value": True}


def _removals(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith(":") and name.lower() not in _HOST_HEADERS]


def _cors(policy: CorsPolicy) -> Json:
    origins = [_string(match) for match in policy.allow_origins]
    origins += [
        {"safe_regex": {"regex": ".*"}} if name == "*" else {"exact": name} for name in policy.allow_origin
    ]
    result: Json = {
        "@type": _CORS,
        "allow_origin_string_match": [origin for origin in origins if origin],
        "allow_methods": ",".join(policy.allow_methods),
        "allow_headers": ",".join(policy.allow_headers),
        "expose_headers": ",".join(policy.expose_headers),
    }
    if policy.max_age:
        result["max_age"] = str(int(seconds(policy.max_age)))
    if policy.allow_credentials is not None:
        result["allow_credentials"] = policy.allow_credentials
    return result
