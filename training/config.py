"""Options that all systems share: plain values and their checks."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import tyro

from tfgan.data.feed import PipelineOptions
from tfgan.data.sources import DataOptions, check_resolution
from tfgan.errors import UserError, as_flags


class ConfigError(UserError):
    """An option has a value that cannot work."""


class Rule(NamedTuple):
    """What a number must be, in words and as a test."""

    words: str
    holds: Callable[[float], bool]


class Network(NamedTuple):
    """What a .keras file that an option names must hold.

    Attributes:
        class_name: Of the network.
        advice: Where to get one.
    """

    class_name: str
    advice: str


POSITIVE = Rule("positive", lambda value: value > 0)
NOT_NEGATIVE = Rule("0 or more", lambda value: value >= 0)
COUNT = Rule("at least 1", lambda value: value >= 1)
SHARE = Rule("from 0 to 1", lambda value: 0 <= value <= 1)
BELOW_ONE = Rule("at least 0 and below 1", lambda value: 0 <= value < 1)
ANY = Rule("a number", lambda value: True)
CELLS = Rule("from 1 to 32", lambda value: 1 <= value <= 32)


@dataclass(frozen=True)
class TrainingConfig:
    """Options that all systems share."""

    preset: Annotated[str, tyro.conf.Suppress] = ""  # preset that the other values started from
    # pictures to learn from: avatars (built in), tfds:NAME, or a folder, prepared or not
    data: tuple[str, ...] = ("avatars",)
    # folder that keeps sets of tensorflow-datasets; default: ~/tensorflow_datasets
    data_dir: str | None = None
    split: str = "train"  # split of a tensorflow-datasets set to learn from
    # feature of a tensorflow-datasets set that is the picture; default: its only image
    image_key: str | None = None
    # feature of a tensorflow-datasets set that is the class, where classes are learned
    label_key: str | None = None
    avatars_count: int = 6000  # number of faces that are drawn for --data avatars
    # learn what tells classes apart, so that each can be asked for: sub-folders, or --label-key
    conditional: bool = False
    # height and width of the pictures that are made, in pixels: a power of two from 8 to 1024
    resolution: int = 64
    # how pictures are made square: cut the centre out, add white borders, or distort
    resize: Literal["crop", "pad", "stretch"] = "crop"
    # mirror half of the pictures at random; not for writing, or where left and right differ
    flips: bool = True
    max_broken: int = 10  # unreadable pictures that are named and left out; one more stops training
    # GB of memory for pictures that are decoded and resized already; 0: do it each time
    cache_gb: float = 1.0
    # images of one step, over all devices together; memory and time of a step grow with it
    batch_size: int = 32
    # split each batch into this number of rounds: less memory, the same gradients
    accumulate: int = 1
    # .keras file or run whose weights training starts from, in place of random ones
    init: str | None = None
    # with --init, leave so many resolutions of the discriminator as they are, the finest first;
    # helps where pictures are few
    freeze_d: int = 0
    # length of training, in thousands of images shown; pictures come again and again
    total_kimg: float = 25000.0
    # end training after so many minutes, and save; --resume starts the clock anew
    max_minutes: float | None = None
    seed: int = 0  # of all random numbers: the same seed and options give the same run
    # save a checkpoint and model.keras after each so many thousand images
    checkpoint_kimg: float = 100.0
    keep: int = 3  # number of checkpoints that are kept, the newest ones
    sample_kimg: float = 25.0  # draw pictures into samples/ after each so many thousand images
    sample_rows: int = 4  # rows of a sample picture
    sample_columns: int = 8  # columns of a sample picture
    log_seconds: float = 5.0  # seconds between points of the curves in TensorBoard and stats.jsonl
    # measure the model after each so many thousand images; default: never
    evaluate_every: float | None = None
    # most pictures of each measurement; default: see python -m tfgan.evaluate --help
    evaluate_count: int | None = None
    # what --evaluate-every measures; names and default: see python -m tfgan.evaluate --help
    metrics: tuple[str, ...] = ()
    # weights of Inception, for --metrics fid, kid, pr and is; see python -m tfgan.evaluate
    # --help
    inception: tuple[str, ...] = ()
    # weights of LPIPS on AlexNet, for --metrics lpips; see python -m tfgan.evaluate --help
    lpips_alex: tuple[str, ...] = ()
    # weights of LPIPS on VGG16, for --metrics ppl; see python -m tfgan.evaluate --help
    lpips_vgg: tuple[str, ...] = ()
    # weights of VGG16, for --metrics pr-vgg16; see python -m tfgan.evaluate --help
    vgg16: tuple[str, ...] = ()

    # Whether the system learns from label sets, of one or several data sets at once.
    takes_several: ClassVar[bool] = False
    # What --init sets where the command line does not.
    with_init: ClassVar[Mapping[str, Any]] = {}
    # Options that name a file of a network.
    networks: ClassVar[Mapping[str, Network]] = {}
    # Bounds of every number; each system adds its own.
    rules: ClassVar[Mapping[str, Rule]] = {
        "resolution": COUNT,  # `check` knows more of it
        "avatars_count": Rule("from 1 to 1,000,000", lambda v: 1 <= v <= 1_000_000),
        "max_broken": NOT_NEGATIVE,
        "cache_gb": NOT_NEGATIVE,
        "batch_size": COUNT,
        "accumulate": COUNT,
        "freeze_d": NOT_NEGATIVE,
        "total_kimg": POSITIVE,
        "max_minutes": POSITIVE,
        "seed": Rule("from 0 to 4294967295", lambda v: 0 <= v < 2**32),
        "checkpoint_kimg": POSITIVE,
        "keep": COUNT,
        "sample_kimg": POSITIVE,
        "sample_rows": CELLS,
        "sample_columns": CELLS,
        "log_seconds": NOT_NEGATIVE,
        "evaluate_every": POSITIVE,
        "evaluate_count": Rule("2 or more", lambda value: value >= 2),
    }

    def pipeline_options(self) -> PipelineOptions:
        """What happens to the pictures on their way into a batch."""
        return PipelineOptions(
            self.resolution,
            self.batch_size,
            self.resize,
            self.flips,
            self.seed,
            self.max_broken,
            self.cache_gb,
        )

    def data_options(self) -> DataOptions:
        """Which pictures are read, and how."""
        return DataOptions.from_values(vars(self))

    def check(self) -> None:
        """Raises ConfigError for values that cannot work."""
        check_resolution(self.resolution)
        for name, rule in self.rules.items():
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and rule.holds(value)):
                raise ConfigError(field=name, expected=f"must be {rule.words}", received=value)
        if self.total_kimg * 1000 < self.batch_size:
            raise ConfigError(
                field="total_kimg",
                expected=f"must be at least one batch of {self.batch_size} images, "
                f"{self.batch_size / 1000:g}",
                received=f"{self.total_kimg:g}",
            )
        if not all(self.data) or not self.data:
            raise ConfigError(
                f"the preset {self.preset} trains on your own pictures: give `data` FOLDER "
                "(a folder of pictures) or `data` tfds:NAME."
            )
        if self.freeze_d and self.init is None:
            raise ConfigError(
                field="freeze_d",
                expected="belongs to `init`, or what it keeps would be random",
                received=self.freeze_d,
                advice="Leave it out.",
            )
        alone = ("evaluate_count", "metrics", "inception", "lpips_alex", "lpips_vgg", "vgg16")
        unused = [f"`{name}`" for name in alone if getattr(self, name)]
        if unused and self.evaluate_every is None:
            raise ConfigError(
                named=", ".join(unused),
                expected="belongs to `evaluate_every`",
                received="no such option",
                advice="Add `evaluate_every` KIMG.",
            )
        if len(self.data) > 1 and not self.takes_several:
            raise ConfigError(
                field="data",
                expected="takes one data set with this model",
                received=" ".join(self.data),
                advice="Use `model` stargan to learn from several at once.",
            )

    def settled(self) -> Self:
        """With the values of defaults that follow other options, which may change on resuming."""
        return self

    def notes(self) -> list[str]:
        """What a user should know of these options before training begins."""
        return []


def check_channels(channel_base: int, resolution: int) -> None:
    """Raises ConfigError if the widest resolution would have no channel."""
    if channel_base < resolution:
        raise ConfigError(
            field="channel_base",
            expected=f"must be at least the resolution, {resolution}",
            received=channel_base,
        )


# What a resumed run may change without becoming another run.
RESUMABLE = frozenset(
    (
        "total_kimg",
        "max_minutes",
        "checkpoint_kimg",
        "keep",
        "sample_kimg",
        "log_seconds",
        "evaluate_every",
        "evaluate_count",
        "metrics",
        "inception",
        "lpips_alex",
        "lpips_vgg",
        "vgg16",
        "cache_gb",
        "max_broken",
        "data",  # the folder may have moved; its pictures are compared by their fingerprint
        "data_dir",
    )
)


def changed_options(before: TrainingConfig, now: TrainingConfig) -> dict[str, list[Any]]:
    """Options that differ: name -> values before and now."""
    old, new = dataclasses.asdict(before), dataclasses.asdict(now)
    return {name: [old[name], new[name]] for name in old if old[name] != new[name]}


def list_changes(changes: Mapping[str, Sequence[Any]]) -> str:
    """Changed options in a line, for a message: before -> now."""
    listed = ", ".join(f"`{name}`: {old} -> {new}" for name, (old, new) in changes.items())
    return as_flags(listed)


def check_resumed(changes: Mapping[str, Sequence[Any]], override: bool) -> None:
    """Raises ConfigError if a resumed run differs in more than it may.

    Args:
        changes: What `changed_options` gave.
        override: Whether it may become another run, by all but where it began. Whether its weights
            fit the new options, the checkpoint says.
    """
    refused = {name: pair for name, pair in changes.items() if name not in RESUMABLE}
    if "init" in refused:
        raise ConfigError(
            f"a resumed run has begun already. Changed: {list_changes(changes)}. Leave `init` out, "
            "or start a new run."
        )
    if refused and not override:
        raise ConfigError(
            "a resumed run keeps its options, or it would be another run. "
            f"Changed: {list_changes(refused)}. A resumed run may change: "
            f"{', '.join(f'`{name}`' for name in sorted(RESUMABLE))}. `override` changes others "
            "too, as far as the networks stay the same."
        )
