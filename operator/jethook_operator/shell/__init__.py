"""The operator's outside: providers (kopf watches, a folder), the work queue, appliers to NATS and Kubernetes."""
