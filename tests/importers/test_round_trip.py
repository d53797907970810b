"""Published files all the way: import, pictures, `.tflite` with published numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from export import run
from tests.generate.pictures import read
from tests.importers import pickled, saved
from tests.importers.small import small_weights
from tests.parity.layouts import OfficialStyleGANCase
from tests.parity.published import DATA, Case
from tfgan.generate.__main__ import main as generate
from tfgan.importers.__main__ import main
from tfgan.litert import open_runner
from tfgan.loading import load_model

FILES = DATA / "checkpoints"


class Trip(NamedTuple):
    """A system on its way.

    Attributes:
        files: Makes the published files in a folder where they are not there; gives arguments of
            the import.
        pictures: Arguments of what makes pictures of the model.
        signature: Of the `.tflite`.
        inputs: Of the signature.
        expected: What it is to give, [B, H, W, 3]; None for what the model gives.
    """

    files: Callable[[Path], list[str]]
    pictures: list[str]
    signature: str
    inputs: dict[str, np.ndarray]
    expected: np.ndarray | None


def stylegan2() -> Trip:
    arrays = Case("stylegan2_small").arrays
    styles = np.repeat(arrays["w"][:, None], 8, axis=1)  # of 32 pixels
    return Trip(
        lambda folder: [str(FILES / "stylegan2_ada_small.pkl")],
        ["--seeds", "3"],
        "synthesize",
        {"styles": styles, "noise_scale": np.asarray(1, np.float32)},
        arrays["img_const_noise"],
    )


def stylegan() -> Trip:
    case = OfficialStyleGANCase("stylegan_official_32")

    def files(folder: Path) -> list[str]:
        weights = case.published
        networks = (weights.generator, weights.discriminator, weights.generator)
        pickled.save_networks(folder / "karras2019.pkl", *networks)
        return [str(folder / "karras2019.pkl"), "--names", "cat", "dog", "wild"]

    return Trip(
        files,
        ["--seeds", "3", "--class", "dog"],
        "synthesize",
        {"styles": case.arrays["styles"], "noise_scale": np.asarray(1, np.float32)},
        case.arrays["img_0.0"],
    )


def stargan() -> Trip:
    arrays = Case("stargan_small").arrays
    names = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"]
    return Trip(
        lambda folder: [
            *[str(FILES / f"stargan_small-{network}.ckpt") for network in "GD"],
            *["--attributes", *names, "--exclusive", *names[:3]],
        ],
        ["--source", "source.png", "--set", "Male=1"],
        "translate",
        {"images": arrays["x"], "labels": arrays["c_trg"]},
        arrays["g_out"],
    )


def stargan_v2() -> Trip:
    random = np.random.default_rng(0)

    def files(folder: Path) -> list[str]:
        networks = ("generator", "mapping_network", "style_encoder")
        weights = {network: small_weights("stargan_v2_small", network) for network in networks}
        saved.save_networks(folder / "100000_nets_ema.ckpt", weights)
        return [str(folder / "100000_nets_ema.ckpt")]

    size = Case("stargan_v2_small").config["img_size"]
    return Trip(
        files,
        ["--source", "source.png", "--latent", "1", "--domain", "domain1"],
        "translate",
        {
            "images": random.uniform(-1, 1, (2, size, size, 3)).astype(np.float32),
            "styles": random.standard_normal((2, 4), np.float32),
        },
        None,
    )


@pytest.mark.parametrize("system", [stylegan2, stylegan, stargan, stargan_v2])
def test_a_published_file_becomes_pictures_and_tflite(system, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trip = system()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(
        "source.png"
    )
    assert main([*trip.files(tmp_path), "-o", "model.keras"]) == 0
    assert generate(["model.keras", "pictures", *trip.pictures, "-o", "made"]) == 0
    (picture,) = (tmp_path / "made").rglob("*.png")
    model = load_model("model.keras")
    assert read(picture).shape == (model.resolution, model.resolution, 3)
    assert run.main(["model.keras", "--formats", "float32", "-o", "phone"]) == 0
    (file,) = (tmp_path / "phone").rglob("*.tflite")
    images = open_runner(file).run(trip.signature, trip.inputs)["images"]
    expected = trip.expected
    if expected is None:
        expected = np.asarray(model.translate(*trip.inputs.values()))
    # The tolerance of the parity data: a ten-thousandth of the largest value.
    assert np.max(np.abs(images - expected)) < 1e-4 * np.max(np.abs(expected))
