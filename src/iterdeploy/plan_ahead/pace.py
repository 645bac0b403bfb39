"""How fast a machine works on a model: as it was measured here and kept, or else as it is assumed.

A calibration is a small file below the cache folder of the user, by machine and model.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from iterdeploy.plan_ahead.shape import Shape
from iterdeploy.recipe import Recipe

# Tokens times parameters per second and core: the base that ships, of 0.8 M parameters, sampled 2,900 and
# trained on 4,500 tokens per CPU second (bench/). A larger model is more efficient.
SAMPLED_PER_SECOND = 2_900 * 0.8e6
TRAINED_PER_SECOND = 4_500 * 0.8e6
STARTING_SECONDS = 12.0  # imports, making tasks, loading the base

# Of a card's peak in bf16: reading one token of each row is bound by memory, a training step by arithmetic.
SAMPLING_SHARE, TRAINING_SHARE = 0.03, 0.30
FLOP_SAMPLED, FLOP_TRAINED = 2, 6  # a token and parameter


@dataclass(frozen=True, slots=True)
class Pace:
    """Tokens a second of one worker, or of one card; `source` says where the numbers come from."""

    sampled: float
    trained: float  # prompt and completion tokens
    starting: float  # seconds until the first answer is begun
    answer: float | None  # tokens of the base's mean answer on this work, if it is known
    source: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured once; speeds are of one worker that has a core, or a card, for itself."""

    machine: str
    model: str  # digest of the config and the sizes of the weights, on which speed depends
    work: str  # digest of what the length of an answer depends on
    date: float  # seconds since 1970
    sampled_per_second: float
    trained_per_second: float
    starting_seconds: float
    answer_tokens: float | None  # None: the sampling was cut short of deploy.max_tokens

    def pace(self, work: str, now: float) -> Pace:
        """The pace of this work; the mean answer is known only if it is the one measured."""
        same = self.work == work and self.answer_tokens is not None
        known = "" if same else "; answers' length is assumed"
        return Pace(
            sampled=self.sampled_per_second,
            trained=self.trained_per_second,
            starting=self.starting_seconds,
            answer=self.answer_tokens if same else None,
            source=f"calibrated {age(now - self.date)} ago on this machine{known}",
        )


def assumed(shape: Shape, tflops: float = 0.0) -> Pace:
    """The pace of a model that was not measured: on a core, or on a card of so many TFLOP/s in bf16."""
    if tflops:
        peak = tflops * 1e12 / shape.parameters
        return Pace(
            sampled=SAMPLING_SHARE * peak / FLOP_SAMPLED,
            trained=TRAINING_SHARE * peak / FLOP_TRAINED,
            starting=60.0,
            answer=None,
            source=f"assumed, not measured: a card of {tflops:,.0f} TFLOP/s that samples at {SAMPLING_SHARE:.0%} and "
            f"trains at {TRAINING_SHARE:.0%} of that",
        )
    return Pace(
        sampled=SAMPLED_PER_SECOND / shape.parameters,
        trained=TRAINED_PER_SECOND / shape.parameters,
        starting=STARTING_SECONDS,
        answer=None,
        source="assumed, not measured: a core of 2026 and the base that ships, scaled by parameters; "
        "--calibrate measures this machine",
    )


def age(seconds: float) -> str:
    """A time span in its largest whole unit.

    >>> age(40), age(7300), age(200000)
    ('1 minute', '2 hours', '2 days')
    """
    for unit, length in (("day", 86_400), ("hour", 3_600)):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}" + ("" if number == 1 else "s")
    number = max(1, int(seconds // 60))
    return f"{number} minute" + ("" if number == 1 else "s")


def machine_name() -> str:
    """Processor, cores and card of this machine, as far as files tell."""
    cpuinfo, cards = Path("/proc/cpuinfo"), Path("/proc/driver/nvidia/gpus")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    files = sorted(cards.glob("*/information")) if cards.is_dir() else []
    models = [line.split(":")[1].strip() for f in files for line in f.read_text().splitlines()[:1]]
    return ", ".join([names[0] if names else platform.processor(), f"{os.cpu_count()} cores", *models])


def model_digest(folder: Path) -> str:
    """Of the config and the sizes of the weights: the same for all weights of one shape."""
    sizes = sorted(f"{file.name} {file.stat().st_size}" for file in folder.glob("*.safetensors"))
    return _digest((folder / "config.json").read_text(), *sizes)


def work_digest(recipe: Recipe, model: str) -> str:
    """Of what the length of a base's answers depends on."""
    tasks, deploy = recipe.tasks, recipe.deploy
    asked = (tasks.domain, tasks.sizes, tasks.range, recipe.base.model, recipe.base.prompt)
    how = (deploy.engine, deploy.temperature, deploy.top_p, deploy.top_k, deploy.max_tokens)
    return _digest(model, repr(asked), repr(how))


def kept(model: str) -> Calibration | None:
    """The calibration of a model on this machine, if there is one that can be read."""
    file = _file(machine_name(), model)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Calibration)
    except (OSError, msgspec.DecodeError):  # an older format counts as none
        return None


def keep(calibration: Calibration) -> Path:
    """Put a calibration in the cache folder; where it lies now."""
    file = _file(calibration.machine, calibration.model)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(f".{os.getpid()}.tmp")
    new.write_text(json.dumps(asdict(calibration), indent=1) + "\n")
    new.replace(file)
    return file


def now() -> float:
    """Seconds since 1970."""
    return time.time()


def _file(machine: str, model: str) -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "iterdeploy" / "calibration" / f"{_digest(machine, model)}.json"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
