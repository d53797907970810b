"""What can be measured: kinds of models, and what each of their modules has."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from tfgan.terminal import UserError

if TYPE_CHECKING:
    from training.config import TrainingConfig

# Class of a model -> module, imported once it is asked for.
KINDS = {
    "StarGAN": "training.evaluate.labels",
    "StarGANv2": "training.evaluate.domains",
    "StyleGANGenerator": "training.evaluate.latents",
    "StyleGAN2Generator": "training.evaluate.latents",
}


class EvaluationError(UserError):
    """A model cannot be measured as asked."""


@dataclass(frozen=True)
class Request:
    """How a model is to be measured.

    Attributes:
        config: Options that say where the real pictures are, of the type of `Kind.CONFIG`.
        fingerprint: That of the pictures of the run; None where the model is of no run.
        count: Most pictures, as the kind counts them.
        seed: Of all that is drawn.
        cache: Folder of classifiers.
        psi: Truncation.
    """

    config: "TrainingConfig"
    fingerprint: str | None
    count: int
    seed: int
    cache: Path
    psi: float


class Kind(Protocol):
    """How models of a class are measured: what the modules of `KINDS` have.

    Attributes:
        CONFIG: Options of a run that say where its pictures are.
        DATA: What --data may name, in words.
        OPTIONS: Names of the options of the command line that not every kind takes, and that this
            one does.
        COUNT: Default of --count.
    """

    CONFIG: "type[TrainingConfig]"
    DATA: str
    OPTIONS: tuple[str, ...]
    COUNT: int

    def evaluate(self, model: Any, request: Request) -> dict[str, Any]:
        """What is found, as results keep it; says what it is found on."""
        ...

    def describe(self, measured: Mapping[str, Any]) -> str:
        """What was found, as tables."""
        ...


def kind_of(name: str) -> Kind:
    """The kind of a class of models, one of `KINDS`."""
    return cast(Kind, importlib.import_module(KINDS[name]))
