"""What TensorBoard calls the numbers and pictures of a run, and says of them.

TensorBoard sorts groups by name, capitals first, and opens the first two: those are the losses and
the pictures. `stats.jsonl` keeps the names that systems give.
"""

from typing import NamedTuple

LOSSES, PICTURES = "Losses", "Pictures"
REAL = "real"


class Entry(NamedTuple):
    """What is shown of a number or a picture.

    Attributes:
        tag: Its name in TensorBoard; what stands before the last slash is its group.
        about: What it is, for those who ask.
    """

    tag: str
    about: str


# Tags of their own, where the group is not what stands before the slash.
_TAGS = {
    "augment_p": "augmentation/p",
    "score/real_sign": "augmentation/sign_of_real",
}
# The first that a name begins with says what it is.
_NUMBERS = {
    "loss/d_features": "Loss of the discriminators of --features: falls where they tell real "
    "pictures from generated ones.",
    "loss/g_features": "Loss of the generator by --features: falls where its pictures pass for "
    "real.",
    "loss/d": "Loss of the discriminator: falls where it tells real pictures from generated ones.",
    "loss/g": "Loss of the generator: falls where the discriminator takes its pictures for real. "
    "Neither loss tells how good pictures are: --evaluate-every does.",
    "score/real_sign": "Mean sign of the discriminator's scores of real pictures. Near 1, it knows "
    "them by heart; --ada distorts more above --ada-target.",
    "score/real": "Mean score that the discriminator gives real pictures.",
    "score/fake": "Mean score that the discriminator gives generated pictures.",
    "augment_p": "Probability of each distortion that --ada shows the discriminator.",
    "penalty/r1": "R1: squared slope of the discriminator at real pictures, before its weight.",
    "penalty/gradient": "How far slopes of the discriminator between real and generated pictures "
    "are from 1, before its weight.",
    "penalty/drift": "Mean square of the scores of real pictures, before its weight.",
    "penalty/path_length": "Squared distance of path lengths from their running mean, before its "
    "weight.",
    "path_length_mean": "Running mean of path lengths, which they are pulled to.",
    "path_length": "How much a picture changes with its style, mean of a batch.",
    "label/real": "How wrong the discriminator is about the labels of real pictures.",
    "label/fake": "How far translations are from showing the labels that were asked for.",
    "accuracy/real": "Share of labels of real pictures that the discriminator names rightly.",
    "accuracy/fake": "Share of labels asked for that the discriminator sees in translations.",
    "reconstruction": "Mean |source - translation of its translation back|, values in [-1, 1].",
    "identity": "Mean |source - translation to its own labels|, values in [-1, 1].",
    "style/": "Mean |style - style that the encoder finds in the translation|.",
    "diversity/": "Mean |difference| of translations to two styles: more is more diverse.",
    "diversity_weight": "Weight of diversity, which falls to 0.",
    "cycle/": "Mean |source - translation of its translation back|, values in [-1, 1].",
    "gradient_norm/": "Length of the gradient of all weights that this update changes.",
    "learning_rate": "Learning rate in use.",
    "schedule/resolution": "Resolution in use, pixels.",
    "schedule/alpha": "How far the resolution in use is faded in: 1 is wholly.",
    "schedule/batch_size": "Batch size in use.",
    "schedule/learning_rate": "Learning rate in use.",
    "images_per_second": "Speed of training, all devices together.",
    "memory/process": "Most memory that the process has held so far, GB.",
    "memory/gpu": "Most memory that TensorFlow has held on this GPU so far, GB.",
    "metrics/": "Quality, as python -m tfgan.evaluate measures it: see its --help.",
}
_PICTURES = {
    REAL: "Real pictures that are trained on, before any distortion; the same each time.",
    "average": "Pictures of the averaged generator, which is what is saved, of the same latents "
    "each time.",
    "latent": "Sources across; below, their translations to the styles of latents, by domain.",
    "reference": "Sources across, references at the left; between them, translations.",
    "translations": "Sources at the left; beside each, one label after another changed.",
}


def number(name: str) -> Entry:
    """What TensorBoard shows of a statistic."""
    tag = _TAGS.get(name, name)
    if tag.startswith("loss/"):
        tag = f"{LOSSES}/{tag.removeprefix('loss/')}"
    abouts = (about for start, about in _NUMBERS.items() if name.startswith(start))
    return Entry(tag, next(abouts, ""))


def picture(name: str) -> Entry:
    """What TensorBoard shows of a sample picture."""
    return Entry(f"{PICTURES}/{name}", _PICTURES.get(name, ""))
