"""The dispatcher: pulls events from JetStream, signs and delivers them, retries, dead-letters, reports.

`core/` holds the rules (ownership, retry, signing, outcome, egress), `shell/` the outside.
"""
