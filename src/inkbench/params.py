"""``params.yaml``, typed and validated.

Values that change a result are written in ``params.yaml``, where DVC tracks them. The only defaults
are those that switch an option off. Nothing heavy is imported, so that a bad value is refused
before TensorFlow starts.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from inkbench import data_source, datasets, layout, models, published
from inkbench.errors import InkbenchError

Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # as NumPy and Keras allow
HeldOut = Annotated[float, Field(gt=0, lt=0.5)]
Task = Literal["reconstruction", "classification", "restoration", "cleaning"]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Block):
    """One dataset: where it may come from and how it is split."""

    source: Literal["auto", "official", "synthetic"]  # auto: synthetic only if all else fails
    subset: str
    seed: Seed
    valid: HeldOut  # fraction of groups held out for choices
    test: HeldOut | Literal["official"]  # or the publisher's own test set
    limit: Annotated[int, Field(ge=40)] | None = None  # at most so many images (tests, try-outs)


class Noise(_Block):
    """Noise that is added to the inputs of a denoising model."""

    gaussian: Fraction = 0  # standard deviation, for pixels in [0, 1]
    salt_pepper: Fraction = 0  # fraction of pixels replaced by 0 or 1


class Augment(_Block):
    """Random affine transforms of the training images: largest values."""

    shift: Annotated[float, Field(ge=0, le=14)] = 0  # pixels
    rotate: Annotated[float, Field(ge=0, le=180)] = 0  # degrees
    zoom: Annotated[float, Field(ge=0, le=0.5)] = 0  # relative
    shear: Annotated[float, Field(ge=0, le=0.5)] = 0  # tangent


class Patches(_Block):
    """Random crops of pages that a restorer is trained on."""

    size: Annotated[int, Field(ge=16, le=256, multiple_of=16)]  # pixels
    per_page: Annotated[int, Field(gt=0)]  # per epoch, on average
    weight: Annotated[float, Field(gt=0)] = 1  # in the loss, relative to drawn scans


class Drawn(_Block):
    """Drawn scans that a restorer is trained on beside the pages of its dataset, per epoch."""

    scans: Annotated[int, Field(gt=0)]
    per_scan: Annotated[int, Field(gt=0)]  # crops


class _Network(_Block):
    """What every network that is trained has in common."""

    dataset: str
    family: str  # a module of inkbench.models
    # Options of the family's build function.
    model: dict[str, Any] = Field(default={}, validate_default=True)
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    seed: Seed
    train_limit: Annotated[int, Field(ge=1)] | None = None  # most images or pages to train on

    @field_validator("family")
    @classmethod
    def _known_family(cls, family: str) -> str:
        if family not in models.families():
            raise ValueError(f"no such family; allowed: {', '.join(models.families())}")
        return family

    @field_validator("model")
    @classmethod
    def _known_options(cls, options: dict[str, Any], seen: ValidationInfo) -> dict[str, Any]:
        if "family" in seen.data:
            form = models.options_of(seen.data["family"])
            if unknown := set(options) - set(form.model_fields):
                allowed = ", ".join(form.model_fields)
                raise ValueError(f"unknown option {min(unknown)!r}; allowed: {allowed}")
            return form(**options).model_dump(exclude_unset=True)  # YAML reads "1e-5" as a string
        return options


class Variant(_Network):
    """One trained model: a block under ``train:``."""

    task: Task
    schedule: Literal["constant", "cosine"]
    optimiser: Literal["adam", "muon"]
    loss: Literal["bce", "mse", "huber", "charbonnier", "bernoulli_nats", "cross_entropy"]
    precision: Literal["auto", "float32", "bfloat16"]
    binarise: bool = False  # inputs and targets, at 0.5
    # Documents only: disjoint pages; disjoint pages, texts and papers; or MLE-bench's split.
    split: Literal["page-disjoint", "background-disjoint", "mlebench"] = "page-disjoint"
    noise: Noise = Noise()
    augment: Augment = Augment()
    patches: Patches | None = None
    drawn: Drawn | None = None
    pretrain_epochs: Annotated[int, Field(ge=0, le=10_000)] = 0  # of the family's autoencoder

    @property
    def model_options(self) -> dict[str, Any]:
        """Options of the family's build function, including ``binarise``."""
        return {**self.model, "binarise": True} if self.binarise else self.model

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.binarise and "binarise" not in models.options_of(self.family).model_fields:
            raise ValueError(f"binarise: family {self.family!r} cannot")
        if (self.task in ("restoration", "cleaning")) != (self.patches is not None):
            raise ValueError("restoration and cleaning need patches; other tasks have none")
        if (self.task == "cleaning") != (self.drawn is not None):
            raise ValueError("cleaning needs drawn scans; other tasks have none")
        family = models.module(self.family)
        if self.pretrain_epochs and not hasattr(family, "autoencoder"):
            raise ValueError(f"pretrain_epochs: family {self.family!r} has no autoencoder")
        if (self.task == "classification") != (self.loss == "cross_entropy"):
            raise ValueError(f"loss {self.loss!r} does not fit task {self.task!r}")
        required = getattr(family, "LOSS", self.loss)
        if self.loss != required:
            raise ValueError(
                f"loss {self.loss!r} does not fit family {self.family!r}; use {required!r}"
            )
        fitting = {f"family {self.family!r}": getattr(family, "TASKS", (self.task,))}
        if self.dataset in datasets.names():  # others are refused where all blocks are known
            fitting[f"dataset {self.dataset!r}"] = datasets.spec(self.dataset).tasks
        for what, tasks in fitting.items():
            if self.task not in tasks:
                allowed = ", ".join(tasks)
                raise ValueError(f"task {self.task!r} does not fit {what}; allowed: {allowed}")
        return self


class Published(_Network):
    """One published result to reproduce: a block under ``published:``.

    Its other settings are fixed by the publication and are in its module of `inkbench.published`.
    """


Network = TypeVar("Network", Variant, Published)


class Limits(_Block):
    """The most that is trained on synthetic data, which only shows that the code runs."""

    epochs: Annotated[int, Field(ge=1)] | None = None  # of each objective
    train_limit: Annotated[int, Field(ge=1)] | None = None  # images or pages
    scans: Annotated[int, Field(ge=1)] | None = None  # drawn per epoch

    def applied(self, block: Network) -> Network:
        """Copy a block under ``train:`` or ``published:``, with what exceeds a limit lowered."""
        lowered: dict[str, Any] = {}
        if self.epochs:
            lowered["epochs"] = min(block.epochs, self.epochs)
        if self.train_limit:
            lowered["train_limit"] = min(block.train_limit or self.train_limit, self.train_limit)
        if isinstance(block, Variant):
            if self.epochs and block.pretrain_epochs:
                lowered["pretrain_epochs"] = min(block.pretrain_epochs, self.epochs)
            if self.scans and block.drawn:
                fewer = {"scans": min(block.drawn.scans, self.scans)}
                lowered["drawn"] = block.drawn.model_copy(update=fewer)
        return block.model_copy(update=lowered)


class Registered(_Block):
    """A registered model: the variants that compete for it, and the test metric that decides."""

    dataset: str
    task: Task
    binarise: bool = False  # only variants with the same pixels compare
    metric: str  # a key of metrics/V.json
    best: Literal["min", "max"]


class Params(_Block):
    """The whole of ``params.yaml``."""

    data: dict[str, Data]
    train: dict[Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")], Variant]
    synthetic: Limits = Limits()
    submission: Annotated[list[str], Field(max_length=1)] = []  # at most one: there is one folder
    registry: dict[str, Registered] = {}
    published: dict[str, Published] = {}

    @model_validator(mode="after")
    def _known_datasets(self) -> Self:
        for name, data in self.data.items():
            _refuse_unless(name in datasets.names(), f"data.{name}", name, datasets.names())
            _check_data(name, data)
        for name, rule in self.registry.items():
            _refuse_unless(
                rule.dataset in self.data, f"registry.{name}.dataset", rule.dataset, self.data
            )
        for name, variant in self.train.items():
            dataset = variant.dataset
            _refuse_unless(dataset in self.data, f"train.{name}.dataset", dataset, self.data)
        restorers = [name for name, block in self.train.items() if block.task == "restoration"]
        for name in self.submission:
            _refuse_unless(name in restorers, "submission", name, restorers or ["[]"])
        claims = published.claims()
        for name, block in self.published.items():
            _refuse_unless(name in claims, f"published.{name}", name, claims)
            dataset, family = block.dataset, block.family
            due = name.partition("-")[0]  # a claim's name begins with its dataset
            _refuse_unless(dataset == due, f"published.{name}.dataset", dataset, [due])
            _refuse_unless(dataset in self.data, f"published.{name}.dataset", dataset, self.data)
            due = published.FAMILIES[name]
            _refuse_unless(family == due, f"published.{name}.family", family, [due])
        return self

    def dataset(self, name: str) -> Data:
        """A block under ``data:``; `InkbenchError` if there is none with this name."""
        _refuse_unless(name in self.data, "dataset", name, self.data)
        return self.data[name]

    def variant(self, name: str) -> Variant:
        """A block under ``train:``; `InkbenchError` if there is none with this name."""
        _refuse_unless(name in self.train, "variant", name, self.train)
        return self.train[name]

    def claim(self, name: str) -> Published:
        """A block under ``published:``; `InkbenchError` if there is none with this name."""
        _refuse_unless(name in self.published, "claim", name, self.published)
        return self.published[name]

    def as_trained(self, block: Network, source: str) -> Network:
        """A block under ``train:`` or ``published:``, limited if its data are synthetic."""
        return self.synthetic.applied(block) if source == data_source.SYNTHETIC else block


def _check_data(name: str, data: Data) -> None:
    """Compare a block under ``data:`` with the dataset's ``SPEC``."""
    spec = datasets.spec(name)
    _refuse_unless(spec.name == name, f"data.{name}: SPEC.name", spec.name, [name])
    _refuse_unless(data.subset in spec.editions, f"data.{name}.subset", data.subset, spec.editions)
    _refuse_unless(
        (data.test == "official") == spec.official_test,
        f"data.{name}.test",
        data.test,
        ["official" if spec.official_test else "a fraction below 0.5"],
    )
    if data.source == "synthetic":
        allowed = ["auto", "official"]  # no module generates it
        _refuse_unless(spec.synthetic is not None, f"data.{name}.source", data.source, allowed)


def _refuse_unless(ok: bool, key: str, value: object, allowed: Any) -> None:
    if not ok:
        raise InkbenchError(
            f"{layout.PARAMS}: {key}: {value!r} is not known; allowed: {', '.join(allowed)}"
        )


def load(path: Path = layout.PARAMS) -> Params:
    """Read and validate ``params.yaml``.

    Raises
    ------
    InkbenchError
        One line for the first error: its key, its value and what is allowed.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InkbenchError(f"{path} not found; run from the repository's root") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = " ".join(str(error).split())
        raise InkbenchError(f"{path} is not valid YAML: {where}") from None
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        errors = error.errors(include_url=False)  # a misspelt key also is a missing one
        first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
        key = ".".join(str(part) for part in first["loc"] if part != "[key]") or "(top level)"
        value = first["input"]
        shown = f" {value!r}:" if not isinstance(value, dict) else ""
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"unknown key; allowed: {', '.join(_siblings(first['loc']))}"
        raise InkbenchError(f"{path}: {key}:{shown} {message}") from None


def _siblings(location: tuple[int | str, ...]) -> list[str]:
    """Keys that are allowed beside an unknown one."""
    block: type[BaseModel] = Params
    for part in location[:-1]:
        field = block.model_fields.get(str(part))
        if field is None:
            continue  # the name of a dataset or variant
        block = next((kind for kind in _blocks(field.annotation)), block)
    return list(block.model_fields)


def _blocks(annotation: Any) -> list[type[BaseModel]]:
    """All pydantic models in a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [kind for part in getattr(annotation, "__args__", ()) for kind in _blocks(part)]
