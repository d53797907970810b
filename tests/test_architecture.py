"""The direction of the imports, and names that say nothing."""

import ast
import dataclasses
import importlib
import re
from pathlib import Path

import pytest

from training.options import first_pass
from training.run import SYSTEMS

ROOT = Path(__file__).parents[1]
PACKAGES = ("tfgan", "training", "export", "mobile_demo")
EMPTY_NAMES = {"utils", "util", "misc", "helpers", "helper", "common", "manager", "managers"}


def find_imports(source: str, module: str, is_package: bool = False) -> set[str]:
    """Dotted names that a module imports anywhere in it, `from a import b` as `a` and `a.b`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, *filter(None, [base])])
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return found


def find_first_imports(path: Path) -> set[str]:
    """Dotted names that a module imports when it is imported itself."""
    tree = ast.parse(path.read_text("utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return find_imports(ast.unparse(tree), "")


def read_modules() -> dict[str, set[str]]:
    """Module name -> what it imports, for every file of the program."""
    modules = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            modules[name] = find_imports(path.read_text("utf-8"), name, is_package)
    return modules


def find_processes(source: str) -> set[str]:
    """Modules of this program that can be run as commands and that a file names in a string.

    Not "tfgan" itself, which is the name of the program everywhere.
    """
    constants = (node.value for node in ast.walk(ast.parse(source)) if type(node) is ast.Constant)
    return {value for value in constants if isinstance(value, str) and is_command(value)} - {
        "tfgan"
    }


def find_names_of_data(source: str) -> set[str]:
    """Beginnings of what --data names that a file compares something with, or takes it apart by."""
    words = {"avatars", "tfds"}
    found = set()
    for node in ast.walk(ast.parse(source)):
        compared: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            compared = [node.left, *node.comparators]
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("startswith", "removeprefix", "partition", "rpartition", "split")
        ):
            compared = list(node.args)
        for part in compared:
            for constant in ast.walk(part):
                value = getattr(constant, "value", None)
                if isinstance(value, str) and value.rstrip(":") in words:
                    found.add(value)
    return found


def is_command(name: str) -> bool:
    """Whether `python -m NAME` is a command of this program."""
    if not re.fullmatch(rf"({'|'.join(PACKAGES)})(\.\w+)*", name):
        return False
    path = ROOT / name.replace(".", "/")
    file = path.with_suffix(".py")
    return (path / "__main__.py").is_file() or (
        file.is_file() and '__name__ == "__main__"' in file.read_text("utf-8")
    )


def find_circles(modules: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import one another, by whatever way, each sorted."""

    def resolve(name: str) -> str:
        while name and name not in modules:
            name = name.rpartition(".")[0]
        return name

    edges = {
        module: {
            target
            for name in names
            # A package is imported with each of its modules, which is no circle.
            if (target := resolve(name)) and not module.startswith(f"{target}.")
        }
        - {module}
        for module, names in modules.items()
    }

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for target in edges[todo.pop()] - seen:
                seen.add(target)
                todo.append(target)
        return seen

    after = {module: reached(module) for module in edges}
    groups = {
        tuple(sorted(other for other in after[module] if module in after[other]))
        for module in after
        if module in after[module]
    }
    return sorted(map(list, groups))


MODULES = read_modules()
# A command that a file starts as a process of its own -> who may: an empty clone has no model, and
# workers are started where there is one machine. The console command starts each of its verbs.
PROCESSES = {
    "export.run": {"mobile_demo.exports", "tfgan.__main__"},
    "mobile_demo": {"tfgan.__main__"},
    "tfgan.align": {"tfgan.__main__"},
    "tfgan.data.prepare": {"tfgan.__main__"},
    "tfgan.generate": {"tfgan.__main__"},
    "tfgan.importers": {"tfgan.__main__"},
    "tfgan.evaluate": {"export.metrics", "tfgan.__main__", "training.evaluate"},
    "training.run": {"mobile_demo.exports", "tfgan.__main__", "training.launch"},
}


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def violations(importers, forbidden) -> list[str]:
    """Imports of modules chosen by `importers` that `forbidden(module, import)` holds for."""
    return [
        f"{module} imports {name}"
        for module, names in MODULES.items()
        if importers(module)
        for name in sorted(names)
        if any(inside(name, package) for package in PACKAGES) and forbidden(module, name)
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b as c", {"a.b"}),
        ("from a.b import c, d", {"a.b", "a.b.c", "a.b.d"}),
        ("def f():\n    if True:\n        from a import b", {"a", "a.b"}),
        ("from . import b", {"p.q", "p.q.b"}),
        ("from .b import c", {"p.q.b", "p.q.b.c"}),
        ("from ..b import c", {"p.b", "p.b.c"}),
        ("class A:\n    import a", {"a"}),
    ],
)
def test_every_form_of_import_is_seen(source, expected):
    assert find_imports(source, "p.q.m") == expected
    assert find_imports(source, "p.q", is_package=True) == expected


def test_files_are_found():
    assert {"tfgan.layers.resample", "tfgan.models.stylegan2", "training.phases"} <= set(MODULES)
    assert "tfgan.layers.resample" in MODULES["tfgan.models.stylegan2"]


def test_circles_are_found_however_modules_import():
    modules = {
        "p": set(),
        "p.a": find_imports("def f():\n    from p import b", "p.a"),
        "p.b": find_imports("if TYPE_CHECKING:\n    from p.c import C", "p.b"),
        "p.c": find_imports("import p.a", "p.c"),
        "p.d": find_imports("from p.a import x", "p.d"),
    }
    assert find_circles(modules) == [["p.a", "p.b", "p.c"]]


def test_no_modules_import_one_another():
    assert find_circles(MODULES) == []


def test_commands_are_found_however_they_are_written():
    source = (
        'run([sys.executable, "-m", "training.run", x])\ny = ("export.run", "--out", "tfgan.data")'
    )
    assert find_processes(source) == {"training.run", "export.run"}


def test_no_room_starts_commands_of_another_but_those_that_are_known():
    starters: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for command in find_processes(path.read_text("utf-8")) - {module}:
                starters.setdefault(command, set()).add(module)
    assert starters == PROCESSES


def test_names_of_data_are_seen_however_they_are_parsed():
    source = (
        'a.startswith("tfds:")\nb == "avatars"\nc.partition(":")[0] in ("avatars", "tfds")\n'
        'd.partition("tfds:")\ne = "avatars"\nprint("tfds:NAME")'
    )
    assert find_names_of_data(source) == {"tfds:", "avatars", "tfds"}
    assert not find_names_of_data('e = ["avatars"]\nprint("tfds:NAME")')


def test_one_place_knows_how_names_of_data_begin():
    # The table of types, and the files of its rows, which drop their own prefix.
    parsers = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if find_names_of_data(path.read_text("utf-8"))
    }
    assert parsers == {"tfgan.data.opening", "tfgan.data.tfds_labels", "tfgan.data.tfds_sets"}


def find_flags(source: str) -> list[str]:
    """Flags of a command line that the errors of a file name."""
    return [
        flag
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Raise)
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", constant.value)
    ]


def test_the_library_names_fields_in_its_errors_and_no_flags():
    assert find_flags('raise A(f"--b-c must {d}") from e\nf("--g")') == ["--b-c"]
    # What only a command line uses knows its flags.
    commands = ("tfgan.align", "tfgan.evaluate", "tfgan.generate", "tfgan.data.avatars")
    flags = {
        module: find_flags(path.read_text("utf-8"))
        for path in sorted((ROOT / "tfgan").rglob("*.py"))
        if path.stem != "__main__"
        and not any(
            inside(module := ".".join(path.relative_to(ROOT).with_suffix("").parts), command)
            for command in commands
        )
    }
    assert "tfgan.data.pipeline" in flags
    assert not {module: names for module, names in flags.items() if names}


def test_one_function_writes_files_that_are_whole_or_not_there():
    # Others move what is whole: a prepared folder, a damaged checkpoint, the folder of an export.
    renaming = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if re.search(r"\bos\.(replace|rename)\(|\.rename\(", path.read_text("utf-8"))
    }
    assert renaming == {
        "export.folder",
        "tfgan.data.prepare",
        "tfgan.files",
        "training.checkpoints",
    }


def test_options_read_no_data():
    # Checks of plain values stay in them; what reads the disk is opened elsewhere.
    assert not violations(
        lambda module: module == "training.config" or module.endswith("_options"),
        lambda _, name: (
            (
                inside(name, "tfgan.data")
                and name != "tfgan.data"
                and not inside(name, "tfgan.data.sources")
                and not inside(name, "tfgan.data.feed")
            )
            or inside(name, "tfgan.loading")
        ),
    )


def test_tfgan_imports_neither_training_nor_export():
    assert not violations(
        lambda module: inside(module, "tfgan"), lambda _, name: not inside(name, "tfgan")
    )


def test_training_and_export_never_import_each_other():
    assert not violations(
        lambda module: inside(module, "training"), lambda _, name: inside(name, "export")
    )
    assert not violations(
        lambda module: inside(module, "export"), lambda _, name: inside(name, "training")
    )


def test_the_mobile_demo_imports_tfgan_and_nothing_imports_it():
    # It knows models by the manifests of their exports alone.
    assert "mobile_demo.site" in MODULES
    assert not violations(
        lambda module: inside(module, "mobile_demo"),
        lambda _, name: not inside(name, "tfgan") and not inside(name, "mobile_demo"),
    )
    assert not violations(
        lambda module: not inside(module, "mobile_demo"),
        lambda _, name: inside(name, "mobile_demo"),
    )


def test_layers_import_layers_alone():
    assert not violations(
        lambda module: inside(module, "tfgan.layers"),
        lambda _, name: name != "tfgan" and not inside(name, "tfgan.layers"),
    )


def test_models_import_layers_and_labels_and_never_each_other():
    # A discriminator in a file of its own belongs to the model beside it.
    assert "tfgan.models.stylegan2" in MODULES["tfgan.models.stylegan2_discriminator"]
    assert not violations(
        lambda module: inside(module, "tfgan.models"),
        lambda module, name: (
            name != "tfgan"
            and not inside(name, "tfgan.layers")
            and not inside(name, "tfgan.label_sets")
            and name != "tfgan.models"
            and not (
                module.endswith("_discriminator")
                and inside(name, module.removesuffix("_discriminator"))
            )
        ),
    )


def test_labels_import_no_room():
    assert not violations(lambda module: module == "tfgan.label_sets", lambda *_: True)


def test_data_and_metrics_import_no_model():
    assert not violations(
        lambda module: inside(module, "tfgan.data") or inside(module, "tfgan.metrics"),
        lambda _, name: inside(name, "tfgan.models") or inside(name, "tfgan.layers"),
    )


def test_importers_import_models_and_nothing_imports_them():
    # What they make is a .keras file like any other: nobody downstream knows where it came from.
    # But the networks of metrics may be opened from the published files themselves.
    allowed = (
        "tfgan.archives",
        "tfgan.arithmetic",
        "tfgan.files",
        "tfgan.importers",
        "tfgan.label_sets",
        "tfgan.loading",
        "tfgan.models",
        "tfgan.terminal",
    )
    assert "tfgan.importers.torch_file" in MODULES
    assert not violations(
        lambda module: inside(module, "tfgan.importers"),
        lambda _, name: name != "tfgan" and not any(inside(name, one) for one in allowed),
    )
    assert not violations(
        lambda module: not inside(module, "tfgan.importers"),
        lambda module, name: (
            inside(name, "tfgan.importers")
            and not (
                (
                    inside(module, "tfgan.evaluate")
                    or module in ("export.metrics", "training.measurements")
                )
                and (name == "tfgan.importers" or inside(name, "tfgan.importers.feature_networks"))
            )
        ),
    )


def test_only_the_entry_imports_a_system():
    # So the loop, and whatever it imports, serves every system through the types of phases.py.
    assert not violations(
        lambda module: (
            inside(module, "training")
            and module != "training.run"
            and not inside(module, "training.systems")
        ),
        lambda _, name: inside(name, "training.systems"),
    )


def test_the_loop_names_options_that_all_systems_have():
    fields = [
        {field.name for field in dataclasses.fields(options.PRESETS["smoke"]())}
        for options in (importlib.import_module(f"{name}_options") for name in SYSTEMS.values())
    ]
    flags = {f"--{name.replace('_', '-')}" for name in set.intersection(*fields)}
    flags |= set(first_pass()._option_string_actions)
    for name in ("loop", "steps", "phases", "running_means", "monitor", "checkpoints", "pace"):
        source = (ROOT / "training" / f"{name}.py").read_text("utf-8")
        assert set(re.findall(r"--[a-z][a-z-]*", source)) <= flags, name


def test_nothing_imports_an_entry_or_lets_a_system_see_the_loop():
    assert not violations(
        lambda module: True,
        lambda module, name: any(
            inside(name, entry) and module != entry
            for entry in (
                "export.run",
                "mobile_demo.__main__",
                "tfgan.__main__",
                "tfgan.generate.__main__",
                "tfgan.evaluate.__main__",
                "training.evaluate",
                "training.run",
            )
        ),
    )
    assert not violations(
        lambda module: inside(module, "training.systems"),
        lambda _, name: inside(name, "training.loop"),
    )


def test_systems_never_import_each_other():
    assert not violations(
        lambda module: inside(module, "training.systems") and module != "training.systems",
        lambda module, name: (
            inside(name, "training.systems")
            and name != "training.systems"
            and not inside(name, f"{module}_options")
        ),
    )


def test_figures_know_no_model():
    assert not violations(
        lambda module: module == "tfgan.figures",
        lambda _, name: (
            name != "tfgan" and not inside(name, "tfgan.errors") and not inside(name, "tfgan.files")
        ),
    )


def test_one_module_turns_bytes_into_floats_and_back():
    scaled = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if any(
            isinstance(node, ast.Constant) and node.value == 127.5
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
        )
    ]
    # The others draw random bytes, and scale a difference of bytes.
    assert scaled == [
        "tfgan/importers/systems.py",
        "tfgan/inference.py",
        "tfgan/metrics/translation.py",
    ]


def test_every_progress_bar_is_that_of_the_terminal():
    # Which knows that a log is no terminal.
    bars = [name for name, imports in MODULES.items() if any(inside(i, "tqdm") for i in imports)]
    assert bars == ["tfgan.terminal"]


def test_what_makes_a_saved_model_is_imported_without_litert():
    begun, todo = set(), ["export.run", "export.build", "export.saved_model"]
    while todo:
        module = todo.pop()
        path = ROOT / (module.replace(".", "/") + ".py")
        if module not in begun and path.is_file():
            begun.add(module)
            todo += sorted(find_first_imports(path))
        assert not module.startswith("ai_edge"), begun
    assert {"export.formats", "tfgan.litert"} <= begun


def test_no_file_has_a_name_that_says_nothing():
    rooms = [*PACKAGES, "tests"]
    names = [path for room in rooms for path in (ROOT / room).rglob("*")]
    assert len(names) > 20
    empty = [
        str(path.relative_to(ROOT))
        for path in names
        if path.stem.lower() in EMPTY_NAMES and "node_modules" not in path.parts
    ]
    assert not empty
