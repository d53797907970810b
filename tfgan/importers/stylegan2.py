"""Published StyleGAN2 as `StyleGAN2Generator` and `StyleGAN2Discriminator`.

Three code bases have different names: NVlabs/stylegan2-ada-pytorch (with it the StyleGAN2 of
NVlabs/stylegan3), NVlabs/stylegan2 (TensorFlow 1; also NVlabs/stylegan2-ada) and
rosinality/stylegan2-pytorch. Names of the latter two are first mapped to those of the first.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgan.importers import network_pickle
from tfgan.importers.parts import (
    Options,
    Part,
    check_filters,
    check_settings,
    class_names,
)
from tfgan.importers.pickles import Record
from tfgan.importers.style_networks import WHOLE_BATCH, draw_stylegan2, set_absent, style_parts
from tfgan.importers.weights import (
    Names,
    Rules,
    channels_of,
    load,
    shapes_by_path,
    size_of,
    torch_layout,
)

TAPS = (1, 3, 3, 1)
_FILTERS = (r"(resample_filter|\.kernel)$", "fixed filters, which the network has anyway")
_LOD = (r"(^|/)lod$", "states of progressive growing, which StyleGAN2 does without")
_ABOUT = "StyleGAN2"


class Weights(NamedTuple):
    """Weights from a published file.

    Attributes:
        code: The code base that published it.
        generator: The averaged generator: published name -> array.
        raw: The generator before averaging; empty if the file has none.
        discriminator: The discriminator; empty if the file has none.
        generator_names: Names of the generator's weights.
        discriminator_names: Names of the discriminator's weights.
        generator_settings: Arguments of the generator that shapes do not determine.
        discriminator_settings: The same for the discriminator.
    """

    code: str
    generator: Mapping[str, Any]
    raw: Mapping[str, Any]
    discriminator: Mapping[str, Any]
    generator_names: Names
    discriminator_names: Names
    generator_settings: dict[str, Any]
    discriminator_settings: dict[str, Any]


def flat_channels_last(value: np.ndarray) -> np.ndarray:
    """Kernel [out, in] of a dense layer on flattened C x 4 x 4 maps -> [in, out], 4 x 4 x C."""
    maps = value.reshape(len(value), -1, 4, 4)
    return maps.transpose(2, 3, 1, 0).reshape(-1, len(value))


def _ada_layout(name: str, value: np.ndarray) -> np.ndarray:
    if name == "b4.fc.weight":
        return flat_channels_last(value)
    if name.endswith("noise_const"):
        return value[:, :, None]
    return value.transpose(1, 2, 0) if name.endswith("const") else torch_layout(name, value)


_ADA: Rules = (
    (r"^b4\.(fromrgb|conv|fc|out)\b", r"\1"),  # the end of the discriminator
    (r"^(synthesis.*\.(conv[01]|torgb))\.weight$", r"\1.conv.kernel"),
    (r"noise_strength$", "noise.strength"),
    (r"noise_const$", "noise.fixed"),
    (r"^mapping\.w_avg$", "mapping.average"),
    (r"weight$", "kernel"),
)
ADA = Names(_ABOUT, _ADA, (_FILTERS,), _ada_layout)
"""Names of NVlabs/stylegan2-ada-pytorch, of both networks."""


def _synthesis_layer(index: int) -> str:
    """Name of the index-th 3x3 convolution: 4x4 has one, every later resolution two."""
    return f"synthesis.b{4 << (index + 1) // 2}.conv{(index + 1) % 2}"


def _tf1_layout(name: str, value: np.ndarray) -> np.ndarray:
    if name.endswith("mod_bias"):
        return value + 1  # stored as the distance to its initial value
    if name.endswith("Conv0_up/weight"):
        return value[::-1, ::-1]  # rotated in that code, before the transposed convolution
    if name == "4x4/Dense0/weight":
        return flat_channels_last(value.T)
    if re.search(r"noise\d+$", name):
        return value[0, 0, :, :, None]
    return value[0].transpose(1, 2, 0) if name.endswith("Const/const") else value


TF1 = Names(
    _ABOUT,
    (
        (r"/", "."),
        (r"^dlatent_avg$", "mapping.w_avg"),
        (r"^mapping\.Dense", "mapping.fc"),
        (r"^synthesis\.noise(\d{1,2})$", lambda m: f"{_synthesis_layer(int(m[1]))}.noise_const"),
        (r"\b(\d+)x\1\b", r"b\1"),
        (r"^synthesis\.b4\.Conv\b", _synthesis_layer(0)),
        (r"Const\.const$", "const"),
        (r"^b4\.Conv\b", "b4.conv"),
        (r"^b4\.Dense0", "b4.fc"),
        (r"^Output", "b4.out"),
        (r"Conv(\d)(?:_up|_down)?", r"conv\1"),
        (r"ToRGB|FromRGB|Skip", lambda m: m[0].lower()),
        (r"mod_", "affine."),
        *_ADA,
    ),
    (_LOD,),
    _tf1_layout,
)
"""Names of NVlabs/stylegan2, of both networks."""


def _rosinality_layout(name: str, value: np.ndarray) -> np.ndarray:
    if name == "final_linear.0.weight":
        return flat_channels_last(value)
    if name.startswith("noises."):
        return value[0, 0, :, :, None]
    if name == "input.input":
        return value[0].transpose(1, 2, 0)
    if name.endswith("noise.weight"):
        return value.reshape(())
    if name.endswith("bias") or name == "latent_avg":
        return value.reshape(-1)  # of 1 x 3 x 1 x 1, or 1 x W
    # Modulated kernels have a leading batch axis of 1.
    return torch_layout(name, value[0] if value.ndim == 5 else value)


ROSINALITY_GENERATOR = Names(
    _ABOUT,
    (
        (r"^latent_avg$", "mapping.w_avg"),
        # style.0 is the pixel norm.
        (r"^style\.(\d{1,3})\b", lambda m: f"mapping.fc{int(m[1]) - 1}"),
        (r"^input\.input$", "synthesis.b4.const"),
        (r"^noises\.noise_(\d{1,2})$", lambda m: f"{_synthesis_layer(int(m[1]))}.noise_const"),
        (r"^conv1\b", _synthesis_layer(0)),
        (r"^convs\.(\d{1,2})\b", lambda m: _synthesis_layer(int(m[1]) + 1)),
        (r"^to_rgb1\b", "synthesis.b4.torgb"),
        (r"^to_rgbs\.(\d)\b", lambda m: f"synthesis.b{8 << int(m[1])}.torgb"),
        (r"conv\.modulation", "affine"),
        (r"conv\.weight$", "weight"),
        (r"noise\.weight$", "noise_strength"),
        (r"activate\.bias$", "bias"),
        *_ADA,
    ),
    (_FILTERS,),
    _rosinality_layout,
    # Training files have no average, and files of early versions no fixed noise.
    "mapping/average$|noise/fixed$",
)
"""Names of the generator of rosinality/stylegan2-pytorch."""


def rosinality_discriminator(weights: Mapping[str, Any]) -> Names:
    """Names of its discriminator, whose blocks count down from the resolution of the input."""
    blocks = [int(m[1]) for n in weights if (m := re.match(r"convs\.(\d{1,2})\.conv1", str(n)))]
    resolution = 4 << max(blocks, default=0)
    return Names(
        _ABOUT,
        (
            (r"^convs\.0\.\d", f"b{resolution}.fromrgb"),
            (r"^convs\.(\d{1,2})\b", lambda m: f"b{2 * resolution >> int(m[1])}"),
            # The digit is an index in a Sequential of blur, convolution and activation.
            (r"conv1\.\d", "conv0"),
            (r"conv2\.\d", "conv1"),
            (r"skip\.\d", "skip"),
            (r"^final_conv\.\d", "b4.conv"),
            (r"^final_linear\.0", "b4.fc"),
            (r"^final_linear\.1", "b4.out"),
            *_ADA,
        ),
        (_FILTERS,),
        _rosinality_layout,
    )


def find(files: Mapping[Path, Any]) -> Weights | None:
    """Weights of StyleGAN2 in the contents of a file; None if it holds none.

    Raises:
        CheckpointError: If their network has settings that ours cannot have.
    """
    if len(files) != 1:
        return None
    (contents,) = files.values()
    if isinstance(contents, dict):
        return _find_modules(contents) or _find_states(contents)
    return _find_networks(contents) if isinstance(contents, tuple) else None


def _find_modules(contents: dict[Any, Any]) -> Weights | None:
    entries = {key: contents.get(key) for key in ("G_ema", "G", "D")}
    networks = {key: value for key, value in entries.items() if isinstance(value, Record)}
    weights = {key: network_pickle.parameters(network) for key, network in networks.items()}
    if "synthesis.b4.const" not in weights.get("G_ema", {}):
        return None
    settings: dict[str, dict[str, Any]] = {}
    for key, network in networks.items():
        check_filters(weights[key], r"resample_filter$", TAPS)
        states = [record.state for _, record in network_pickle.modules(network)]
        told = [item for state in states for item in state.items()]
        check_settings(told, {"activation": ("lrelu", "linear"), "bias_gain": (1, 0.01)})
        clamps = [value for name, value in told if name == "conv_clamp" and value is not None]
        settings[key] = {"clamp": float(clamps[0])} if clamps else {}
        for state in states:
            if "group_size" in state:  # None stands for the whole batch
                settings[key]["group_size"] = state["group_size"] or WHOLE_BATCH
            if state.get("w_avg_beta") is not None:
                settings[key]["style_average_decay"] = state["w_avg_beta"]
    return Weights(
        "NVlabs/stylegan2-ada-pytorch or stylegan3",
        weights["G_ema"],
        weights.get("G", {}),
        weights.get("D", {}),
        ADA,
        ADA,
        settings["G_ema"],
        settings.get("D", {}),
    )


def _find_networks(contents: Sequence[Any]) -> Weights | None:
    if len(contents) != 3 or not all(isinstance(network, Record) for network in contents):
        return None
    raw, discriminator, generator = (network_pickle.variables(network) for network in contents)
    if "synthesis/4x4/Conv/mod_weight" not in generator:
        return None
    expected = {
        "nonlinearity": ("lrelu",),
        "mapping_nonlinearity": ("lrelu",),
        "mapping_lrmul": (0.01,),
        "normalize_latents": (True,),
        "resample_kernel": (list(TAPS), None),
    }
    settings = []
    for network in (contents[2], contents[1]):
        told = network_pickle.arguments(network)
        check_settings(told.items(), expected)
        clamp = told.get("conv_clamp")
        settings.append({} if clamp is None else {"clamp": float(clamp)})
    group_size = told.get("mbstd_group_size", 4)
    return Weights(
        "NVlabs/stylegan2",
        generator,
        raw,
        discriminator,
        TF1,
        TF1,
        {**settings[0], "style_average_decay": 0.995},
        {**settings[1], "group_size": group_size or WHOLE_BATCH},
    )


def _find_states(contents: dict[Any, Any]) -> Weights | None:
    first = "conv1.conv.modulation.weight"
    # A file of arrays by name may hold only the averaged generator.
    networks = {"g_ema": contents} if first in contents else contents
    states = {key: networks.get(key, {}) for key in ("g_ema", "g", "d")}
    if not all(isinstance(state, dict) for state in states.values()):
        return None
    if first not in states["g_ema"]:
        return None
    for state in states.values():
        check_filters(state, r"\.kernel$", TAPS)
    average = {"latent_avg": networks["latent_avg"]} if "latent_avg" in networks else {}
    return Weights(
        "rosinality/stylegan2-pytorch",
        {**states["g_ema"], **average},
        {**states["g"], **average} if states["g"] else {},
        states["d"],
        ROSINALITY_GENERATOR,
        rosinality_discriminator(states["d"]),
        {},
        {},
    )


def _numbers(shapes: Mapping[str, Any], pattern: str) -> list[int]:
    """Numbers in paths that match a pattern, in order."""
    matches = (re.fullmatch(pattern, path) for path in shapes)
    return sorted(int(match[1]) for match in matches if match)


def generator_config(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Arguments of the generator, with "num_classes" instead of "class_names".

    Args:
        shapes: Shapes of the weights in our layout, by path.

    Returns:
        Arguments of `StyleGAN2Generator`, and "num_classes".

    Raises:
        CheckpointError: If weights that determine them are missing.
    """
    sizes = _numbers(shapes, r"synthesis/b(\d{1,4})/conv1/conv/kernel")
    widths = {size: size_of(shapes, f"synthesis/b{size}/conv1/conv/kernel", -1) for size in sizes}
    style_dim = size_of(shapes, "synthesis/b4/conv1/affine/kernel", 0)
    num_classes = shapes.get("mapping/embed/kernel", (0,))[0]
    resnet = any(path.endswith("skip/kernel") for path in shapes)
    orig = "synthesis/b4/torgb/bias" not in shapes
    return {
        "resolution": max(sizes, default=0),
        "latent_dim": size_of(shapes, "mapping/fc0/kernel", 0) - style_dim * (num_classes > 0),
        "style_dim": style_dim,
        "num_classes": num_classes,
        "mapping_layers": len(_numbers(shapes, r"mapping/fc(\d{1,3})/kernel")),
        "architecture": "resnet" if resnet else "orig" if orig else "skip",
        **channels_of(widths),
    }


def discriminator_config(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Arguments of `StyleGAN2Discriminator`.

    Args:
        shapes: Shapes of the weights in our layout, by path.

    Raises:
        CheckpointError: If weights that determine them are missing.
    """
    sizes = _numbers(shapes, r"b(\d{1,4})/conv0/kernel")
    widths = {size: size_of(shapes, f"b{size}/conv0/kernel", -1) for size in sizes}
    resnet = any(path.endswith("skip/kernel") for path in shapes)
    skip = "fromrgb/bias" in shapes
    return {
        "resolution": max(sizes, default=0),
        "num_classes": shapes.get("mapping/embed/kernel", (0,))[0],
        "architecture": "resnet" if resnet else "skip" if skip else "orig",
        "label_layers": len(_numbers(shapes, r"mapping/fc(\d{1,3})/kernel")),
        **channels_of({**widths, 4: size_of(shapes, "conv/kernel", -1)}),
    }


def convert(weights: Weights, options: Options) -> list[Part]:
    """Converts published weights to models.

    Args:
        weights: Result of `find`.
        options: Names of classes.

    Returns:
        The averaged generator and, if the file has them, the raw generator and the discriminator.

    Raises:
        CheckpointError: If weights that determine the configuration are missing, or the options do
            not fit.
    """
    names = weights.generator_names
    config = generator_config(shapes_by_path(weights.generator, names))
    resolution, num_classes = config["resolution"], config.pop("num_classes")
    config |= {**weights.generator_settings, "class_names": class_names(options, num_classes)}
    about = f"{resolution} x {resolution} pixels, {num_classes or 'no'} classes"

    def generator(values: Mapping[str, Any]) -> Callable[[], tuple[Any, list[str]]]:
        def make() -> tuple[Any, list[str]]:
            from tfgan.models.stylegan2 import StyleGAN2Generator

            make = lambda: StyleGAN2Generator(**config, name="generator")  # noqa: E731
            model, notes = load(make, values, names)
            set_absent(model, set(map(names.path, map(str, values))))
            return model, notes

        return make

    # Each part holds only its weights, so that they can be freed with it.
    scores, score_names = weights.discriminator, weights.discriminator_names
    settings = weights.discriminator_settings

    def discriminator() -> tuple[Any, list[str]]:
        from tfgan.models.stylegan2_discriminator import StyleGAN2Discriminator

        told = {**discriminator_config(shapes_by_path(scores, score_names)), **settings}
        make = lambda: StyleGAN2Discriminator(**told, name="discriminator")  # noqa: E731
        return load(make, scores, score_names)

    return style_parts(
        f"StyleGAN2 generator ({weights.code}), {about}",
        generator(weights.generator),
        generator(weights.raw) if weights.raw else None,
        discriminator if scores else None,
        draw_stylegan2,
    )
