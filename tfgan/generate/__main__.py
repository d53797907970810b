"""Command line: pictures, figures and videos from a trained model."""

import argparse
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path

from tfgan import figures
from tfgan.generate import attributes, styles, translations
from tfgan.generate.options import UsageError, Verb
from tfgan.loading import ModelError, check_writable, class_of, find_model, load_model
from tfgan.terminal import CommandParser, command, import_tensorflow, run_command

# Class of a model -> its verbs.
VERBS: Mapping[str, Mapping[str, Verb]] = {
    "StyleGAN2Generator": styles.VERBS,
    "StyleGANGenerator": styles.VERBS,
    "StarGAN": attributes.VERBS,
    "StarGANv2": translations.VERBS,
}

_ABOUT = """Makes pictures, figures and videos with a trained model.

MODEL is a .keras file, a run folder (its model.keras), or "latest": the newest run under ./runs.
What a VERB does depends on the model. A seed stands for one latent: the same seed gives the same
picture in every verb.
"""


_PROGRAM = "python -m tfgan.generate"


def _parser(kind: str) -> CommandParser:
    """Command line of a class of models, and of those that have the same verbs."""
    verbs = VERBS[kind]
    kinds = " or ".join(name for name, theirs in VERBS.items() if theirs is verbs)
    examples = "".join(f"  {_PROGRAM} {verb.example}\n" for verb in verbs.values())
    parser = CommandParser(
        prog=_PROGRAM,
        description=f"With a {kinds}:",
        epilog=f"examples:\n{examples}\n{_PROGRAM} MODEL VERB --help explains one verb.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help='.keras file, run folder, or "latest"')
    added = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, verb in verbs.items():
        verb_parser = added.add_parser(
            name,
            help=verb.about,
            description=f"With a {kinds}: {verb.about}.",
            epilog=f"example:\n  {_PROGRAM} {verb.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add_options(verb_parser)
        written = {"": "folder", ".png": "PNG file", ".mp4": "GIF or MP4 file"}[verb.ending]
        verb_parser.add_argument(
            "-o",
            "--out",
            type=Path,
            help=f"{written} to write (default: MODEL-{name}{verb.ending} in the current folder)",
        )
    return parser


def _print_help(arguments: list[str]) -> None:
    """Explains one verb, for each class of model that has it, or all verbs."""
    requested = {name for verbs in VERBS.values() for name in verbs} & set(arguments)
    if not requested:
        print(_ABOUT)
    # One help for the classes that share their verbs.
    once = {id(verbs): (kind, verbs) for kind, verbs in VERBS.items()}
    for kind, verbs in once.values():
        for name in sorted(requested & set(verbs)) or [""] * (not requested):
            # Parsers print the help of a verb only on their way out.
            with contextlib.suppress(SystemExit):
                _parser(kind).parse_args(["MODEL", *filter(None, [name]), "--help"])
            print()


def _output(options: argparse.Namespace, verb: Verb, model_file: Path) -> Path:
    """Where the result goes; checked before any work is done."""
    stem = model_file.stem
    if stem == "model":
        stem = model_file.absolute().parent.name or stem
    out = options.out or Path(f"{stem}-{options.verb}{verb.ending}")
    if verb.ending == ".mp4":
        figures.check_video(out, options.fps)
    elif verb.ending and out.suffix.lower() != verb.ending:
        raise UsageError(f"--out must end in {verb.ending} for {options.verb}. Received: {out}.")
    if not verb.ending and out.exists() and not out.is_dir():
        raise UsageError(f"--out must be a folder for {options.verb}, but {out} is a file.")
    if verb.ending and out.is_dir():
        raise UsageError(f"--out must be a file, but {out} is a folder.")
    check_writable(out.parent if verb.ending else out)
    return out


@command(stopped="Stopped.")
def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    names = {name for verbs in VERBS.values() for name in verbs}
    if not arguments or arguments[0] in names or arguments[0].startswith("-"):
        _print_help(arguments)
        return 0 if {"-h", "--help"} & set(arguments) else 2
    model_file = find_model(arguments[0])
    kind = class_of(model_file)
    if kind not in VERBS:
        raise ModelError(
            f"{model_file} holds a {kind}, which draws nothing. Give the model.keras of a run, "
            f"or another file with one of: {', '.join(VERBS)}."
        )
    if arguments[1:] and arguments[1] in names - set(VERBS[kind]):
        raise UsageError(
            f"{model_file} holds a {kind}, which has no verb {arguments[1]}. Use one of: "
            f"{', '.join(VERBS[kind])}."
        )
    options = _parser(kind).parse_args(arguments)
    verb = VERBS[kind][options.verb]
    out = _output(options, verb, model_file)
    verb.check(options)
    print(f"Loading {model_file}", flush=True)
    import_tensorflow()
    verb.run(load_model(model_file), options, out)
    print(f"Wrote {out}")
    return 0


if __name__ == "__main__":
    run_command(main)
