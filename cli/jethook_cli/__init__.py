"""The `jethook` command: starts each process, publishes, shows, and supervises a standalone installation.

One module a command. It may import every other part, none imports it; nothing here decides about deliveries.
"""
