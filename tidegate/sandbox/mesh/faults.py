"""Faults that a VirtualService injects, as Envoy's filter wants them."""

from tidegate.sandbox.mesh.istio import Fault, Percentage, seconds

FILTER = "envoy.filters.http.fault"
_TYPE = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"

Json = dict[str, object]


def envoy_fault(fault: Fault) -> Json:
    """The filter's configuration for one route."""
    result: Json = {"@type": _TYPE}
    if fault.delay:
        delay = f"{seconds(fault.delay.fixed_delay):.9f}s"
        result["delay"] = {"fixed_delay": delay, "percentage": envoy_share(fault.delay.percentage)}
    if fault.abort:
        share = envoy_share(fault.abort.percentage)
        result["abort"] = {"http_status": fault.abort.http_status, "percentage": share}
    return result


def envoy_share(percentage: Percentage) -> Json:
    """Per cent as a fraction of a million."""
    return {"numerator": round(percentage.value * 10_000), "denominator": "MILLION"}
