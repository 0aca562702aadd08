"""The paths of certificates in, an SSL context out; verifies by default."""

from __future__ import annotations

import ssl


def context(ca: str = "", cert: str = "", key: str = "") -> ssl.SSLContext:
    """Trust ``ca`` (the system's authorities if empty) and show ``cert`` with ``key``.

    Raises OSError (ssl.SSLError among them) for files that are no certificates or keys.
    """
    made = ssl.create_default_context(cafile=ca or None)
    # From Python 3.13 on this would refuse most authorities that people make at home.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if cert:
        # With a password given, even an empty one, OpenSSL never asks at the terminal.
        made.load_cert_chain(cert, key or None, password="")
    return made
