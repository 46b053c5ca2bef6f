"""Benchmarks: `python -m bench [--scenario NAME]` prints a line of JSON for each; a module for each scenario."""
