"""The operator's outside: providers (kopf watches, a folder of files), the work queue, appliers to NATS and Kubernetes."""
