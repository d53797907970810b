"""Published StarGAN v2: clovaai/stargan-v2's `*_nets_ema.ckpt` and `*_nets.ckpt` as `StarGANv2`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgan.importers import CheckpointError, face_landmarks
from tfgan.importers.parts import DISCRIMINATOR, RAW, Options, Part, class_names
from tfgan.importers.weights import Names, load, shapes_by_path, size_of, torch_layout

NETWORKS = ("generator", "mapping_network", "style_encoder")
_HIGH_PASS = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]) / 8


class Weights(NamedTuple):
    """Weights from published files by name of network and weight, such as "generator.a.b".

    Attributes:
        average: The averaged networks; the raw networks if there are no others.
        raw: The networks before averaging; empty if `average` holds them.
        discriminator: The discriminator; empty without its file.
        landmarks: The face landmark network; empty without its file.
    """

    average: Mapping[str, Any]
    raw: Mapping[str, Any]
    discriminator: Mapping[str, Any]
    landmarks: Mapping[str, Any]


def joined_name(name: str) -> tuple[str, int]:
    """Name of the joined weights that a weight of a single domain belongs to, and the domain.

    "mapping_network.unshared.1.6.bias" -> ("mapping_network.unshared.6.bias", 1). Other names
    are returned unchanged, with 0.
    """
    match = re.fullmatch(r"(.*\bunshared)\.(\d{1,4})\.(.*)", name)
    return (f"{match[1]}.{match[3]}", int(match[2])) if match else (name, 0)


def join(networks: Mapping[str, Any]) -> dict[str, Any]:
    """Joins the weights of all domains: [out, in] each -> [D * out, in].

    Args:
        networks: Name of a network -> published name -> array.

    Raises:
        CheckpointError: If domains do not agree.
    """
    parts: dict[str, dict[int, Any]] = {}
    for network, weights in networks.items():
        for name, value in weights.items():
            together, domain = joined_name(f"{network}.{str(name).removeprefix('module.')}")
            parts.setdefault(together, {})[domain] = value
    counts = {len(domains) for name, domains in parts.items() if "unshared" in name}
    joined: dict[str, Any] = {}
    for name, domains in parts.items():
        values = [domains[domain] for domain in sorted(domains)]
        if len(counts) > 1 or sorted(domains) != list(range(len(domains))):
            raise CheckpointError("its networks have weights for different numbers of domains.")
        try:
            joined[name] = np.concatenate(values) if len(values) > 1 else values[0]
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"its weights {name} differ in shape by domain.") from error
    return joined


def count_blocks(weights: Mapping[str, Any], prefix: str) -> int:
    """Residual blocks whose names have a prefix."""
    return sum(bool(re.fullmatch(rf"{prefix}\.\d{{1,2}}\.conv1\.weight", name)) for name in weights)


def _features(published: str, ours: str, blocks: int) -> tuple[tuple[str, Any], ...]:
    """Rules for the convolutions of style encoder and discriminator, which count layers."""
    return (
        (rf"^{published}\.0\.", f"{ours}.from_rgb."),
        (rf"^{published}\.{blocks + 2}\.", f"{ours}.conv."),
        (rf"^{published}\.(\d{{1,2}})\.", lambda m: f"{ours}.b{int(m[1]) - 1}."),
    )


def _landmark(match: re.Match[str]) -> str:
    return f"landmarks.{face_landmarks.NAMES.path(match[1]).replace('/', '.')}"


def names(weights: Mapping[str, Any]) -> Names:
    """Names of generator, mapping network and style encoder.

    Args:
        weights: Result of `join`.
    """
    has_high_pass = has_skips(weights)
    return Names(
        "StarGAN v2",
        (
            (r"^fan\.(.*)", _landmark),
            (r"^generator\.to_rgb\.0\.", "generator.norm."),
            (r"^generator\.to_rgb\.2\.", "generator.to_rgb."),
            (r"^generator\.(encode|decode)\.(\d+)", r"generator.\1\2"),
            (r"^(generator\.(encode\d+\.)?norm\d?)\.weight$", r"\1.gamma"),
            (r"^(generator\.(encode\d+\.)?norm\d?)\.bias$", r"\1.beta"),
            # Every second number is an activation.
            (
                r"^mapping_network\.shared\.([0246])\b",
                lambda m: f"mapping.shared{int(m[1]) // 2}",
            ),
            (
                r"^mapping_network\.unshared\.([0246])\b",
                lambda m: f"mapping.heads{int(m[1]) // 2}",
            ),
            (r"^style_encoder\.unshared\b", "style_encoder.heads"),
            *_features(
                r"style_encoder\.shared",
                "style_encoder.features",
                count_blocks(weights, r"style_encoder\.shared"),
            ),
            (r"weight$", "kernel"),
        ),
        (
            (r"^generator\.hpf\.filter$", "high-pass filter, which w_hpf tells"),
            *(
                [
                    (
                        r"^generator\.decode\.\d+\.conv1x1\.",
                        "weights of shortcuts that are never used",
                    )
                ]
                if has_high_pass
                else []
            ),
        ),
    )


def discriminator_names(weights: Mapping[str, Any]) -> Names:
    """Names of the discriminator.

    Args:
        weights: Result of `join` for the network "discriminator".
    """
    blocks = count_blocks(weights, r"discriminator\.main")
    heads = f"discriminator.main.{blocks + 4}"

    def layout(name: str, value: np.ndarray) -> np.ndarray:
        # The heads of all domains are one 1x1 convolution.
        return torch_layout(name, value[:, :, 0, 0] if name == f"{heads}.weight" else value)

    return Names(
        "StarGAN v2's discriminator",
        (
            (rf"^{re.escape(heads)}\.", "heads."),
            *_features(r"discriminator\.main", "features", blocks),
            (r"weight$", "kernel"),
        ),
        (),
        layout,
    )


def resolution_of(weights: Mapping[str, Any]) -> int:
    """Resolution of the networks, from the blocks of the style encoder."""
    return 4 << count_blocks(weights, r"style_encoder\.shared")


def has_skips(weights: Mapping[str, Any]) -> bool:
    """Whether the generator has high-pass skips; if so, it has one more block on each side."""
    blocks = count_blocks(weights, r"generator\.encode")
    return blocks > resolution_of(weights).bit_length() - 3


def find(files: Mapping[Path, Any]) -> Weights | None:
    """Weights of StarGAN v2 in the contents of files; None if they hold none."""
    trained: list[dict] = []
    averaged: list[dict] = []
    landmarks: list[dict] = []
    for contents in files.values():
        fan = face_landmarks.find(contents)
        if fan is not None:
            landmarks.append(fan)
        elif isinstance(contents, dict) and all(
            isinstance(contents.get(network), dict) for network in NETWORKS
        ):
            (trained if "discriminator" in contents else averaged).append(contents)
        else:
            return None
    if not trained + averaged or max(len(trained), len(averaged), len(landmarks)) > 1:
        return None
    landmarks += [c["fan"] for c in averaged + trained if isinstance(c.get("fan"), dict)]
    joined = [join({network: c[network] for network in NETWORKS}) for c in averaged + trained]
    discriminators = [c["discriminator"] for c in trained if isinstance(c["discriminator"], dict)]
    return Weights(
        joined[0],
        joined[1] if len(joined) > 1 else {},
        join({"discriminator": discriminators[0]}) if discriminators else {},
        _needed(landmarks[0]) if landmarks else {},
    )


def _needed(landmarks: Mapping[Any, Any]) -> dict[str, Any]:
    """Weights of the landmark network, with its prefix, without those that are left out."""
    return {
        f"fan.{name}": value
        for name, value in landmarks.items()
        if not any(re.search(pattern, str(name)) for pattern, _ in face_landmarks.NAMES.left_out)
    }


def _w_hpf(weights: Weights, options: Options) -> float:
    """Divisor of the high-pass filter; 0 without a filter."""
    if not has_skips(weights.average):
        if options.w_hpf:
            raise CheckpointError(
                f"its generator has no high-pass skips, so `w_hpf` has no use. Received: "
                f"{options.w_hpf}."
            )
        return 0.0
    if not weights.landmarks:
        raise CheckpointError(
            "its generator has high-pass skips, whose masks a network of face landmarks makes. "
            "Give clovaai/stargan-v2's wing.ckpt with it."
        )
    stored = weights.average.get("generator.hpf.filter")
    if isinstance(stored, np.ndarray) and stored.shape == (3, 3) and stored[1, 1] > 0:
        if not np.allclose(stored, stored[1, 1] * _HIGH_PASS, rtol=1e-3):
            raise CheckpointError("its high-pass filter is another than the published one.")
        return float(8 / stored[1, 1])
    if not options.w_hpf:
        raise CheckpointError(
            "its generator has high-pass skips, and it cannot tell the scale of their filter. Give "
            "`w_hpf`: 1 for the published faces."
        )
    return options.w_hpf


def convert(weights: Weights, options: Options) -> list[Part]:
    """Converts published weights to models.

    Args:
        weights: Result of `find`.
        options: Names of the domains; w_hpf if the files do not hold it.

    Returns:
        The networks that users call and, if there are any, the raw networks and the discriminator.

    Raises:
        CheckpointError: If weights that determine the configuration are missing, or the options do
            not fit or are incomplete.
    """
    resolution = resolution_of(weights.average)
    shapes = shapes_by_path(weights.average, names(weights.average))
    w_hpf = _w_hpf(weights, options)
    style_dim = size_of(shapes, "generator/decode0/norm1/fc/kernel", 0)
    num_domains = size_of(shapes, "style_encoder/heads/kernel", 1) // style_dim
    encoded = [size_of(shapes, path, -1) for path in shapes if _ENCODED.fullmatch(path)]
    channels: dict[str, Any] = {
        "channel_base": resolution * size_of(shapes, "generator/from_rgb/kernel", -1),
        "channel_max": max(encoded, default=0),
    }
    domain_names = class_names(options, num_domains, "domain")
    config: dict[str, Any] = {
        "resolution": resolution,
        "domain_names": domain_names,
        "latent_dim": size_of(shapes, "mapping/shared0/kernel", 0),
        "style_dim": style_dim,
        "w_hpf": w_hpf,
        "mapping_width": size_of(shapes, "mapping/shared0/kernel", 1),
        **channels,
    }

    def networks(values: Mapping[str, Any]) -> tuple[Any, list[str]]:
        from tfgan.models.landmarks import FaceLandmarks
        from tfgan.models.stargan_v2 import StarGANv2

        def make() -> StarGANv2:
            landmarks = FaceLandmarks(name="landmarks") if w_hpf else None
            return StarGANv2(**config, landmarks=landmarks, name="stargan_v2")

        landmarks = weights.landmarks if w_hpf else {}
        return load(make, {**values, **landmarks}, names(values))

    def discriminator() -> tuple[Any, list[str]]:
        from tfgan.models.stargan_v2 import StarGANv2Discriminator

        return load(
            lambda: StarGANv2Discriminator(
                resolution, num_domains, **channels, name="discriminator"
            ),
            weights.discriminator,
            discriminator_names(weights.discriminator),
        )

    about = (
        f"StarGAN v2 (clovaai/stargan-v2), {resolution} x {resolution} pixels, "
        f"{num_domains} domains ({', '.join(domain_names)}), w_hpf {w_hpf:g}"
    )
    parts = [Part("", about, lambda: networks(weights.average), _translate)]
    if weights.raw:
        parts.append(
            Part(RAW, "its networks before averaging", lambda: networks(weights.raw), _translate)
        )
    if weights.discriminator:
        parts.append(Part(DISCRIMINATOR, "its discriminator", discriminator, None))
    return parts


_ENCODED = re.compile(r"generator/encode\d+/conv2/kernel")


def _translate(model: Any) -> Any:
    images = np.random.default_rng(0).uniform(-1, 1, (1, model.resolution, model.resolution, 3))
    latents = np.ones((1, model.latent_dim), np.float32)
    return model(images.astype(np.float32), latents, np.array([0]))
