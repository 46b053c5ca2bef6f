"""Run scenarios and print one line of JSON for each."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from bench import throughput

Result = dict[str, object]

SCENARIOS: dict[str, Callable[[], Coroutine[Any, Any, Result]]] = {"throughput": throughput.measure}


def main() -> None:
    """Run what was asked for; all scenarios unless told."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), action="append")
    for name in parser.parse_args().scenario or sorted(SCENARIOS):
        result = asyncio.run(SCENARIOS[name]())
        print(json.dumps({"scenario": name, **result}), flush=True)


if __name__ == "__main__":
    main()
