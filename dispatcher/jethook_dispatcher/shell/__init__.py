"""The dispatcher's outside, a module an outside thing: NATS, HTTP, name look-ups, Kubernetes status, the clock."""
