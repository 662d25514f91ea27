"""Production on Kubernetes: the manifests, and the deploy and the rollback of two Deployments behind one Service."""
