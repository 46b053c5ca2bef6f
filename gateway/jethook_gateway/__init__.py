"""The API gateway: events come in over HTTP here, from clients that are known, within bounds.

It publishes to NATS and reads nothing of the other parts. `core/` holds its rules, `shell/` what carries them out.
"""
