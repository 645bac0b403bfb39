"""The choices of a run, frozen: every value that moves a byte of the result stands here.

A recipe is read from TOML that states only what differs from the defaults, or from a named preset.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import msgspec
import tomli_w

from iterdeploy.errors import BadInput, nearest
from iterdeploy.gates import gate_of, probe_name
from iterdeploy.ranges import RANGES

Chat = Literal["auto", "on", "off"]


Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """Which tasks are deployed, and which are only ever measured on."""

    domain: str = "blocksworld"  # one that ships, a folder of PDDL files, or module:attribute
    sizes: tuple[int, ...] = tuple(range(6, 16))  # such as blocks; counts are spread evenly
    range: str = (
        ""  # if not "": "easy", "medium", "hard", or such as "cars=1-20 locations=5-15", in place of sizes
    )
    count: int = 600
    heldout: int = 200
    seed: int = 0  # of the tasks; the run's own seed moves only sampling and training


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The model of generation 0, and how it is asked."""

    model: str = "blocks-small"  # a base that ships, a local folder, or a hub name
    prompt: str = "compact"  # a template by name, or a file
    chat: Chat = "auto"  # by the chat template; auto: where there is one and prompts hold no markup
    precision: Precision = "auto"  # of its weights: float32 on a CPU, on a GPU what its files hold
    ready_share: float = 0.03  # a base that solves a smaller share of generation 0 is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """How answers are sampled."""

    engine: Literal["transformers", "vllm", "server"] = "transformers"  # what samples the answers
    api: Literal["chat", "completion"] = "chat"  # for "server": messages, or the prompt as it stands
    samples: int = 1  # per task and generation
    spread: Literal["even", "edge"] = "even"  # edge: as many in all, most for tasks solved half of the time
    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 0  # 0: no limit
    max_tokens: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Validate:
    """Who judges, and how a plan is read from an answer."""

    validator: str = "pddl"  # our own; "val", VAL in a process of its own; or module:attribute
    rules: tuple[str, ...] = ("reasoning", "tags", "bare-lines")
    second: str = ""  # another validator, which judges some of the same traces again; "": none
    second_sample: int = 50  # accepted traces a generation that it judges, and as many rejected ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Curate:
    """Which traces the next generation learns from."""

    rule: Literal["paper", "all-valid", "best-k", "none"] = "paper"
    k: int = 1  # for best-k: traces kept per task
    pool: Literal["all", "last"] = "all"  # traces of all generations so far, or of the last alone
    weights: Literal["equal", "ratio"] = (
        "equal"  # ratio: how likely the newest generation makes it, to its own
    )
    weight_most: float = 2.0  # a larger ratio counts as this
    most: int = 0  # of the chosen traces, drawn evenly; 0: no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """How examples become the next generation."""

    start: Literal["base", "last"] = "base"
    method: Literal["lora", "full"] = "lora"
    rank: int = 32
    alpha: float = 64.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    optimizer: Literal["muon", "adamw"] = "muon"
    learning_rate: float = 8e-3
    weight_decay: float = 0.0
    warmup_share: float = 0.0
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    clip: float = 1.0  # of the gradient's norm; 0: no clipping
    epochs: float = 4.0
    max_steps: int = 0  # 0: no limit
    tokens_per_step: int = 2048  # prompt and completion tokens of one optimizer step
    examples_per_step: int = 0  # if not 0, steps hold this many examples instead
    max_length: int = 1024  # tokens; an example that is longer is refused, never cut silently
    validation_share: float = 0.0  # of the examples, kept out for a validation loss
    loss: Literal["sum", "token-mean", "sequence-mean"] = "token-mean"
    augment: Literal["none", "rename"] = "rename"  # rename: permute the objects of a trace
    augment_share: float = 0.5  # chance that an example is renamed in an epoch after the first
    checkpointing: Literal["auto", "on", "off"] = (
        "auto"  # activations made anew: on a GPU, from 4,096 tokens on
    )
    positions: Literal["plain", "jumps"] = "plain"  # jumps: a random start and a few random gaps
    sharding: Literal["none", "ddp", "fsdp"] = (
        "none"  # on a cluster: fsdp cuts the model itself among its cards
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When a run ends before its last generation; a rule whose patience is 0 is off."""

    heldout_patience: int = 0  # generations on end that
    heldout_gain: float = 0.0  # solve at most this share of held-out tasks more than the best before them
    diversity_patience: int = 0  # generations on end whose answers have an entropy
    diversity_least: float = 0.8  # below this share of generation 0's, with no more valid answers than it,
    diversity_most: float = 1.25  # or above this many times generation 0's
    acceptance_patience: int = 0  # generations on end whose share of valid answers is
    acceptance_least: float = 0.8  # less than this share of the best so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What every generation is asked and never trained on, and what it must not lose."""

    names: tuple[str, ...] = ()  # likelihood, say, refusal, compliance, or module:attribute
    count: int = 60  # questions of each
    gate: tuple[str, ...] = ()  # such as "say fall 0.1" (below generation 0) or "refusal least 0.9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole run. `seed` moves sampling and training; two runs of one recipe are byte-equal."""

    name: str = "demo"
    seed: int = 0
    generations: int = 5
    tasks: Tasks = field(default_factory=Tasks)
    base: Base = field(default_factory=Base)
    deploy: Deploy = field(default_factory=Deploy)
    validate: Validate = field(default_factory=Validate)
    curate: Curate = field(default_factory=Curate)
    train: Train = field(default_factory=Train)
    stop: Stop = field(default_factory=Stop)
    probe: Probe = field(default_factory=Probe)


def load(source: str | Path) -> Recipe:
    """The recipe that a TOML text, or the file at a Path, states; `like = "PRESET"` takes the rest from a preset.

    Raises BadInput naming the file, the section, the key and the value; an unknown key offers the nearest.
    """
    where = str(source) if isinstance(source, Path) else "recipe"
    try:
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        table = tomllib.loads(text)
    except OSError as cause:
        raise BadInput(f"cannot read the recipe {where}: {cause.strerror}") from cause
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as cause:
        raise BadInput(f"{where} is not TOML: {cause}") from cause
    return _recipe_of(_with_what_it_is_like(table, where), where)


def dump(recipe: Recipe) -> str:
    """The whole recipe as TOML, every setting stated; `load(dump(recipe)) == recipe`."""
    return _SHORT_ARRAY.sub(_one_line, tomli_w.dumps(msgspec.to_builtins(recipe)))


def presets() -> list[str]:
    """The names of the presets that ship."""
    found = files("iterdeploy").joinpath("presets").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in found if file.name.endswith(".toml"))


def preset(name: str) -> Recipe:
    """A shipped recipe by name; raises BadInput with the nearest name if there is none."""
    if name not in presets():
        raise BadInput(f"no preset {name!r}; {nearest(name, presets())}")
    return load(_preset_text(name))


def _preset_text(name: str) -> str:
    return files("iterdeploy").joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")


def with_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """The recipe with settings such as "train.epochs=10" changed; a value is TOML, or else a string."""
    for setting in settings:
        recipe = _with_setting(recipe, setting)
    check_together(recipe, "settings")  # of all of them: their order must not matter
    return recipe


def differences(folder: Recipe, asked: Recipe) -> list[str]:
    """What two recipes disagree on: "train.epochs: 20.0 in the folder, 10.0 asked"."""
    there, here = dict(settings_of(folder)), dict(settings_of(asked))
    return [
        f"{key}: {there[key]!r} in the folder, {here[key]!r} asked"
        for key in there
        if there[key] != here[key]
    ]


def settings_of(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    """Every setting by its dotted name, in the order of the file."""
    for part in fields(recipe):
        value = getattr(recipe, part.name)
        if is_dataclass(value):
            yield from ((f"{part.name}.{inner.name}", getattr(value, inner.name)) for inner in fields(value))
        else:
            yield part.name, value


def check(recipe: Recipe, where: str = "recipe") -> None:
    """Raise BadInput with one line for each value that is out of its range."""
    values = dict(settings_of(recipe))
    wrong = [
        f"{where}: {key} is {values[key]!r}; it must be {claim}"
        for key, (claim, holds) in RANGES.items()
        if not holds(values[key])
    ]
    if wrong:
        raise BadInput("\n".join(wrong))


def check_together(recipe: Recipe, where: str) -> None:
    """Raise BadInput where settings that are each in their range don't go together."""
    if wrong := [f"{where}: {one}" for one in _wrong_guards(recipe)]:
        raise BadInput("\n".join(wrong))


def _wrong_guards(recipe: Recipe) -> Iterator[str]:
    """What a stop rule or a gate lacks in the rest of the recipe."""
    if recipe.stop.heldout_patience and not recipe.tasks.heldout:
        yield "stop.heldout_patience is set, but tasks.heldout is 0; set tasks.heldout, or stop.heldout_patience=0"
    if recipe.stop.diversity_patience and (why := _unseen_entropy(recipe.deploy)):
        yield f"stop.diversity_patience is set, but {why}; set stop.diversity_patience=0"
    known = [probe_name(name) for name in recipe.probe.names]
    if len(set(known)) < len(known):
        yield f"probe.names is {recipe.probe.names!r}; what stands after ':' must differ, for files are named so"
    for text in recipe.probe.gate:
        if (gate := gate_of(text)) is not None and gate.probe not in known:
            yield f"probe.gate names the probe {gate.probe!r}, which probe.names does not; {nearest(gate.probe, known)}"


def _unseen_entropy(deploy: Deploy) -> str:
    """Why answers would tell no entropy; empty if they do."""
    if deploy.engine == "server":
        return 'with deploy.engine = "server" no log-probabilities are recorded, and no entropy is known'
    if not deploy.temperature:
        return "at deploy.temperature = 0 nothing is drawn, so that answers tell no entropy"
    if deploy.top_k == 1:
        return "with deploy.top_k = 1 every answer has an entropy of 0"
    return ""


_SHORT_ARRAY = re.compile(r"\[\n((?:    .*,\n)+)\]")


def _one_line(array: re.Match[str]) -> str:
    line = "[" + ", ".join(item.strip().removesuffix(",") for item in array[1].strip("\n").split("\n")) + "]"
    return line if len(line) <= 100 else array[0]


def _with_what_it_is_like(table: dict[str, Any], where: str) -> dict[str, Any]:
    """The table over that of the preset which it names as "like"; its own values win."""
    if "like" not in table:
        return table
    name = table.pop("like")
    if name not in presets():
        raise BadInput(f"{where}: like is {name!r}; {nearest(str(name), presets())}")
    below = _with_what_it_is_like(tomllib.loads(_preset_text(name)), name)
    for key, value in table.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        below[key] = {**below[key], **value} if both else value
    return below


def _sections() -> dict[str, Any]:
    return {name: hint for name, hint in get_type_hints(Recipe).items() if is_dataclass(hint)}


def _recipe_of(table: Mapping[str, Any], where: str) -> Recipe:
    _refuse_unknown(table, where)
    try:
        recipe = msgspec.convert(table, Recipe, strict=True)
    except msgspec.ValidationError as cause:
        raise BadInput(f"{where}: {_what_is_wrong(table, str(cause))}") from cause
    check(recipe, where)
    return recipe


def _refuse_unknown(table: Mapping[str, Any], where: str) -> None:
    sections = _sections()
    for key, value in table.items():
        if key in sections:
            _refuse_unknown_in(key, sections[key], value, where)
        elif isinstance(value, dict):
            raise BadInput(f"{where}: no section [{key}]; {nearest(key, sections)}")
        elif key not in {part.name for part in fields(Recipe)}:
            top = [part.name for part in fields(Recipe) if part.name not in sections]
            raise BadInput(
                f"{where}: no setting {key!r} outside the sections; {nearest(key, top)}{_home(key)}"
            )


def _refuse_unknown_in(name: str, section: Any, value: object, where: str) -> None:
    if not isinstance(value, dict):
        raise BadInput(f"{where}: {name} is a section, not a value; write [{name}], or {name}.KEY = VALUE")
    known = [part.name for part in fields(section)]
    for key in value:
        if key not in known:
            raise BadInput(
                f"{where}, section [{name}]: no setting {key!r}; {nearest(key, known)}{_home(key)}"
            )


def _home(key: str) -> str:
    """Where a misplaced setting belongs; empty if no section has it."""
    homes = [name for name, section in _sections().items() if key in {part.name for part in fields(section)}]
    return "; it belongs in " + " or ".join(f"[{name}]" for name in homes) if homes else ""


def _what_is_wrong(table: Mapping[str, Any], message: str) -> str:
    """The message of msgspec, such as "Expected `int`, got `str` - at `$.train.rank`", in our words."""
    problem, _, place = message.partition(" - at `$.")
    names = re.sub(r"\[.*", "", place.rstrip("`")).split(".")
    value, hint = _value_and_type(table, names)
    options = [option for option in get_args(hint) if isinstance(option, str)]
    if options and isinstance(value, str):
        return f"{'.'.join(names)} is {value!r}; {nearest(value, options)}"
    if "`array`" in problem:
        return f"{'.'.join(names)} is {value!r}; it must be a list: write [{value!r}]"
    return f"{'.'.join(names)} is {value!r}: {problem[:1].lower()}{problem[1:]}"


def _value_and_type(table: Mapping[str, Any], names: list[str]) -> tuple[object, object]:
    value: Any = table
    hint: Any = Recipe
    for name in names:
        value, hint = value[name], get_type_hints(hint)[name]
    return value, hint


def _with_setting(recipe: Recipe, setting: str) -> Recipe:
    key, equals, text = (part.strip() for part in setting.partition("="))
    known = [name for name, _ in settings_of(recipe)]
    if not equals:
        raise BadInput(f"the setting {setting!r} has no value; write it as KEY=VALUE, e.g. train.epochs=10")
    if key not in known:
        raise BadInput(f"no setting {key!r}; {_offer(key, known)}")
    table = msgspec.to_builtins(recipe)
    *section, name = key.split(".")
    (table[section[0]] if section else table)[name] = _parsed(text, dict(settings_of(recipe))[key])
    return _recipe_of(table, f"setting {setting}")


def _offer(key: str, known: list[str]) -> str:
    """All settings are too many to list: those of the section, or those of the same last name."""
    section, _, last = key.rpartition(".")
    if section in _sections():
        return nearest(key, [name for name in known if name.startswith(f"{section}.")])
    return nearest(key, [name for name in known if name.rpartition(".")[2] == last] or known)


def _parsed(text: str, before: object) -> object:
    """A value from the command line; where the setting is a string, the text itself unless quoted."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = table["value"] if len(table) == 1 else text
    return text if isinstance(before, str) and not isinstance(value, str) else value
