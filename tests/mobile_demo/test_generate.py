"""Faces from random numbers: all that a user can do, through the interface."""

import json
import subprocess

import numpy as np
import pytest

from mobile_demo import site as sites
from tests.generate.pictures import read
from tfgan.generate.__main__ import main
from tfgan.inference import draw_latents

LATENTS = 8


def latents(*seeds):
    return draw_latents(seeds, LATENTS)


def slerp(start, end, at):
    """The point on the arc between two latents."""
    cosine = np.sum(start * end) / np.linalg.norm(start) / np.linalg.norm(end)
    angle = np.arccos(np.float64(cosine))
    mixed = np.sin((1 - at) * angle) * start + np.sin(at * angle) * end
    return (mixed / np.sin(angle)).astype(np.float32)


def picture(run, seed=None, psi=0.7, noise=1.0, z=None, label=None):
    """What the Python runtime draws of a seed, or of latents."""
    inputs = {"latents": latents(seed) if z is None else z}
    if label is not None:
        inputs["labels"] = np.array([label], np.int32)
    return synthesize(run, styles_of(run, psi, **inputs), noise)


def styles_of(run, psi, **inputs):
    mapped = run("map", **inputs)["styles"]
    return run("truncate", styles=mapped, truncation_psi=np.float32(psi))["styles"]


def synthesize(run, styles, noise=1.0):
    return run("synthesize", styles=styles, noise_scale=np.float32(noise))["images"]


def test_a_link_shows_what_the_python_runtime_draws(site, phone):
    phone.open("#model=stylegan2&seed=7&psi=0.5&noise=1")
    phone.expect(picture(site.runner("stylegan2"), 7, psi=0.5))
    phone.shoot("tiny-generate")


def test_the_app_draws_the_latents_that_numpy_draws():
    seeds = [*range(200), 2**31, 2**32 - 1]
    code = f"""
        import {{ latentsOf }} from {json.dumps(str(sites.APP / "src" / "random.ts"))};
        console.log(JSON.stringify({seeds}.map((seed) => Array.from(latentsOf(seed, 512)))));
    """
    command = ["node", "--experimental-strip-types", "--input-type=module", "--eval", code]
    printed = subprocess.check_output(command, env=sites._npm_environment())
    # The tail of the distribution has its own way, which some of so many numbers take.
    expected = draw_latents(seeds, 512)
    assert np.max(np.abs(expected)) > 3.66
    np.testing.assert_array_equal(np.array(json.loads(printed), np.float32), expected)


def test_a_seed_is_the_face_that_generate_draws(site, phone, tmp_path):
    phone.open("#model=stylegan2&seed=12345&psi=0.7")
    model = site.exports["stylegan2"].with_suffix(".keras")
    assert main([str(model), "pictures", "--seeds", "12345", "-o", str(tmp_path)]) == 0
    phone.expect(read(tmp_path / "seed12345.png")[None] / 127.5 - 1)


def test_a_tap_gives_a_new_face_and_back_the_one_before(site, phone):
    phone.open("#model=stylegan2&seed=7")
    phone.page.get_by_role("button", name="New face", exact=True).tap()
    phone.page.wait_for_function("!location.hash.includes('seed=7&')")
    seed = int(phone.link()["seed"])
    phone.expect(picture(site.runner("stylegan2"), seed))
    assert phone.page.get_by_label("Seed").input_value() == str(seed)
    phone.page.go_back()
    phone.expect(picture(site.runner("stylegan2"), 7))


def test_truncation_and_noise_are_what_the_model_is_told(site, phone):
    phone.open("#model=stylegan2&seed=3")
    run = site.runner("stylegan2")
    phone.page.get_by_label("Truncation").fill("0.25")
    phone.expect(picture(run, 3, psi=0.25))
    phone.page.get_by_label("Noise").tap()
    phone.expect(picture(run, 3, psi=0.25, noise=0))
    assert np.max(np.abs(picture(run, 3, psi=0.25) - picture(run, 3, psi=0.25, noise=0))) > 0.02
    assert phone.link()["noise"] == "0"


# Styles of 4, 8, 8, 16 and 16 pixels, and of what becomes the picture.
@pytest.mark.parametrize(("level", "layers"), [("Coarse", [0, 1, 2]), ("Middle", [3, 4, 5])])
def test_mixing_takes_the_styles_of_one_level_of_the_manifest(site, phone, level, layers):
    manifest = json.loads((site.exports["stylegan2"] / "manifest.json").read_text())
    assert manifest["style_levels"][level] == layers
    phone.open("#model=stylegan2&seed=3&other=11&mix=Coarse&psi=1")
    assert phone.page.locator(".mixing label").all_inner_texts() == [
        "Nothing",
        *manifest["style_levels"],
    ]
    phone.page.locator("label", has_text=level).tap()
    run = site.runner("stylegan2")

    both = styles_of(run, 1, latents=latents(3)).copy()
    both[:, layers] = styles_of(run, 1, latents=latents(11))[:, layers]
    phone.expect(synthesize(run, both))
    assert phone.link()["mix"] == level


def test_a_walk_goes_along_the_arc_to_the_next_face(site, phone):
    phone.open("#model=stylegan2&seed=3")
    pixels = phone.pixels(16)
    phone.page.get_by_role("button", name="Walk").tap()
    phone.until(lambda: not np.array_equal(phone.pixels(16), pixels))
    phone.page.get_by_role("button", name="Pause").tap()
    phone.page.wait_for_function("location.hash.includes('at=')")
    link = phone.link()
    seed, at = int(link["seed"]), float(link["at"])
    assert 0 < at <= 1
    # The link says three digits, so it must be opened to be compared.
    phone.open(f"#model=stylegan2&seed={seed}&at={at}")
    z = slerp(latents(seed), latents(seed + 1), at)
    phone.expect(picture(site.runner("stylegan2"), z=z))


def test_a_copied_link_shows_the_same_on_another_phone(phone, open_phone):
    phone.open("#model=stylegan2&seed=5")
    phone.page.get_by_label("Seed").fill("12345")
    phone.page.get_by_label("Seed").press("Enter")
    phone.page.wait_for_function("location.hash.includes('seed=12345')")
    phone.page.get_by_role("button", name="Copy a link to this").tap()
    phone.page.get_by_text("The link is copied.").wait_for()
    link = phone.page.evaluate("navigator.clipboard.readText()")
    other = open_phone(phone.address)
    other.open(link.removeprefix(phone.address))
    phone.until(lambda: np.array_equal(other.pixels(16), phone.pixels(16)))


def test_a_wrong_seed_is_refused_in_words(phone):
    phone.open("#model=stylegan2&seed=5")
    phone.page.get_by_label("Seed").fill("-3")
    phone.page.get_by_label("Seed").press("Enter")
    phone.page.get_by_text(
        "A seed is a whole number from 0 to 4294967295. Received: -3."
    ).wait_for()
    assert phone.page.get_by_label("Seed").input_value() == "5"


def test_classes_of_the_manifest_can_be_chosen(site, phone):
    phone.open("#model=stylegan&seed=4")
    run = site.runner("stylegan")
    phone.expect(picture(run, 4, label=0))
    phone.page.locator("label", has_text="rough").tap()
    phone.expect(picture(run, 4, label=1))
    assert phone.link()["class"] == "1"


def test_panels_that_the_manifest_does_not_name_are_not_shown(own_site, open_phone, serve):
    path = own_site / "models" / "stylegan2" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.unlink()
    path.with_name(path.name + ".gz").unlink()
    path.write_text(json.dumps({**manifest, "panels": ["seeds", "truncation"]}))
    phone = open_phone(serve(own_site))
    phone.open("#model=stylegan2&seed=4&psi=0.5&mix=Coarse&other=5")
    assert phone.page.get_by_label("Truncation").count() == 1
    for label in ("Noise", "Mix in a second face", "Another second face"):
        assert phone.page.get_by_label(label).count() == 0
    assert set(phone.link()) == {"model", "seed", "psi"}


def test_a_picture_is_saved_with_its_seed(phone, tmp_path):
    phone.open("#model=stylegan2&seed=5")
    with phone.page.expect_download() as download:
        phone.page.get_by_role("button", name="Save or share the picture").tap()
    assert download.value.suggested_filename == "face-5.png"
    download.value.save_as(tmp_path / "face.png")
    assert (tmp_path / "face.png").read_bytes().startswith(b"\x89PNG")


def test_models_run_away_from_the_thread_of_the_page(site, phone):
    phone.open("#model=stylegan2&seed=5")
    # The runtime and its threads.
    assert len(phone.page.workers) > 1
    # What runs a model is not even part of the page's own code.
    for part, runs in (("index", False), ("worker", True)):
        (code,) = (site.folder / "assets").glob(f"{part}-*.js")
        assert ("loadAndCompile" in code.read_text()) == runs
