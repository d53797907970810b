"""What a metric is, what it may need, and how measurements are asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tfgan.arithmetic import ARITHMETIC
from tfgan.data.pipeline import PipelineOptions
from tfgan.data.sources import DataOptions
from tfgan.importers.feature_networks import INCEPTION_FILES, LPIPS_FILES, VGG16_FILES
from tfgan.terminal import UserError

if TYPE_CHECKING:
    from tfgan.devices import Replicas

CACHE = "evaluation-cache"  # beside run folders: classifiers, features


class EvaluationError(UserError):
    """A model cannot be measured as asked."""


class Network(NamedTuple):
    """A published feature network, whose weights the user brings.

    Attributes:
        name: As results and messages call it.
        variable: Environment variable that may name its files, separated as in PATH.
        source: Which files these are, and where they are published.
    """

    name: str
    variable: str
    source: str


# By option of the command line.
NETWORKS = {
    "inception": Network("Inception-v3", "TFGAN_INCEPTION", INCEPTION_FILES),
    "lpips_alex": Network("LPIPS 0.1 on AlexNet", "TFGAN_LPIPS_ALEX", LPIPS_FILES["alex"]),
    "lpips_vgg": Network("LPIPS 0.1 on VGG16", "TFGAN_LPIPS_VGG", LPIPS_FILES["vgg"]),
    "vgg16": Network("VGG16", "TFGAN_VGG16", VGG16_FILES),
}
# What metrics have to do with the built-in faces.
MEASURES, NEEDS = "measures", "needs"


@dataclass(frozen=True)
class Metric:
    """Something that can be measured: what it needs, how it is computed, and how it is shown.

    Args:
        name: As --metrics and results call it.
        about: What it is, in a line.
        count: Default of --count.
        counted: What it counts.
        measure: A subject, which is what the module of a system in `tfgan.evaluate.systems` calls
            so -> what results keep.
        describe: What `measure` returned, as tables.
        curves: Those numbers of it that make curves, by name.
        network: Which of `NETWORKS` it needs, if it needs one.
        options: Other options of the command line that are for it alone.
        faces: `MEASURES`, where its numbers mean nothing of other pictures than the built-in faces;
            `NEEDS`, where it refuses others; "" for neither.
        instead: Of `options`, any one of which lets it measure other pictures.
        caution: Its limits, and which metric to use instead; "" where there are none.
        packages: Optional packages that it needs; see `tfgan.terminal.require`.
    """

    name: str
    about: str
    count: int
    counted: str
    measure: Callable[[Any], dict[str, Any]]
    describe: Callable[[Mapping[str, Any]], str]
    curves: Callable[[Mapping[str, Any]], dict[str, float]]
    network: str | None = None
    options: tuple[str, ...] = ()
    faces: str = ""
    instead: tuple[str, ...] = ()
    caution: str = ""
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class PictureOptions(DataOptions):
    """Which real pictures models are measured on, and how classifiers learn from them.

    Fields have the names of a run's options, and are read from its configuration.

    Args:
        flips: Whether a picture and its mirror image are alike.
        max_broken: Pictures that cannot be read and are left out; one more is an error.
        cache_gb: Memory for decoded pictures, in GB.
    """

    flips: bool = True
    max_broken: int = 10
    cache_gb: float = 1.0

    def pipeline_options(self) -> PipelineOptions:
        """How batches are made; their size and order are a classifier's own."""
        return PipelineOptions(
            self.resolution,
            batch_size=1,
            resize=self.resize,
            flips=self.flips,
            max_broken=self.max_broken,
            cache_gb=self.cache_gb,
        )

    def check_single(self) -> None:
        """Raises EvaluationError for several data sets, which only StarGAN learns from."""
        if len(self.data) > 1:
            raise EvaluationError(
                f"--data takes one data set with this model. Received: {' '.join(self.data)}. Use "
                "--model stargan to learn from several at once."
            )


@dataclass(frozen=True)
class PathLengths:
    """How perceptual path lengths are measured.

    Attributes:
        space: "z" or "w", where paths are.
        sampling: "full", anywhere on paths, or "end", at their beginnings.
        epsilon: Length of a step, as a share of the path.
        crop: Whether pictures are cut down to faces.
    """

    space: str = "w"
    sampling: str = "end"
    epsilon: float = 1e-4
    crop: bool = False


@dataclass(frozen=True)
class Request:
    """How a model is to be measured.

    Attributes:
        data: Which the real pictures are.
        fingerprint: That of the pictures of the run; None where the model is of no run.
        replicas: Where networks run.
        counts: By metric, most pictures, pairs or the like.
        seed: Of all that is drawn.
        cache: Folder of classifiers and features.
        networks: By option of `NETWORKS`, the files of those that metrics need.
        psi: Truncation.
        noise: Of generators, "random" or "fixed"; see `tfgan.evaluate.generators.Generator`.
        real_count: Most real pictures that features of fid, kid, pr and pr-vgg16 are taken of;
            None: all, of which precision and recall draw 50,000.
        paths: Of the metric ppl.
        outputs: Of one picture, with the metrics fid and lpips of StarGAN v2.
        classifier: File of the classifier for separability; None: one is trained.
        labelled: Data that it is trained on; None: the avatars.
        labelled_table: Their list of attributes, of a folder.
        arithmetic: Of all networks, as results say it.
    """

    data: PictureOptions
    fingerprint: str | None
    replicas: "Replicas"
    counts: Mapping[str, int]
    seed: int
    cache: Path
    networks: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    psi: float = 1.0
    noise: str = "random"
    real_count: int | None = None
    paths: PathLengths = field(default_factory=PathLengths)
    outputs: int = 10
    classifier: Path | None = None
    labelled: str | None = None
    labelled_table: str | None = None
    arithmetic: str = ARITHMETIC
