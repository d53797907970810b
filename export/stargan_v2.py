"""What StarGAN v2 models are exported as."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from export.examples import spread
from export.signatures import (
    IMAGES,
    LATENTS,
    PHOTOS,
    Exportable,
    Flow,
    Shown,
    Signature,
    Spec,
    Usage,
    attributes_of,
)
from export.usage import comment, fill, read_photo
from tfgan.inference import draw_latents
from tfgan.litert import Arrays


def stargan_v2(model) -> Exportable:
    """A StarGAN v2: two ways to a style, the translation to it, and both in one request.

    Args:
        model: A float32 model.
    """
    return Exportable(
        model=model,
        facts=_facts(model),
        signatures=_signatures(model),
        default="translate_to_domain",
        timed="translate",
        flows=(
            Flow(
                ("style_from_latent", "translate"),
                _pictures_by_latent,
                functools.partial(_shown_latents, model),
            ),
            Flow(
                ("style_from_reference", "translate"),
                _pictures_by_reference,
                functools.partial(_shown_references, model),
            ),
            Flow(
                ("translate_to_domain",),
                lambda run, drawn: run("translate_to_domain", drawn)["images"],
            ),
        ),
        draw=functools.partial(_draw, model),
        usage=Usage(
            inputs=fill(
                "stargan_v2",
                photo=read_photo(model.resolution),
                latent_dim=model.latent_dim,
                second_domain=comment(model.domain_names[1]),
            ),
            tflite=fill("stargan_v2_tflite"),
            saved_model={"images": "photos", "latents": "latents", "labels": "domain"},
        ),
        system="StarGAN v2",
        panels=("domains",),
        choices=len(model.domain_names),
        # Masks jump where the heat of a landmark passes 0.1: rounding moves a few of their pixels
        # across, and with them what the skips let through around these.
        loose_share=0.0 if model.landmarks is None else 0.01,
    )


def _facts(model) -> dict[str, Any]:
    return {
        **attributes_of(
            model, "resolution", "value_range", "domain_names", "latent_dim", "style_dim"
        ),
        "tensors": {
            "latents": LATENTS,
            "labels": {"about": "places in domain_names"},
            "styles": {"about": "what style_from_latent and style_from_reference give"},
            "images": IMAGES,
        },
        "photos": PHOTOS,
    }


def _signatures(model) -> dict[str, Signature]:
    image = Spec((None, model.resolution, model.resolution, 3))
    latent = Spec((None, model.latent_dim))
    style = Spec((None, model.style_dim))
    label = Spec((None,), "int32")

    def style_from_latent(latents, labels):
        return {"styles": model.style_from_latent(latents, labels)}

    def style_from_reference(images, labels):
        return {"styles": model.style_from_reference(images, labels)}

    def translate(images, styles):
        return {"images": model.translate(images, styles)}

    def translate_to_domain(images, latents, labels):
        return {"images": model(images, latents, labels)}

    return {
        "style_from_latent": Signature(style_from_latent, {"latents": latent, "labels": label}),
        "style_from_reference": Signature(style_from_reference, {"images": image, "labels": label}),
        "translate": Signature(translate, {"images": image, "styles": style}),
        "translate_to_domain": Signature(
            translate_to_domain,
            {"images": image, "latents": latent, "labels": label},
            in_tflite=False,
        ),
    }


def _references(drawn: Arrays) -> np.ndarray:
    """Of each picture, the one before it."""
    return np.roll(drawn["images"], 1, axis=0)


def _pictures_by_latent(run, drawn: Arrays) -> np.ndarray:
    inputs = {key: drawn[key] for key in ("latents", "labels")}
    styles = run("style_from_latent", inputs)["styles"]
    return run("translate", {"images": drawn["images"], "styles": styles})["images"]


def _pictures_by_reference(run, drawn: Arrays) -> np.ndarray:
    inputs = {"images": _references(drawn), "labels": drawn["labels"]}
    styles = run("style_from_reference", inputs)["styles"]
    return run("translate", {"images": drawn["images"], "styles": styles})["images"]


def _shown_latents(model, drawn: Arrays) -> list[Shown]:
    return [
        Shown(f"to {model.domain_names[label]}, seed {i}", {"source": source})
        for i, (label, source) in enumerate(zip(drawn["labels"], drawn["images"], strict=True))
    ]


def _shown_references(model, drawn: Arrays) -> list[Shown]:
    pairs = zip(drawn["images"], _references(drawn), strict=True)
    return [
        Shown(
            f"to {model.domain_names[label]}, style of the reference",
            {"source": source, "reference": reference},
        )
        for label, (source, reference) in zip(drawn["labels"], pairs, strict=True)
    ]


def _draw(model, numbers: Sequence[int], pictures: np.ndarray) -> list[Arrays]:
    latents = draw_latents(numbers, model.latent_dim)
    domains = spread(numbers, len(model.domain_names))
    return [{"images": pictures, "latents": latents, "labels": domains}]
