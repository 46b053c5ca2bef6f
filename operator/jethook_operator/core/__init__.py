"""Pure decisions of the operator: resources and observations in, plan, NATS changes and status out.

No clock, no randomness, no I/O, no logging: the shell gathers, calls `decide`, and applies.
"""
