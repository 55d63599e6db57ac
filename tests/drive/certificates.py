"""A certificate for 127.0.0.1 that signs itself, and a TLS end in front of a server that has none."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

_MAKE = ("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1")
_KIND = (
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
)


def certificate(folder: Path) -> tuple[Path, Path]:
    """Certificate and key; skips the test where there is no openssl."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    try:
        subprocess.run([*_MAKE, *_KIND, "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    return cert, key


@contextmanager
def terminator(url: str, cert: Path, key: Path) -> Iterator[str]:
    """An https URL in front of an http one, as long as the block lasts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    parts = urlsplit(url)
    behind = parts.hostname or "", parts.port or 80
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, behind), daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, behind: tuple[str, int]) -> None:
    while True:
        try:
            raw, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(raw, context, behind), daemon=True).start()


def _serve(raw: socket.socket, context: ssl.SSLContext, behind: tuple[str, int]) -> None:
    try:
        with context.wrap_socket(raw, server_side=True) as front, socket.create_connection(behind) as back:
            threading.Thread(target=_pass, args=(front, back), daemon=True).start()
            _pass(back, front)
    except OSError:
        raw.close()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(8192):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
