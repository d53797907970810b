"""README and docs: commands that work, options that there are, links that lead somewhere."""

import contextlib
import fnmatch
import functools
import glob
import importlib
import io
import os
import re
import shlex
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests import faces
from tests.export import small
from tests.importers import saved
from tests.importers.small import small_weights
from tests.parity.published import DATA, Case
from tests.training.runs import eagerly
from tfgan.evaluate import classifier, networks
from tfgan.label_sets import LabelSet
from training import run as training

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
README_BYTES = 8_000  # what a newcomer reads


class Smoke(NamedTuple):
    """How the commands that begin with a pattern are tried.

    Attributes:
        options: Appended to the command, which then takes a second or two. Of an option that is
            given twice, the last one counts.
        files: Patterns of what the command must have written.
        refusal: What it must say instead, where it needs a file that cannot be here.
        not_run: Why it is not run at all; its options are checked alone.
    """

    options: str = ""
    files: tuple[str, ...] = ()
    refusal: str = ""
    not_run: str = ""


RUN = ("runs/*/model.keras", "runs/*/config.json", "runs/*/stats.jsonl", "runs/*/samples/*.png")
REPORT = tuple(f"runs/*/export/{name}" for name in ("report.html", "report.json", "manifest.json"))
SHORT = "--devices 1 --batch-size 4 --total-kimg 0.004 --sample-rows 1 --sample-columns 2"
FEW = "--avatars-count 60 --data-dir sets"
STYLE = f"{SHORT} {FEW} --latent-dim 8 --style-dim 8 --mapping-layers 1 --channel-base 64 "
STYLE += "--channel-max 4 --precision float32"
STYLEGAN2 = f"{STYLE} --resolution 8"
# The networks of ffhq.pkl, with one resolution more, for --freeze-d 4.
OF_FFHQ = " --latent-dim 32 --style-dim 32 --mapping-layers 3 --channel-base 512 --channel-max 32 "
OF_FFHQ += "--resolution 64"
STYLEGAN = f"{STYLE} --resolution 32 --batch-sizes 8:4"
STARGAN_V2 = f"{SHORT} {FEW} --resolution 32 --latent-dim 3 --style-dim 4 --mapping-width 6 "
STARGAN_V2 += "--channel-base 64 --channel-max 4 --precision float32"
STARGAN = f"{SHORT} {FEW} --resolution 32 --conv-dim 2 --discriminator-conv-dim 2 --num-blocks 1 "
STARGAN += "--precision float32"
SERVES = "serves until it is stopped"
PUBLISHED = "times published code, with PyTorch"
DOWNLOADS = "downloads a data set"
TRAIN, EVALUATE = "python -m training.run", "python -m tfgan.evaluate"
GENERATE, EXPORT = "python -m tfgan.generate", "python -m export.run"
# By pattern of how a command begins; the longest counts. A command of no row fails the test.
COMMANDS = {
    "make ": Smoke(not_run="sets up a whole environment"),
    "pip install ": Smoke(not_run="asks a package index"),
    "tensorboard ": Smoke(not_run=SERVES),
    "python -m mobile_demo": Smoke(not_run=SERVES),
    "srun ": Smoke(not_run="needs SLURM"),
    "python -m training.launch": Smoke(not_run="starts workers; tests/training/test_launch.py"),
    "python -m tests.benchmarks.": Smoke(not_run=PUBLISHED),
    f"{TRAIN} --model stylegan2": Smoke(STYLEGAN2, RUN),
    f"{TRAIN} --model stylegan2 --preset small-data --data tfds:": Smoke(not_run=DOWNLOADS),
    f"{TRAIN} --model stylegan": Smoke(STYLEGAN, RUN),
    f"{TRAIN} --model stargan-v2": Smoke(STARGAN_V2, RUN),
    f"{TRAIN} --model stargan-v2 --preset afhq-256 --data tfds:afhq": Smoke(
        "--data-dir sets", refusal="afhq"
    ),
    f"{TRAIN} --model stargan": Smoke(STARGAN, RUN),
    f"{TRAIN} --model stargan --preset celeba-128 --data tfds:": Smoke(not_run=DOWNLOADS),
    f"{TRAIN} --model stargan --preset celeba-rafd-128": Smoke("--data-dir sets", refusal="rafd"),
    f"{TRAIN} --model stylegan2 --preset ffhq-256 --data my_pictures --init": Smoke(
        STYLEGAN2 + OF_FFHQ, RUN
    ),
    f"{TRAIN} --model stylegan2 --dry-run": Smoke(STYLEGAN2),
    f"{TRAIN} --model stylegan --preset ffhq-1024 --data photos --dry-run": Smoke(STYLEGAN),
    f"{TRAIN} --resume": Smoke("--devices 1 --total-kimg 0.008", RUN),
    "python -m training.features": Smoke("--images 50 --resolution 16", ("*.keras",)),
    f"{EVALUATE}": Smoke("--count 8 --devices 1"),
    f"{EVALUATE} latest": Smoke("--count 8 --devices 1", ("runs/*/evaluation.json",)),
    f"{EVALUATE} MODEL.keras --data my_pictures --metrics fid": Smoke(
        refusal="--inception must name files"
    ),
    f"{GENERATE}": Smoke(),
    f"{GENERATE} * noise": Smoke("--count 4"),
    f"{GENERATE} * interpolate": Smoke("--seconds 1"),
    f"{EXPORT}": Smoke(),
    f"{EXPORT} stargan.keras": Smoke("--formats int8"),
    f"{EXPORT} latest": Smoke("--formats saved-model float32", REPORT),
    f"{EXPORT} latest --formats": Smoke(),
    f"{EXPORT} latest --evaluate": Smoke(
        not_run="starts tfgan.evaluate for each form; tests/export/test_run.py"
    ),
    "python -m tfgan.importers": Smoke(),
    "python -m tfgan.align": Smoke(),
    "python -m tfgan.data.avatars": Smoke("--count 8"),
    "python -m tfgan.data.prepare": Smoke("--workers 1", ("packed/*",)),
}


def commands_of(page: Path) -> list[str]:
    """The lines of the shell blocks of a page, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.join(shlex.split(line, comments=True)) for line in lines]


def row_of(command: str) -> str:
    """The row of COMMANDS that a command belongs to."""
    rows = [row for row in COMMANDS if fnmatch.fnmatchcase(command, f"{row}*")]
    return max(rows, key=len, default="")


def module_of(command: str) -> tuple[str, list[str]]:
    """The module that a command runs, and the words after it."""
    words = shlex.split(command)
    index = words.index("-m") + 1
    return words[index], words[index + 1 :]


def call(command: str) -> int:
    """Runs a command in this process, with file patterns as a shell takes them; its status."""
    module, words = module_of(command)
    expanded = [match for word in words for match in sorted(glob.glob(word)) or [word]]
    package = f"{module}.__main__" if (ROOT / module.replace(".", "/")).is_dir() else module
    try:
        return importlib.import_module(package).main(expanded) or 0
    except SystemExit as end:
        return int(end.code or 0)


def draw_pictures() -> None:
    """Folders of drawn faces, one sub-folder for each of two domains, and CelebA's layout."""
    draw = "python -m tfgan.data.avatars --size 32 --count 10 --folder"
    for folder in ("my_pictures", "my_domains", "my_faces", "animals", "photos"):
        assert call(f"{draw} {folder}") == 0
    drawn = sorted(Path("photos").glob("*/*.png"))
    shutil.copy(drawn[0], "me.jpg")
    Path("celeba").mkdir()
    for path in drawn:
        shutil.copy(path, "celeba")
    rows = [f"{path.name} {'1 -1' if i % 2 else '-1 1'} -1 1 1" for i, path in enumerate(drawn)]
    table = [str(len(rows)), "Black_Hair Blond_Hair Brown_Hair Male Young", *rows]
    Path("celeba", "list_attr_celeba.txt").write_text("\n".join(table))


def make_published_files() -> None:
    """Checkpoints in their published layouts, with drawn weights."""
    shutil.copy(DATA / "checkpoints" / "stylegan2_ada_small.pkl", "ffhq.pkl")
    networks = ("generator", "mapping_network", "style_encoder")
    weights = {network: small_weights("stargan_v2_hpf_small", network) for network in networks}
    saved.save_networks(Path("100000_nets_ema.ckpt"), weights)
    saved.save_weights(Path("wing.ckpt"), Case("stargan_v2_landmarks").weights("fan"), "stream")
    np.savez("celeba_lm_mean.npz", mean=faces.mean_face())


def make_models() -> None:
    """A run, its model as a file, and models of the StarGANs."""
    assert call(f"{TRAIN} --model stylegan2 {STYLEGAN2}") == 0
    (run,) = Path("runs").iterdir()
    run.rename("a run")
    shutil.copy("a run/model.keras", "MODEL.keras")
    small.stargan_v2(("female", "male")).save("stargan-v2.keras")
    looks = ("Black_Hair", "Blond_Hair", "Male", "Young")
    label_sets = (
        LabelSet("avatars:attributes", "attributes", looks, (looks[:2],)),
        LabelSet("avatars:expression", "classes", ("happy", "sad")),
    )
    small.stargan(label_sets).save("stargan.keras")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a reader of the docs has: pictures, models, published files, and a run."""
    folder = tmp_path_factory.mktemp("docs")
    with contextlib.chdir(folder), eagerly():
        draw_pictures()
        make_published_files()
        make_models()
    return folder


@pytest.fixture
def quick(monkeypatch):
    """A classifier of two steps where metrics train one, and dry runs that time little."""
    monkeypatch.setattr(classifier, "RECIPE", classifier.Recipe(images=40, batch_size=20))
    monkeypatch.setattr(networks, "PICTURES", 60)
    monkeypatch.setattr("training.dry_run.BUDGET_SECONDS", 0.0)
    monkeypatch.setattr("training.dry_run.PHASE_SECONDS", 0.0)
    monkeypatch.setattr("training.dry_run.READING_SECONDS", 0.1)
    with eagerly():
        yield


def outputs_of(command: str) -> list[str]:
    """The files and folders that a command says it writes."""
    return re.findall(r" (?:-o|--out|--sheet|--folder) (\S+)", command)


WORKED: set[str] = set()  # a command of several pages is run once


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_work(page, folder, monkeypatch, quick, capfd):
    monkeypatch.chdir(folder)
    shutil.rmtree("runs", ignore_errors=True)
    shutil.copytree("a run", Path("runs") / "00000-a-run")
    for command in commands_of(page):
        row = COMMANDS[row_of(command)]
        if row.not_run or (command in WORKED and "latest" not in command):
            continue
        before = time.time()
        status = call(f"{command} {row.options}")
        said = capfd.readouterr().err
        if row.refusal:
            assert (status, row.refusal in said) == (2, True), f"{command}: {said}"
            continue
        assert status == 0, f"{command}: {said}"
        for pattern in () if "--help" in command else (*row.files, *outputs_of(command)):
            times = [os.path.getmtime(path) for path in glob.glob(pattern)]
            assert max(times, default=0) > before, f"{command} wrote no {pattern}"
        WORKED.add(command)


@functools.cache
def help_of(module: str, words: tuple[str, ...]) -> str:
    """What a command prints with --help."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert call(shlex.join(["python", "-m", module, *words, "--help"])) == 0
    return out.getvalue()


def choosing(module: str, words: list[str]) -> tuple[str, ...]:
    """The words of a command that say which options it has."""
    if module == "training.run":
        models = re.findall(r"--model (\S+)", " ".join(words))
        return ("--model", models[0] if models else "stylegan2")
    return tuple(words[1:2]) if module == "tfgan.generate" else ()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_have_the_options_that_they_are_given(page):
    for command in commands_of(page):
        if "python -m" not in command:
            assert COMMANDS[row_of(command)].not_run, f"{command} is in no row"
            continue
        module, words = module_of(command)
        assert row_of(command), f"{command} is in no row of COMMANDS"
        if module.startswith("tests."):
            assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file(), command
            continue
        if module == "training.launch":  # what follows -- is of training.run
            module, words = "training.run", words[words.index("--") + 1 :]
        if module == "training.run" and COMMANDS[row_of(command)].not_run:
            training.parse(words)  # values too
        known = help_of(module, choosing(module, words))
        for option in re.findall(r"(?:^| )(--[\w-]+)", shlex.join(words)):
            assert re.search(rf"{option}(?![\w-])", known), f"{module} has no {option}"


def test_every_row_of_the_table_is_of_a_command():
    used = {row_of(command) for page in PAGES for command in commands_of(page)}
    assert used == set(COMMANDS)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
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


TABLES = re.compile(r"((?:`[A-Za-z_]+`(?:, | and | or )?)+) (?:in|of) `([\w/]+\.(?:py|ts))`")
# A row of a table by system: by the class of its model, or by the name that training knows it by.
ROW_OF_A_SYSTEM = re.compile(r"^ *\"?(?:StarGANv2|StarGAN v2|stargan-v2)\"?: ", re.MULTILINE)


def test_contributing_names_tables_that_there_are():
    text = " ".join((ROOT / "CONTRIBUTING.md").read_text("utf-8").split())
    tables = TABLES.findall(text)
    assert len(tables) > 15
    for names, path in tables:
        if "NAME" in path:
            continue
        code = (ROOT / path).read_text("utf-8")
        for name in re.findall(r"\w+", names):
            if name not in ("and", "or"):
                definition = rf"^(?:export )?(?:const |class |type )?{name}\b"
                assert re.search(definition, code, re.MULTILINE), f"{path} has no {name}"


def test_contributing_lists_every_table_that_a_system_has_a_row_in():
    _, _, text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Adding a system")
    rooms = ("tfgan/**/*.py", "training/**/*.py", "export/*.py", "mobile_demo/*.py")
    tables = [
        str(path.relative_to(ROOT))
        for room in (*rooms, "mobile_demo/src/*.ts")
        for path in ROOT.glob(room)
        if ROW_OF_A_SYSTEM.search(path.read_text("utf-8"))
    ]
    assert len(tables) > 5
    assert [path for path in tables if f"`{path}`" not in text] == []
