"""What carries the rules out: the HTTP server, NATS, files of keys, the log."""
