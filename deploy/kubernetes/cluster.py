"""The cluster, reached only through its API server, by the official client and the usual kubeconfig.

Pods are asked through a port-forward, which the kubelet opens inside the pod: no NetworkPolicy has to let it in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from kubernetes import client, config, dynamic
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError
from kubernetes.stream import portforward
from urllib3.exceptions import HTTPError

from contracts.exits import UsageError
from deploy.engine import EngineError
from deploy.kubernetes.manifests import NAME_LABEL, SERVICE, SIDE_LABEL, Document

MANAGER = "gatehouse-deploy"
REQUEST_SECONDS = 20.0
EXCHANGE_SECONDS = 20.0
PIECE = 65_536
NOT_FOUND, CONFLICT = 404, 409
Answer = TypeVar("Answer")


class ClusterError(EngineError):
    """The API server does not answer, or refuses: the text has its reason."""


class NoClusterError(UsageError):
    """No kubeconfig that names a cluster."""


class ConflictError(ClusterError):
    """Another process has created or changed the object first."""


@dataclass(frozen=True)
class Cluster:
    """One namespace of one cluster."""

    namespace: str

    @cached_property
    def _api(self) -> client.ApiClient:
        try:
            return config.new_client_from_config()
        except ConfigException as error:
            with suppress(ConfigException):
                config.load_incluster_config()
                return client.ApiClient()
            raise NoClusterError(
                f"No cluster is named: {error}. Set KUBECONFIG, or `kubectl config use-context`."
            ) from None

    @cached_property
    def core(self) -> client.CoreV1Api:
        return client.CoreV1Api(self._api)

    @cached_property
    def apps(self) -> client.AppsV1Api:
        return client.AppsV1Api(self._api)

    @cached_property
    def scaling(self) -> client.AutoscalingV2Api:
        return client.AutoscalingV2Api(self._api)

    @cached_property
    def leases(self) -> client.CoordinationV1Api:
        return client.CoordinationV1Api(self._api)

    @cached_property
    def slices(self) -> client.DiscoveryV1Api:
        return client.DiscoveryV1Api(self._api)

    @cached_property
    def _dynamic(self) -> dynamic.DynamicClient:
        return dynamic.DynamicClient(self._api)

    def apply(self, document: Document) -> None:
        """Server-side apply. Raises ClusterError."""
        kind, name = document["kind"], document["metadata"]["name"]
        with _errors(f"{kind} {name}"):
            try:
                resource = self._dynamic.resources.get(api_version=document["apiVersion"], kind=kind)
            except ResourceNotFoundError:
                raise ClusterError(
                    f"This cluster knows no {kind} ({document['apiVersion']}). Install what brings it, or leave it "
                    "out of the overlay: deploy/kubernetes/operator needs the Prometheus Operator."
                ) from None
            self._dynamic.server_side_apply(resource, body=document, field_manager=MANAGER, force_conflicts=True)

    def ask(self, call: Callable[..., Answer], *arguments: Any, **named: Any) -> Answer:
        """Call a method of the client, with a time limit. Raises ClusterError, and ConflictError."""
        with _errors(" ".join(str(one) for one in arguments if isinstance(one, str))):
            return call(*arguments, _request_timeout=REQUEST_SECONDS, **named)

    def find(self, call: Callable[..., Answer], *arguments: Any) -> Answer | None:
        """As `ask`, but None where there is no such object."""
        try:
            return self.ask(call, *arguments)
        except MissingError:
            return None

    def pods(self, side: str) -> list[client.V1Pod]:
        """The pods of a side that are not on their way out."""
        wanted = f"{NAME_LABEL}={SERVICE},{SIDE_LABEL}={side}"
        found = self.ask(self.core.list_namespaced_pod, self.namespace, label_selector=wanted).items
        return [one for one in found if one.metadata.deletion_timestamp is None]

    def exchange(self, pod: str, port: int, sent: bytes, seconds: float = EXCHANGE_SECONDS) -> bytes:
        """Connect to a port of a pod, send, and return everything received until the connection closes.

        `pod`: its name, or namespace/name. Raises ClusterError if nothing listens, or it does not close in time.
        """
        namespace, _, name = pod.rpartition("/")
        with _errors(f"{pod}:{port}"):
            forward = portforward(
                self.core.connect_get_namespaced_pod_portforward, name, namespace or self.namespace, ports=str(port)
            )
            opened = forward.socket(port)
            try:
                opened.settimeout(seconds)
                opened.sendall(sent)
                received = b"".join(iter(lambda: opened.recv(PIECE), b""))
            finally:
                forward.close()
            if not received:
                raise ClusterError(
                    f"{pod}:{port} gave no answer ({forward.error(port) or 'it closed the connection'})."
                )
            return received

    def pod_behind(self, place: str) -> tuple[str, int]:
        """A ready pod behind a Service, as namespace/name, and the Service's port. `place`: namespace/service:port."""
        path, _, port = place.rpartition(":")
        namespace, _, name = path.rpartition("/")
        if not port.isdecimal() or not name:
            raise UsageError(f"KUBERNETES_PROMETHEUS is {place!r}; required: namespace/service:port.")
        namespace = namespace or self.namespace
        service = self.ask(self.core.read_namespaced_service, name, namespace)
        wanted = ",".join(f"{key}={value}" for key, value in (service.spec.selector or {}).items())
        for pod in self.ask(self.core.list_namespaced_pod, namespace, label_selector=wanted).items:
            if is_ready(pod):
                return f"{namespace}/{pod.metadata.name}", int(port)
        raise ClusterError(f"No pod behind the Service {namespace}/{name} is ready.")


class MissingError(ClusterError):
    """There is no such object."""


def is_ready(pod: client.V1Pod) -> bool:
    """Whether its condition Ready is true."""
    conditions: Sequence[client.V1PodCondition] = pod.status.conditions or ()
    return any(one.type == "Ready" and one.status == "True" for one in conditions)


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """The client's errors as ours."""
    try:
        yield
    except (ApiException, DynamicApiError) as error:
        kinds: Mapping[int, type[ClusterError]] = {NOT_FOUND: MissingError, CONFLICT: ConflictError}
        kind = kinds.get(error.status or 0, ClusterError)
        raise kind(f"The API server refused {what}: {error.status} {error.reason}. {_body(error)}") from None
    except (HTTPError, OSError) as error:
        raise ClusterError(f"No answer for {what}: {error}") from None


def _body(error: Any) -> str:
    return " ".join(str(error.body or "").split())[:300]
