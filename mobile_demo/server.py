"""Serves the site to this computer and to phones of the same network."""

import datetime
import http.server
import ipaddress
import os
import socket
import ssl
import sys
from functools import partial
from pathlib import Path

from tfgan.terminal import UserError, require

EVERYWHERE = "0.0.0.0"
CERTIFICATE_DAYS = 365
_TYPES = {
    ".js": "text/javascript",
    ".tflite": "application/octet-stream",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}


class ServerError(UserError):
    """The site cannot be served as asked for."""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Static files, isolated from other sites, and packed where the browser takes that."""

    protocol_version = "HTTP/1.1"
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, **_TYPES}  # noqa: RUF012

    def send_head(self):
        """Sends FILE.gz in the place of a file, where there is one."""
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path = path / "index.html"
        packed = path.with_name(path.name + ".gz")
        if not packed.is_file() or "gzip" not in self.headers.get("Accept-Encoding", ""):
            return super().send_head()
        # Open until the base class has copied it.
        file = packed.open("rb")
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
        self.end_headers()
        return file

    def end_headers(self):
        """Adds what threads in WebAssembly need, and how long a file stays the same."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Vary", "Accept-Encoding")
        # These have their version in their names.
        lasting = self.path.startswith(("/runtime/", "/assets/"))
        lifetime = "public, max-age=31536000, immutable" if lasting else "no-cache"
        self.send_header("Cache-Control", lifetime)
        super().end_headers()

    def list_directory(self, path):
        """Folders are not listed."""
        self.send_error(http.HTTPStatus.NOT_FOUND)

    def log_message(self, *args):
        """Says nothing: the addresses on the terminal must stay in sight."""


class Server(http.server.ThreadingHTTPServer):
    """Goes on when a phone breaks off."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        """Shows what is wrong here, and not that a connection ended."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ssl.SSLError)):
            super().handle_error(request, client_address)


def open_server(folder: Path, host: str, port: int, certificate: Path | None = None) -> Server:
    """Opens the port; `serve_forever` of the result serves.

    Args:
        folder: The site.
        host: Address to listen at.
        port: 0 takes a free one.
        certificate: File with key and certificate, for HTTPS.

    Raises:
        ServerError: If the address or the port cannot be used.
    """
    try:
        server = Server((host, port), partial(Handler, directory=str(folder)))
    except OSError as error:
        raise ServerError(
            f"a free port of this computer is expected. Received: --host {host} --port {port} "
            f"({error.strerror}). Choose another with --port."
        ) from error
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # Hands are shaken in the thread of each connection, so that a slow one holds up nobody.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    return server


def network_address() -> str | None:
    """The address of this computer in its network; None where it has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: it only makes the system choose the way out.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


def make_certificate(path: Path, addresses: list[str]) -> None:
    """Writes a key and a certificate that it signs itself.

    Args:
        path: File to write; only this user may read it.
        addresses: Names and IP addresses that the certificate is for.

    Raises:
        MissingPackageError: If the package that makes certificates is missing.
    """
    require("--https", "cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def named(address: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(address))
        except ValueError:
            return x509.DNSName(address)

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tfgan mobile demo")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([named(one) for one in addresses]), False)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )


def qr_code(text: str) -> str:
    """A QR code as lines for a terminal.

    Raises:
        MissingPackageError: If the package that makes QR codes is missing.
    """
    require("the QR code", "segno")
    import io

    import segno

    lines = io.StringIO()
    segno.make(text, micro=False).terminal(lines, compact=True)
    return lines.getvalue()
