"""What to train next: one Optuna study per variant, and the results that are known.

The search minimises the validation loss after the last epoch (the epoch whose weights are kept),
averaged over the seeds. It never reads a test metric. Optuna proposes trials in batches, each with
a sampler seed of its own, and gets the results of a whole batch at once: so a killed search
continues as if it had not been interrupted.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkbench import layout
from inkbench.errors import InkbenchError
from inkbench.params import Variant
from inkbench.reporting.seeds import Trial
from inkbench.sweeps import editing
from inkbench.sweeps.plan import Config, Plan, Range, grid

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_TPE_BATCH = 4  # trials between two looks at the results, on any number of workers
# A third of the trials go on from a ninth of the epochs, and half of these from a third: there, the
# best ones differ by less than two seeds do.
_RUNGS = ((9, 3), (3, 2))


@dataclass(frozen=True)
class Training:
    """One training of a sweep: a variant with other settings, seed and number of epochs."""

    variant: str
    config: tuple[tuple[str, str], ...]  # (axis, value as YAML text), sorted by axis
    epochs: int
    seed: int
    is_complete: bool  # trained for all epochs, then evaluated

    @property
    def values(self) -> dict[str, Any]:
        """What differs from the variant's block in ``params.yaml``, by dotted key."""
        settings = {axis: editing.parse(text) for axis, text in self.config}
        return settings | {"epochs": self.epochs, "seed": self.seed}

    @property
    def shown(self) -> dict[str, str]:
        """`values` as text."""
        return {key: editing.show(value) for key, value in self.values.items()}

    @property
    def targets(self) -> list[str]:
        """Stages that it consists of, without those that they depend on."""
        kinds = ("train", "evaluate", "plot") if self.is_complete else ("train",)
        return [f"{kind}@{self.variant}" for kind in kinds]


@dataclass
class Search:
    """The search of one variant.

    Attributes
    ----------
    variant, block
        Name and settings.
    inputs
        Digest of everything else that a training depends on; another one starts another study.
    """

    plan: Plan
    variant: str
    block: Variant
    inputs: str
    known: dict[Training, Trial] = field(default_factory=dict)
    failed: set[Training] = field(default_factory=set)  # by this command
    _failed_here: set[int] = field(default_factory=set)  # numbers of trials

    def __post_init__(self) -> None:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        file = journal(self.plan.name)
        kinds = {a: _distribution(v) for a, v in self.plan.axes.items() if isinstance(v, Range)}
        ranges = [f"{a}:{type(d).__name__}:{d.log}" for a, d in sorted(kinds.items())]
        self._study: Study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(file))),
            study_name=" ".join([self.variant, self.inputs, *ranges]),  # Optuna keeps their kinds
            load_if_exists=True,
        )
        values = self._study.user_attrs.get("values", {})
        if values and values.keys() != self.plan.axes.keys():
            raise InkbenchError(
                f"--name {self.plan.name}: {file} has the axes {', '.join(values)}; "
                "choose another name"
            )
        self._space: dict[str, list[str] | Range] = {}
        for axis, new in sorted(self.plan.axes.items()):
            old = values.get(axis, [])
            if isinstance(new, Range):
                self._space[axis] = new
            else:  # an index into it keeps its meaning when values are added
                self._space[axis] = list(dict.fromkeys([*old, *map(editing.show, new)]))
        stored = {axis: v if isinstance(v, list) else [] for axis, v in self._space.items()}
        self._study.set_user_attr("values", stored)
        for key, value in self._study.user_attrs.items():
            if key.startswith("{"):
                trial = json.loads(key)
                self._learn(self._training(trial["config"], trial["seed"], trial["epochs"]), value)

    def recall(self, trials: Iterable[Trial]) -> None:
        """Take the results of a table, as far as they are of the same inputs."""
        for trial in trials:
            if (trial.variant, trial.inputs) == (self.variant, self.inputs):
                known = self._training(trial.settings, trial.seed, trial.epochs)
                self.known.setdefault(known, trial)

    def add(self, training: Training, trial: Trial) -> None:
        """Store the result of a training at once."""
        key = {"config": training.config, "seed": training.seed, "epochs": training.epochs}
        self._study.set_user_attr(json.dumps(key), vars(trial))
        self.known[training] = trial

    def _learn(self, training: Training, facts: dict[str, Any]) -> None:
        settings = tuple((axis, text) for axis, text in facts["settings"])
        self.known[training] = Trial(**facts | {"settings": settings})

    def due(self) -> list[Training]:
        """The trainings that are needed next; empty if the search has ended."""
        while batch := self._running() or self._ask():
            if due := self._race(batch):
                return due
        ended = [trial for trial in self._study.trials if trial.state.name == "COMPLETE"]
        return self._missing(ended, None)

    def _race(self, batch: "list[FrozenTrial]") -> list[Training]:
        """The trainings that are due in a batch; if none is, the batch is told and ends."""
        from optuna.trial import TrialState

        left = batch
        for rung, divisor in self._rungs():
            if due := self._missing(left, rung):
                return due
            left = sorted(left, key=lambda trial: (self._loss(trial, rung), trial.number))
            left = left[: math.ceil(len(left) / divisor)]
            left = [trial for trial in left if math.isfinite(self._loss(trial, rung))]
        if due := self._missing(left, None):
            return due
        every = [*(rung for rung, _ in self._rungs()), None]
        for trial in batch:
            state = TrialState.COMPLETE if trial in left else TrialState.PRUNED
            if any(t in self.failed for rung in every for t in self._trainings(trial, rung)):
                state = TrialState.FAIL
            if trial.state == TrialState.RUNNING:
                value = self._loss(trial, None) if state == TrialState.COMPLETE else None
                self._study.tell(trial.number, value, state)
                self._failed_here |= {trial.number} if state == TrialState.FAIL else set()
        return []

    def _rungs(self) -> list[tuple[int, int]]:
        """Epochs after which ``--prune`` drops trials, and the divisor of their number."""
        if not self.plan.prune:
            return []
        full = self.block.epochs
        rungs = {math.ceil(full / of_epochs): of_trials for of_epochs, of_trials in _RUNGS}
        return sorted((epochs, divisor) for epochs, divisor in rungs.items() if epochs < full)

    def _missing(self, trials: "Iterable[FrozenTrial]", epochs: int | None) -> list[Training]:
        wanted = [t for trial in trials for t in self._trainings(trial, epochs)]
        return [t for t in dict.fromkeys(wanted) if t not in self.known and t not in self.failed]

    def _loss(self, trial: "FrozenTrial", epochs: int | None) -> float:
        """Mean validation loss over the seeds; infinite if one of them failed."""
        trainings = self._trainings(trial, epochs)
        known = [self.known[t].val_loss for t in trainings if t in self.known]
        return sum(known) / len(known) if len(known) == len(trainings) else math.inf

    def _trainings(self, trial: "FrozenTrial", epochs: int | None) -> list[Training]:
        config = [(axis, editing.show(value)) for axis, value in self._decode(trial.params).items()]
        seeds = range(self.block.seed, self.block.seed + self.plan.seeds)
        return [self._training(config, seed, epochs) for seed in seeds]

    def _training(self, config: Iterable, seed: int, epochs: int | None) -> Training:
        settings = tuple((axis, text) for axis, text in config)
        full = editing.parse(dict(settings).get("epochs", str(self.block.epochs)))
        chosen = epochs or full
        return Training(self.variant, settings, chosen, seed, chosen == full)

    def _decode(self, parameters: dict[str, Any]) -> Config:
        """The configuration of a trial; Optuna has the index of a value in a list."""
        config = {}
        for axis, values in self._space.items():
            value = parameters[axis]
            if isinstance(values, list):
                config[axis] = editing.parse(values[value])
            else:
                config[axis] = value if isinstance(value, int) else float(f"{value:.3g}")
        return config

    def _running(self) -> "list[FrozenTrial]":
        """The trials of the batch that is not told yet; empty if there is none."""
        trials = [trial for trial in self._study.trials if "batch" in trial.user_attrs]
        open_batches = [t.user_attrs["batch"] for t in trials if t.state.name == "RUNNING"]
        batch = min(open_batches, default=None)
        return [trial for trial in trials if trial.user_attrs["batch"] == batch]

    def _ask(self) -> "list[FrozenTrial]":
        """Ask for the next batch of trials; empty if the search has ended."""
        import optuna

        asked = [trial for trial in self._study.trials if "batch" in trial.user_attrs]
        redone = {"FAIL"} if self.plan.prune else {"FAIL", "PRUNED"}
        had: list[dict[str, Any]] = []
        again: list[dict[str, Any]] = []
        for trial in asked:
            is_known = trial.state.name not in redone or trial.number in self._failed_here
            group = had if is_known else again
            group += [trial.params] * (trial.params not in group)
        wanted = again
        if self.plan.search == "grid":
            places = {a: [*range(len(v))] for a, v in self._space.items() if isinstance(v, list)}
            wanted = grid(places)
        if wanted := [params for params in wanted if params not in had]:
            for params in wanted:
                trial = optuna.create_trial(
                    state=optuna.trial.TrialState.RUNNING,
                    params=params,
                    distributions=self._distributions,
                    user_attrs={"batch": len(asked)},
                )
                self._study.add_trial(trial)
            return self._running()
        count = (self.plan.trials or 0) - len(had)
        if len(asked) >= 20 * self.plan.trials:  # proposals repeat where few are left
            return []
        for number in range(min(count, _TPE_BATCH) if self.plan.search == "tpe" else count):
            seed = len(asked) + number  # of its own: a killed search asks for the same ones
            self._study.sampler = (
                optuna.samplers.TPESampler(seed=seed, n_startup_trials=2 * _TPE_BATCH)
                if self.plan.search == "tpe"
                else optuna.samplers.RandomSampler(seed=seed)
            )
            self._study.ask(self._distributions).set_user_attr("batch", len(asked))
        return self._running()

    @property
    def _distributions(self) -> dict[str, Any]:
        from optuna.distributions import IntDistribution

        return {
            axis: IntDistribution(0, len(values) - 1)
            if isinstance(values, list)
            else _distribution(values)
            for axis, values in self._space.items()
        }


def _distribution(values: Range) -> Any:
    from optuna import distributions

    is_log = values.low > 0 and values.high >= 10 * values.low
    if isinstance(values.low, int) and isinstance(values.high, int):
        return distributions.IntDistribution(values.low, values.high, log=is_log)
    return distributions.FloatDistribution(values.low, values.high, log=is_log)


def journal(name: str) -> Path:
    """Optuna's storage of a sweep, beside its tables."""
    return layout.SWEEPS / f"{name}.journal"


def repair(name: str) -> None:
    """Remove what a killed command left in the storage: a lock, half a line.

    The caller holds a lock of its own.
    """
    file = journal(name)
    Path(f"{file}.lock").unlink(missing_ok=True)
    if file.exists():
        content = file.read_bytes()
        if not content.endswith(b"\n"):
            file.write_bytes(content[: content.rfind(b"\n") + 1])
