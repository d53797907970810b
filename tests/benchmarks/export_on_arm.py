"""Whether exported `.tflite` files give the same numbers on 64-bit Arm, which phones have.

The aarch64 build of the runtime runs them under QEMU's user-mode emulation, with XNNPACK's kernels
for Arm: what it computes is that of a phone's processor, how fast is not. Each signature gets the
same inputs here and there, drawn ones: what is compared is the arithmetic, not the quality.

Examples:
  python -m tests.benchmarks.export_on_arm runs/00000-stylegan2-avatars-32/export --cache arm
      The first time, QEMU and an aarch64 Python (Debian packages) and the runtime (a wheel) are
      downloaded to the folder `arm`, 80 MB; nothing is installed.
"""

import argparse
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tfgan.terminal import UserError

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
LIBRARIES = (
    *("libbz2-1.0", "libc6", "libexpat1", "libffi8", "libgcc-s1", "liblzma5", "libssl3"),
    *("libstdc++6", "zlib1g", f"lib{PYTHON}-minimal", f"lib{PYTHON}-stdlib", f"{PYTHON}-minimal"),
)
WHEELS = ("ai-edge-litert", "numpy")
# Sums of another order alone: below what the float32 file itself differs from Keras by.
LEAST_PSNR = 90.0

# What the runtime reads of the processor, as a phone says it. QEMU would show this machine's.
PROCESSOR = "cortex-a76"
CPUINFO = """processor\t: 0
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b
CPU revision\t: 1
"""

# Run by both Pythons: files of one graph, on inputs that their order and shapes determine. Runners
# of signatures are not used, because that of the wheel for Arm crashes on inputs without axes.
RUN = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter

found = {}
for path in sys.argv[2:]:
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    for seed, about in enumerate(interpreter.get_input_details()):
        shape, dtype = tuple(about["shape"]), about["dtype"]
        values = np.random.default_rng(seed).standard_normal(shape)
        if not shape or dtype != np.float32:
            values = np.ones(shape)
        interpreter.set_tensor(
            about["index"], (np.tanh(values) if len(shape) == 4 else values).astype(dtype)
        )
    interpreter.invoke()
    (output,) = interpreter.get_output_details()
    found[path.rpartition("/")[2]] = interpreter.get_tensor(output["index"])
np.savez(sys.argv[1], **found)
"""


class ArmError(UserError):
    """The files cannot be run on emulated Arm."""


def run_command(command: Sequence[str], needed_for: str, **options) -> None:
    """Runs a program; raises ArmError if it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    except FileNotFoundError:
        raise ArmError(f"{command[0]} is needed for {needed_for}. Run this on Debian.") from None
    except subprocess.TimeoutExpired as error:
        raise ArmError(
            f"{needed_for} took longer than {error.timeout:.0f} s. Give a longer --timeout."
        ) from None
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise ArmError(f"{needed_for} failed: {''.join(last) or f'status {done.returncode}'}")


def download(folder: Path) -> None:
    """Fills a folder with QEMU (`host`), an aarch64 Python (`root`) and the runtime (`site`)."""
    packages, state = folder / "packages", folder / "apt"
    for name in ("lists/partial", "archives/partial"):
        (state / name).mkdir(parents=True)
    packages.mkdir()
    (state / "status").touch()
    settings = folder / "apt.conf"
    settings.write_text(
        'APT::Architecture "arm64";\nAPT::Architectures {"arm64";};\n'
        f'Dir::State::Lists "{state}/lists";\nDir::State::Status "{state}/status";\n'
        f'Dir::Cache "{state}";\n'
    )
    arm = {"cwd": packages, "env": {**os.environ, "APT_CONFIG": str(settings)}}
    get = ["apt-get", "-q", "-o", "APT::Sandbox::User=root"]
    wheels = folder / "wheels"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    for level in ("2_27", "2_28", "2_17"):
        pip += ["--platform", f"manylinux_{level}_aarch64"]
    pip += ["-d", str(wheels), *(f"{name}=={metadata.version(name)}" for name in WHEELS)]
    steps = [
        ("the list of Debian's packages for Arm", [*get, "update"], arm),
        ("Debian's Python for Arm", [*get, "download", *LIBRARIES], arm),
        ("QEMU", [*get, "download", "qemu-user-static"], {"cwd": packages}),
        ("the runtime for Arm", pip, {}),
    ]
    for what, command, options in tqdm(steps, "Downloading", delay=2):
        run_command(command, f"downloading {what}", **options)
    for package in tqdm(sorted(packages.glob("*.deb")), "Unpacking", delay=2):
        target = folder / ("host" if package.name.startswith("qemu") else "root")
        run_command(["dpkg", "-x", str(package), str(target)], f"unpacking {package.name}")
    for wheel in wheels.glob("*.whl"):
        shutil.unpack_archive(wheel, folder / "site", "zip")
    # What stands under `root` hides what this machine has at the same path.
    (folder / "root/proc").mkdir()
    (folder / "root/proc/cpuinfo").write_text(CPUINFO)
    shutil.rmtree(packages)
    shutil.rmtree(state)


def split(path: Path, folder: Path) -> list[str]:
    """Writes each signature of a file as a file of that graph alone, by its name."""
    from export import flatbuffer

    written = []
    for name, content in flatbuffer.split(path.read_bytes()).items():
        written.append(str(folder / name))
        Path(written[-1]).write_bytes(content)
    return written


def emulated_python(cache: Path) -> list[str]:
    """The command of a Python that runs as on 64-bit Arm, set up in `cache` if it is not there."""
    if platform.machine() == "aarch64":
        raise ArmError("this is a 64-bit Arm machine. Run export.run, which checks files here.")
    arm = cache.resolve() / "-".join([PYTHON, *(metadata.version(name) for name in WHEELS)])
    if not arm.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as partial:
            made = Path(partial) / "arm"
            made.mkdir()
            download(made)
            made.rename(arm)
    root = arm / "root"
    emulator = [str(arm / "host/usr/bin/qemu-aarch64-static"), "-cpu", PROCESSOR, "-L", str(root)]
    settings = ["-E", f"PYTHONPATH={arm / 'site'}", "-E", f"PYTHONHOME={root / 'usr'}"]
    return [*emulator, *settings, str(root / "usr/bin" / PYTHON)]


def psnr(values: np.ndarray, expected: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB; the peak is the range of `expected`."""
    error = np.mean((values.astype(np.float64) - expected) ** 2)
    return math.inf if error == 0 else 10 * math.log10(float(np.ptp(expected)) ** 2 / error)


def run_file(
    path: Path, pythons: Sequence[list[str]], timeout: float
) -> list[dict[str, np.ndarray]]:
    """What each signature of a file gives in each Python, by the name of the signature."""
    outputs = []
    with tempfile.TemporaryDirectory() as folder:
        graphs = split(path, Path(folder))
        for number, python in enumerate(pythons):
            made = Path(folder) / f"{number}.npz"
            command = [*python, "-c", RUN, str(made), *graphs]
            where = "here" if number == 0 else "on emulated Arm"
            run_command(command, f"running {path.name} {where}", timeout=timeout)
            outputs.append(dict(np.load(made)))
    return outputs


def compare(
    files: Sequence[Path], emulated: list[str], timeout: float
) -> tuple[list[str], list[str]]:
    """Runs files here and on emulated Arm.

    Returns:
        Lines of a table, and what cannot be run or differs by more than rounding explains.
    """
    lines = [f"{'file':<16}{'signature':<24}{'largest':>10}{'PSNR dB':>10}{'form dB':>10}"]
    wrong = []
    exact: dict[str, np.ndarray] = {}
    for path in tqdm(files, "Running", delay=2):
        try:
            here, there = run_file(path, ([sys.executable], emulated), timeout)
        except ArmError as error:
            wrong.append(str(error))
            continue
        exact = exact or here  # of the first file, float32
        for name, expected in here.items():
            largest = float(np.max(np.abs(there[name] - expected)))
            agreement, own = psnr(there[name], expected), psnr(expected, exact[name])
            lines.append(f"{path.stem:<16}{name:<24}{largest:>10.1e}{agreement:>10.1f}{own:>10.1f}")
            if agreement < min(own, LEAST_PSNR):
                wrong.append(f"{path.name}, {name}: {agreement:.1f} dB, below the form's own error")
    return lines, wrong


def main(arguments: list[str] | None = None) -> int:
    """Prints a table; returns 1 if a file does not do the same on Arm, 2 if it could not be run."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.export_on_arm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="that export.run wrote, with float32.tflite")
    parser.add_argument("--cache", type=Path, required=True, help="folder of what is downloaded")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for each file")
    options = parser.parse_args(arguments)
    try:
        exact = options.folder / "float32.tflite"
        if not exact.is_file():
            raise ArmError(
                f"FOLDER must hold float32.tflite. Received: {options.folder}. "
                "Run python -m export.run MODEL first."
            )
        others = sorted(set(options.folder.glob("*.tflite")) - {exact})
        emulated = emulated_python(options.cache)
        lines, wrong = compare([exact, *others], emulated, options.timeout)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    print("PSNR: there against here. form: here against float32.tflite, the error of the form.")
    for text in wrong:
        print(f"wrong: {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
