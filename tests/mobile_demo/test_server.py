"""What the server sends, where it listens, and how it is found."""

import gzip
import http.client
import socket
import ssl
import threading

import pytest

from mobile_demo import server as servers


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "run.wasm").write_bytes(b"plain")
    (tmp_path / "runtime" / "run.wasm.gz").write_bytes(gzip.compress(b"packed"))
    (tmp_path / "index.html").write_text("<p>app</p>")
    return tmp_path


def get(folder, path, **headers):
    with servers.open_server(folder, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        connection = http.client.HTTPConnection(*server.server_address, timeout=60)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        server.shutdown()
    return response, body


def test_pages_are_isolated_so_that_threads_work(folder):
    response, body = get(folder, "/")
    assert body == b"<p>app</p>"
    assert response.getheader("Cross-Origin-Opener-Policy") == "same-origin"
    assert response.getheader("Cross-Origin-Embedder-Policy") == "require-corp"
    assert response.getheader("Cache-Control") == "no-cache"


def test_a_packed_file_is_sent_to_those_who_take_it(folder):
    response, body = get(folder, "/runtime/run.wasm", **{"Accept-Encoding": "gzip, br"})
    assert gzip.decompress(body) == b"packed"
    assert response.getheader("Content-Encoding") == "gzip"
    assert response.getheader("Content-Type") == "application/wasm"
    assert "immutable" in response.getheader("Cache-Control")
    response, body = get(folder, "/runtime/run.wasm")
    assert body == b"plain"
    assert response.getheader("Content-Encoding") is None


@pytest.mark.parametrize(
    "path", ["/runtime/", "/none", "/../../../../etc/passwd", "/%2e%2e/setup.cfg"]
)
def test_nothing_but_the_files_of_the_site_is_sent(folder, path):
    assert get(folder, path)[0].status == 404


def test_a_port_in_use_is_said(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(servers.ServerError, match=rf"--port {port} .*Choose another"):
            servers.open_server(folder, "127.0.0.1", port)


def test_https_shows_a_certificate_for_the_addresses(folder, tmp_path):
    path = tmp_path / "certificate.pem"
    servers.make_certificate(path, ["localhost", "127.0.0.1"])
    assert path.stat().st_mode & 0o077 == 0
    trusting = ssl.create_default_context(cafile=path)
    with servers.open_server(folder, "127.0.0.1", 0, path) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        # A phone that connects and says nothing holds up nobody.
        with socket.create_connection(server.server_address):
            connection = http.client.HTTPSConnection(
                *server.server_address, context=trusting, timeout=60
            )
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"<p>app</p>"
            connection.close()
        server.shutdown()


def test_a_qr_code_holds_the_address():
    shown = servers.qr_code("https://192.0.2.7:8080/")
    lines = shown.splitlines()
    # Version 2, 25 modules and a border of 4, two rows of modules to a line.
    assert len(lines) == pytest.approx((25 + 8) / 2, abs=1)
    assert shown != servers.qr_code("https://192.0.2.8:8080/")
