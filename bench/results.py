"""What a scenario gives: whether the bound was kept, the bound in words, and figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One run of a scenario. `bound` says what `ok` is measured against; the figures have units in their names."""

    ok: bool
    bound: str
    figures: dict[str, object]

    def line(self, scenario: str, *, machine: dict[str, object]) -> dict[str, object]:
        """Give the line that is printed."""
        return {"scenario": scenario, "ok": self.ok, "bound": self.bound, **self.figures, "machine": machine}
