"""README and docs: commands that exist, options that they have, links that lead somewhere."""

import contextlib
import functools
import importlib
import io
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
README_BYTES = 8_000  # what a newcomer reads


class Command(NamedTuple):
    """A command line of a page: `python -m MODULE WORDS...`."""

    page: str
    module: str
    words: tuple[str, ...]


def commands_of(page: Path) -> list[Command]:
    """The commands in the indented blocks of a page."""
    text = re.sub(r"\\\n\s+", " ", page.read_text("utf-8"))
    found = []
    for line in re.findall(r"^    (?:srun )?python -m (.*)$", text, re.MULTILINE):
        module, *words = shlex.split(line, comments=True)
        found.append(Command(page.name, module, tuple(words)))
    return found


COMMANDS = [command for page in PAGES for command in commands_of(page)]


@functools.cache
def help_of(module: str, words: tuple[str, ...]) -> str:
    """What a command prints with --help."""
    package = f"{module}.__main__" if (ROOT / module.replace(".", "/")).is_dir() else module
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        importlib.import_module(package).main([*words, "--help"])
    return out.getvalue()


def choosing(command: Command) -> tuple[str, ...]:
    """The words of a command that say which options it has."""
    if command.module == "training.run":
        models = re.findall(r"--model (\S+)", " ".join(command.words))
        return ("--model", models[0] if models else "stylegan2")
    if command.module == "tfgan.generate":
        return command.words[1:2]
    return ()


def test_pages_have_commands():
    assert len(COMMANDS) > 40
    assert {"README.md"} < {command.page for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: f"{c.page}: {c.module}")
def test_every_command_of_the_docs_has_the_options_that_it_is_given(command):
    if command.module.startswith(("tests.", "http")):
        assert (ROOT / command.module.replace(".", "/")).with_suffix(".py").is_file()
        return
    words = command.words
    if command.module == "training.launch":  # what follows -- is of training.run
        words = words[: words.index("--")]
    known = help_of(command.module, choosing(command))
    for word in words:
        if re.fullmatch(r"--[\w-]+(=.*)?", word):
            option = word.partition("=")[0]
            assert re.search(rf"{option}(?![\w-])", known), f"{command.module} has no {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        file = (page.parent / name) if name else page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles]
            assert heading in anchors, target


def test_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= README_BYTES
