"""Fixtures for every test; they live in tests/fixtures/, a module for each real thing."""

import asyncio

# In the order of their imports, each before what imports it: pytest rewrites a plugin's asserts on its first import.
pytest_plugins = [
    "tests.fixtures.nats",
    "tests.fixtures.receivers",
    "tests.fixtures.installation",
    "tests.fixtures.kube",
    "tests.fixtures.layers",
]


def pytest_configure() -> None:
    """Say that there is no event loop yet: looptime would make one at the first plain test and never close it."""
    asyncio.set_event_loop(None)
