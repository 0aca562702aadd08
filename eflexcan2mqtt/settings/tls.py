"""The paths of certificates in, an SSL context out; verifies by default."""

from __future__ import annotations

import ssl


class _Closing(ssl.SSLSocket):
    """Closed when the other side is no TLS: paho leaves it open until it is collected."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def context(ca: str = "", cert: str = "", key: str = "") -> ssl.SSLContext:
    """Trust ``ca`` (if empty, the system's authorities) and present ``cert`` with ``key``.

    Raises OSError (or its subclass ssl.SSLError) for files that are not certificates or keys.
    """
    made = ssl.create_default_context(cafile=ca or None)
    made.sslsocket_class = _Closing
    # The default since Python 3.13; it refuses most home-made authorities.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if cert:
        # With a password given, even an empty one, OpenSSL never asks at the terminal.
        made.load_cert_chain(cert, key or None, password="")
    return made
