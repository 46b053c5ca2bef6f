"""The dispatcher's outside, a module for each outside thing: NATS, HTTP, name look-ups, Kubernetes status, the clock."""
