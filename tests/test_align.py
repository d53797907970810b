"""Aligning the faces of pictures, and the command line."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tests import faces
from tfgan import align as module
from tfgan.align import main, view
from tfgan.data.decoding import decode_whole
from tfgan.face_alignment import align

MEAN = faces.mean_face()


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def encode(picture, form="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, form, **options)
    return stream.getvalue()


def test_whole_pictures_are_opened_upright():
    picture = noise(37, 52)
    np.testing.assert_array_equal(decode_whole(encode(picture), 10**6), picture)
    np.testing.assert_array_equal(decode_whole(encode(picture[:, :1]), 10**6), picture[:, :1])
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the left: the camera stood on its side
    upright = np.rot90(picture, -1)
    np.testing.assert_array_equal(decode_whole(encode(picture, exif=exif), 10**6), upright)
    alpha = Image.fromarray(picture)
    alpha.putalpha(0)
    assert np.all(decode_whole(encode(np.asarray(alpha)), 10**6) == 255)
    for content in (b"", b"hello", encode(picture)[:300]):
        with pytest.raises((OSError, ValueError)):
            decode_whole(content, 10**6)


def test_pictures_of_many_pixels_are_made_smaller_in_their_shape():
    whole = decode_whole(encode(noise(60, 40)), 1200)
    assert whole.shape == (30, 20, 3)


def test_long_pictures_take_no_memory_for_what_is_not_looked_at(memory_limit):
    # As a square it would have 900 MB, and mirrored and blurred as float32 2 GB.
    content = encode(np.zeros((100, 15_000, 3), np.uint8))
    with memory_limit(300_000_000):
        opened = view(content, 1024, "pad")
        landmarks = 8 * (MEAN - 128) + [14_900, 50]
        face = align(opened.picture, landmarks, MEAN, 1024)
    assert opened.picture.shape == (100, 15_000, 3)
    assert np.max(face) == 0


@pytest.mark.parametrize("resize", module.RESIZES)
@pytest.mark.parametrize(("height", "width"), [(300, 421), (431, 300), (200, 200), (60, 80)])
def test_places_that_the_network_sees_are_found_again_in_the_picture(resize, height, width):
    x, y = width // 2 + 11, height // 2 - 14
    picture = np.full((height, width, 3), 100, np.uint8)
    rows, columns = np.mgrid[:height, :width]
    spot = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 18)
    picture[..., 0] += np.uint8(150 * spot)
    seen = view(encode(picture), 256, resize)
    assert seen.seen.shape == (256, 256, 3)

    def center(image):
        red = np.float64(image[..., 0]) - image[..., 1]  # none in what a picture is padded with
        return np.array(ndimage.center_of_mass(red))[::-1] + 0.5

    place = center(seen.seen) * seen.side / 256 + seen.corner
    np.testing.assert_allclose(place, center(seen.picture), atol=0.5)
    expected = (256, 256) if resize == "stretch" else (height, width)
    assert seen.picture.shape[:2] == expected


# Command line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of pictures with the mean face beside it, and a network that knows it."""
    monkeypatch.chdir(tmp_path)
    np.savez("mean.npz", mean=MEAN.astype(np.float32))
    (tmp_path / "in" / "sub").mkdir(parents=True)
    landmarks = faces.moved(MEAN, 20, 0.8)
    Image.fromarray(faces.draw(landmarks)).save("in/a.png")
    Image.fromarray(faces.draw(landmarks)).save("in/sub/a.bmp")
    monkeypatch.setattr(module, "load_finder", lambda path: lambda seen: (landmarks, np.ones(98)))
    return tmp_path


def run(*more, source="in", out="out", mean="mean.npz"):
    return main(["net.keras", "--source", source, "-o", out, "--mean-landmarks", mean, *more])


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("resize", module.RESIZES)
def test_faces_are_aligned_in_the_same_sub_folders(folder, resize, capsys):
    assert run("--resize", resize, "--size", "128") == 0
    expected = align(read("in/a.png"), faces.moved(MEAN, 20, 0.8), MEAN, 128)
    if resize == "stretch":
        small = np.asarray(Image.fromarray(read("in/a.png")).resize((128, 128), Image.LANCZOS))
        expected = align(small, faces.moved(MEAN, 20, 0.8) / 2, MEAN, 128, antialias=False)
    for name in ("a.png", "sub/a.png"):
        np.testing.assert_array_equal(read(folder / "out" / name), expected)
    assert "Wrote 2 aligned faces to out" in capsys.readouterr().out


def test_a_single_picture_is_aligned(folder):
    assert run(source="in/sub/a.bmp", out="deep/out") == 0
    assert [path.name for path in (folder / "deep" / "out").iterdir()] == ["a.png"]
    assert read("deep/out/a.png").shape == (256, 256, 3)


def test_broken_pictures_are_named_and_counted_and_the_rest_goes_on(folder, capsys):
    (folder / "in" / "broken.jpg").write_bytes(encode(noise(64, 64), "JPEG")[:500])
    (folder / "in" / "empty.png").touch()
    assert run() == 0
    told = capsys.readouterr()
    assert "Skipped in/broken.jpg: " in told.err
    assert "Skipped in/empty.png: the file is empty" in told.err
    assert "Wrote 2 aligned faces" in told.out
    assert "Pictures named above: skipped: 2" in told.out


def test_faint_landmarks_are_doubted_and_no_face_is_skipped(folder, capsys, monkeypatch):
    found = iter([(MEAN, np.full(98, 0.05)), (np.zeros((98, 2)), np.ones(98))])
    monkeypatch.setattr(module, "load_finder", lambda path: lambda seen: next(found))
    assert run() == 0
    told = capsys.readouterr()
    assert "Doubtful in/a.png" in told.err
    assert "Skipped in/sub/a.bmp: no face is found" in told.err
    assert "Pictures named above: doubtful: 1, skipped: 1" in told.out


def test_the_mean_of_aligned_faces_is_measured_by_the_network(folder, monkeypatch, capsys):
    (folder / "aligned").mkdir()
    (folder / "aligned" / "broken.png").write_bytes(b"x")
    for i in range(3):
        Image.fromarray(noise(80, 80, i)).save(f"aligned/{i}.png")
    found = iter([MEAN - 3, MEAN - 1, MEAN + 4, *[faces.moved(MEAN, 20)] * 2])
    monkeypatch.setattr(module, "load_finder", lambda path: lambda seen: (next(found), np.ones(98)))
    assert run(mean="aligned") == 0
    assert "Measured the mean face of 3 pictures" in capsys.readouterr().out
    expected = align(read("in/a.png"), faces.moved(MEAN, 20), MEAN)
    np.testing.assert_allclose(read("out/a.png"), expected, atol=1)  # of 255: the mean is rounded


def test_mistakes_are_told_in_a_line_and_write_nothing(folder, capsys, monkeypatch):
    np.savez("other.npz", values=MEAN)
    np.savez("short.npz", mean=MEAN[:68])
    np.savez("unit.npz", mean=MEAN / 256)
    np.savez("nan.npz", mean=MEAN * np.nan)
    np.savez("objects.npz", mean=np.array([{}]))
    (folder / "text.npz").write_text("hello")
    (folder / "file").touch()
    (folder / "none").mkdir()
    (folder / "bad").mkdir()
    (folder / "bad" / "a.png").write_bytes(b"x")
    (folder / "twice").mkdir()
    for name in ("a.png", "a.jpg"):
        (folder / "twice" / name).write_bytes(encode(noise(8, 8)))
    before = sorted(folder.rglob("*"))
    for options, expected in [
        ({"source": "missing"}, "--source: there is no file or folder missing"),
        ({"source": "none"}, "--source none holds no pictures"),
        ({"source": "bad"}, "none of the 1 pictures of --source bad"),
        ({"source": "twice"}, "would both become a.png"),
        ({"out": "file"}, "--out must be a folder"),
        ({"out": "in"}, "--out must not be in the folder of --source"),
        ({"out": "in/sub/out"}, "--out must not be in the folder of --source"),
        ({"source": "in/a.png", "out": "in"}, "--out must not be in the folder of --source"),
        ({"mean": "missing.npz"}, "There is no missing.npz"),
        ({"mean": "other.npz"}, "cannot be read as such"),
        ({"mean": "objects.npz"}, "cannot be read as such"),
        ({"mean": "text.npz"}, "cannot be read as such"),
        ({"mean": "short.npz"}, "Received: short.npz with [68, 2]"),
        ({"mean": "nan.npz"}, "Received: nan.npz"),
        ({"mean": "unit.npz"}, "which are no pixels"),
        ({"mean": "none"}, "--mean-landmarks none holds no pictures"),
        ({"mean": "bad"}, "--mean-landmarks bad holds no picture that can be read"),
    ]:
        assert run(**options) == 2, options
        told = capsys.readouterr().err
        assert told.splitlines()[-1].startswith("error: "), options
        assert expected in told, (options, told)
        assert sorted(folder.rglob("*")) == before, options
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert run() == 2
    assert "there is no file net.keras" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["15", "2049", "x", "1e3"])
def test_sizes_out_of_range_are_refused(size, capsys):
    with pytest.raises(SystemExit) as caught:
        run("--size", size)
    assert caught.value.code == 2
    assert "must be an integer from 16 to 2048" in capsys.readouterr().err


def test_a_file_of_the_network_is_opened_and_others_are_refused(tmp_path, monkeypatch, capsys):
    import keras

    from tfgan.models.landmarks import FaceLandmarks
    from tfgan.models.stylegan2_discriminator import StyleGAN2Discriminator

    monkeypatch.chdir(tmp_path)
    network = FaceLandmarks()
    network.build()
    keras.saving.save_model(network, "net.keras")
    other = StyleGAN2Discriminator(8, channel_base=32, channel_max=4)
    other.build()
    other.save("other.keras")
    Image.fromarray(noise(90, 70)).save("photo.png")
    np.savez("mean.npz", mean=MEAN)
    assert run(source="photo.png") == 0
    assert read("out/photo.png").shape == (256, 256, 3)
    arguments = [
        "other.keras",
        "--source",
        "photo.png",
        "-o",
        "out",
        "--mean-landmarks",
        "mean.npz",
    ]
    assert main(arguments) == 2
    assert "the network of face landmarks is needed" in capsys.readouterr().err
