"""Several brokers as settings, and their names in the log."""

from __future__ import annotations

import time

KEPT = "arrays are kept until a broker answers"


def at(*ports):
    """The brokers at these ports, as the setting."""
    return {"port": 1, "hostname": ", ".join(f"127.0.0.1:{port}" for port in ports)}


def named(text, *ports):
    """The ports in a text as A, B and C."""
    for port, name in zip(ports, "ABC", strict=False):
        text = text.replace(f"127.0.0.1:{port}", name)
    return text


def hold():
    """Until a connection counts as one that has held."""
    time.sleep(1.5)
