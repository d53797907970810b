"""Tiny models of each kind, with no weight at its initial value, and what their files hold."""

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from export import flatbuffer
from export.families import FAMILIES
from export.signatures import Exportable
from tests.layers.layer_check import randomize
from tfgan.label_sets import LabelSet
from tfgan.litert import read_facts
from tfgan.models.landmarks import FaceLandmarks
from tfgan.models.stargan import StarGAN
from tfgan.models.stargan_v2 import StarGANv2
from tfgan.models.stylegan import StyleGANGenerator
from tfgan.models.stylegan2 import StyleGAN2Generator


def style_generator(kind, class_names=(), resolution=16, **options):
    small = {
        "latent_dim": 8,
        "style_dim": 8,
        "mapping_layers": 2,
        "channel_base": 128,
        "channel_max": 16,
    }
    model = kind(resolution, class_names=class_names, **{**small, **options})
    model.build()
    randomize(model, spread=0.1)
    return model


stylegan = functools.partial(style_generator, StyleGANGenerator)
stylegan2 = functools.partial(style_generator, StyleGAN2Generator)


def face_landmarks() -> FaceLandmarks:
    keras.utils.set_random_seed(0)
    landmarks = FaceLandmarks(name="landmarks")
    landmarks.build()
    return landmarks


def stargan_v2(domain_names=("cat", "dog"), w_hpf=0.0, **options) -> StarGANv2:
    small = {
        "latent_dim": 5,
        "style_dim": 4,
        "mapping_width": 8,
        "channel_base": 128,
        "channel_max": 6,
    }
    keras.utils.set_random_seed(0)
    model = StarGANv2(
        32,
        domain_names,
        w_hpf=w_hpf,
        landmarks=face_landmarks() if w_hpf else None,
        **{**small, **options},
    )
    model.build()
    for part in (model.generator, model.mapping, model.style_encoder):
        randomize(part, spread=0.05)
    return model


FACES = LabelSet("faces", "attributes", ("Black", "Blond", "Male"), (("Black", "Blond"),))
MOODS = LabelSet("moods", "classes", ("angry", "happy"))


def stargan(label_sets=(FACES, MOODS), **options) -> StarGAN:
    keras.utils.set_random_seed(0)
    model = StarGAN(32, label_sets, **{"conv_dim": 4, "num_blocks": 1, **options})
    model.build()
    randomize(model, spread=0.05)
    return model


def describe(model) -> Exportable:
    """What a model is exported as."""
    return FAMILIES[type(model).__name__].describe(model)


def weight_bytes(model) -> int:
    """Of all variables as float32."""
    return sum(4 * int(np.prod(variable.shape)) for variable in model.variables)


def held_bytes(tflite: Path) -> int:
    """Of all constants in a `.tflite` file."""
    flat = flatbuffer.read(tflite.read_bytes())
    used = {tensor.buffer for graph in flat.subgraphs for tensor in graph.tensors}
    return sum(len(flat.buffers[index].data) for index in used - {0})


def earlier_export(out: Path, *paths: str) -> None:
    """What an export of these forms leaves, as far as the next one looks at it."""
    for path in (*paths, "report.html", "report.json"):
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text("old")
    forms = [{"path": path} for path in paths]
    manifest = {"provenance": {"tfgan": "0"}, "forms": forms}
    (out / "manifest.json").write_text(json.dumps(manifest))


def forms_of(out: Path) -> dict[str, dict]:
    """What `report.json` says of each form, by name."""
    return {form["form"]: form for form in json.loads((out / "report.json").read_text())["forms"]}


def check_forms(out: Path, names: Sequence[str]) -> None:
    """What holds of every export: files, manifest and report agree, and float32 is exact."""
    manifest = json.loads((out / "manifest.json").read_text())
    forms = forms_of(out)
    assert list(forms) == list(names)
    files = [form["path"].partition("/")[0] for form in forms.values()]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*files, "manifest.json", "report.html", "report.json"]
    )
    for form in manifest["forms"]:
        path = out / form["path"]
        said = forms[form["form"]]
        assert all(form[key] == said[key] for key in ("psnr_db", "floor_db", "reason", "sha256"))
        assert form["ms_per_picture"] == said["ms_per_picture"][str(form["timed_threads"])]
        if path.is_file():
            assert form["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            assert form["bytes"] == path.stat().st_size
            facts = read_facts(path)
            assert {key: facts[key] for key in manifest if key in facts} == {
                key: value for key, value in manifest.items() if key in facts
            }
            assert facts["form"] == form["form"]
            assert len(facts["constants_sha256"]) == 64
            assert not flatbuffer.custom_operators(flatbuffer.read(path.read_bytes()))
    for name in ("saved-model", "float32"):
        assert forms[name]["status"] == "good"
        # float32 sums in another order.
        assert forms[name]["largest_error"] < 1e-5
        assert max(forms[name]["signature_errors"].values()) < 1e-5
        assert all(ms > 0 for ms in forms[name]["ms_per_picture"].values())


def check_fewer_bits(out: Path) -> None:
    """What holds of forms of fewer bits, also of weights that are drawn, which are harder."""
    forms = forms_of(out)
    for name, form in forms.items():
        if name not in ("saved-model", "float32"):
            assert form["psnr_db"] > (50 if name == "float16" else 25)
            assert (form["status"] == "good") == (form["psnr_db"] >= form["floor_db"])
            assert form["bytes"] < forms["float32"]["bytes"]
