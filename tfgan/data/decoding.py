"""Decodes pictures of any kind, and makes them square images: with Pillow, in less than 1 GB."""

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from tfgan.data.sources import DECODERS, check_file_size, readable_formats

RESIZES = ("crop", "pad", "stretch")

# Pillow also opens formats that start other programs (EPS) or that no folder is searched for.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
CROP_TRIES = 10
CROP_AREA = 0.8  # smallest share of a picture
CROP_RATIOS = (0.9, 1.1)  # of its sides
CROP_SCALE = 4  # of pictures that boxes are cut from, times the resolution
_WHITE = (255, 255, 255)
# Bytes that decoding takes for a pixel, as measured; 4 for all others. With the file and what
# is made of the picture they stay below 1 GB.
_BYTES_PER_PIXEL = {"progressive JPEG": 10, "compressed TIFF": 10, "WEBP": 17}
_BYTES_PER_PIXEL |= {name: 17 for name in DECODERS}
_MOST_BYTES = 850_000_000
_LONGEST = 2**16  # pixels of a side; JPEG has no more
_STRIP = 2**20  # pixels that are looked at together
_AT_ONCE = 2**25  # pixels that are resized in one go
# EXIF orientation -> what turns the stored picture upright, whether that swaps its axes, and
# whether it mirrors the stored columns and rows.
_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, False, (True, False)),
    3: (Image.Transpose.ROTATE_180, False, (True, True)),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, False, (False, True)),
    5: (Image.Transpose.TRANSPOSE, True, (False, False)),
    6: (Image.Transpose.ROTATE_270, True, (False, True)),
    7: (Image.Transpose.TRANSVERSE, True, (True, True)),
    8: (Image.Transpose.ROTATE_90, True, (True, False)),
}


def decode_picture(
    content: bytes | np.ndarray,
    resolution: int,
    resize: str = "crop",
    crop: np.ndarray | None = None,
) -> tuple[np.ndarray, bool]:
    """Turns a picture of any kind into a square RGB image.

    - The EXIF orientation is applied; embedded colour profiles are ignored.
    - Transparent pixels are composited on white.
    - 16-bit grey values are scaled to 8 bits, v / 257 rounded; 16-bit colours keep their high byte.
    - One channel, palettes and CMYK become RGB; of an animation the first frame is taken.
    - Resizing is Pillow's Lanczos filter (a = 3), whose support grows with the reduction, so that
      it is antialiased. The filter moves FID by more than model changes do: compare only numbers
      whose pictures were resized alike. JPEG's quick reduced decoding is not used for that reason.
    - It takes less than 1 GB of memory, whatever the picture. One that would need more is refused.

    Args:
        content: An encoded file (PNG, JPEG, WebP, BMP, TIFF, GIF; AVIF and HEIC where Pillow or
            pillow-heif read them), or a decoded uint8 or uint16
            array [H, W], or [H, W, C] with 1, 2 (grey, alpha), 3 or 4 (RGB, alpha) channels.
        resolution: Height and width of the result.
        resize: One of `RESIZES`; see `tfgan.data.pipeline.PipelineOptions`.
        crop: Numbers in [0, 1), [2 * CROP_TRIES + 2], of which a random box is drawn: what is in it
            becomes the image. None: all of the picture does.

    Returns:
        The image, uint8 [resolution, resolution, 3], and whether it had to be scaled up.

    Raises:
        OSError, ValueError and others: Pillow's plugins raise nearly anything on damaged files.
    """
    if crop is None:
        picture = _open(content)
    else:
        picture = _open_array(picture_for_crops(content, resolution, resize))
    box = _region(picture.size, resize)
    left, top, right, bottom = box
    enlarged = min(right - left, bottom - top) < resolution
    if crop is not None:
        across, down, far, low = random_box(right - left, bottom - top, crop)
        box = (left + across, top + down, left + far, top + low)
    image = _resample(picture, box, (resolution, resolution))
    return np.asarray(image, np.uint8), enlarged


def _region(size: tuple[int, int], resize: str) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what becomes the image; white borders lie outside of it."""
    width, height = size
    if resize == "stretch":
        return 0, 0, width, height
    side = min(width, height) if resize == "crop" else max(width, height)
    # Cut before resizing: a resize of a box would mix in pixels from outside of it.
    left, top = (width - side) // 2, (height - side) // 2
    if resize == "pad":
        left, top = -((side - width) // 2), -((side - height) // 2)
    return left, top, left + side, top + side


def picture_for_crops(content: bytes | np.ndarray, resolution: int, resize: str) -> np.ndarray:
    """A picture as far as `decode_picture` needs it for random boxes, and much smaller.

    It gives `decode_picture` the same boxes as `content`, to the bit. A box of it is that of the
    whole picture but for a step of 256 or two, and it is small enough to be kept in memory.

    Args:
        content: As there.
        resolution: As there.
        resize: As there.

    Returns:
        uint8 [H, W, 3], with a square of up to `CROP_SCALE` times the resolution (for `"stretch"`:
        sides from there on).
    """
    picture = _open(content)
    box = (0, 0, *picture.size) if resize == "pad" else _region(picture.size, resize)
    width, height = box[2] - box[0], box[3] - box[1]
    side = max(width, height) if resize == "pad" else min(width, height)
    scale = min(CROP_SCALE * resolution / side, 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(_resample(picture, box, size), np.uint8)


def random_box(width: int, height: int, numbers: np.ndarray) -> tuple[int, int, int, int]:
    """A box of 0.8 to 1 of a picture's area whose sides are in the ratio 0.9 to 1.1.

    Boxes that do not fit are drawn again, up to `CROP_TRIES` times; then it is the largest box in
    the middle of a ratio from 0.9 to 1.1.

    Args:
        width: Of the picture.
        height: Of the picture.
        numbers: In [0, 1): area and ratio of each try, then the place, [2 * CROP_TRIES + 2].

    Returns:
        Left, upper, right and lower edge.

    Reference:
        clovaai/stargan-v2, core/data_loader.py, with torchvision's RandomResizedCrop.
    """
    low, high = CROP_RATIOS
    for area, ratio in np.reshape(numbers[:-2], [CROP_TRIES, 2]):
        pixels = width * height * (CROP_AREA + (1.0 - CROP_AREA) * area)
        sides = low * (high / low) ** ratio
        wide, tall = round((pixels * sides) ** 0.5), round((pixels / sides) ** 0.5)
        if 0 < wide <= width and 0 < tall <= height:
            left, top = (
                int(numbers[-2] * (width - wide + 1)),
                int(numbers[-1] * (height - tall + 1)),
            )
            break
    else:
        wide, tall = min(width, round(height * high)), min(height, round(width / low))
        left, top = (width - wide) // 2, (height - tall) // 2
    return left, top, left + wide, top + tall


def decode_whole(content: bytes, most: int) -> np.ndarray:
    """Turns a picture of any kind into an upright RGB image of its own shape; see `decode_picture`.

    Args:
        content: An encoded file.
        most: Pixels of the result. A picture of more is made smaller with Lanczos, to half of that:
            it stands in memory beside what is made of it.

    Returns:
        uint8 [H, W, 3].

    Raises:
        OSError, ValueError and others: As `decode_picture`.
    """
    picture = _open(content)
    width, height = picture.size
    if width * height > most:
        scale = (most / 2 / (width * height)) ** 0.5
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        smaller = _resample(picture, (0, 0, width, height), size)
        del picture
        return np.asarray(smaller, np.uint8)
    result = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP // width)
    for row in range(0, height, rows):
        below = min(row + rows, height)
        result[row:below] = np.asarray(picture.part((0, row, width, below)))
    return result


class _Upright(NamedTuple):
    """A picture as it is stored, of which parts are looked at as they should be seen.

    What is made of the whole would stand in memory beside it, several times on the way.

    Attributes:
        size: Width and height, upright.
        part: Left, top, right, bottom -> RGB image.
    """

    size: tuple[int, int]
    part: Callable[[tuple[int, int, int, int]], Image.Image]


def _open(content: bytes | np.ndarray) -> _Upright:
    if isinstance(content, np.ndarray):
        return _open_array(content)
    if not content:
        raise ValueError("the file is empty")
    check_file_size(len(content))
    try:
        image = Image.open(io.BytesIO(content), formats=(*_FORMATS, *readable_formats()))
    except Image.UnidentifiedImageError:
        _name_missing_decoder(content)
        raise
    _check_size(image)
    image.load()
    method, is_turned, mirrors = _TURNS.get(
        image.getexif().get(ExifTags.Base.Orientation, 1), (None, False, (False, False))
    )

    def part(box: tuple[int, int, int, int]) -> Image.Image:
        spans = [(box[0], box[2]), (box[1], box[3])]
        (left, right), (top, bottom) = (
            (length - end, length - start) if mirrored else (start, end)
            for (start, end), length, mirrored in zip(
                reversed(spans) if is_turned else spans, image.size, mirrors, strict=True
            )
        )
        cut = image.crop((left, top, right, bottom))
        return _to_rgb(cut if method is None else cut.transpose(method))

    width, height = reversed(image.size) if is_turned else image.size
    return _Upright((width, height), part)


def _name_missing_decoder(content: bytes) -> None:
    """Raises ValueError if it takes a package that is not there to read a picture."""
    length = int.from_bytes(content[:4], "big")
    if content[4:8] != b"ftyp" or length < 16:
        return
    brands = {content[i : i + 4] for i in range(8, min(length, 256), 4)}
    for decoder in DECODERS.values():
        if brands & decoder.brands:
            if not decoder.is_installed():
                raise ValueError(
                    f"it is a picture in {decoder.name}, which needs {decoder.install}; or convert "
                    "it to JPEG"
                )
            return


def _open_array(array: np.ndarray) -> _Upright:
    if array.dtype not in (np.uint8, np.uint16) or array.ndim not in (2, 3):
        raise ValueError(f"a decoded picture of {array.dtype} {list(array.shape)} is not readable")
    height, width = array.shape[:2]
    return _Upright(
        (width, height), lambda box: _to_rgb(_from_array(array[box[1] : box[3], box[0] : box[2]]))
    )


def _check_size(image: Image.Image) -> None:
    """Raises ValueError if a picture that was opened would take too much memory to decode."""
    kind = image.format
    if image.info.get("progressive"):
        kind = "progressive JPEG"
    elif kind == "TIFF" and image.info.get("compression") != "raw":
        kind = "compressed TIFF"
    most = _MOST_BYTES // _BYTES_PER_PIXEL.get(kind or "", 4)
    width, height = image.size
    if width * height > most:
        raise ValueError(
            f"it has {width * height:,} pixels, more than the {most:,} of a {kind} that are read "
            "with 1 GB of memory; scale it down first"
        )
    if max(width, height) > _LONGEST:
        raise ValueError(
            f"it has {width} x {height} pixels; a side of more than {_LONGEST:,} is not read"
        )


def _resample(
    picture: _Upright, box: tuple[int, int, int, int], size: tuple[int, int]
) -> Image.Image:
    """A part of a picture, white beyond its edges, resized with Lanczos.

    Pillow resizes squares along their rows and then along their columns, with 8 bits in between. Of
    large ones the rows go in strips here, which gives the same and makes nothing of the size of the
    picture. Where most columns are white, or they are too long to stand side by side, they go in
    groups; Pillow takes the places of these as float32, which may change values by 1 of 255.
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    if width * height <= _AT_ONCE:
        return _cut(picture, box).resize(size, Image.Resampling.LANCZOS)
    result = Image.new("RGB", size, _WHITE)
    scale = width / size[0]
    reach = 3 * max(scale, 1.0)
    first = max(0, int((-left - reach) / scale) - 1)
    last = min(size[0], int((picture.size[0] - left + reach) / scale) + 2)
    if 4 * (last - first) >= size[0]:
        first, last = 0, size[0]
    # Images that networks see go in one group as far as possible, for that is exact.
    together = _AT_ONCE if size[0] <= 1024 else _AT_ONCE // 4
    group = min(last - first, max(1, together // height))
    for start in range(first, last, group):
        end = min(start + group, last)
        columns = (0, width)
        if end - start < size[0]:
            columns = (
                max(0, int(start * scale - reach) - 1),
                min(width, int(end * scale + reach) + 2),
            )
        places = (start * scale - columns[0], end * scale - columns[0])
        narrow = Image.new("RGB", (end - start, height), _WHITE)
        rows = max(1, _STRIP // (columns[1] - columns[0]))
        for row in range(max(top, 0), min(bottom, picture.size[1]), rows):
            below = min(row + rows, bottom, picture.size[1])
            strip = _cut(picture, (left + columns[0], row, left + columns[1], below))
            size_of_strip = (end - start, below - row)
            places_of_strip = (places[0], 0, places[1], below - row)
            strip = strip.resize(size_of_strip, Image.Resampling.LANCZOS, places_of_strip)
            narrow.paste(strip, (0, row - top))
        result.paste(narrow.resize((end - start, size[1]), Image.Resampling.LANCZOS), (start, 0))
    return result


def _cut(picture: _Upright, box: tuple[int, int, int, int]) -> Image.Image:
    """A part of a picture, white beyond its edges."""
    left, top, right, bottom = box
    width, height = picture.size
    inside = (max(left, 0), max(top, 0), min(right, width), min(bottom, height))
    if inside == box:
        return picture.part(box)
    white = Image.new("RGB", (right - left, bottom - top), _WHITE)
    if inside[0] < inside[2] and inside[1] < inside[3]:
        white.paste(picture.part(inside), (inside[0] - left, inside[1] - top))
    return white


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.dtype == np.uint16:
        array = _to_8_bits(array)
    return Image.fromarray(array)


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow's own conversion from 16 bits clips at 255 instead of scaling.
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError("its values are outside of 16 bits, so their range is unknown")
        image = Image.fromarray(_to_8_bits(values))
    elif image.mode == "F":
        raise ValueError("its values are floating point, so their range is unknown")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (*_WHITE, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def explain(error: Exception) -> str:
    """One line that says to a user why a picture cannot be read."""
    if isinstance(error, Image.DecompressionBombError):
        return (
            f"it has more pixels than the guard against decompression bombs lets through "
            f"({2 * (Image.MAX_IMAGE_PIXELS or 0):,}); scale it down first"
        )
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # Without the path, which is named already.
    if isinstance(error, Image.UnidentifiedImageError):
        return f"it is none of {', '.join(_FORMATS)}, or its beginning is damaged"
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
