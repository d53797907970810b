"""An export from its materials: all forms, the report on them, and the manifest."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.compare import Distance, Expected
from export.folder import MANIFEST, PAGE, REPORT, partial_folder, remove, replace_earlier
from export.formats import FORMATS, Materials
from export.manifest import digest_of, manifest, size_of
from export.page import Row, page
from export.report import Result, mark_needless, measure, recommend
from export.signatures import Exportable
from export.usage import snippet
from tfgan.strict_json import write_json

SHOWN = 8  # examples of each way to pictures that the report shows, of those it compares

Pictures = dict[int, np.ndarray]  # by place in what was expected


def build_format(
    name: str, materials: Materials, distance: Distance | None, floor: float, folder: Path
) -> tuple[Result, Pictures]:
    """Writes the file of a format into a folder, and compares it with Keras.

    Returns:
        What was found, and its pictures; of one that failed, why, and none.
    """
    export_format = FORMATS[name]
    path = folder / export_format.path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        print(f"Writing {name}", flush=True)
        kept = export_format.write(materials, path, floor)
        print(f"Comparing {name} with Keras", flush=True)
        values, pictures = measure(
            materials.exportable, materials.expected, distance, export_format, path, floor
        )
    except (MemoryError, OSError):
        raise
    # Converters fail in as many ways as models differ; the other forms may be had all the same.
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        reason = f"{type(error).__name__}: {lines[0].strip() if lines else 'no reason was given'}"
        values, pictures = {"status": "failed", "reason": reason}, {}
    if values["status"] == "failed":
        remove(path)
        return Result(name, export_format.path, floor_db=floor, **values), {}
    result = Result(
        form=name,
        path=export_format.path,
        floor_db=floor,
        bytes=size_of(path),
        sha256=digest_of(path),
        higher_precision_layers=kept,
        **values,
    )
    return result, pictures


def _rows(expected: Sequence[Expected], pictures: dict[str, Pictures]) -> list[Row]:
    """What the report shows: the first examples of each way to pictures, in all forms."""
    return [
        Row(
            shown,
            one.pictures[i],
            {name: images[place][i] for name, images in pictures.items() if place in images},
        )
        for place, one in enumerate(expected)
        if one.flow.shown is not None
        for i, shown in enumerate(one.flow.shown(one.drawn)[:SHOWN])
    ]


def _usages(
    exportable: Exportable, results: Sequence[Result], recommended: str | None
) -> dict[str, str]:
    """Python for the form to ship and for what serves, by their paths."""
    usable = [
        *(result for result in results if result.form == recommended),
        *(r for r in results if r.status == "good" and not FORMATS[r.form].in_tflite),
    ]
    return {
        result.path: snippet(exportable, result.path, FORMATS[result.form].in_tflite)
        for result in usable
    }


def build_export(
    materials: Materials,
    distance: Distance | None,
    floors: dict[str, float],
    metrics: dict[str, float],
    metrics_of: Callable[[Sequence[str]], dict[str, float]] | None,
    about: dict[str, Any],
    out: Path,
) -> list[Result]:
    """Writes forms, their report and their manifest; what an earlier export left is removed.

    Nothing appears under its name before all is there, and then all at once: signals to stop are
    not heeded any more.

    Args:
        materials: What they are made of.
        distance: LPIPS; None without its network.
        floors: Forms to write, and the PSNR in dB that is good enough for each.
        metrics: What other means measure of Keras, by name.
        metrics_of: Measures the `.tflite` file that options name by the same means; None: nothing
            does.
        about: What the report says of how it was made.
        out: The folder; it is made if need be.

    Raises:
        OutputError: If a file stands in the way that no export wrote, or there is no room.
    """
    exportable, facts = materials.exportable, materials.facts
    with partial_folder(out) as partial:
        results: list[Result] = []
        pictures: dict[str, Pictures] = {}
        for name, floor in floors.items():
            result, pictures[name] = build_format(name, materials, distance, floor, partial)
            if metrics_of and FORMATS[name].in_tflite and pictures[name]:
                measured = metrics_of(["--tflite", str(partial / FORMATS[name].path)])
                result = dataclasses.replace(result, metrics=measured)
            results.append(result)
        tflite = [name for name in floors if FORMATS[name].in_tflite]
        results = mark_needless(results, tflite)
        recommended = recommend(results, tflite)
        rows = _rows(materials.expected, pictures)
        usages = _usages(exportable, results, recommended)
        (partial / PAGE).write_text(
            page(facts, results, recommended, rows, about, usages, metrics),
            encoding="utf-8",
            errors="backslashreplace",  # names of folders need not be text
        )
        report = {
            **{key: facts[key] for key in ("name", "kind", "provenance")},
            "made_with": about,
            "recommended": recommended,
            "keras": {"metrics": metrics},
            "forms": [result.as_json() for result in results],
        }
        write_json(partial / REPORT, report)
        write_json(partial / MANIFEST, manifest(facts, exportable.default, results, recommended))
        for name in replace_earlier(out, partial, list(floors)):
            print(f"Removed {out / name} of an earlier export", flush=True)
    return results
