"""Published StyleGAN as `StyleGANGenerator` and `StyleGANDiscriminator`.

Two code bases differ in names and networks: NVlabs/stylegan (TensorFlow 1), and its common port to
PyTorch, rosinality/style-based-gan-pytorch; see `tfgan.models.stylegan.Variant`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgan.importers import CheckpointError, network_pickle
from tfgan.importers.parts import (
    Options,
    Part,
    check_filters,
    check_settings,
    class_names,
)
from tfgan.importers.pickles import Record
from tfgan.importers.style_networks import WHOLE_BATCH, draw_stylegan, set_absent, style_parts
from tfgan.importers.weights import (
    Names,
    channels_of,
    load,
    shapes_by_path,
    size_of,
    torch_layout,
)

TAPS = (1, 2, 1)
FUSED_FROM = 128  # pixels from which on the published code fuses up-sampling and convolution
_LOD = (r"(^|/)lod$", "states of growing, which the resolution and its fade-in tell")
_FILTERS = (r"\.weight_flip$|conv1\.[12]\.weight$|conv2\.0\.weight$", "fixed filters")


class Weights(NamedTuple):
    """Weights from a published file.

    Attributes:
        code: The code base that published it.
        variant: Key of `tfgan.models.stylegan.VARIANTS`.
        generator: The averaged generator: published name -> array.
        raw: The generator before averaging; empty if the file has none.
        discriminator: The discriminator; empty if the file has none.
        generator_names: Names of the generator's weights.
        discriminator_names: Names of the discriminator's weights.
        level: Level of detail: halvings of the largest resolution that training has still to
            undo, with a fraction during a fade; None if the file does not hold it.
        group_size: Group size of the discriminator's minibatch standard deviation.
    """

    code: str
    variant: str
    generator: Mapping[str, Any]
    raw: Mapping[str, Any]
    discriminator: Mapping[str, Any]
    generator_names: Names
    discriminator_names: Names
    level: float | None
    group_size: int


def _rosinality_layout(name: str, value: np.ndarray) -> np.ndarray:
    if name.endswith(("conv1.input", "noise1.weight_orig", "noise2.weight_orig")):
        value = value[0].transpose(1, 2, 0)
        return value if "input" in name else value[0, 0]
    if name.endswith("conv1.0.weight"):
        # Transposed convolutions rotate their kernels, [in, out, kh, kw].
        return value[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)
    if name == "progression.8.conv2.0.conv.weight_orig":  # a dense layer on the whole map
        return value.transpose(2, 3, 1, 0).reshape(-1, len(value))
    if name.endswith("style.linear.bias"):  # scales are stored, not their distance to 1
        return value - np.repeat(np.array([1, 0], np.float32), len(value) // 2)
    return torch_layout(name, value)


ROSINALITY_GENERATOR = Names(
    "StyleGAN",
    (
        # style.0 is the pixel norm, and every second entry an activation.
        (r"^style\.(\d{1,3})\.linear", lambda m: f"mapping.fc{int(m[1]) // 2}"),
        # The digit is an index in a Sequential of up-sampling, convolution and blur. Kernels fused
        # with the up-sampling have another scale, and are recognised by resolution.
        (r"^(generator\.progression\.[1-4])\.conv1\.1\.conv", r"\1.layer0.conv"),
        (r"^(generator\.progression\.[5-8])\.conv1\.0\.", r"\1.layer0.conv."),
        (r"^generator\.progression\.(\d)\b", lambda m: f"synthesis.b{4 << int(m[1])}"),
        (r"^generator\.to_rgb\.(\d)\.conv", lambda m: f"synthesis.b{4 << int(m[1])}.torgb"),
        (r"conv1\.input$", "const"),
        (r"noise([12])\.weight_orig$", lambda m: f"layer{int(m[1]) - 1}.noise.strength"),
        (r"adain([12])\.style\.linear", lambda m: f"layer{int(m[1]) - 1}.adain.fc"),
        (r"conv2\.conv", "layer1.conv"),
        (r"weight(_orig)?$", "kernel"),
    ),
    (_FILTERS,),
    _rosinality_layout,
    # The port computes its average and draws its noise at run time.
    "mapping/average$|noise/fixed$",
)
"""Names of the generator of rosinality/style-based-gan-pytorch, whose networks go up to 1024."""

ROSINALITY_DISCRIMINATOR = Names(
    "StyleGAN's discriminator",
    (
        (r"^progression\.8\.conv1\.0\.conv", "conv"),
        (r"^progression\.8\.conv2\.0\.conv", "fc"),
        (r"^linear\.linear", "out"),
        (r"^from_rgb\.8\.0\.conv", "fromrgb"),
        (r"^from_rgb\.(\d)\.0\.conv", lambda m: f"b{1024 >> int(m[1])}.fromrgb"),
        (r"^progression\.(\d)", lambda m: f"b{1024 >> int(m[1])}"),
        (r"conv1\.0\.conv", "conv0"),
        (r"conv2\.1(\.conv)?", "conv1"),
        (r"weight(_orig)?$", "kernel"),
    ),
    (_FILTERS,),
    _rosinality_layout,
)
"""Names of its discriminator, with activations after the layers from RGB."""


def _official_layout(name: str, value: np.ndarray) -> np.ndarray:
    if name.startswith("synthesis/noise") or name.endswith("Const/const"):
        return value[0].transpose(1, 2, 0)
    if name == "4x4/Dense0/weight":  # the flattened map is C, H, W there and H, W, C here
        return value.reshape(-1, 4, 4, value.shape[1]).transpose(1, 2, 0, 3).reshape(value.shape)
    match = re.search(r"\b(\d{1,4})x\1/Conv0_up/weight$", name)
    # From 128 pixels on the transposed convolution takes the kernel unchanged, which rotates it.
    return value[::-1, ::-1] if match and int(match[1]) >= FUSED_FROM else value


def official_names(weights: Mapping[str, Any]) -> Names:
    """Names of a network of NVlabs/stylegan, which count down from the full resolution.

    Args:
        weights: Published name -> value, of a generator or a discriminator.
    """
    resolution = official_resolution(weights)

    def rgb(match: re.Match[str]) -> str:
        size = resolution >> int(match[2])
        return "fromrgb" if (match[1], size) == ("From", 4) else f"b{size}/{match[1].lower()}rgb"

    return Names(
        "StyleGAN",
        (
            (r"(To|From)RGB_lod(\d)", rgb),
            (r"^dlatent_avg$", "mapping/average"),
            (r"^mapping/LabelConcat/weight", "mapping/embedding"),
            (r"^mapping/Dense(\d)", r"mapping/fc\1"),
            (r"\b(\d+)x\1\b", r"b\1"),
            (r"^synthesis/b4/Const/const", "synthesis/b4/const"),
            (r"^synthesis/b4/Const", "synthesis/b4/layer0"),
            (r"^synthesis/b4/Conv\b", "synthesis/b4/layer1"),
            (r"^(synthesis/b\d+)/Conv(\d)(_up)?", r"\1/layer\2"),
            (
                r"^synthesis/noise(\d\d?)$",
                lambda m: f"synthesis/b{4 << int(m[1]) // 2}/layer{int(m[1]) % 2}/noise/fixed",
            ),
            (r"Noise/weight", "noise/strength"),
            (r"StyleMod", "adain/fc"),
            (r"^(synthesis/b\d+/layer\d)/weight", r"\1/conv/kernel"),
            (r"^b4/Conv\b", "conv"),
            (r"^b4/Dense0", "fc"),
            (r"^b4/Dense1", "out"),
            (r"Conv(\d)(_down)?", r"conv\1"),
            (r"weight$", "kernel"),
        ),
        (_LOD,),
        _official_layout,
    )


def official_resolution(weights: Mapping[str, Any]) -> int:
    """The largest resolution of a network of NVlabs/stylegan, from its ToRGB or FromRGB layers."""
    levels = (re.search(r"(?:To|From)RGB_lod(\d)/", name) for name in weights)
    return 4 << max((int(match[1]) for match in levels if match), default=0)


def find(files: Mapping[Path, Any]) -> Weights | None:
    """Weights of StyleGAN in the contents of a file; None if it holds none.

    Raises:
        CheckpointError: If their network has settings that ours cannot have.
    """
    if len(files) != 1:
        return None
    (contents,) = files.values()
    if isinstance(contents, dict):
        return _find_states(contents)
    return _find_networks(contents) if isinstance(contents, tuple) else None


def _find_states(contents: dict[Any, Any]) -> Weights | None:
    first = "generator.progression.0.conv1.input"
    names = ("g_running", "generator", "discriminator")
    # During training, the port also saves files with only the averaged generator.
    states = {"g_running": contents} if first in contents else contents
    average, raw, discriminator = (states.get(name, {}) for name in names)
    if not all(isinstance(state, dict) for state in (average, raw, discriminator)):
        return None
    if first not in average:
        return None
    # Without activations after FromRGB it is a network that is not supported.
    if "from_rgb.8.0.conv.weight_orig" not in discriminator:
        discriminator = {}
    for state in (average, raw, discriminator):
        check_filters(state, _FILTERS[0], TAPS)
    return Weights(
        "rosinality/style-based-gan-pytorch",
        "rosinality",
        average,
        raw,
        discriminator,
        ROSINALITY_GENERATOR,
        ROSINALITY_DISCRIMINATOR,
        None,
        WHOLE_BATCH,
    )


def _find_networks(contents: Sequence[Any]) -> Weights | None:
    if len(contents) != 3 or not all(isinstance(network, Record) for network in contents):
        return None
    raw, discriminator, generator = (network_pickle.variables(network) for network in contents)
    if "synthesis/4x4/Const/StyleMod/weight" not in generator:
        return None
    expected = {
        "nonlinearity": ("lrelu",),
        "mapping_nonlinearity": ("lrelu",),
        "mapping_lrmul": (0.01,),
        "normalize_latents": (True,),
        "use_wscale": (True,),
        "use_pixel_norm": (False,),
        "use_instance_norm": (True,),
        "blur_filter": (list(TAPS),),
        "fused_scale": ("auto",),
    }
    for network in contents[1:]:
        check_settings(network_pickle.arguments(network).items(), expected)
    level = float(np.asarray(generator.get("lod", 0.0)).reshape(-1)[0])
    return Weights(
        "NVlabs/stylegan",
        "official",
        generator,
        raw,
        discriminator,
        official_names(generator),
        official_names(discriminator),
        level,
        network_pickle.arguments(contents[1]).get("mbstd_group_size", 4) or 1,
    )


def grown(weights: Mapping[str, Any], names: Names, resolution: int) -> dict[str, Any]:
    """The weights of layers up to a resolution; layers above are untrained."""

    def is_used(name: Any) -> bool:
        return all(
            int(n) <= resolution for n in re.findall(r"\bb(\d{1,4})/", names.path(str(name)))
        )

    return {name: value for name, value in weights.items() if is_used(name)}


def generator_config(shapes: Mapping[str, tuple[int, ...]], resolution: int) -> dict[str, Any]:
    """Arguments of the generator, with "num_classes" instead of "class_names".

    Args:
        shapes: Shapes of the weights in our layout, by path.
        resolution: Size of the images.

    Returns:
        Arguments of `StyleGANGenerator`, and "num_classes".

    Raises:
        CheckpointError: If weights that determine them are missing.
    """
    sizes = [4 << i for i in range(resolution.bit_length() - 2)]
    widths = {size: size_of(shapes, f"synthesis/b{size}/layer1/conv/kernel", -1) for size in sizes}
    num_classes = shapes.get("mapping/embedding", (0,))[0]
    latents = size_of(shapes, "mapping/fc0/kernel", 0)
    return {
        "resolution": resolution,
        "latent_dim": latents // 2 if num_classes else latents,
        "style_dim": size_of(shapes, "synthesis/b4/layer1/adain/fc/kernel", 0),
        "num_classes": num_classes,
        "mapping_layers": sum(bool(re.fullmatch(r"mapping/fc\d{1,3}/kernel", p)) for p in shapes),
        **channels_of(widths),
    }


def discriminator_config(shapes: Mapping[str, tuple[int, ...]], resolution: int) -> dict[str, Any]:
    """Arguments of `StyleGANDiscriminator`, without form and group size.

    Args:
        shapes: Shapes of the weights in our layout, by path.
        resolution: Size of the images.

    Raises:
        CheckpointError: If weights that determine them are missing.
    """
    sizes = [8 << i for i in range(resolution.bit_length() - 3)]
    widths = {size: size_of(shapes, f"b{size}/fromrgb/kernel", -1) for size in sizes}
    scores = size_of(shapes, "out/kernel", -1)
    return {
        "resolution": resolution,
        "num_classes": scores if scores > 1 else 0,
        **channels_of({**widths, 4: size_of(shapes, "conv/kernel", -1)}),
    }


def _resolution(weights: Weights, options: Options) -> tuple[int, float]:
    """Resolution in use, and how far it is faded in."""
    if weights.level is None:
        sizes = [4 << i for i in range(9)]
        if options.resolution not in sizes:
            raise CheckpointError(
                f"its networks go up to 1024 whatever they were trained at, so `resolution` must "
                f"say it: one of {', '.join(map(str, sizes))}. Received: {options.resolution}."
            )
        return options.resolution, 1.0
    resolution = official_resolution(weights.generator)
    if not 0 <= weights.level <= resolution.bit_length() - 3:
        raise CheckpointError(f"it is damaged: its level of detail is {weights.level}.")
    in_use = resolution >> int(weights.level)
    if options.resolution not in (None, in_use):
        raise CheckpointError(
            field="resolution",
            expected=f"must be {in_use}, as the file says",
            received=options.resolution,
        )
    return in_use, 1.0 - weights.level % 1.0


def convert(weights: Weights, options: Options) -> list[Part]:
    """Converts published weights to models.

    Args:
        weights: Result of `find`.
        options: Names of classes; the resolution if the file does not hold it.

    Returns:
        The averaged generator and, if the file has them, the raw generator and the discriminator.

    Raises:
        CheckpointError: If weights that determine the configuration are missing, or the options do
            not fit.
    """
    resolution, fade = _resolution(weights, options)
    names = weights.generator_names
    config = generator_config(shapes_by_path(weights.generator, names), resolution)
    num_classes = config.pop("num_classes")
    config |= {
        "class_names": class_names(options, num_classes),
        "form": weights.variant,
        "fade": fade,
    }
    if weights.variant == "rosinality":
        # The port applies the multiplier in its optimiser.
        config["mapping_lr_multiplier"] = 1.0

    def generator(values: Mapping[str, Any]) -> Callable[[], tuple[Any, list[str]]]:
        def make() -> tuple[Any, list[str]]:
            from tfgan.models.stylegan import StyleGANGenerator

            used = grown(values, names, resolution)
            model, notes = load(lambda: StyleGANGenerator(**config, name="generator"), used, names)
            set_absent(model, set(map(names.path, map(str, used))))
            return model, notes + _left(len(values) - len(used), resolution)

        return make

    # Each part holds only its weights, so that they can be freed with it.
    scores, score_names = weights.discriminator, weights.discriminator_names
    settings = {"form": weights.variant, "group_size": weights.group_size}

    def discriminator() -> tuple[Any, list[str]]:
        from tfgan.models.stylegan_discriminator import StyleGANDiscriminator

        used = grown(scores, score_names, resolution)
        told = discriminator_config(shapes_by_path(used, score_names), resolution) | settings
        model, notes = load(
            lambda: StyleGANDiscriminator(**told, name="discriminator"), used, score_names
        )
        return model, notes + _left(len(scores) - len(used), resolution)

    about = f"{resolution} x {resolution} pixels, {num_classes or 'no'} classes"
    if fade < 1:
        about += f", the last resolution faded in by {fade:.2f}"
    return style_parts(
        f"StyleGAN generator ({weights.code}), {about}",
        generator(weights.generator),
        generator(weights.raw) if weights.raw else None,
        discriminator if scores else None,
        draw_stylegan,
    )


def _left(count: int, resolution: int) -> list[str]:
    return [f"{count} weights of resolutions beyond {resolution}"] if count else []
