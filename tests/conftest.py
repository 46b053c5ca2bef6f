"""Fixtures for every test; they live in tests/fixtures/, a module for each real thing."""

# In the order of their imports, each before what imports it: pytest rewrites a plugin's asserts on its first import.
pytest_plugins = [
    "tests.fixtures.nats",
    "tests.fixtures.receivers",
    "tests.fixtures.kube",
    "tests.fixtures.layers",
]
