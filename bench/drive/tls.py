"""TLS as bytes to bytes: the sockets stay ours, and with them the kernel's stamps of the ciphertext."""

import ssl
from functools import lru_cache

from bench.protocol import Endpoint

RECORD_BYTES = 1 << 14


@lru_cache
def context_of(endpoint: Endpoint) -> ssl.SSLContext:
    """Whom to believe: the system's authorities, the endpoint's `ca_file`, or anybody (`verify` off).

    Raises OSError where the file of authorities cannot be read (ssl.SSLError where it holds none).
    """
    context = ssl.create_default_context(cafile=endpoint.ca_file)
    context.set_alpn_protocols(["http/1.1"])
    if not endpoint.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Tls:
    """One end of a TLS connection. Errors are ssl.SSLError; certificate errors say what is wrong."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._in, self._out, server_hostname=host)

    def greet(self, heard: bytes) -> bool:
        """Take bytes of the handshake; whether it is done. What is to be said lies in `outgoing`."""
        self._in.write(heard)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def outgoing(self) -> bytes:
        """Ciphertext to send."""
        return self._out.read()

    def encrypt(self, plain: bytes) -> bytes:
        """The records that carry these bytes."""
        for start in range(0, len(plain), RECORD_BYTES):
            self._session.write(plain[start : start + RECORD_BYTES])
        return self._out.read()

    def decrypt(self, data: bytes) -> bytes | None:
        """What the records hold that these bytes complete; empty at the end, None while none is complete."""
        self._in.write(data)
        plain = []
        try:
            while piece := self._session.read(RECORD_BYTES):
                plain.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(plain) or None
        except ssl.SSLZeroReturnError:
            pass
        return b"".join(plain)
