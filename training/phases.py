"""What a system tells the loop: phases, stages and averages.

What differs between systems is data of these types, so the loop needs no branch for any of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tfgan.draws import Draws


@dataclass(frozen=True)
class Update:
    """An optimiser and the variables that it changes."""

    optimizer: Any
    variables: Sequence[Any]


# batch, draws -> per-example loss [b], and statistics: name -> scalar or per-example tensor
Loss = Callable[[Mapping[str, Any], Draws], tuple[Any, dict[str, Any]]]


@dataclass(frozen=True)
class Phase:
    """One kind of update, run in `steps` steps in a row of every `interval` steps.

    Attributes:
        name: Shown in logs.
        loss: Called with the batch and `Draws`.
        updates: What the gradient of the loss changes, and nothing else is changed by it.
        interval: Steps after which it all begins again.
        offset: First step that runs it.
        bounded_gradients: Whether non-finite gradients are replaced by 0 and +-1e5, as float16
            training needs.
        steps: Steps in a row that run it. Where several data sets take turns, one of each.
        optional_statistics: Names of those that are NaN in batches that say nothing of them; any
            other that is not finite ends training.
    """

    name: str
    loss: Loss
    updates: Sequence[Update]
    interval: int = 1
    offset: int = 0
    bounded_gradients: bool = False
    steps: int = 1
    optional_statistics: Sequence[str] = ()

    def runs_at(self, step: int) -> bool:
        """Whether step 0, 1, 2, ... runs it."""
        return self.offset <= step % self.interval < self.offset + self.steps


@dataclass(frozen=True)
class Stage:
    """A stretch of training with one batch size, resolution and set of phases.

    Attributes:
        name: Shown where stages are listed.
        until_images: Images seen when it ends.
        batch_size: Over all devices.
        resolution: Height and width of the images.
        phases: What each step may run, in order.
        about: What else the list of stages shall say.
        batch_advice: How a user gets a batch of {} images.
    """

    name: str
    until_images: int
    batch_size: int
    resolution: int
    phases: Sequence[Phase]
    about: str = ""
    batch_advice: str = "--batch-size {}"


@dataclass(frozen=True)
class Average:
    """Exponential moving average of a network's weights.

    `decay` maps (images_seen, batch_size) to the decay of one step. Trained weights are averaged,
    others copied.
    """

    target: Any
    source: Any
    decay: Callable[[int, int], float]


class System(Protocol):
    """Networks and losses of one of the four systems, ready for the loop."""

    networks: Mapping[str, Any]  # name -> Keras model, trained ones and averages
    optimizers: Mapping[str, Any]
    state: Mapping[str, Any]  # name -> tf.Variable: whatever else a checkpoint must hold
    averages: Sequence[Average]

    def stages(self) -> Sequence[Stage]:
        """The stages of training in order."""
        ...

    def after_step(self, step: int, images_seen: int, batch_size: int) -> None:
        """Called after each step, outside of the replicas."""
        ...

    def learning_rates(self, images_seen: int) -> Mapping[str, float]:
        """What the options say of each of `optimizers`, at a position."""
        ...

    def scalars(self) -> dict[str, float]:
        """State that is worth a curve."""
        ...

    def sample(self, images: Any, labels: Any) -> dict[str, Any]:
        """Pictures for TensorBoard and samples/: name -> uint8 [H, W, 3].

        Args:
            images: The same training pictures each time, uint8 [N, R, R, 3], as many as a sample
                grid has cells.
            labels: Their classes, int32 [N].
        """
        ...

    def inference_model(self) -> Any:
        """The Keras model that `model.keras` holds."""
        ...
