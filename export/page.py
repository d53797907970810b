"""`report.html`: what was measured of every form, with pictures, in one file."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from export.formats import FORMATS
from export.report import Result, needless_text, number, psnr_text
from export.signatures import Shown
from tfgan.inference import to_uint8

SHOWN_SIDE = 256  # pixels of a picture on the page; larger ones are made smaller
DIFFERENCE_GAIN = 8  # a difference of an eighth of the range is white
MANY_MS = 100  # milliseconds from which tenths are not shown
NAMED = 8  # layers; report.json has them all
# Of layers kept in higher precision, by how they compute.
KEPT_IN = {
    "dynamic": "ranges found for each picture, because fixed ones spoil it",
    "float16": "float16, because 8 bits spoil the picture",
}


class Row(NamedTuple):
    """Pictures of one input.

    Attributes:
        shown: What it was.
        expected: What Keras makes of it, [R, R, 3] in [-1, 1].
        made: By name of a form, what its file makes of it.
    """

    shown: Shown
    expected: np.ndarray
    made: dict[str, np.ndarray]


_STYLE = """
:root { color-scheme: light dark; }
:root { --ink: #17191d; --soft: #5c6370; --line: #dfe3e8; --ground: #ffffff; --card: #f6f7f9;
  --good: #13713a; --good-ground: #dff5e7; --poor: #8a4b00; --poor-ground: #ffedd2;
  --failed: #a11524; --failed-ground: #fde3e5; --accent: #3454d1; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef2; --soft: #a3abb8; --line: #343a44;
  --ground: #14161a; --card: #1d2026; --good: #7fe0a5; --good-ground: #12331f; --poor: #ffc876;
  --poor-ground: #3b2807; --failed: #ff9aa4; --failed-ground: #43131a; --accent: #9db0ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 74rem; color: var(--ink);
  background: var(--ground); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.7rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.15rem;
  margin: 2.5rem 0 .75rem; } h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
p { margin: .35rem 0; } td p:first-child { margin-top: 0; } .soft { color: var(--soft); }
.choice { margin: 1.5rem 0 0; padding: 1rem 1.25rem; border-radius: .75rem; background: var(--card);
  overflow-wrap: anywhere;
  border-left: .35rem solid var(--accent); } .choice strong { font-size: 1.15rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .4rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; vertical-align: top; font-size: .9rem; }
th { color: var(--soft); font-weight: 600; font-size: .8rem; white-space: normal;
  vertical-align: bottom; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
td.wide { white-space: normal; overflow-wrap: anywhere; width: 100%; }
tr.recommended td { background: var(--card); } tr.recommended td:first-child { font-weight: 700; }
.status { padding: .1rem .55rem; border-radius: 1rem; font-size: .85rem; font-weight: 600; }
.good { color: var(--good); background: var(--good-ground); }
.poor { color: var(--poor); background: var(--poor-ground); }
.failed { color: var(--failed); background: var(--failed-ground); }
.bar { display: block; height: .3rem; margin-top: .3rem; border-radius: .2rem;
  background: var(--accent); margin-left: auto; }
.pictures { width: auto; }
.pictures td, .pictures th { padding: .25rem; border: 0; text-align: center; }
.pictures th { padding-bottom: .4rem; }
.pictures img { display: block; aspect-ratio: 1; margin: 0 auto; border-radius: .4rem;
  background: var(--card);
  width: clamp(4.5rem, (min(100vw, 74rem) - 9rem) / var(--columns) - .6rem, 8rem); }
.pictures tr.last td { padding-bottom: 1.4rem; }
.pictures td.name { color: var(--soft); font-size: .85rem; vertical-align: middle;
  text-align: left; white-space: normal; width: 5.5rem; min-width: 5.5rem; }
.pictures td.told { color: var(--ink); }
.pictures td.told span { position: sticky; left: 0; display: block; overflow-wrap: anywhere;
  max-width: min(100vw - 3rem, 71rem); }
code, pre { font: .9rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre { padding: 1rem; border-radius: .6rem; background: var(--card); white-space: pre-wrap;
  overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
"""


def _png(image: np.ndarray, alt: str) -> str:
    """An <img> of a uint8 picture."""
    picture = Image.fromarray(image)
    if picture.width > SHOWN_SIDE:
        picture = picture.resize((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.BOX)
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    data = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{data}">'


def _difference(image: np.ndarray, expected: np.ndarray, span: float) -> np.ndarray:
    """How far two pictures are apart, uint8 [R, R, 3]: black where they are equal."""
    apart = np.max(np.abs(image - expected), axis=-1, keepdims=True) / span
    side = -(-apart.shape[0] // SHOWN_SIDE)  # of squares whose largest difference is shown
    if side > 1:
        small = apart.shape[0] // side
        apart = apart[: small * side, : small * side].reshape(small, side, small, side, 1)
        apart = apart.max(axis=(1, 3))
    shown = np.round(255 * np.clip(DIFFERENCE_GAIN * apart, 0, 1)).astype(np.uint8)
    return np.repeat(shown, 3, axis=-1)


_WHERE = '<p class="soft">Run it in the folder of this page; it writes picture.png.</p>'


def _status(result: Result) -> str:
    return f'<span class="status {result.status}">{result.status}</span>'


def _threads(count: str) -> str:
    return "1 thread" if count == "1" else f"{count} threads"


def _milliseconds(value: float | None) -> str:
    return number(value, 1 if value is not None and value < MANY_MS else 0, " ms")


def _heads(names: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<th scope=col>{html.escape(name)}</th>" for name in names) + "</tr>"


def _forms(results: Sequence[Result], recommended: str | None) -> str:
    """The table of forms: sizes, times, and how far each is from Keras."""
    counts = sorted({key for r in results for key in r.ms_per_picture}, key=int)
    heads = [_threads(count) for count in counts]
    whole = max((r.bytes or 0 for r in results if r.form == "float32"), default=0)
    widest = max((r.bytes or 0 for r in results), default=0)
    lpips = any(r.lpips is not None for r in results)
    names = ["form", "status", "size", "of float32", *heads, "PSNR", "worst"]
    names += ["good from", "SSIM"]
    names += (["LPIPS"] if lpips else []) + ["mean error", "largest error"]
    lines = [_heads(names)]
    for r in results:
        size = "-" if r.bytes is None else f"{r.bytes / 1e6:.2f} MB"
        bar = 0 if r.bytes is None else max(2, round(100 * r.bytes / widest))
        cells = [
            f"<td>{html.escape(r.form)}</td><td>{_status(r)}</td>",
            f'<td>{size}<span class=bar style="width:{bar}%"></span></td>',
            f"<td>{number(r.bytes / whole, 3) if r.bytes and whole else '-'}</td>",
            *(f"<td>{_milliseconds(r.ms_per_picture.get(count))}</td>" for count in counts),
            f"<td>{psnr_text(r)}</td><td>{number(r.worst_psnr_db, 1, ' dB')}</td>",
            f"<td>{r.floor_db:g} dB</td><td>{number(r.ssim, 4)}</td>",
            *([f"<td>{number(r.lpips, 4)}</td>"] if lpips else []),
            f"<td>{number(r.mean_error, 5)}</td><td>{number(r.largest_error, 4)}</td>",
        ]
        mark = ' class="recommended"' if r.form == recommended else ""
        lines.append(f"<tr{mark}>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def _metrics(results: Sequence[Result], keras: Mapping[str, float]) -> str:
    """What `tfgan.evaluate` says of Keras and of forms; empty where it was not asked."""
    columns = {"Keras": keras, **{r.form: r.metrics for r in results if r.metrics}}
    names = dict.fromkeys(name for found in columns.values() for name in found)
    if not names:
        return ""
    lines = [_heads(["metric", *columns])]
    for name in names:
        cells = "".join(f"<td>{number(found.get(name), 3)}</td>" for found in columns.values())
        lines.append(f"<tr><td>{html.escape(name)}</td>{cells}</tr>")
    table = f'<div class="scroll"><table>{"".join(lines)}</table></div>'
    return f"<h2>Metrics</h2>{table}"


def _how(results: Sequence[Result]) -> str:
    """What was compared and timed; empty where every form failed."""
    compared = max((r.compared for r in results), default=0)
    timed = [html.escape(r.timed_signature) for r in results if r.timed_signature]
    if not timed:
        return ""
    return (
        f'<p class="soft">Of each form, up to {compared} pictures are compared with what Keras '
        "makes of the same inputs in float32; worst is the PSNR of the one that is least like it. "
        "Errors are shares of the range of pixel values. Times are of one picture in "
        f"{timed[0]} alone.</p>"
    )


def _notes(results: Sequence[Result]) -> str:
    """What is to be said of forms in words; empty where that is nothing."""
    lines = []
    for r in results:
        said = [html.escape(r.reason)] if r.reason else []
        if r.no_advantage_over:
            said.append(html.escape(needless_text(r)))
        if r.not_accelerated is not None:
            outside = [
                f"{html.escape(name)}: "
                + ", ".join(f"{count} {html.escape(kind)}" for kind, count in found.items())
                for name, found in r.not_accelerated.items()
                if found
            ]
            said.append(
                "not accelerated by XNNPACK: " + "; ".join(outside)
                if outside
                else "all operators are accelerated by XNNPACK"
            )
        for way, layers in r.higher_precision_layers.items():
            more = f" and {len(layers) - NAMED} more" if len(layers) > NAMED else ""
            names = html.escape(", ".join(layers[:NAMED]))
            said.append(f"layers kept in higher precision ({KEPT_IN[way]}): {names}{more}")
        if said:
            words = "".join(f"<p>{line}</p>" for line in said)
            lines.append(
                f"<tr><td>{html.escape(r.form)}</td><td class='text wide'>{words}</td></tr>"
            )
    if not lines:
        return ""
    heading = "<h2>What slows forms down, and layers kept in higher precision</h2>"
    return f'{heading}<div class="scroll"><table>{"".join(lines)}</table></div>'


def _pictures(rows: Sequence[Row], span: float) -> str:
    """Side by side: what was given, Keras, and each form with its difference below."""
    forms = list(dict.fromkeys(form for row in rows for form in row.made))
    given = list(dict.fromkeys(name for row in rows for name in row.shown.pictures))
    heads = ["", *given, "Keras", *forms]
    lines = [_heads(heads)]
    for i, row in enumerate(rows, start=1):
        shown = {**row.shown.pictures, "Keras": row.expected, **row.made}
        apart = {form: _difference(image, row.expected, span) for form, image in row.made.items()}
        cells = [
            # Of a model that gives NaN, Keras' own picture is black.
            _png(to_uint8(np.nan_to_num(shown[name], nan=-1.0)), f"{name}, row {i}")
            if name in shown
            else ""
            for name in heads[1:]
        ]
        below = [
            _png(apart[name], f"difference of {name}, row {i}") if name in apart else ""
            for name in heads[1:]
        ]
        told = f"<span>{i}. {html.escape(row.shown.told)}</span>"
        difference = f"<td class=name>difference, x {DIFFERENCE_GAIN}</td>"
        lines += [
            f'<tr><td class="name told" colspan={len(heads)}>{told}</td></tr>',
            f"<tr><td class=name></td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>",
            f'<tr class="last">{difference}{"".join(f"<td>{cell}</td>" for cell in below)}</tr>',
        ]
    table = f'<table class="pictures" style="--columns:{len(heads) - 1}">{"".join(lines)}</table>'
    return f'<div class="scroll">{table}</div>'


def _facts(pairs: dict[str, Any]) -> str:
    lines = (
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>"
        for name, value in pairs.items()
    )
    return f"<dl>{''.join(lines)}</dl>"


def _choice(results: Sequence[Result], recommended: str | None) -> str:
    """What to ship, or why nothing."""
    if recommended is not None:
        best = next(result for result in results if result.form == recommended)
        threads, milliseconds = min(best.ms_per_picture.items(), key=lambda item: item[1])
        return (
            f"<strong>Ship {html.escape(best.path)}</strong><p>{(best.bytes or 0) / 1e6:.2f} MB, "
            f"{milliseconds:.1f} ms per picture on this machine "
            f"({html.escape(best.timed_signature or '')}, {_threads(threads)}), PSNR "
            f"{psnr_text(best)} against Keras. Of the good files that are nearly as small as the "
            "smallest and nearly as fast as the fastest, it is the one most like Keras.</p>"
        )
    tflite = any(FORMATS[result.form].in_tflite for result in results)
    served = [r for r in results if r.status == "good" and not FORMATS[r.form].in_tflite]
    lines = []
    if tflite:
        lines.append("<strong>No .tflite file is good enough to ship.</strong>")
        lines.append("<p>The table says why.</p>")
    lines += [f"<strong>Serve {html.escape(r.path)}</strong>" for r in served]
    if served:
        lines.append(
            "<p>It is good: for TensorFlow and TensorFlow Serving. Phones and browsers need a "
            ".tflite file" + (".</p>" if tflite else ": --formats dynamic writes one.</p>")
        )
    if not lines:
        lines.append("<strong>Nothing is good enough to serve.</strong><p>The table says why.</p>")
    return "".join(lines)


def page(
    facts: dict[str, Any],
    results: Sequence[Result],
    recommended: str | None,
    rows: Sequence[Row],
    about: dict[str, Any],
    usages: Mapping[str, str],
    keras_metrics: dict[str, float],
) -> str:
    """The report as HTML.

    Args:
        facts: What `export.manifest.facts_of` gave.
        results: Of all forms.
        recommended: Name of the form to ship; None if none is good.
        rows: Pictures, at least one row.
        about: What the measuring was done with, by name.
        usages: Python that makes a picture, by path of what it makes it with.
        keras_metrics: What `tfgan.evaluate` says of Keras, by name; empty where not asked.
    """
    title = f"{facts['name']}: {facts['kind']}, {facts['resolution']} pixels"
    low, high = facts["value_range"]
    usage = "".join(
        f"<h3>{html.escape(path)}</h3><pre>{html.escape(code)}</pre>"
        for path, code in usages.items()
    )
    usage = usage and f"<h2>How to run it in Python</h2>{_WHERE}{usage}"
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
<h1>{html.escape(facts["name"])}</h1>
<p class="soft">{html.escape(facts["kind"])}, {facts["resolution"]} pixels</p>
<div class="choice">{_choice(results, recommended)}</div>
<h2>Forms</h2>
{_forms(results, recommended)}
{_how(results)}
{_metrics(results, keras_metrics)}
<h2>Pictures</h2>
{_pictures(rows, high - low)}
{_notes(results)}
{usage}
<h2>Made with</h2>
{_facts({**about, **facts["provenance"]})}
</html>
"""
