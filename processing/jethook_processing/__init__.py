"""The pure pipeline over one event: parse what NATS holds, shape what is sent. Filters and transforms grow here.

No I/O and no clock; the dispatcher calls it for Push and the gateway will for Pull.
"""
