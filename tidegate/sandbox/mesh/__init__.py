"""The mesh's data plane: Istio's objects and the services' endpoints, as Envoy's configuration."""
