"""The operator: reconciles WebhookEndpoints, Subscriptions and DispatcherPools into streams, consumers and plans.

`api/` holds the resources, `core/` decides, `shell/` gathers and applies. The `jethook operator` command calls it.
"""
