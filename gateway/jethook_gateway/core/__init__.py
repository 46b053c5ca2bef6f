"""The rules of the gateway: what a request holds, who may send it, how much; no clock, no network."""
