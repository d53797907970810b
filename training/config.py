"""Options that all systems share, and how a run folder keeps them."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from tfgan.data.pipeline import PipelineOptions
from tfgan.data.sources import check_resolution
from tfgan.terminal import UserError


class ConfigError(UserError):
    """An option has a value that cannot work."""


@dataclass(frozen=True)
class TrainingConfig:
    """Options that all systems share."""

    preset: str = ""  # preset that the other values started from
    data: str = "avatars"  # "avatars", "tfds:NAME", or a folder of pictures
    data_dir: str | None = None  # where tensorflow-datasets keeps its sets
    split: str = "train"  # split of a tensorflow-datasets set
    image_key: str | None = None  # its feature with the picture; default: the only image feature
    label_key: str | None = None  # its feature with the class, for --conditional
    avatars_count: int = 6000  # pictures that the built-in set draws
    conditional: bool = False  # learn classes: sub-folders of the folder, or the label key
    resolution: int = 64  # power of two from 8 to 1024
    resize: Literal["crop", "pad", "stretch"] = "crop"  # how pictures are made square
    flips: bool = True  # mirror half of the pictures
    max_broken: int = 10  # unreadable pictures that are skipped before training stops
    cache_gb: float = 1.0  # memory for decoded pictures
    batch_size: int = 32  # over all devices
    accumulate: int = 1  # rounds that a batch is split into where it does not fit in memory
    total_kimg: float = 25000.0  # length of training, thousands of images
    max_minutes: float | None = None  # training also ends after this time
    seed: int = 0  # of weights, data order and all draws
    checkpoint_kimg: float = 100.0  # thousands of images between checkpoints
    keep: int = 3  # checkpoints that stay
    sample_kimg: float = 25.0  # thousands of images between sample pictures
    sample_rows: int = 4  # rows of the sample grid
    sample_columns: int = 8  # columns of the sample grid
    log_seconds: float = 5.0  # between points of the curves

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

    def check(self) -> None:
        """Raises ConfigError for values that cannot work."""
        check_resolution(self.resolution)
        positive = (
            "batch_size accumulate total_kimg checkpoint_kimg sample_kimg keep sample_rows "
            "sample_columns avatars_count"
        )
        for name in positive.split():
            if getattr(self, name) <= 0:
                raise ConfigError(
                    f"{flag(name)} must be positive. Received: {getattr(self, name)}."
                )
        if self.max_minutes is not None and self.max_minutes <= 0:
            raise ConfigError(f"--max-minutes must be positive. Received: {self.max_minutes}.")
        if self.data == "folder":
            raise ConfigError(
                f"the preset {self.preset} trains on your own pictures: give --data FOLDER "
                "(a folder of pictures) or --data tfds:NAME."
            )


def flag(name: str) -> str:
    """Command line flag of a field."""
    return "--" + name.replace("_", "-")


# What a resumed run may change without becoming another run.
RESUMABLE = frozenset(
    (
        "total_kimg",
        "max_minutes",
        "checkpoint_kimg",
        "keep",
        "sample_kimg",
        "log_seconds",
        "cache_gb",
        "max_broken",
        "data_dir",
    )
)

Config = TypeVar("Config", bound=TrainingConfig)


def save_config(path: Path, model: str, config: TrainingConfig) -> None:
    """Writes the options of a run as JSON."""
    text = json.dumps({"model": model, **dataclasses.asdict(config)}, indent=2)
    path.write_text(text + "\n")


def read_config(path: Path) -> dict[str, Any]:
    """Reads what `save_config` wrote.

    Raises:
        ConfigError: If the file is missing or not JSON.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path.parent} is not a run folder: it has no {path.name}.") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}.") from None


def check_resumed(before: TrainingConfig, now: TrainingConfig) -> None:
    """Raises ConfigError if a resumed run differs in more than it may."""
    changed = [
        f"{flag(f.name)}: {getattr(before, f.name)} -> {getattr(now, f.name)}"
        for f in dataclasses.fields(before)
        if f.name not in RESUMABLE and getattr(before, f.name) != getattr(now, f.name)
    ]
    if changed:
        raise ConfigError(
            "a resumed run keeps its options, or it would be another run. "
            f"Changed: {', '.join(changed)}. A resumed run may change: "
            f"{', '.join(flag(name) for name in sorted(RESUMABLE))}."
        )
