"""What StyleGAN and StyleGAN2 generators are exported as."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from export.examples import spread
from export.signatures import (
    IMAGES,
    LATENTS,
    Exportable,
    Flow,
    Shown,
    Signature,
    Spec,
    Usage,
    attributes_of,
)
from export.usage import comment, fill
from tfgan.inference import TRUNCATION_PSI, draw_latents, style_levels
from tfgan.litert import Arrays

PSIS = (1.0, TRUNCATION_PSI)


def style_generator(model, system: str) -> Exportable:
    """A StyleGAN or StyleGAN2 generator: its parts, and `generate`, the whole.

    Of the layers the first `truncation_cutoff` are truncated, as published (null: all). The fixed
    noise maps are times `noise_scale`: 1 as trained, 0 for none. It is an input also because the
    `.tflite` converter would add constant maps to the biases: a map per channel instead of one.

    Args:
        model: A float32 generator.
        system: Its name, for people.
    """
    return Exportable(
        model=model,
        facts=_facts(model),
        signatures=_signatures(model),
        default="generate",
        timed="synthesize",
        flows=(
            Flow(
                ("map", "truncate", "synthesize"),
                _pictures_in_parts,
                functools.partial(_shown, model),
            ),
            Flow(("generate",), lambda run, drawn: run("generate", drawn)["images"]),
        ),
        draw=functools.partial(_draw, model),
        usage=_usage(model),
        system=system,
        panels=(
            "seeds",
            "truncation",
            *(("classes",) if model.class_names else ()),
            "noise",
            "mixing",
        ),
        choices=max(1, len(model.class_names)),
    )


def _facts(model) -> dict[str, Any]:
    return {
        **attributes_of(
            model,
            "resolution",
            "value_range",
            "class_names",
            "latent_dim",
            "style_dim",
            "num_styles",
            "truncation_cutoff",
        ),
        "truncation_psi": TRUNCATION_PSI,
        "style_levels": style_levels(model),
        "tensors": {
            "latents": LATENTS,
            **({"labels": {"about": "places in class_names"}} if model.class_names else {}),
            "truncation_psi": {
                "range": [0.0, 1.0],
                "default": TRUNCATION_PSI,
                "about": "1: pictures as various as in training; 0: all alike",
            },
            "noise_scale": {
                "range": [0.0, 1.0],
                "default": 1.0,
                "about": "1: fine detail as trained; 0: none",
            },
            "styles": {"about": "what map gives; truncate takes and gives them"},
            "images": IMAGES,
        },
    }


def _signatures(model) -> dict[str, Signature]:
    latent = Spec((None, model.latent_dim))
    style = Spec((None, model.style_dim))
    styles = Spec((None, model.num_styles, model.style_dim))
    scalar = Spec(())
    classes = {"labels": Spec((None,), "int32")} if model.class_names else {}

    def map_(latents, labels=None):
        return {"styles": model.mapping(latents, labels)}

    def truncate(styles, truncation_psi):
        return {"styles": model.truncate(styles, truncation_psi)}

    def synthesize(styles, noise_scale):
        return {"images": model.synthesis(styles, model.synthesis.fixed_noise(noise_scale))}

    def generate(latents, truncation_psi, noise_scale, labels=None):
        noise = model.synthesis.fixed_noise(noise_scale)
        return {"images": model(latents, labels, truncation_psi=truncation_psi, noise=noise)}

    return {
        "map": Signature(map_, {"latents": latent, **classes}),
        "truncate": Signature(truncate, {"styles": style, "truncation_psi": scalar}),
        "synthesize": Signature(synthesize, {"styles": styles, "noise_scale": scalar}),
        "generate": Signature(
            generate,
            {"latents": latent, "truncation_psi": scalar, "noise_scale": scalar, **classes},
            in_tflite=False,
        ),
    }


def _pictures_in_parts(run, drawn: Arrays) -> np.ndarray:
    rest = ("truncation_psi", "noise_scale")
    styles = run("map", {key: x for key, x in drawn.items() if key not in rest})["styles"]
    psi = drawn["truncation_psi"]
    styles = run("truncate", {"styles": styles, "truncation_psi": psi})["styles"]
    scale = drawn["noise_scale"]
    return run("synthesize", {"styles": styles, "noise_scale": scale})["images"]


def _draw(model, numbers: Sequence[int], _) -> list[Arrays]:
    latents = {"latents": draw_latents(numbers, model.latent_dim)}
    if model.class_names:
        latents["labels"] = spread(numbers, len(model.class_names))
    scalars = [{"truncation_psi": psi, "noise_scale": 1.0} for psi in PSIS]
    return [
        {**latents, **{key: np.asarray(x, np.float32) for key, x in values.items()}}
        for values in scalars
    ]


def _shown(model, drawn: Arrays) -> list[Shown]:
    told = f"psi {drawn['truncation_psi']:g}"
    names = [f", {model.class_names[label]}" for label in drawn.get("labels", ())]
    names = names or [""] * len(drawn["latents"])
    return [Shown(f"seed {i}, {told}{name}", {}) for i, name in enumerate(names)]


def _usage(model) -> Usage:
    arrays = {"latents": "latents", "truncation_psi": "psi", "noise_scale": "scale"}
    if not model.class_names:
        return Usage(
            inputs=fill("style_generator", latent_dim=model.latent_dim, psi=TRUNCATION_PSI),
            tflite=fill("style_generator_tflite"),
            saved_model=arrays,
        )
    return Usage(
        inputs=fill(
            "class_generator",
            latent_dim=model.latent_dim,
            psi=TRUNCATION_PSI,
            first_class=comment(model.class_names[0]),
        ),
        tflite=fill("class_generator_tflite"),
        saved_model={"latents": "latents", "labels": "labels", **arrays},
    )
