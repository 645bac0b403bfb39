"""From the names in a recipe to the objects: its domain and its trainer. Imports only what is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from iterdeploy.errors import BadInput
from iterdeploy.plugins import plugin

if TYPE_CHECKING:
    from iterdeploy.measure import Bound
    from iterdeploy.recipe import Recipe
    from iterdeploy.store import Run
    from iterdeploy.train.local import LocalTrainer
    from iterdeploy.types import Domain, Names, Probe, Trainer
    from iterdeploy.validators import Judge


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where work is done that is not done here: an address as `--cluster` takes it; 0 workers: as many as fit."""

    address: str = ""
    workers: int = 0


HERE = Cluster()


def open_domain(recipe: Recipe, judging: bool = True) -> Domain:
    """The recipe's domain: one that ships, by name, or `module:attribute`; with its validator only for `judging`."""
    from iterdeploy import domains
    from iterdeploy.recipe import with_settings

    if not judging:  # a run may be looked at where its validator is not installed
        recipe = with_settings(recipe, ["validate.validator=pddl"])
    name = recipe.tasks.domain
    if domains.is_field(name):
        return domains.load_field(name, recipe, judging)
    if ":" in name:
        found: Domain = made(plugin(name), recipe, members=("tasks", "validate"))
        return found
    return domains.load(name, recipe)


def open_second(recipe: Recipe) -> Domain | None:
    """The recipe's domain with its second validator, if it names one."""
    from iterdeploy.recipe import with_settings

    if not recipe.validate.second:
        return None
    return open_domain(with_settings(recipe, [f"validate.validator={recipe.validate.second}"]))


def open_probes(recipe: Recipe) -> dict[str, Probe]:
    """The probes that the recipe names, by what their files are called."""
    from iterdeploy.gates import probe_name

    found: dict[str, Probe] = {}
    for name in recipe.probe.names:
        if ":" in name:
            found[probe_name(name)] = made(plugin(name), recipe, members=("questions", "value"))
        else:
            from iterdeploy.probes.shipped import shipped

            found[name] = shipped(name, recipe)
    return found


def judge_of(recipe: Recipe, workers: int, cluster: Cluster = HERE) -> Judge:
    """What judges the traces of a run, by so many processes where that pays, or on a cluster."""
    if cluster.address:
        from iterdeploy.cluster.connect import connect
        from iterdeploy.cluster.judges import ClusterValidators

        connect(cluster.address)
        return ClusterValidators(partial(open_domain, recipe))
    from iterdeploy.validators import Validators

    return Validators(workers, partial(open_domain, recipe))


@contextmanager
def open_trainer(
    recipe: Recipe,
    workers: int,
    domain: Domain,
    server: str = "",
    server_set: Sequence[str] = (),
    cluster: Cluster = HERE,
) -> Iterator[Trainer]:
    """The recipe's trainer: the local one, one on a cluster, or `module:attribute` given as base.model.

    `server` is the address of what samples, where deploy.engine is not transformers; `server_set` says how it is asked.
    """
    engine = recipe.deploy.engine
    if recipe.train.sharding != "none" and not cluster.address:
        raise BadInput(
            f"train.sharding is {recipe.train.sharding!r}, which trains on a cluster; give its address with --cluster, "
            "or set train.sharding=none"
        )
    if server_set and engine != "server":
        raise BadInput(f"--server-set {server_set[0]} is for deploy.engine=server, and here it is {engine!r}")
    if engine == "server":
        from iterdeploy.models.server import ServerTrainer, terms_of

        yield ServerTrainer(recipe, server, terms_of(server_set))
        return
    if server and engine == "transformers":
        raise BadInput(
            f"--server {server} is given, but deploy.engine is 'transformers', which samples in this program; "
            "set deploy.engine=vllm or deploy.engine=server"
        )
    if ":" in recipe.base.model and engine != "transformers":
        raise BadInput(
            f"base.model is the trainer {recipe.base.model}, which deploys its models itself, but deploy.engine is "
            f"{engine!r}; set deploy.engine=transformers"
        )
    if ":" in recipe.base.model:
        trainer: Trainer = made(plugin(recipe.base.model), recipe, members=("train", "load"))
        yield trainer
        return
    names = getattr(domain, "names", ())  # of objects that augmentation may permute
    with _trainer_of_base(recipe, workers, names, cluster) as local:
        if engine == "transformers":
            yield local
            return
        from iterdeploy.train.apart import on_vllm

        with on_vllm(local, server) as apart:
            yield apart


def _trainer_of_base(recipe: Recipe, workers: int, names: Names, cluster: Cluster) -> LocalTrainer:
    from iterdeploy.train.local import LocalTrainer

    if not cluster.address:
        return LocalTrainer(recipe, workers=workers, names=names)
    from iterdeploy.cluster.connect import connect
    from iterdeploy.cluster.trainer import ClusterTrainer

    connect(cluster.address)
    return ClusterTrainer(recipe, cluster.workers, names)


def keep_spending(trainer: Trainer, run: Run) -> None:
    """Let a trainer that pays for answers write into the run's folder what they took."""
    keep = getattr(trainer, "keep_in", None)
    if callable(keep):
        keep(run.path)


def bound_of(domain: Domain) -> Bound | None:
    """The domain's lower bound on plans, if it has one."""
    found: Bound | None = getattr(domain, "bound", None)
    return found


def made(found: Any, recipe: Recipe, members: tuple[str, ...]) -> Any:
    """The object itself, or what a class or function makes: from the recipe, if it takes an argument."""
    if not isinstance(found, type) and not _missing(found, members):
        return found
    if not callable(found):
        raise BadInput(f"{_named(found)} is no plug-in: it lacks {_missing(found, members)}")
    thing = found(recipe) if _takes_argument(found) else found()
    if missing := _missing(thing, members):
        raise BadInput(f"{_named(found)} makes {_named(thing)}, which lacks {missing}")
    return thing


def _takes_argument(found: Any) -> bool:
    import inspect

    required = inspect.Parameter.empty
    return any(p.default is required for p in inspect.signature(found).parameters.values())


def _missing(found: Any, members: tuple[str, ...]) -> str:
    """The methods that are not there, in words; empty if all are."""
    return " and ".join(f"{m}(...)" for m in members if not callable(getattr(found, m, None)))


def _named(found: Any) -> str:
    return getattr(found, "__name__", "") or f"an object of {type(found).__name__}"
