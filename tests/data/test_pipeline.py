import io
import itertools
import logging
import threading
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgan.data import decoding, sources
from tfgan.data.decoding import (
    CROP_SCALE,
    CROP_TRIES,
    RESIZES,
    decode_picture,
    picture_for_crops,
    random_box,
)
from tfgan.data.folders import FolderSource
from tfgan.data.pipeline import Pipeline, PipelineOptions, epoch_order, random_bits
from tfgan.data.sources import DataError, Picture

SIZE = 16


def encode(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


class ListSource:
    """Pictures from a list; an exception in the list is raised when it is read."""

    name = "list"
    class_names: tuple[str, ...] = ()

    def __init__(self, contents):
        self.contents = contents
        self.reads = 0
        self._lock = threading.Lock()

    def __len__(self):
        return len(self.contents)

    def describe(self, index):
        return f"list#{index}"

    def fingerprint(self):
        return "0" * 12

    def read(self, index):
        with self._lock:
            self.reads += 1
        content = self.contents[index]
        if isinstance(content, Exception):
            raise content
        return Picture(content, index, self.describe(index))


def numbered(count, size=SIZE):
    """Pictures that differ from each other and from their mirror images."""
    pictures = np.zeros((count, size, size, 3), np.uint8)
    pictures += np.arange(count, dtype=np.uint8)[:, None, None, None]
    pictures[:, :, : size // 2] += 100
    return list(pictures)


def make(contents, batch_size=4, **options):
    return Pipeline(
        ListSource(contents), PipelineOptions(resolution=SIZE, batch_size=batch_size, **options)
    )


def take(dataset, count):
    return [(element["image"].numpy(), element["label"].numpy()) for element in dataset.take(count)]


def assert_same(left, right):
    assert len(left) == len(right)
    for (left_image, left_label), (right_image, right_label) in zip(left, right, strict=True):
        np.testing.assert_array_equal(left_label, right_label)
        np.testing.assert_array_equal(left_image, right_image)


# Decoding


def test_decoding_keeps_the_pixels_of_a_picture_of_the_right_size():
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    image, enlarged = decode_picture(encode(Image.fromarray(pixels)), SIZE)
    np.testing.assert_array_equal(image, pixels)
    assert image.dtype == np.uint8
    assert not enlarged


def test_alpha_is_composited_on_white():
    pixels = np.zeros((SIZE, SIZE, 4), np.uint8)
    pixels[:8] = (200, 0, 0, 255)
    pixels[8:12] = (0, 0, 0, 0)
    pixels[12:] = (0, 0, 0, 51)
    image, _ = decode_picture(encode(Image.fromarray(pixels)), SIZE)
    np.testing.assert_array_equal(image[0, 0], (200, 0, 0))
    np.testing.assert_array_equal(image[9, 0], (255, 255, 255))
    np.testing.assert_array_equal(image[15, 0], (204, 204, 204))


def test_transparent_palette_and_grey_alpha_are_composited_on_white():
    palette = Image.new("P", (SIZE, SIZE), 1)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.paste(0, (0, 0, 8, SIZE))
    image, _ = decode_picture(encode(palette, transparency=0), SIZE)
    np.testing.assert_array_equal(image[0, 0], (255, 255, 255))
    np.testing.assert_array_equal(image[0, 15], (40, 50, 60))
    image, _ = decode_picture(encode(Image.new("LA", (SIZE, SIZE), (0, 51))), SIZE)
    np.testing.assert_array_equal(image[0, 0], (204, 204, 204))


def test_16_bits_are_scaled_and_not_clipped():
    values = np.linspace(0, 65535, SIZE * SIZE).round().astype(np.uint16).reshape(SIZE, SIZE)
    expected = np.round(values.astype(np.float64) / 257).astype(np.uint8)
    for content in (
        encode(Image.fromarray(values)),
        encode(Image.fromarray(values), "TIFF"),
        encode(Image.fromarray(values.astype(np.int32)), "TIFF"),
        values,
    ):
        image, _ = decode_picture(content, SIZE)
        np.testing.assert_array_equal(image, np.repeat(expected[..., None], 3, axis=-1))


def png_of_16_bit_colours(values):
    """Pillow writes no such files."""
    height, width, _ = values.shape

    def chunk(kind, data):
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([16, 2, 0, 0, 0])
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_16_bit_colours_keep_their_high_byte():
    values = np.random.default_rng(0).integers(0, 65536, (SIZE, SIZE, 3)).astype(np.uint16)
    image, _ = decode_picture(png_of_16_bit_colours(values), SIZE)
    np.testing.assert_array_equal(image, values >> 8)


def test_values_without_a_known_range_are_refused():
    floats = Image.fromarray(np.full((SIZE, SIZE), 0.5, np.float32))
    with pytest.raises(ValueError, match="floating point"):
        decode_picture(encode(floats, "TIFF"), SIZE)
    wide = Image.fromarray(np.full((SIZE, SIZE), 1 << 20, np.int32))
    with pytest.raises(ValueError, match="outside of 16 bits"):
        decode_picture(encode(wide, "TIFF"), SIZE)
    with pytest.raises(ValueError, match="float32"):
        decode_picture(np.zeros((SIZE, SIZE, 3), np.float32), SIZE)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_one_channel_becomes_grey_in_three(mode):
    source = Image.new("L", (SIZE, SIZE), 255).convert(mode)
    image, _ = decode_picture(encode(source), SIZE)
    np.testing.assert_array_equal(image, np.full((SIZE, SIZE, 3), 255))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_decoded_arrays_of_any_channel_count_are_read(channels):
    image, _ = decode_picture(np.full((SIZE, SIZE, channels), 255, np.uint8), SIZE)
    np.testing.assert_array_equal(image, np.full((SIZE, SIZE, 3), 255))


def test_cmyk_becomes_rgb():
    cyan = Image.new("CMYK", (SIZE, SIZE), (255, 0, 0, 0))
    image, _ = decode_picture(encode(cyan, "JPEG", quality=100, subsampling=0), SIZE)
    # JPEG at its best quality is off by at most 2 of 255.
    np.testing.assert_allclose(image[8, 8].astype(int), (0, 255, 255), atol=2)


def test_the_first_frame_of_an_animation_is_taken():
    frames = [Image.new("RGB", (SIZE, SIZE), color) for color in ((255, 0, 0), (0, 0, 255))]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode_picture(content, SIZE)[0][0, 0], (255, 0, 0))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    upright = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    # What a camera stores so that the viewer's turning gives the upright picture.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(decode_picture(content, SIZE)[0], upright)


def test_crop_takes_the_centre_and_nothing_from_outside_of_it():
    pixels = np.zeros((SIZE, 3 * SIZE, 3), np.uint8)
    pixels[:, SIZE : 2 * SIZE] = 255
    image, _ = decode_picture(pixels, 8, "crop")
    np.testing.assert_array_equal(image, np.full((8, 8, 3), 255))


def test_pad_keeps_the_whole_picture_on_white():
    image, _ = decode_picture(np.zeros((8, SIZE, 3), np.uint8), SIZE, "pad")
    np.testing.assert_array_equal(image[:4], np.full((4, SIZE, 3), 255))
    np.testing.assert_array_equal(image[4:12], np.zeros((8, SIZE, 3)))
    np.testing.assert_array_equal(image[12:], np.full((4, SIZE, 3), 255))


def test_stretch_uses_the_whole_picture():
    pixels = np.zeros((SIZE, 4 * SIZE, 3), np.uint8)
    pixels[:, 2 * SIZE :] = 255
    image, _ = decode_picture(pixels, SIZE, "stretch")
    assert image[:, :6].max() < 30
    assert image[:, -6:].min() > 225


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_large_pictures_go_in_strips_and_give_the_same(mode, orientation, monkeypatch):
    rng = np.random.default_rng(orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for height, width in ((61, 47), (40, 97), (190, 9), (7, 200), (1, 130)):
        pixels = rng.integers(0, 256, (height, width, 4), np.uint8)
        image = Image.fromarray(pixels)
        if mode != "RGBA":
            image = image.convert("RGB").convert(mode)
        content = encode(image, exif=exif)
        for resize in ("crop", "pad"):
            for size in (8, SIZE, 64):
                expected, _ = decode_picture(content, size, resize)
                with monkeypatch.context() as patch:
                    patch.setattr(decoding, "_STRIP", 300)
                    patch.setattr(decoding, "_AT_ONCE", 0)  # each column alone
                    alone, _ = decode_picture(content, size, resize)
                    patch.setattr(decoding, "_AT_ONCE", 64 * 40)
                    together, _ = decode_picture(content, size, resize)
                np.testing.assert_array_equal(together, expected)
                # Places of single columns are float32: their rounding may tip a value.
                np.testing.assert_allclose(alone.astype(int), expected, atol=1)


def test_stretched_strips_are_rows_first():
    # Pillow 13 resizes the columns of tall pictures first, which rounds in another place.
    pixels = np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)
    image = decoding._resample(decoding._open(pixels), (0, 0, 70, 90), (16, 16))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "_AT_ONCE", 16 * 90)
        strips = decoding._resample(decoding._open(pixels), (0, 0, 70, 90), (16, 16))
    rows = Image.fromarray(pixels).resize((16, 90), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(strips, rows.resize((16, 16), Image.Resampling.LANCZOS))
    assert np.mean(np.abs(np.asarray(strips, float) - np.asarray(image, float))) < 1


@pytest.mark.parametrize("resize", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("shape", [(15_000, 300), (300, 15_000), (1, 30_000), (30_000, 1)])
def test_long_pictures_take_little_memory(shape, resize, memory_limit):
    # The white square of the first is 900 MB; its own pixels are 18.
    height, width = shape
    content = encode(Image.new("1", (width, height)))
    with memory_limit(150_000_000):
        image, _ = decode_picture(content, 64, resize)
    share = min(shape) / max(shape) if resize == "pad" else 1
    # A share of it is black; beside that, Lanczos overshoots and is cut off at white.
    np.testing.assert_allclose(image.mean(), 255 * (1 - share), atol=1)


@pytest.mark.parametrize(
    ("format", "options", "words"),
    [
        ("JPEG", {"progressive": True}, "of a progressive JPEG"),
        ("WEBP", {}, "of a WEBP"),
        ("TIFF", {"compression": "tiff_lzw"}, "of a compressed TIFF"),
        ("PNG", {}, "of a PNG"),
    ],
)
def test_pictures_that_would_take_too_much_memory_are_refused_in_words(
    format, options, words, monkeypatch
):
    content = encode(Image.new("RGB", (64, 64)), format, **options)
    bytes_per_pixel = decoding._BYTES_PER_PIXEL.get(words.removeprefix("of a "), 4)
    monkeypatch.setattr(decoding, "_MOST_BYTES", 64 * 64 * bytes_per_pixel)
    decode_picture(content, SIZE)
    monkeypatch.setattr(decoding, "_MOST_BYTES", 64 * 64 * bytes_per_pixel - 1)
    with pytest.raises(ValueError, match=f"4,096 pixels, more than the .* {words}"):
        decode_picture(content, SIZE)


def test_huge_files_and_endless_sides_are_refused_in_words(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "LARGEST_FILE", 100)
    (tmp_path / "a.png").write_bytes(bytes(101))
    with pytest.raises(ValueError, match="its file has 101 bytes, more than 100"):
        decode_picture(bytes(101), SIZE)
    with pytest.raises(ValueError, match="its file has 101 bytes, more than 100"):
        FolderSource(str(tmp_path)).read(0)
    monkeypatch.undo()
    content = encode(Image.new("1", (decoding._LONGEST + 1, 1)))
    with pytest.raises(ValueError, match="65537 x 1 pixels; a side"):
        decode_picture(content, SIZE)


def lanczos(signal, size):
    """Antialiased Lanczos resampling (a = 3) of a vector, in float64."""
    scale = len(signal) / size
    result = np.zeros(size)
    for i in range(size):
        centre = (i + 0.5) * scale
        x = (np.arange(len(signal)) + 0.5 - centre) / scale
        weights = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
        result[i] = (weights * signal).sum() / weights.sum()
    return result


def test_reduction_is_an_antialiased_lanczos():
    pixels = np.random.default_rng(0).integers(64, 192, (40, 40, 3), np.uint8)
    image, _ = decode_picture(pixels, 8)
    expected = np.apply_along_axis(lanczos, 1, pixels.astype(np.float64), 8)
    expected = np.apply_along_axis(lanczos, 0, expected, 8)
    # Pillow rounds to 8 bits after each of the two passes.
    np.testing.assert_allclose(image, expected, atol=1.01)


# Order


@pytest.mark.parametrize("count", [1, 2, 3, 10, 1000])
def test_every_epoch_is_a_permutation(count):
    for epoch in range(5):
        np.testing.assert_array_equal(np.sort(epoch_order(3, epoch, count)), np.arange(count))


def test_epochs_and_seeds_have_different_orders():
    orders = {tuple(epoch_order(seed, epoch, 50)) for seed in range(10) for epoch in range(10)}
    assert len(orders) == 100


def test_orders_are_uniform():
    counts = np.zeros((4, 4))
    for epoch in range(4000):
        counts[np.arange(4), epoch_order(0, epoch, 4)] += 1
    # Each is binomial with mean 1000 and standard deviation 27.4; 5 of them.
    np.testing.assert_allclose(counts, 1000, atol=137)


def test_random_bits_are_those_of_splitmix64():
    # The published generator's first numbers from state 1234567, whose start is the finaliser's
    # input here as well.
    mask = (1 << 64) - 1

    def mix(z):
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    golden = 0x9E3779B97F4A7C15
    assert mix((1234567 + golden) & mask) == 6457827717110365317
    start = mix((7 * golden + 5) & mask)
    expected = [mix((start + golden * i) & mask) for i in (0, 1, 12345678901)]
    got = random_bits(7, 5, np.array([0, 1, 12345678901]))
    assert [int(bits) for bits in got] == expected


def test_each_epoch_shows_every_picture_once():
    pipeline = make(numbered(10), batch_size=5)
    _, labels = pipeline.images(np.arange(40))
    for epoch in labels.reshape(4, 10):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(10))


@pytest.mark.parametrize("start", [0, 4, 7, 10, 30])
def test_a_resumed_dataset_continues_the_first_one(start):
    contents = numbered(10)
    _, labels = make(contents).images(np.arange(60))
    images, _ = make(contents).images(np.arange(60))
    resumed = take(make(contents).dataset(start), 5)
    np.testing.assert_array_equal(
        np.concatenate([image for image, _ in resumed]), images[start : start + 20]
    )
    np.testing.assert_array_equal(
        np.concatenate([label for _, label in resumed]), labels[start : start + 20]
    )


def test_resuming_far_into_training_is_immediate_and_exact():
    position = 25_000_000_000
    image, _ = take(make(numbered(7)).dataset(position), 1)[0]
    expected, _ = make(numbered(7)).images(np.arange(position, position + 4))
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("total", [1, 2, 4])
def test_replicas_together_see_the_same_global_batches(total):
    contents, batch = numbered(10), 8
    expected = take(make(contents, batch).dataset(3), 6)
    elements = take(make(contents, batch).dataset(3, replicas=total), 6 * total)
    together = []
    for step in range(6):
        images = np.empty_like(expected[0][0])
        labels = np.empty_like(expected[0][1])
        for replica in range(total):
            images[replica::total], labels[replica::total] = elements[step * total + replica]
        together.append((images, labels))
    assert_same(together, expected)


def test_two_processes_see_the_same_as_one():
    contents, batch = numbered(10), 8
    expected = take(make(contents, batch).dataset(0, replicas=4), 12)
    halves = [
        take(make(contents, batch).dataset(0, replicas=2, first_replica=first, total_replicas=4), 6)
        for first in (0, 2)
    ]
    together = []
    for step in range(3):
        for half in halves:
            together += half[2 * step : 2 * step + 2]
    assert_same(together, expected)


def test_a_strategy_hands_consecutive_elements_to_its_replicas():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    pipeline = make(numbered(10), 4)
    distributed = strategy.distribute_datasets_from_function(
        lambda context: pipeline.dataset(0, replicas=strategy.num_replicas_in_sync)
    )
    element = next(iter(distributed))
    np.testing.assert_array_equal(element["image"], pipeline.images(np.arange(4))[0])


def test_shapes_are_static():
    spec = make(numbered(3), 8).dataset(0, replicas=2).element_spec
    assert spec["image"] == tf.TensorSpec((4, SIZE, SIZE, 3), tf.uint8)
    assert spec["label"] == tf.TensorSpec((4,), tf.int32)


def test_flips_depend_on_the_position_alone_and_are_half():
    pipeline = make(numbered(1), batch_size=4)
    positions = np.arange(1000)
    images, _ = pipeline.images(positions)
    mirrored = images[:, 0, 0, 0] < images[:, 0, -1, 0]
    # Binomial with standard deviation 15.8; 5 of them.
    assert abs(mirrored.sum() - 500) < 79
    shuffled = np.random.default_rng(0).permutation(positions)
    again, _ = make(numbered(1)).images(shuffled)
    np.testing.assert_array_equal(again, images[shuffled])
    plain, _ = make(numbered(1), flips=False).images(positions)
    np.testing.assert_array_equal(plain, np.repeat(plain[:1], 1000, axis=0))


def test_flips_mirror_left_and_right():
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    images, _ = make([pixels]).images(np.arange(20))
    for image in images:
        assert (image == pixels).all() or (image == pixels[:, ::-1]).all()


def test_parallel_reading_keeps_the_order():
    rng = np.random.default_rng(0)
    # Large and small pictures in turn finish out of order.
    contents = [
        encode(Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)))
        for size in (16, 300, 16, 200, 16, 16, 250)
    ]
    expected, _ = make(contents).images(np.arange(80))
    for _ in range(2):
        images = [image for image, _ in take(make(contents, cache_gb=0).dataset(0), 20)]
        np.testing.assert_array_equal(np.concatenate(images), expected)


# Cache


def test_pictures_in_the_cache_are_read_once():
    pipeline = make(numbered(10))
    first, _ = pipeline.images(np.arange(10))
    assert pipeline.source.reads == 10
    for epoch in range(1, 4):
        pipeline.images(np.arange(10) + 10 * epoch)
    assert pipeline.source.reads == 10
    np.testing.assert_array_equal(pipeline.images(np.arange(10))[0], first)


def test_the_cache_stays_within_its_bound():
    pipeline = make(numbered(10), cache_gb=4.9 * SIZE * SIZE * 3 / 1e9)
    assert pipeline._cache.nbytes <= 4.9 * SIZE * SIZE * 3
    for epoch in range(3):
        pipeline.images(np.arange(10) + 10 * epoch)
    # Four of the ten pictures are kept: the other six are read in each epoch.
    assert pipeline.source.reads == 10 + 6 + 6


def test_the_cache_changes_nothing():
    contents = numbered(10)
    cached = make(contents)
    for _ in range(2):
        assert_same([cached.images(np.arange(50))], [make(contents, cache_gb=0).images(range(50))])


# Broken pictures


def broken_contents():
    whole = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), "u1")))
    return {
        "truncated": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"this is not a picture",
        "header": whole[:12],
        "gone": FileNotFoundError(2, "No such file or directory", "/data/gone.png"),
        "jpeg": encode(Image.new("RGB", (64, 64)), "JPEG")[:300],
    }


@pytest.mark.parametrize("kind", list(broken_contents()))
def test_a_broken_picture_is_named_and_replaced_by_the_next(kind, caplog):
    contents = numbered(5)
    contents[2] = broken_contents()[kind]
    pipeline = make(contents)
    with caplog.at_level(logging.WARNING, "tfgan"):
        images, labels = pipeline.images(np.arange(50))
    assert np.bincount(labels, minlength=5).tolist() == [10, 10, 0, 20, 10]
    for label, image in zip(labels, images, strict=True):
        assert image.min() == label
    ((name, reason),) = pipeline.broken
    assert name == "list#2"
    assert reason
    assert "\n" not in reason
    assert "BytesIO" not in reason
    assert len(caplog.records) == 1
    assert "list#2" in caplog.text


def test_replacement_does_not_depend_on_the_order_of_reading():
    contents = numbered(12)
    for index in (3, 4, 11):
        contents[index] = b"broken"
    forwards, backwards = make(contents), make(contents)
    expected = forwards.images(np.arange(24))
    images, labels = backwards.images(np.arange(24)[::-1])
    assert_same([(images[::-1], labels[::-1])], [expected])
    assert forwards.broken == backwards.broken


def test_more_broken_pictures_than_allowed_stop_and_are_listed():
    contents = numbered(10)
    for index in (1, 5, 8):
        contents[index] = b"broken"
    make(contents, max_broken=3).images(np.arange(30))
    pipeline = make(contents, max_broken=2)
    with pytest.raises(DataError, match=r"`max_broken`") as raised:
        pipeline.images(np.arange(30))
    for index in (1, 5, 8):
        assert f"list#{index}: " in str(raised.value)
    with pytest.raises(DataError):
        pipeline.images(np.arange(1))


def test_no_broken_picture_allowed_stops_at_the_first():
    contents = numbered(10)
    contents[4] = b""
    with pytest.raises(DataError, match="list#4: the file is empty"):
        make(contents, max_broken=0).images(np.arange(10))


def test_nothing_readable_is_an_error_and_no_endless_search():
    with pytest.raises(DataError, match="None of the 3 pictures") as raised:
        make([b"a", b"b", b"c"]).probe()
    assert "list#2" in str(raised.value)


def test_a_decompression_bomb_is_named(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    contents = [encode(Image.new("RGB", (64, 64)))]
    with pytest.raises(DataError, match=r"list#0: .*decompression bombs"):
        make(contents, max_broken=0).probe()


def test_a_failing_dataset_raises_the_data_error_plainly():
    contents = numbered(10)
    contents[4] = b"broken"
    pipeline = make(contents, max_broken=0)
    pipeline.check()
    dataset = pipeline.dataset(0)
    with pytest.raises(DataError, match="list#4") as raised, pipeline.plain_errors():
        take(dataset, 4)
    assert "Traceback" not in str(raised.value)
    assert raised.value.__suppress_context__
    assert pipeline.error is raised.value
    with pytest.raises(DataError, match="list#4"):
        pipeline.check()


def test_other_errors_pass_through_plain_errors():
    with pytest.raises(tf.errors.InvalidArgumentError), make(numbered(1)).plain_errors():
        raise tf.errors.InvalidArgumentError(None, None, "something else")


def test_memory_errors_are_not_taken_for_broken_pictures():
    with pytest.raises(MemoryError):
        make([MemoryError()]).probe()


def test_probe_reads_the_first_positions_only():
    pipeline = make(numbered(100))
    pipeline.probe(8)
    assert pipeline.source.reads == 8


def test_scaling_up_is_warned_of_once_with_counts(caplog):
    contents = [*numbered(3, 8), *numbered(5)]
    pipeline = make(contents)
    with caplog.at_level(logging.WARNING, "tfgan"):
        pipeline.probe()
        pipeline.images(np.arange(100))
    assert len(caplog.records) == 1
    assert "3 of the first 8 pictures" in caplog.text


def test_no_warning_when_nothing_is_scaled_up(caplog):
    with caplog.at_level(logging.WARNING, "tfgan"):
        make(numbered(8, 40)).probe()
    assert not caplog.records


# Stages


def noisy(count, size=SIZE):
    return list(np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8))


def test_smaller_images_are_rounded_means_of_squares():
    full = make(noisy(6), flips=False)
    small = full.at(SIZE // 4, 2)
    assert (small.options.resolution, small.options.batch_size) == (SIZE // 4, 2)
    images, labels = full.images(np.arange(6))
    reduced, same_labels = small.images(np.arange(6))
    np.testing.assert_array_equal(labels, same_labels)
    for b, i, j, c in np.ndindex(reduced.shape):
        square = images[b, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4, c]
        assert abs(float(reduced[b, i, j, c]) - square.mean()) <= 0.5
    again = full.at(SIZE // 2, 2).at(SIZE // 4, 2)
    np.testing.assert_array_equal(again.images(np.arange(6))[0], reduced)


def test_a_stage_shows_the_same_pictures_in_the_same_order_and_mirrored_alike():
    full = make(noisy(6))
    small = full.at(SIZE // 2, 3)
    positions = np.arange(24)
    images, labels = full.images(positions)
    reduced, same_labels = small.images(positions)
    np.testing.assert_array_equal(labels, same_labels)
    rows = images.reshape(24, SIZE // 2, 2, SIZE // 2, 2, 3).mean(axis=(2, 4))
    assert np.max(np.abs(rows - reduced)) <= 0.5
    batches = take(small.dataset(6), 2)
    np.testing.assert_array_equal(np.concatenate([b[0] for b in batches]), reduced[6:12])
    assert full.at(SIZE, 4) is full


def test_broken_pictures_of_all_stages_are_counted_together():
    full = make([*noisy(3), b"broken", b"too"], max_broken=2)
    full.images(np.arange(5))
    small = full.at(SIZE // 2, 2)
    small.images(np.arange(5))
    assert full.broken == small.broken
    assert len(small.broken) == 2


def test_warning_of_enlarging_names_the_resolution_of_the_run_and_comes_once(caplog):
    full = make(noisy(3, 8))
    with caplog.at_level(logging.WARNING, "tfgan"):
        full.probe()
        full.at(SIZE // 2, 2).images(np.arange(3))
    assert len(caplog.records) == 1
    assert f"`resolution` {SIZE}" in caplog.text


@pytest.mark.parametrize("resolution", [SIZE * 2, SIZE - 1, 3])
def test_resolutions_that_a_stage_cannot_have_are_refused(resolution):
    with pytest.raises(ValueError, match=f"Received: {resolution}"):
        make(noisy(2)).at(resolution, 2)


# Options


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"resolution": 100}, "`resolution`"),
        ({"resize": "squash"}, "`resize`"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"max_broken": -1}, "`max_broken`"),
        ({"cache_gb": -1.0}, "`cache_gb`"),
        ({"cache_gb": float("nan")}, "`cache_gb`"),
    ],
)
def test_wrong_options_say_what_to_do(options, flag):
    with pytest.raises(DataError, match=rf"{flag} must .* Received: .* Use `"):
        PipelineOptions(**{"resolution": SIZE, "batch_size": 4, **options})


def test_a_batch_that_replicas_cannot_share_is_refused():
    with pytest.raises(DataError, match=r"replicas, 4. Received: 10. Use `batch_size` 8"):
        make(numbered(3), batch_size=10).dataset(0, replicas=4)
    with pytest.raises(DataError, match="Use `batch_size` 4"):
        make(numbered(3), batch_size=3).dataset(0, replicas=4)
    with pytest.raises(ValueError, match="first_replica=3"):
        make(numbered(3), batch_size=4).dataset(0, replicas=2, first_replica=3, total_replicas=4)
    with pytest.raises(ValueError, match="start_position"):
        make(numbered(3)).dataset(-1)


def test_an_empty_source_is_refused():
    with pytest.raises(DataError, match="no pictures"):
        make([])


def test_only_the_orders_of_a_few_epochs_are_kept():
    pipeline = make(numbered(10))
    for _ in range(5):
        pipeline.images(np.arange(15))
    assert pipeline._order.cache_info().misses == 2
    pipeline.images(np.arange(200))
    assert pipeline._order.cache_info().currsize <= 4


# References


class ClassSource(ListSource):
    """Ten pictures, each of its own grey: eight of the first class, one of each other one."""

    class_names = ("many", "one", "other")

    def __init__(self):
        super().__init__([np.full((SIZE, SIZE, 3), 20 * index, np.uint8) for index in range(10)])

    def labels(self):
        return np.array([0] * 8 + [1, 2], np.int32)

    def read(self, index):
        return super().read(index)._replace(label=int(self.labels()[index]))


def make_references(**options):
    settings = PipelineOptions(SIZE, 6, references=True, **options)
    return Pipeline(ClassSource(), settings)


def test_classes_come_in_equal_shares_with_references_of_one_class():
    batch = make_references().batch(np.arange(3000))
    members = ClassSource().labels()
    for name, label in (
        ("image", "label"),
        ("reference", "reference_label"),
        ("reference2", "reference_label"),
    ):
        shares = np.bincount(batch[label], minlength=3) / 3000
        # Four standard deviations of a share of 1/3.
        np.testing.assert_allclose(shares, 1 / 3, atol=4 * np.sqrt(2 / 9 / 3000))
        np.testing.assert_array_equal(members[batch[name][:, 0, 0, 0] // 20], batch[label])
    # Nothing is drawn twice from one number: source, target and references are independent.
    same = np.mean(batch["label"] == batch["reference_label"])
    assert abs(same - 1 / 3) < 4 * np.sqrt(2 / 9 / 3000)
    many = batch["reference_label"] == 0
    equal = np.all(batch["reference"][many] == batch["reference2"][many], axis=(1, 2, 3))
    assert abs(np.mean(equal) - 1 / 8) < 4 * np.sqrt(7 / 64 / np.sum(many))


def test_a_batch_with_references_depends_on_its_positions_alone():
    first, second = make_references(random_crop=0.5), make_references(random_crop=0.5)
    whole = first.batch(np.arange(12))
    for i in range(12):
        for name, value in second.batch(np.array([i])).items():
            np.testing.assert_array_equal(value[0], whole[name][i])
    shards = [
        next(iter(make_references(random_crop=0.5).dataset(6, first_replica=r, total_replicas=2)))
        for r in range(2)
    ]
    for name, value in whole.items():
        for r, shard in enumerate(shards):
            np.testing.assert_array_equal(shard[name], value[6 + r :: 2])


def cropped(content, chance=1.0, count=400, **options):
    """Images of one picture at positions from 0 on."""
    pipeline = make_references(random_crop=chance, flips=False, **options)
    pipeline.source.contents = [content] * 10
    return pipeline.batch(np.arange(count))["image"]


def test_a_random_crop_shows_most_of_a_picture_as_often_as_asked():
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], (64, 1, 3))
    whole, _ = decode_picture(ramp, SIZE)
    assert np.all(cropped(ramp, 0.0) == whole)
    changed = np.any(cropped(ramp, 0.25) != whole, axis=(1, 2, 3))
    assert abs(np.mean(changed) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 400)
    # The share of the width that is left shows in the share of the grey values.
    row = cropped(ramp)[:, 0, :, 0].astype(float)
    widths = (row[:, -3] - row[:, 2]) / (float(whole[0, -3, 0]) - whole[0, 2, 0])
    assert 0.8 < np.min(widths) < 0.88  # sqrt(0.8 * 0.9) = 0.85, and rounding to whole greys
    assert 0.97 < np.max(widths) <= 1.02


def test_a_random_crop_is_cut_from_the_picture_before_it_is_resized():
    picture = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    # All boxes of 0.8 to 1 of 24 x 24 pixels: of some of them these must be.
    boxes = {}
    for x, y, w, h in itertools.product(range(5), range(5), range(20, 25), range(20, 25)):
        if x + w <= 24 and y + h <= 24:
            part = Image.fromarray(picture).crop((x, y, x + w, y + h))
            image = part.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
            boxes[np.asarray(image).tobytes()] = (x, y, w, h)
    found = [boxes[image.tobytes()] for image in cropped(picture, count=100)]
    assert len(set(found)) > 30
    assert all(len({box[i] for box in found}) > 2 for i in range(4))


def test_random_boxes_have_the_published_areas_ratios_and_places():
    random = np.random.default_rng(0)
    numbers = random.uniform(size=(4000, 2 * CROP_TRIES + 2))
    boxes = np.array([random_box(1000, 1000, row) for row in numbers], np.float64)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    # Drawn with NumPy: the first of ten tries that fits.
    area = random.uniform(0.8, 1.0, (4000, 10))
    ratio = np.exp(random.uniform(np.log(0.9), np.log(1.1), (4000, 10)))
    fits = (area * ratio <= 1.0) & (area / ratio <= 1.0)
    assert np.all(np.any(fits, axis=1))
    first = np.arange(4000), np.argmax(fits, axis=1)
    # Five standard errors of a mean of 4,000; edges are rounded to a thousandth.
    for actual, expected in ((width * height / 1e6, area[first]), (width / height, ratio[first])):
        bound = 5 * np.std(expected) * np.sqrt(2 / 4000)
        assert abs(np.mean(actual) - np.mean(expected)) < bound
        assert abs(np.std(actual) - np.std(expected)) < bound
    assert np.min(boxes) == 0
    assert np.max(boxes) == 1000
    for place, room in ((boxes[:, 0], 1000 - width), (boxes[:, 1], 1000 - height)):
        share = place[room > 50] / room[room > 50]
        assert abs(np.mean(share) - 0.5) < 5 * np.sqrt(1 / 12 / len(share))
    # No box of these ratios has 0.8 of a long picture: the largest in its middle.
    assert random_box(1000, 200, numbers[0]) == (390, 0, 610, 200)
    assert random_box(180, 1000, numbers[0]) == (0, 400, 180, 600)


def test_a_random_crop_is_of_the_square_that_resize_makes():
    wide = np.zeros((40, 60, 3), np.uint8)
    wide[:, :10], wide[:, -10:] = (0, 255, 0), (0, 0, 255)  # what a centre crop leaves out
    assert not np.any(cropped(wide, resize="crop"))
    padded = cropped(wide, resize="pad")
    white = np.mean(np.min(padded, axis=-1), axis=(1, 2)) / 255  # edges are antialiased
    # A third of the square; less of it where the box is smaller.
    assert 0.2 < np.min(white) < np.max(white) < 0.4
    # All of a picture of 1.5 to 1 has no box that fits: it is 1.1 to 1, in the middle.
    middle, _ = decode_picture(wide[:, 8:52], SIZE, "stretch")
    assert np.all(cropped(wide, resize="stretch") == middle)


@pytest.mark.parametrize("resize", RESIZES)
def test_random_crops_of_a_large_picture_are_cut_of_a_smaller_one_alike(resize):
    """With a cache that holds the smaller one or nothing, and nearly as of the picture itself."""
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (9 * SIZE, 8 * SIZE, 3), np.uint8)
    numbers = random.uniform(size=2 * CROP_TRIES + 2)
    small = picture_for_crops(picture, SIZE, resize)
    assert (max if resize == "pad" else min)(small.shape[:2]) == CROP_SCALE * SIZE
    image, _ = decode_picture(small, SIZE, resize, numbers)
    np.testing.assert_array_equal(image, decode_picture(picture, SIZE, resize, numbers)[0])
    if resize != "pad":  # its edges fall on whole pixels
        left, top, right, bottom = (2 * edge for edge in random_box(*small.shape[1::-1], numbers))
        if resize == "crop":
            picture = picture[SIZE // 2 : -SIZE // 2]
        exact, _ = decode_picture(picture[top:bottom, left:right], SIZE, "stretch")
        # Noise, which has more detail than any photograph, and rounding of each of four passes.
        assert np.max(np.abs(image.astype(int) - exact)) <= 6


def test_random_crops_need_no_reading_where_the_cache_has_room():
    pipelines = [make_references(random_crop=0.5, cache_gb=gb) for gb in (1.0, 0.0)]
    for pipeline in pipelines:
        pipeline.source.contents = numbered(10, 2 * SIZE)
    cached, read = (pipeline.batch(np.arange(60)) for pipeline in pipelines)
    for name, value in cached.items():
        np.testing.assert_array_equal(value, read[name])
    reads = [pipeline.source.reads for pipeline in pipelines]
    again = pipelines[0].batch(np.arange(60))
    for name, value in cached.items():
        np.testing.assert_array_equal(value, again[name])
    assert pipelines[0].source.reads == reads[0] < reads[1] == 180
    # Room for all images, and for three of the pictures that boxes are cut from.
    image = SIZE * SIZE * 3
    tight = make_references(random_crop=1.0, cache_gb=(10 * image + 3.5 * 4 * image) / 1e9)
    tight.source.contents = numbered(10, 2 * SIZE)
    tight.batch(np.arange(60))
    assert len(tight._large) == 3


def test_references_of_fewer_than_two_classes_are_refused():
    source = ClassSource()
    source.labels = lambda: np.zeros(10, np.int32)
    with pytest.raises(DataError, match=r"two or more classes.*Received: 1.*none of one, other"):
        Pipeline(source, PipelineOptions(SIZE, 6, references=True))


def test_a_broken_reference_is_replaced_by_one_of_its_class():
    source = ClassSource()
    source.contents[7] = OSError("damaged")
    source.labels = lambda: np.array([0, 1, 2] * 3 + [0], np.int32)
    batch = Pipeline(source, PipelineOptions(SIZE, 50, references=True)).batch(np.arange(50))
    np.testing.assert_array_equal(batch["image"][:, 0, 0, 0] // 20 % 3, batch["label"])
    assert 7 not in batch["image"][:, 0, 0, 0] // 20


def test_a_class_without_a_readable_picture_is_refused_before_training():
    source = ClassSource()
    source.contents[8] = OSError("damaged")
    pipeline = Pipeline(source, PipelineOptions(SIZE, 6, references=True))
    with pytest.raises(DataError, match="None of the 1 pictures of one in `data` list"):
        pipeline.probe()


def test_a_class_of_few_pictures_is_named(caplog):
    make_references().probe()
    assert "The class other has 1 pictures" in caplog.text
