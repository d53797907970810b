"""Command line: builds the app, puts exported models into it, and serves it for a phone."""

import argparse
import tempfile
from pathlib import Path

from mobile_demo.exports import Export, make_exports, newest_exports, read_export
from mobile_demo.server import (
    EVERYWHERE,
    ServerError,
    make_certificate,
    network_address,
    open_server,
    qr_code,
)
from mobile_demo.site import build_app, check_app, pack, write_site
from tfgan.loading import OutputError, check_writable
from tfgan.runs import RUNS
from tfgan.terminal import EXTRAS, CommandParser, command, require, run_command

_ABOUT = """Runs exported models on a phone, in its browser. No picture leaves the phone.

EXPORT_FOLDER is what python -m export.run has written, with a manifest.json. Without one, the
newest export of each system under ./runs/*/export is taken; where there is none, the smoke presets
of all four systems are trained and exported first, which takes a few minutes.
"""

_EXAMPLES = """examples:
  python -m mobile_demo                                  # on this computer alone
  python -m mobile_demo --host 0.0.0.0 --https           # for phones of the same network
  python -m mobile_demo runs/00000-stylegan2*/export faces-export
  python -m mobile_demo --out site                       # files for a static web host

on a phone:
  The phone must be in the network of this computer, and a firewall must let the port through.
  Browsers give the camera, threads, WebGPU and work without a network only to pages of HTTPS.
  --https makes a certificate that nobody has signed, so the phone warns: choose "Advanced" and
  go on. Work without a network and installing need a certificate that the phone trusts:
  put --out on any host with HTTPS. Or connect an Android phone by USB, and after
      adb reverse tcp:8080 tcp:8080
  http://localhost:8080 on the phone is this computer, and may do everything.
"""


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m mobile_demo",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("exports", metavar="EXPORT_FOLDER", nargs="*", type=Path)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; 0.0.0.0 is every network of this computer (default: "
        "127.0.0.1, this computer alone)",
    )
    parser.add_argument("--port", type=int, default=8080, help="default: 8080; 0 is any free one")
    parser.add_argument("--https", action="store_true", help="with a certificate made for this run")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="write the site there, and do not serve it"
    )
    parser.add_argument(
        "--no-build", action="store_true", help="take the app as it was built the last time"
    )
    return parser


def _check_packages(options: argparse.Namespace, exports: list[Export]) -> None:
    """Raises UserError unless all is installed that this command comes to need."""
    check_app(build=not options.no_build)
    modules = [] if exports else [*EXTRAS["export"]]
    if options.out is None:
        if options.https:
            modules.append("cryptography")
        if options.host == EVERYWHERE and network_address():
            modules.append("segno")  # draws the QR code
    require("python -m mobile_demo", *modules)


def _find_exports(folders: list[Path]) -> list[Export]:
    return [read_export(folder) for folder in folders] if folders else newest_exports(RUNS)


def _make_exports() -> list[Export]:
    print("No export under ./runs: training the smoke presets, which is soon done.")
    print("Their pictures are noise. For faces, train first: make train", flush=True)
    return make_exports(RUNS)


def _check_out(out: Path) -> None:
    check_writable(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(
            f"--out must be a new or empty folder. Received: {out}, which is neither. Remove it, "
            "or choose another."
        )


def serve(folder: Path, host: str, port: int, https: bool) -> None:
    """Serves a site until Ctrl-C, and says where it is."""
    network = network_address() if host == EVERYWHERE else None
    shown = [
        "127.0.0.1" if host == EVERYWHERE else host,
        *([network] if network else []),
    ]
    with tempfile.TemporaryDirectory() as own:
        certificate = Path(own) / "certificate.pem" if https else None
        if certificate is not None:
            make_certificate(certificate, ["localhost", *shown])
        with open_server(folder, host, port, certificate) as server:
            scheme, port = ("https" if https else "http"), server.server_address[1]
            addresses = [f"{scheme}://{address}:{port}/" for address in shown]
            print(f"On this computer: {addresses[0]}")
            if network:
                print(f"On the phone:     {addresses[1]}\n")
                print(qr_code(addresses[1]))
                if https:
                    print("The phone warns of the certificate, which was made here: go on.")
                else:
                    print("Without --https the phone gives neither camera nor threads.")
            elif host == EVERYWHERE:
                print("This computer is in no network, so no phone can reach it.")
            print("Ctrl-C ends it.", flush=True)
            server.serve_forever()


@command()
def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    if not 0 <= options.port <= 65535:
        raise ServerError(
            f"--port must be from 0 to 65535. Received: {options.port}. Leave it out for 8080."
        )
    if options.out:
        _check_out(options.out)
    exports = _find_exports(options.exports)
    _check_packages(options, exports)
    exports = exports or _make_exports()
    if not options.no_build:
        build_app()
    if options.out:
        write_site(exports, options.out)
        print(f"Wrote {options.out}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        write_site(exports, Path(folder))
        pack(Path(folder))
        serve(Path(folder), options.host, options.port, options.https)
    return 0


if __name__ == "__main__":
    run_command(main)
