"""What the command lines show, on a terminal and in a log, and how they end."""

import ast
import contextlib
import importlib
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import termios
import textwrap
import time
import zipfile
from pathlib import Path

import pytest

from tfgan import terminal
from tfgan.terminal import Progress, UserError, spell_duration
from training.run import SYSTEMS


@pytest.fixture
def log(monkeypatch, capsys):
    """Reads what a log got, in which lines of progress are 50 ms apart."""
    monkeypatch.setattr(terminal, "LINE_SECONDS", 0.05)
    return lambda: capsys.readouterr().err


@contextlib.contextmanager
def screen():
    """Makes a terminal of standard error, and gives what reads it."""

    def read():
        shown = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                shown += os.read(reader, 4096)
        return shown.decode()

    reader, writer = os.openpty()
    os.set_blocking(reader, False)
    termios.tcsetwinsize(writer, (24, 100))
    with open(writer, "w", buffering=1) as stream, contextlib.redirect_stderr(stream):
        yield read
    os.close(reader)


def test_a_log_gets_plain_lines_and_no_more_of_them_than_time_allows(log):
    started = time.monotonic()
    for _ in Progress(range(200), "Reading pictures", unit="img", delay=0):
        time.sleep(0.001)
    most = (time.monotonic() - started) / 0.05
    lines = log().splitlines(keepends=True)
    assert 2 <= len(lines) <= most + 1  # and the last
    for line in lines:
        assert "\r" not in line
        assert line.endswith("\n")
    pattern = r"Reading pictures: \d+ of 200 img \(\d+ %\), [\d.,]+ img/s, \d+ s left"
    assert re.fullmatch(pattern, lines[0].strip())
    assert re.fullmatch(
        r"Reading pictures: 200 of 200 img \(100 %\), .+, took \d+ s", lines[-1].strip()
    )


def test_a_log_hears_nothing_of_short_work_or_of_lines_between(log, monkeypatch):
    monkeypatch.setattr(terminal, "LINE_SECONDS", 30.0)
    with Progress(total=3, desc="Training", delay=0) as bar:
        bar.update()
        Progress.write("a line between", sys.stderr)
        bar.refresh()
        bar.update()
    assert log() == "a line between\n"


def test_a_log_hears_of_slow_steps_and_of_days(log):
    with Progress(total=5_000_000, desc="Training", unit="img", unit_scale=True, delay=0) as bar:
        bar.start_t -= 20  # two seconds an image
        bar._line_at -= 60
        bar.last_print_t -= 20
        bar.set_postfix({"g": "0.7"}, refresh=False)
        bar.update(10)
    assert (
        log() == "Training: 10 of 5,000,000 img (0 %), 2.0 s for each img, 116 days left, g=0.7\n"
    )


def test_a_log_hears_of_work_that_was_given_up_how_far_it_came(log):
    with Progress(total=32, desc="Training", unit="img", delay=0) as bar:
        bar._line_at -= 60
        bar.refresh()
        bar.n = 8
    came, given_up = log().splitlines()
    assert came == "Training: 0 of 32 img (0 %)"
    assert re.fullmatch(r"Training: 8 of 32 img \(25 %\), .+ left", given_up)


def test_a_log_hears_how_many_where_the_total_is_not_known(log):
    with Progress(desc="Listing", unit=" files", delay=0) as bar:
        bar._line_at -= 60
        bar.last_print_t -= 60
        bar.update(1234)
    assert re.fullmatch(r"Listing: 1,234 files, [\d,.]+ files/s\n", log())


def test_a_terminal_gets_a_bar_with_days():
    with (
        screen() as read,
        Progress(total=5_000_000, desc="Training", unit="img", unit_scale=True, delay=0) as bar,
    ):
        bar.start_t -= 20
        bar.last_print_t -= 20
        bar.update(10)
        shown = read()
    assert "\r" in shown
    assert "Training:   0%|" in shown
    assert "10.0/5.00M [00:20<116 days," in shown


def test_a_terminal_gets_no_bar_for_short_work():
    with screen() as read:
        for _ in Progress(range(3), "Reading pictures"):
            pass
        print("end", file=sys.stderr)
        assert read().strip() == "end"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (18_000, "5 h"),
        (18_600, "5 h 10 min"),
        (47.9 * 3600, "47 h 54 min"),
        (72 * 3600, "3 days"),
        (76 * 3600, "3 days 4 h"),
        (9_500_000, "110 days"),
        (1e9, "11,574 days"),
    ],
)
def test_durations_are_as_exact_as_they_deserve(seconds, words):
    assert spell_duration(seconds) == words


COMMANDS = [
    *["training.run", "training.launch", "training.evaluate", "export.run", "mobile_demo"],
    *["tfgan.evaluate", "tfgan.generate", "tfgan.importers", "tfgan.align", "tfgan.data.prepare"],
    *["tfgan.data.avatars", "training.features", "tfgan"],
]


# Those of one file; the others are folders with a __main__.py.
ENTRIES = [
    "training.run",
    "training.launch",
    "training.evaluate",
    "export.run",
    "tfgan.align",
    "tfgan.data.prepare",
    "training.features",
]


def test_the_commands_are_all_that_there_are():
    root = Path(__file__).parents[1]
    commands = set()
    for room in ("tfgan", "training", "export", "mobile_demo"):
        for path in (root / room).rglob("*.py"):
            if "run_command(main)" in path.read_text("utf-8"):
                module = path.relative_to(root).with_suffix("").as_posix().replace("/", ".")
                commands.add(module.removesuffix(".__main__"))
            else:
                # The workers that draw avatars are told what to do by us.
                assert '__name__ == "__main__"' not in path.read_text("utf-8") or (
                    path.name == "workers.py"
                ), path
    assert commands == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_that_nobody_reads_to_its_end_ends_in_silence(command):
    process = subprocess.Popen(
        [sys.executable, "-m", command, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == -signal.SIGPIPE


# Runs a command where TensorFlow cannot be imported.
WITHOUT_TENSORFLOW = """
import runpy, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in ("tensorflow", "keras", "tensorflow_datasets"):
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
HELP_SECONDS = 1.5  # of a core: it takes 0.1 to 0.4, and TensorFlow's import alone 3


@pytest.mark.parametrize(
    "command", [*COMMANDS, *(f"training.run --model {model}" for model in SYSTEMS)]
)
def test_help_comes_at_once_without_tensorflow(command, tmp_path):
    with open(tmp_path / "help", "wb") as shown, open(tmp_path / "errors", "wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", WITHOUT_TENSORFLOW, *command.split(), "--help"],
            stdout=shown,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert (tmp_path / "errors").read_text() == ""
    assert process.returncode == 0
    assert "usage: " in (tmp_path / "help").read_text()
    assert usage.ru_utime + usage.ru_stime < HELP_SECONDS


# Mistyped words of each command -> what its error says.
MISTYPED = {
    "training.run --modle stylegan2": "Did you mean --model?",
    "training.run --model stylgan2": "Did you mean stylegan2?",
    "training.run --model stylegan2 --resolutoin 64": "Did you mean --resolution?",
    "training.run --model stylegan2 --devces 2": "Did you mean --devices?",
    "training.launch --wrkers 2 -- --modle stylegan2": "Did you mean --workers?",
    "tfgan.evaluate MODEL --metrcs=fid": "Did you mean --metrics? See python",
    "tfgan.generate MODEL.keras gird": "Did you mean grid?",
    "tfgan.generate MODEL.keras grid --rosw 2": "Did you mean --rows?",
    "tfgan.importers FILE --nmaes a": "Did you mean --names?",
    "tfgan.align MODEL --souce photos": "Did you mean --source?",
    "tfgan.data.prepare --lables classes": "Did you mean --labels?",
    "tfgan.data.avatars --cuont 3 --sheet a.png": "Did you mean --count?",
    "export.run MODEL --formts float16": "Did you mean --formats?",
    "export.run MODEL --formats flaot16": "Did you mean float16?",
    "mobile_demo --hots 0.0.0.0": "Did you mean --host?",
}


def write_model(file: Path, name: str) -> None:
    """Writes as much of a .keras file as tells the class of the model."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": name}))


@pytest.mark.parametrize("command", MISTYPED)
def test_the_right_word_is_suggested_for_a_mistyped_one(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "MODEL.keras", "StyleGAN2Generator")
    module, *words = command.split()
    name = module if module in ENTRIES else f"{module}.__main__"
    try:
        status = importlib.import_module(name).main(words)
    except SystemExit as end:
        status = end.code
    assert status == 2
    said = capsys.readouterr().err
    assert MISTYPED[command] in said
    assert said.count("Did you mean") == 1


def test_no_word_is_suggested_for_one_that_is_like_none(capsys):
    parser = terminal.CommandParser(prog="x")
    parser.add_argument("--metrics")
    for words in (["--zebra"], ["--met", "1", "--zebra"], ["--metrics", "1", "--", "--metrcs"]):
        with pytest.raises(SystemExit):
            parser.parse_args(words)
        assert "Did you mean" not in capsys.readouterr().err


def run_main(body: str) -> subprocess.Popen:
    """Starts a command whose `main` is this."""
    lines = textwrap.indent(textwrap.dedent(body), "    ")
    program = (
        "import sys, time\nfrom tfgan.terminal import exit_status, run_command\n"
        f"def main():\n{lines}\nrun_command(main)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_a_signal_ends_tidies_up_and_says_so_in_its_status(number, status):
    for body in (
        """
        try:
            print("begins", flush=True)
            time.sleep(60)
        finally:
            print("tidies up")
        """,
        """
        try:
            print("begins", flush=True)
            time.sleep(60)
        except KeyboardInterrupt as stop:
            print("tidies up")
            return exit_status(stop)
        """,
    ):
        process = run_main(body)
        assert process.stdout.readline() == "begins\n"
        process.send_signal(number)
        assert process.communicate() == ("tidies up\n", "")
        assert process.returncode == status


@pytest.mark.parametrize(
    "body",
    [
        'print("x" * 100_000)\nreturn 0',  # more than a buffer
        'print("x")\nreturn 0',  # written when the command ends
    ],
)
def test_output_that_nobody_reads_is_no_traceback(body):
    process = run_main(f"sys.stdin.readline()\n{body}")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 128 + signal.SIGPIPE


class WrongError(UserError):
    pass


def wrong(**parts):
    parts = {"field": "batch_size", "received": 3, "expected": "must be even", **parts}
    return WrongError(**parts, advice="Use `batch_size` 4, or `data_dir` x.")


def test_an_error_has_parts_and_names_fields_as_the_library_does():
    error = wrong()
    assert (error.field, error.received, error.expected) == ("batch_size", 3, "must be even")
    text = "`batch_size` must be even. Received: 3. Use `batch_size` 4, or `data_dir` x."
    assert str(error) == text
    assert str(wrong(field="", named="a.csv", received="")).startswith("a.csv must be even. Use")
    assert str(wrong(received="Oh.")).startswith("`batch_size` must be even. Received: Oh. Use")
    assert str(wrong(received="..")).startswith("`batch_size` must be even. Received: .. Use")
    assert str(WrongError("`seed` is bad.")) == "`seed` is bad."
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.field, again.advice) == (text, "batch_size", error.advice)


def test_a_command_shows_flags_for_fields_and_only_while_it_runs(capsys):
    @terminal.command(flags={"data_dir": "TFDS_DATA_DIR"})
    def main():
        raise wrong()

    assert main() == 2
    told = (
        "error: --batch-size must be even. Received: 3. Use --batch-size 4, or TFDS_DATA_DIR x.\n"
    )
    assert capsys.readouterr() == ("", told)
    assert str(wrong()).startswith("`batch_size`")


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [
        (PermissionError(13, "Permission denied", "x"), 2, "error: [Errno 13] Permission denied"),
        (terminal.GivenUpError("No more."), 1, "error: No more.\n"),
        (KeyboardInterrupt(), 130, "Nothing was written.\n"),
        (terminal.Terminated(), 143, "Nothing was written.\n"),
    ],
)
def test_errors_and_signals_end_a_command_with_their_status(raised, status, words, capsys):
    @terminal.command(stopped="Nothing was written.")
    def main(arguments=None):
        raise raised

    assert main([]) == status
    assert capsys.readouterr().err.startswith(words)


def test_a_defect_and_a_closed_pipe_pass_through_the_frame():
    for error in (KeyError("x"), ValueError("x"), RuntimeError("x"), BrokenPipeError()):

        @terminal.command()
        def main(error=error):
            raise error

        with pytest.raises(type(error)):
            main()


def test_every_command_stands_in_the_frame():
    for command in COMMANDS:
        module = importlib.util.find_spec(command)
        if module.submodule_search_locations is not None:
            module = importlib.util.find_spec(f"{command}.__main__")
        tree = ast.parse(Path(module.origin).read_text("utf-8"))
        (main,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "main"]
        decorators = [ast.unparse(decorator) for decorator in main.decorator_list]
        assert [text.partition("(")[0] for text in decorators] == ["command"], command
        # The frame answers these.
        handlers = [n for n in ast.walk(main) if isinstance(n, ast.ExceptHandler) and n.type]
        caught = {ast.unparse(handler.type) for handler in handlers}
        assert not caught & {"UserError", "(UserError, OSError)", "KeyboardInterrupt"}, command
