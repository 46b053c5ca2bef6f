"""Argo CD's health checks in real Lua 5.1, with the standard libraries that Argo CD does not open taken away."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lupa.lua51 import LuaRuntime

GITOPS = Path(__file__).parents[2] / "docs" / "gitops"
STATUSES = {"Healthy", "Progressing", "Degraded", "Suspended"}
_CLOSED = ("os", "io", "debug", "package", "require", "dofile", "loadfile", "python")


def health(obj: Mapping[str, Any]) -> tuple[str, str]:
    """Run the check of the object's kind; give status and message."""
    script = (GITOPS / f"jethook.io_{obj['kind']}.lua").read_text()
    runtime = LuaRuntime(unpack_returned_tuples=True, register_eval=False, register_builtins=False)
    for name in _CLOSED:
        runtime.globals()[name] = None
    runtime.globals()["obj"] = _table(runtime, obj)
    result = runtime.execute(script)
    status, message = result["status"], result["message"]
    assert status in STATUSES, "Argo CD takes any other status for Unknown"
    assert isinstance(message, str)
    return status, message


def _table(runtime: LuaRuntime, value: Any) -> Any:
    """Turn JSON into tables, as Argo CD does: lists begin at 1, nulls are absent."""
    if isinstance(value, Mapping):
        return runtime.table_from({key: _table(runtime, one) for key, one in value.items() if one is not None})
    if isinstance(value, list | tuple):
        return runtime.table_from([_table(runtime, one) for one in value])
    return value
