"""What the sandbox's mesh understands of a DestinationRule: limits, load balancing, outlier detection."""

from pydantic import AliasChoices, Field

from tidegate.sandbox.mesh.istio import Duration, Host, Lenient


class TcpPool(Lenient):
    """Limits of connections to a host."""

    max_connections: int | None = Field(default=None, gt=0)
    connect_timeout: Duration | None = None


class HttpPool(Lenient):
    """Limits of requests to a host."""

    http1_max_pending_requests: int | None = Field(
        default=None,
        gt=0,
        validation_alias=AliasChoices("http1MaxPendingRequests", "http1_max_pending_requests"),
    )
    http2_max_requests: int | None = Field(
        default=None, gt=0, validation_alias=AliasChoices("http2MaxRequests", "http2_max_requests")
    )
    max_requests_per_connection: int | None = Field(default=None, ge=0)
    max_retries: int | None = Field(default=None, gt=0)


class ConnectionPool(Lenient):
    """Limits of connections and requests."""

    tcp: TcpPool = TcpPool()
    http: HttpPool = HttpPool()


class OutlierDetection(Lenient):
    """When a pod that keeps failing is left out for a while."""

    consecutive5xx_errors: int | None = Field(
        default=None, ge=0, validation_alias=AliasChoices("consecutive5xxErrors", "consecutive5xx_errors")
    )
    interval: Duration = "10s"
    base_ejection_time: Duration = "30s"
    max_ejection_percent: int = Field(default=10, ge=0, le=100)


class LoadBalancer(Lenient):
    """How a pod is chosen."""

    simple: str | None = None


class TrafficPolicy(Lenient):
    """How connections to a host are made. TLS modes make no difference: this mesh runs on loopback."""

    connection_pool: ConnectionPool = ConnectionPool()
    outlier_detection: OutlierDetection | None = None
    load_balancer: LoadBalancer = LoadBalancer()


class DestinationRuleSpec(Lenient):
    """The policy of one host."""

    host: Host
    traffic_policy: TrafficPolicy = TrafficPolicy()
