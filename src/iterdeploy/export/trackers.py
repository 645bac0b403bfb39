"""Metrics to TensorBoard, MLflow, trackio and W&B through their own libraries, and to CSV with none.

Each is a class with three methods and knows its library alone. None of them is told anything that the run's files do
not hold, and none writes to a file of the run: with or without them a run has the same bytes.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from iterdeploy.errors import BadInput, nearest
from iterdeploy.export.extras import load, require
from iterdeploy.export.metrics import Values
from iterdeploy.recipe import dump, settings_of
from iterdeploy.store import Run

PROJECT = "iterdeploy"


class Tracker(Protocol):
    """Takes metrics; `token` is what another process needs to go on with the same run there."""

    token: str

    def generation(self, values: Values) -> None:
        """The numbers of a finished generation."""
        ...

    def training(self, rows: Sequence[Values]) -> None:
        """All steps of the training of one generation."""
        ...

    def close(self) -> None:
        """Flush, and let go."""
        ...


def names(text: str) -> list[str]:
    """The trackers that a list with commas names, their libraries being there; raises BadInput if not."""
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    for name in wanted:
        if name not in TRACKERS:
            raise BadInput(f"no tracker {name!r}; {nearest(name, TRACKERS)}")
        if name != "csv":
            require(name)
    return list(dict.fromkeys(wanted))


def open_tracker(name: str, run: Run, folder: Path, token: str = "") -> Tracker:
    """A tracker by name; `folder` is for what it keeps on this machine, `token` what an earlier process was given."""
    found: Tracker = TRACKERS[name](run, folder, token)
    return found


class Csv:
    """metrics.csv: a row a value."""

    def __init__(self, run: Run, folder: Path, token: str) -> None:
        self.token = "metrics.csv"
        folder.mkdir(parents=True, exist_ok=True)
        self._file = open(folder / self.token, "a", encoding="utf-8", newline="")  # noqa: SIM115  (closed in close)
        self._writer = csv.writer(self._file, lineterminator="\n")
        if self._file.tell() == 0:
            self._writer.writerow(["name", "generation", "step", "value"])

    def generation(self, values: Values) -> None:
        self._rows("", values)

    def training(self, rows: Sequence[Values]) -> None:
        for values in rows:
            self._rows("train/", values)

    def _rows(self, prefix: str, values: Values) -> None:
        for name, value in values.values.items():
            self._writer.writerow([prefix + name, values.generation, values.step, value])
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class TensorBoard:
    """Event files: generations in the folder itself, each training in a folder of its own, so that losses overlay."""

    def __init__(self, run: Run, folder: Path, token: str) -> None:
        self.token = str(folder.name)
        self._writer = load("tensorboard.summary.writer.event_file_writer").EventFileWriter
        self._event: Any = load("tensorboard.compat.proto.event_pb2").Event
        self._summary: Any = load("tensorboard.compat.proto.summary_pb2").Summary
        self._folder = folder
        self._main = self._writer(str(folder))
        if not token:
            self._main.add_event(self._event(wall_time=time.time(), step=0, summary=self._recipe(run)))

    def generation(self, values: Values) -> None:
        self._add(self._main, values, "")

    def training(self, rows: Sequence[Values]) -> None:
        if rows:
            writer = self._writer(str(self._folder / f"gen-{rows[0].generation}"))
            for values in rows:
                self._add(writer, values, "train/")
            writer.close()

    def _recipe(self, run: Run) -> Any:
        """The recipe for the plug-in that shows texts; its own helper wants TensorFlow."""
        tensors: Any = load("tensorboard.compat.proto.tensor_pb2")
        shapes: Any = load("tensorboard.compat.proto.tensor_shape_pb2")
        metadata: Any = load("tensorboard.compat.proto.summary_pb2").SummaryMetadata
        text = tensors.TensorProto(
            dtype="DT_STRING",
            string_val=[f"```toml\n{dump(run.recipe)}```".encode()],
            tensor_shape=shapes.TensorShapeProto(dim=[shapes.TensorShapeProto.Dim(size=1)]),
        )
        plugin = metadata(plugin_data=metadata.PluginData(plugin_name="text"))
        return self._summary(
            value=[self._summary.Value(tag="recipe/text_summary", metadata=plugin, tensor=text)]
        )

    def _add(self, writer: Any, values: Values, prefix: str) -> None:
        summary = self._summary(
            value=[
                self._summary.Value(tag=prefix + tag, simple_value=value)
                for tag, value in values.values.items()
            ]
        )
        writer.add_event(self._event(wall_time=time.time(), step=values.step, summary=summary))
        writer.flush()

    def close(self) -> None:
        self._main.close()


class MLflow:
    """An MLflow run: at MLFLOW_TRACKING_URI, or in a database in the folder."""

    def __init__(self, run: Run, folder: Path, token: str) -> None:
        mlflow = load("mlflow")
        folder.mkdir(parents=True, exist_ok=True)
        where = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(folder / 'mlflow.db').absolute()}"
        self._metric: Any = load("mlflow.entities").Metric
        self._client: Any = mlflow.MlflowClient(tracking_uri=where)
        self.token = token or self._begin(run)

    def _begin(self, run: Run) -> str:
        entities = load("mlflow.entities")
        experiment = self._client.get_experiment_by_name(PROJECT)
        number = experiment.experiment_id if experiment else self._client.create_experiment(PROJECT)
        begun = self._client.create_run(number, run_name=name_of(run))
        params = [entities.Param(key, str(value)[:500]) for key, value in settings_of(run.recipe)]
        self._client.log_batch(begun.info.run_id, params=params)
        return str(begun.info.run_id)

    def generation(self, values: Values) -> None:
        self._log([self._metric_of(name, value, values.step) for name, value in values.values.items()])

    def training(self, rows: Sequence[Values]) -> None:
        named = [
            (f"train/gen-{row.generation}/{name}", value, row.step)
            for row in rows
            for name, value in row.values.items()
        ]
        self._log([self._metric_of(*one) for one in named])

    def _metric_of(self, name: str, value: float, step: int) -> Any:
        return self._metric(name, float(value), int(time.time() * 1000), step)

    def _log(self, metrics: list[Any]) -> None:
        for start in range(0, len(metrics), 1000):  # the most that the server takes at once
            self._client.log_batch(self.token, metrics=metrics[start : start + 1000])

    def close(self) -> None:
        self._client.set_terminated(self.token)


class Trackio:
    """A trackio run, where trackio keeps them (TRACKIO_DIR, or a Space by its own settings)."""

    def __init__(self, run: Run, folder: Path, token: str) -> None:
        self._trackio: Any = load("trackio")
        self.token = token or f"{name_of(run)}-{os.urandom(3).hex()}"
        self._run: Any = self._trackio.init(
            project=PROJECT,
            name=self.token,
            config=config_of(run),
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def generation(self, values: Values) -> None:
        self._run.log({"generation": values.generation, **values.values}, step=values.step)

    def training(self, rows: Sequence[Values]) -> None:
        for row in rows:
            self._run.log(
                {f"train/gen-{row.generation}/{name}": v for name, v in row.values.items()}, step=row.step
            )

    def close(self) -> None:
        self._trackio.finish()  # the run's own would be done again, and said again, at the end of the process


class WandB:
    """A W&B run: where WANDB_MODE and its other settings say; `offline` needs no account."""

    def __init__(self, run: Run, folder: Path, token: str) -> None:
        wandb = load("wandb")
        folder.mkdir(parents=True, exist_ok=True)
        self.token = token or os.urandom(4).hex()
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=name_of(run),
            id=self.token,
            resume="allow",
            config=config_of(run),
            dir=str(folder.parent),  # W&B makes a folder of its own name there
            settings=wandb.Settings(console="off"),  # the screen is the run's own
        )
        self._run.define_metric("generation")
        self._run.define_metric("*", step_metric="generation")

    def generation(self, values: Values) -> None:
        self._run.log({"generation": values.generation, **values.values})

    def training(self, rows: Sequence[Values]) -> None:
        if not rows:
            return
        place = f"train/gen-{rows[0].generation}"
        self._run.define_metric(f"{place}/*", step_metric=f"{place}/step")
        for row in rows:
            values = {f"{place}/{name}": value for name, value in row.values.items()}
            self._run.log({f"{place}/step": row.step, **values})

    def close(self) -> None:
        self._run.finish()


TRACKERS: Mapping[str, Any] = {
    "tensorboard": TensorBoard,
    "mlflow": MLflow,
    "trackio": Trackio,
    "wandb": WandB,
    "csv": Csv,
}


def name_of(run: Run) -> str:
    """The run's name elsewhere."""
    return f"{run.recipe.name}-seed{run.recipe.seed}"


def config_of(run: Run) -> dict[str, Any]:
    """The recipe as flat settings."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in settings_of(run.recipe)}
