"""What processes and the machine use: CPU time and memory, read from /proc (Linux only)."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)  # idle and iowait, in the line `cpu` of /proc/stat


def cpu_seconds(pid: int) -> float:
    """Give the CPU time that a process has used so far, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mebibytes(pid: int) -> float:
    """Give the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


@dataclass(frozen=True, slots=True)
class Moment:
    """CPU seconds so far, to compare with a later moment. `machine`: all cores; `own`: this process, its children."""

    at: float
    machine: float
    own: float

    @classmethod
    def now(cls) -> Self:
        """Look at the clocks; a child counts once it has ended and was waited for."""
        spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(one.ru_utime + one.ru_stime for one in spent)
        return cls(at=time.monotonic(), machine=_machine_cpu_seconds(), own=own)

    def busy_since(self, earlier: Moment) -> dict[str, object]:
        """Tell how busy the machine was since `earlier`, and how much of that was not ours, in cores."""
        passed = self.at - earlier.at
        machine, own = self.machine - earlier.machine, self.own - earlier.own
        return {
            "cores": os.cpu_count(),
            "load_1min": round(os.getloadavg()[0], 2),
            "busy_cores": round(machine / passed, 2),
            "foreign_cores": round(max(0.0, machine - own) / passed, 2),
        }


def _machine_cpu_seconds() -> float:
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks for number, ticks in enumerate(fields) if number not in _IDLE_FIELDS) / _TICKS
