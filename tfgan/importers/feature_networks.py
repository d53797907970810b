"""Opens the networks of metrics, from our `.keras` files or from published files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgan.arithmetic import in_float32
from tfgan.importers import CheckpointError, inception, lpips, vgg
from tfgan.importers.files import read_together
from tfgan.loading import class_of, load_model
from tfgan.terminal import UserError

if TYPE_CHECKING:
    from tfgan.models.inception import InceptionV3
    from tfgan.models.lpips import LPIPS
    from tfgan.models.vgg import VGG16

# What to get, and where it was published.
INCEPTION_FILES = (
    "pt_inception-2015-12-05-6726825d.pth "
    "(https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights), or for StarGAN v2's FID "
    "inception_v3_google-0cc3c7bd.pth (https://download.pytorch.org/models)"
)
LPIPS_FILES = {
    network: (
        f"{trunk} (https://download.pytorch.org/models) and {network}.pth "
        "(https://github.com/richzhang/PerceptualSimilarity, lpips/weights/v0.1)"
    )
    for network, trunk in {
        "alex": "alexnet-owt-7be5be79.pth",
        "vgg": "vgg16-397923af.pth",
    }.items()
}
VGG16_FILES = (
    "vgg16-397923af.pth (https://download.pytorch.org/models), or vgg16.pt of "
    "NVlabs/stylegan2-ada-pytorch "
    "(https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics), which holds the "
    "same weights"
)


def _open(
    files: Sequence[str | Path],
    find: Callable[[Any], Any],
    convert: Callable[[Any], tuple[Any, list[str]]],
    class_name: str,
    expected: str,
) -> Any:
    """The model of one .keras file, or of published files.

    Raises:
        UserError: If the files hold something else or cannot be used; it says what to get.
    """
    paths = [Path(file) for file in files]
    listed = ", ".join(map(str, paths)) or "no file"
    wanted = f"Give {expected}; or the .keras file that python -m tfgan.importers made from it."
    if [path.suffix for path in paths] == [".keras"]:
        file_class = class_of(paths[0])
        if file_class != class_name:
            raise UserError(f"{listed} must hold {class_name}. Received: {file_class}. {wanted}")
        return in_float32(load_model(paths[0]))
    try:
        weights = find(read_together(paths))
    except OSError as error:
        raise UserError(f"{listed} cannot be read ({error.strerror}).") from error
    if weights is None:
        raise UserError(f"weights of {class_name} are needed. Received: {listed}. {wanted}")
    try:
        return convert(weights)[0]
    except CheckpointError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{listed}: {reason} {wanted}") from error


def load_inception(files: Sequence[str | Path]) -> "InceptionV3":
    """Opens Inception-v3; its `form` says which of the two published networks it is.

    Args:
        files: One file: a .keras file, or the published file.

    Raises:
        UserError: If it is another file, or cannot be used. The message says what to get.
    """
    return _open(files, inception.find, inception.convert, "InceptionV3", INCEPTION_FILES)


def load_vgg16(files: Sequence[str | Path]) -> "VGG16":
    """Opens the VGG16 of precision and recall.

    Args:
        files: One file: a .keras file, or a published file.

    Raises:
        UserError: If it is another file, or cannot be used. The message says what to get.
    """
    return _open(files, vgg.find, vgg.convert, "VGG16", VGG16_FILES)


def load_lpips(network: str, files: Sequence[str | Path]) -> "LPIPS":
    """Opens LPIPS.

    Args:
        network: "alex" or "vgg".
        files: A .keras file; or two published files, the network and the linear weights.

    Raises:
        UserError: If they are other files, or cannot be used. The message says what to get.
    """
    expected = LPIPS_FILES[network]
    model = _open(files, lpips.find, lpips.convert, "LPIPS", expected)
    if model.network != network:
        raise UserError(
            f"LPIPS of the network {network!r} is needed. Received: {model.network!r}, in "
            f"{', '.join(map(str, files))}. Give {expected}."
        )
    return model
