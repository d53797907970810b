"""The choice of form and accelerator, and what the app does when something cannot be loaded."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.mobile_demo.test_generate import picture


@pytest.fixture
def phone(phone):
    """What a test chooses is forgotten with the model."""
    yield phone
    phone.open("#model=stylegan&seed=7")


def option(phone, name):
    return phone.page.get_by_role("dialog").get_by_role("radio", name=name)


def facts(phone):
    terms = phone.page.locator(".facts dt").all_inner_texts()
    return dict(zip(terms, phone.page.locator(".facts dd").all_inner_texts(), strict=True))


def replace(path, content):
    """Puts other bytes in the place of a file of a site, which is linked to that of all tests."""
    path.unlink()
    path.with_name(path.name + ".gz").unlink(missing_ok=True)
    path.write_bytes(content)


def rewrite(folder, manifest):
    replace(folder / "manifest.json", json.dumps(manifest).encode())


def spoil(site, model, form, content, *, honest):
    """Puts other bytes in the place of a form; an honest manifest names them."""
    folder = site / "models" / model
    replace(folder / f"{form}.tflite", content)
    if honest:
        manifest = json.loads((folder / "manifest.json").read_text())
        (entry,) = (one for one in manifest["forms"] if one["form"] == form)
        entry |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        rewrite(folder, manifest)


def recommend(site, model, form):
    folder = site / "models" / model
    rewrite(folder, {**json.loads((folder / "manifest.json").read_text()), "recommended": form})


def test_the_recommended_form_comes_first_and_another_can_be_chosen(site, phone):
    phone.open("#model=stylegan2&seed=7")
    manifest = json.loads((site.exports["stylegan2"] / "manifest.json").read_text())
    first = phone.page.locator(".cost").inner_text().split(" ")[0]
    assert first == manifest["recommended"]
    phone.page.locator(".cost").tap()
    other = "dynamic" if first == "float32" else "float32"
    option(phone, other).check()
    phone.page.locator(".cost", has_text=other).wait_for()
    shown = facts(phone)
    size = next(one["bytes"] for one in manifest["forms"] if one["form"] == other)
    assert shown["Size"] == f"{size / 1e6:.1f} MB"
    assert float(shown["Loaded in"].removesuffix(" ms")) > 0
    assert float(shown["One picture"].removesuffix(" ms")) > 0
    phone.shoot("tiny-model")
    phone.page.keyboard.press("Escape")


def test_a_quantised_form_gives_the_picture_of_the_python_runtime(site, phone):
    phone.open("#model=stylegan2&seed=7&psi=0.7")
    phone.page.locator(".cost").tap()
    option(phone, "dynamic").check()
    phone.page.locator(".cost", has_text="dynamic").wait_for()
    phone.page.keyboard.press("Escape")
    images = picture(site.runner("stylegan2", "dynamic"), 7)
    wanted = np.clip((images[0] + 1) * 127.5, 0, 255)
    # Activations are rounded to 255 steps in every layer, and a sum that lies between two of them
    # may fall to either side: far below what the form itself costs.
    phone.until(lambda: np.mean(np.abs(phone.pixels(16) - wanted)) < 1.5)


def test_the_way_it_runs_can_be_chosen_and_is_said(phone):
    phone.open("#model=stylegan2&seed=7")
    pixels = phone.pixels(16).astype(np.float32)
    phone.page.locator(".cost").tap()
    assert " thread" in facts(phone)["Runs on"]
    phone.page.get_by_text("This browser does not offer WebGPU here.").wait_for()
    option(phone, "WebAssembly").last.check()
    phone.page.wait_for_function(
        "document.querySelector('.facts dd').textContent === 'WebAssembly'"
    )
    phone.page.keyboard.press("Escape")
    phone.until(lambda: np.max(np.abs(phone.pixels(16) - pixels)) <= 2)


def test_webgpu_runs_a_model_where_there_is_one(site, address, open_phone, launch):
    # A graphics card in software: slow, but it takes the same way.
    browser = launch("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
    phone = open_phone(address, browser)
    # What it leaves to WebAssembly, it calls an error.
    phone.expected = ("operations", "not supported by GPU delegate", ": ")
    phone.open("#model=stargan&sample=2&labels=Male")
    assert "WebGPU" in phone.page.locator(".cost").inner_text()
    images = phone.pixels(32, "canvas[aria-label=Before]")[None].astype(np.float32) / 127.5 - 1
    asked = np.array([[0, 0, 1, 0, 0, 1, 0]], np.float32)
    made = site.runner("stargan")("translate", images=images, labels=asked)["images"]
    wanted = np.clip((made[0] + 1) * 127.5, 0, 255)
    after = "canvas[aria-label=After]"
    phone.until(lambda: np.mean(np.abs(phone.pixels(32, after) - wanted)) < 1.5)


def test_a_form_that_looks_different_carries_a_warning(own_site, open_phone, serve):
    folder = own_site / "models" / "stylegan2"
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["forms"][0]["status"] = "poor"
    rewrite(folder, manifest)
    address = serve(own_site)
    phone = open_phone(address)
    phone.open("#model=stylegan2")
    phone.page.locator(".cost").tap()
    option(phone, manifest["forms"][0]["form"]).locator("..").get_by_text(
        "Looks different from the original."
    ).wait_for()


def test_a_damaged_download_is_said_and_can_be_tried_again(own_site, open_phone, serve):
    recommend(own_site, "stylegan2", "float32")
    path = own_site / "models" / "stylegan2" / "float32.tflite"
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    spoil(own_site, "stylegan2", "float32", bytes(damaged), honest=False)
    address = serve(own_site)
    phone = open_phone(address)
    phone.page.goto(address + "#model=stylegan2&seed=1")
    phone.page.get_by_text("arrived damaged").wait_for()
    phone.shoot("tiny-damaged")
    path.write_bytes(whole)
    phone.page.get_by_role("button", name="Try again").tap()
    phone.wait()
    assert "float32" in phone.page.locator(".cost").inner_text()


def too_large() -> bytes:
    """A model of a kilobyte whose one signature needs more than WebAssembly can address."""

    @tf.function(input_signature=[tf.TensorSpec([1], tf.float32, "latents")])
    def generate(latents):
        large = tf.broadcast_to(latents, [30_000, 30_000])
        return {"images": tf.reduce_max(tf.sin(large) + tf.transpose(large))}

    module = tf.Module()
    module.generate = generate
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [generate.get_concrete_function()], module
    )
    return converter.convert()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>Please log in</html>", "float32.tflite is not a .tflite file."),
        ("another model", "the file lacks map, truncate, synthesize"),
        ("too large", "This device could not load float32; it may lack the memory"),
    ],
)
def test_what_cannot_be_loaded_is_said_and_another_form_shown(
    site, own_site, open_phone, serve, content, words
):
    if content == "another model":
        content = (site.exports["stargan"] / "float32.tflite").read_bytes()
    elif content == "too large":
        content = too_large()
    recommend(own_site, "stylegan2", "float32")
    spoil(own_site, "stylegan2", "float32", content, honest=True)
    address = serve(own_site)
    phone = open_phone(address)
    # What LiteRT says of it.
    phone.expected = ("ERROR", "Aborted", "memory")
    phone.open("#model=stylegan2&seed=1")
    phone.page.get_by_text(words).wait_for()
    assert "dynamic" in phone.page.locator(".cost").inner_text()
    assert phone.pixels(16).std() > 5


def test_what_a_site_lacks_is_said_and_the_rest_shown(own_site, open_phone, serve):
    models = own_site / "models"
    manifest = json.loads((models / "stylegan2" / "manifest.json").read_text())
    rewrite(models / "stylegan2", {**manifest, "panels": ["pose"]})
    rewrite(models / "stylegan", {key: manifest[key] for key in manifest if key != "style_dim"})
    replace(models / "stargan" / "manifest.json", b"{")
    (own_site / "samples" / "3.png").unlink()
    phone = open_phone(serve(own_site))
    phone.expected = ("404",)
    phone.load()
    phone.page.get_by_role("button", name="Close", exact=True).tap()
    phone.page.locator(".cost").tap()
    for words in (
        "none for pose",
        "its manifest lacks style_dim. Export the model again.",
        "models/stargan/manifest.json is damaged",
    ):
        phone.page.get_by_role("dialog").get_by_text(words).wait_for()
    phone.page.keyboard.press("Escape")
    # What is left.
    assert phone.link()["model"] == "stargan-v2"
    phone.page.get_by_role("button", name="Sample 4").first.tap()
    phone.page.get_by_text("Sample 4 could not be loaded.").wait_for()


def test_a_form_that_failed_is_left_out_and_one_of_another_folder_is_refused(
    own_site, open_phone, serve
):
    models = own_site / "models"
    manifest = json.loads((models / "stylegan2" / "manifest.json").read_text())
    numbers = {"bytes": None, "sha256": None, "psnr_db": None}
    failed = {**manifest["forms"][0], **numbers, "form": "int8", "status": "failed"}
    forms = [{**failed, "path": None}, {**failed, "path": "int8.tflite"}, *manifest["forms"]]
    rewrite(models / "stylegan2", {**manifest, "forms": forms, "recommended": None})
    outside = json.loads((models / "stylegan" / "manifest.json").read_text())
    for form in outside["forms"]:
        form["path"] = f"../stylegan/{form['path']}"
    rewrite(models / "stylegan", outside)
    phone = open_phone(serve(own_site))
    phone.load("#model=stylegan2&seed=3")
    phone.page.get_by_role("button", name="Close", exact=True).tap()
    assert phone.link()["model"] == "stylegan2"
    phone.page.locator(".cost").tap()
    dialog = phone.page.get_by_role("dialog")
    dialog.get_by_text("models/stylegan: it names a file of another folder").wait_for()
    assert option(phone, "dynamic").count() == 1
    assert option(phone, "int8").count() == 0
    assert not [url for url in phone.asked if "../" in url or "stylegan/float32" in url]


def test_models_of_one_name_have_links_of_their_own(own_site, open_phone, serve):
    models = own_site / "models"
    shutil.copytree(models / "stylegan2", models / "stylegan2-2")
    listed = json.loads((own_site / "models.json").read_text())
    listed["models"].append("models/stylegan2-2")
    replace(own_site / "models.json", json.dumps(listed).encode())
    phone = open_phone(serve(own_site))
    phone.open("#model=stylegan2-2&seed=3")
    assert phone.link()["model"] == "stylegan2-2"
    phone.page.locator(".cost").tap()
    assert option(phone, "stylegan2-2").is_checked()


def test_a_link_to_a_model_that_is_not_there_shows_another(phone):
    phone.open("#model=cats&seed=1")
    phone.page.get_by_text("This site has no model called cats.").wait_for()
    assert phone.link()["model"] == "stylegan2"
