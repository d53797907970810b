"""Translations of pictures: all that a user can do, through the interface."""

import io

import numpy as np
import pytest
from PIL import Image

from tfgan.inference import draw_latents

SIZE = 32
BEFORE = "canvas[aria-label=Before]"
AFTER = "canvas[aria-label=After]"


def source(phone):
    """The picture that is translated, as the model sees it, float32 [1, R, R, 3]."""
    return phone.pixels(SIZE, BEFORE)[None].astype(np.float32) / 127.5 - 1


def labels(vector):
    return np.array([vector], np.float32)


# Black, Blond, Male; angry, happy; and the mask of both sets.
FACES, MOODS = (1, 0), (0, 1)


def test_switches_say_what_is_asked_for_and_rivals_give_way(site, phone):
    phone.open("#model=stargan&sample=2&labels=Black")
    translate = site.runner("stargan")
    images = source(phone)
    phone.expect(
        translate("translate", images=images, labels=labels([1, 0, 0, 0, 0, *FACES]))["images"]
    )
    phone.page.get_by_role("switch", name="Blond").tap()
    phone.page.get_by_role("switch", name="Male").tap()
    phone.expect(
        translate("translate", images=images, labels=labels([0, 1, 1, 0, 0, *FACES]))["images"]
    )
    assert phone.page.get_by_role("switch", name="Black").get_attribute("aria-checked") == "false"
    assert phone.link()["labels"] == "Blond,Male"
    phone.shoot("tiny-translate")


def test_strength_goes_from_the_picture_s_own_labels_beyond_the_wanted_ones(site, phone):
    phone.open("#model=stargan&sample=2&labels=Male")
    translate = site.runner("stargan")
    images = source(phone)
    for strength in (0, 0.5, 1.5):
        phone.page.get_by_label("Strength").fill(str(strength))
        wanted = labels([0, 0, strength, 0, 0, *FACES])
        phone.expect(translate("translate", images=images, labels=wanted)["images"])


def test_another_set_has_its_own_labels_and_mask(site, phone):
    phone.open("#model=stargan&sample=2")
    phone.page.locator("label", has_text="moods").tap()
    phone.page.get_by_role("switch", name="happy").tap()
    wanted = labels([0, 0, 0, 0, 1, *MOODS])
    translate = site.runner("stargan")
    # Where the sample is already happy, its own label is the wanted one too.
    phone.expect(translate("translate", images=source(phone), labels=wanted)["images"])
    # One class is always true: a tap on it changes nothing.
    phone.page.get_by_role("switch", name="happy").tap()
    assert phone.page.get_by_role("switch", name="happy").get_attribute("aria-checked") == "true"


def test_another_sample_is_translated_and_starts_with_its_own_labels(site, phone):
    phone.open("#model=stargan&sample=0&set=1")
    first = source(phone)
    phone.page.get_by_role("button", name="Sample 4").tap()
    phone.until(lambda: np.max(np.abs(source(phone) - first)) > 0.1)
    assert phone.link()["sample"] == "3"


def test_a_photo_is_turned_upright_cropped_and_its_labels_are_read(site, phone, tmp_path):
    # Red above blue, stored on its side: orientation 6 says that the camera was turned.
    upright = np.zeros((300, 200, 3), np.uint8)
    upright[:150, :, 0] = 255
    upright[150:, :, 2] = 255
    photo = Image.fromarray(np.rot90(upright))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(tmp_path / "photo.png", exif=exif)
    phone.open("#model=stargan&sample=2")
    with phone.page.expect_file_chooser() as chooser:
        phone.page.get_by_role("button", name="Photo").tap()
    chooser.value.set_files(tmp_path / "photo.png")
    phone.page.get_by_text("Read from the picture").wait_for()
    top, bottom = phone.pixels(SIZE, BEFORE)[8, 16], phone.pixels(SIZE, BEFORE)[24, 16]
    assert top[0] > 250
    assert bottom[2] > 250
    # What was read is what changes the picture least, among all labels of the set.
    read = phone.link()["labels"].split(",") if phone.link()["labels"] else []
    translate, images = site.runner("stargan"), source(phone)

    def change(black, blond, male):
        vector = labels([black, blond, male, 0, 0, *FACES])
        made = translate("translate", images=images, labels=vector)["images"]
        return np.mean(np.abs(made - images))

    asked = [(hair == 1, hair == 2, male) for hair in range(3) for male in range(2)]
    least = min(asked, key=lambda one: change(*one))
    assert read == [n for n, on in zip(("Black", "Blond", "Male"), least, strict=True) if on]
    # A photo is in no link.
    assert "sample" not in phone.link()


def test_a_file_that_is_no_picture_is_refused_in_words(phone, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    phone.open("#model=stargan&sample=2")
    with phone.page.expect_file_chooser() as chooser:
        phone.page.get_by_role("button", name="Photo").tap()
    chooser.value.set_files(tmp_path / "notes.png")
    phone.page.get_by_text("notes.png is not a picture that this browser can read").wait_for()


def test_the_camera_takes_a_picture(phone):
    phone.open("#model=stargan-v2&sample=2")
    before = source(phone)
    phone.page.get_by_role("button", name="Camera").tap()
    video = phone.page.locator("video")
    phone.until(lambda: video.evaluate("video => video.videoWidth > 0 && !video.paused"))
    phone.shoot("camera")
    phone.page.get_by_role("button", name="Take the picture").tap()
    phone.until(lambda: np.max(np.abs(source(phone) - before)) > 0.1)
    phone.page.get_by_role("button", name="Camera").tap()
    phone.page.get_by_role("button", name="Close the camera").tap()
    video.wait_for(state="detached")


def test_a_phone_without_a_camera_is_told_what_to_do(phone):
    phone.open("#model=stargan-v2&sample=2")
    for error, words in (
        ("NotFoundError", "No camera was found. Take a photo from the device instead."),
        ("NotAllowedError", "The camera is not allowed."),
    ):
        phone.page.evaluate(
            """error => {
                const refuse = async () => { throw new DOMException("", error); };
                navigator.mediaDevices.getUserMedia = refuse;
            }""",
            error,
        )
        phone.page.get_by_role("button", name="Camera").tap()
        phone.page.get_by_text(words).wait_for()
    # What was put before the browser's own.
    phone.page.evaluate("() => { delete navigator.mediaDevices.getUserMedia; }")


def test_a_domain_and_a_random_style(site, phone):
    phone.open("#model=stargan-v2&sample=2&seed=9&domain=0")
    run = site.runner("stargan-v2")

    def translated(seed, domain):
        label = np.array([domain], np.int32)
        styles = run("style_from_latent", latents=draw_latents([seed], 5), labels=label)["styles"]
        return run("translate", images=source(phone), styles=styles)["images"]

    phone.expect(translated(9, 0))
    phone.page.locator("label", has_text="female").wait_for()
    phone.page.get_by_role("radio", name="male", exact=True).check(force=True)
    phone.expect(translated(9, 1))
    phone.page.get_by_role("button", name="New style").tap()
    phone.until(lambda: phone.link()["seed"] != "9")
    phone.expect(translated(int(phone.link()["seed"]), 1))


def test_a_reference_gives_its_style_and_its_domain(site, phone):
    phone.open("#model=stargan-v2&sample=2&domain=0")
    phone.page.get_by_role("radio", name="Reference").check(force=True)
    references = phone.page.get_by_role("group", name="Reference picture")
    references.get_by_role("button", name="Sample 1", exact=True).tap()
    phone.page.wait_for_function("location.hash.includes('reference=0')")
    link = phone.link()
    # As a source the same sample gives the picture that the model saw as reference.
    images = source(phone)
    phone.page.get_by_role("group", name="Picture to translate").get_by_role(
        "button", name="Sample 1", exact=True
    ).tap()
    phone.until(lambda: np.max(np.abs(source(phone) - images)) > 0.1)
    reference = source(phone)
    run = site.runner("stargan-v2")
    label = np.array([int(link["domain"])], np.int32)
    styles = run("style_from_reference", images=reference, labels=label)["styles"]
    phone.expect(run("translate", images=reference, styles=styles)["images"])
    # The link says all of it.
    address = phone.page.evaluate("location.hash")
    shown = phone.pixels(SIZE, AFTER)
    phone.load(address)
    phone.until(lambda: np.array_equal(phone.pixels(SIZE, AFTER), shown))


@pytest.mark.parametrize("way", ["keyboard", "finger"])
def test_the_line_between_before_and_after_moves(phone, way):
    phone.open("#model=stargan-v2&sample=2")
    line = phone.page.get_by_label("Before and after")
    frame = phone.page.locator(".comparison")
    if way == "keyboard":
        line.focus()
        line.press("End")
    else:
        box = frame.bounding_box()
        phone.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
        phone.page.mouse.down()
        phone.page.mouse.move(box["x"] + box["width"], box["y"] + 40)
        phone.page.mouse.up()
    assert line.input_value() == "100"
    assert frame.evaluate("frame => frame.style.getPropertyValue('--split')") == "100%"


def test_labels_and_pictures_of_the_samples_are_those_of_the_drawn_people(site):
    import json

    from tfgan.data.avatars import draw, person_of

    samples = json.loads((site.folder / "models.json").read_text())["samples"]
    assert len(samples) == 12
    person = person_of(0, 1_000_003)
    true = [name for name, value in person.labels()["attributes"].items() if value]
    assert set(samples[3]["labels"]) == {
        *true,
        person.labels()["expression"],
        person.labels()["domain"],
    }
    drawn = np.asarray(Image.open(io.BytesIO((site.folder / samples[3]["path"]).read_bytes())))
    np.testing.assert_array_equal(drawn, np.asarray(draw(person, 128)))
