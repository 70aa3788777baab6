"""One API server's connection: credentials from the settings, thin raw calls, errors of our own.

The client's generated methods and its dynamic client are passed by: both want models or a discovery of
the whole API, and manifests are plain dicts here.
"""

import json
import os
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import urllib3
from kubernetes import client, config

from tidegate.adapters.kubernetes.responses import error_of, reason_of
from tidegate.adapters.patience import answer_seconds, retry_after
from tidegate.domain.errors import InvalidInput, Unreachable
from tidegate.domain.redaction import manifest_secrets
from tidegate.settings.model import ClusterSettings

CONNECT_SECONDS = 3.0


class Connection:
    """A pool of connections to one API server, shared by all threads."""

    def __init__(self, name: str, settings: ClusterSettings, pool_size: int = 10) -> None:
        self.name = name
        self._configuration = _configuration(name, settings)
        self._configuration.retries = False
        self._configuration.keep_alive = True
        self._configuration.connection_pool_maxsize = pool_size
        self._client = client.ApiClient(self._configuration)
        self._client.user_agent = "tidegate"

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
        subject: str = "",
    ) -> Any:
        """One request, its answer as JSON; None when GET or DELETE find nothing.

        `subject` names the object in errors.
        """
        response = self.open(method, path, query=query, body=body, content_type=content_type)
        try:
            data = response.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(self.neighbour, reason_of(error)) from error
        finally:
            response.release_conn()
        if response.status == HTTPStatus.NOT_FOUND and method in ("GET", "DELETE"):
            return None
        if response.status >= 400:
            raise error_of(
                response.status,
                data,
                neighbour=self.neighbour,
                subject=subject,
                retry_after=retry_after(response.headers.get("Retry-After")),
                secrets=manifest_secrets(body),
            )
        try:
            return json.loads(data)
        except ValueError:
            raise Unreachable(self.neighbour, "something else than its API answers") from None

    def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
        read_seconds: float | None = None,
    ) -> urllib3.HTTPResponse:
        """Send one request; the caller reads the answer, whatever its status, and closes it.

        `read_seconds` is how long the answer may be silent; None: as long as the present attempt is patient.
        """
        if read_seconds is None:
            read_seconds = answer_seconds(writing=method != "GET")
        patience = (CONNECT_SECONDS, read_seconds)
        headers = {"Accept": "application/json", "Content-Type": content_type}
        try:
            _, url, sent, content, _ = self._serialized(method, path, query, headers, body)
            answer = self._client.call_api(method, url, sent, content, _request_timeout=patience)
        except (urllib3.exceptions.HTTPError, client.ApiException, OSError) as error:
            raise Unreachable(self.neighbour, reason_of(error)) from error
        response: urllib3.HTTPResponse = answer.response
        return response

    @property
    def neighbour(self) -> str:
        """How errors name the cluster."""
        return f"cluster {self.name}"

    @property
    def host(self) -> str:
        """The API server's base address."""
        return str(self._configuration.host)

    def credentials(self) -> dict[str, str]:
        """The headers that identify us now; tokens are renewed."""
        headers = self._serialized("GET", "/", None, {}, None)[2]
        return {name: value for name, value in headers.items() if name.lower() == "authorization"}

    def verification(self) -> ssl.SSLContext | bool:
        """How other HTTP clients verify this API server, our client certificate included."""
        if not self.host.startswith("https"):
            return True
        context = ssl.create_default_context(cafile=self._configuration.ssl_ca_cert)
        if not self._configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self._configuration.cert_file:
            context.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
        return context

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _serialized(
        self, method: str, path: str, query: Mapping[str, str] | None, headers: dict[str, str], body: object
    ) -> Any:
        return self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )


def _configuration(name: str, settings: ClusterSettings) -> client.Configuration:
    """Read the kubeconfig that the settings name, the pod's service account, or kubectl's default."""
    configuration = client.Configuration()
    try:
        if not settings.kubeconfig and os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=settings.kubeconfig or None,
                context=settings.context or None,
                client_configuration=configuration,
                persist_config=False,
            )
    except (config.ConfigException, OSError, ValueError) as error:
        raise InvalidInput(
            f"cannot be used: {reason_of(error)}",
            file="settings",
            field=f"clusters.{name}.kubeconfig",
            mend=f"correct it, or clusters.{name}.context",
        ) from error
    return configuration
