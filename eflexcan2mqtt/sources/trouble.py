"""Why a bus gives no frames, in; a sentence that also says what to do, out.

For people who look at the page or at ``systemctl status``, and do not read the log.
"""

from __future__ import annotations

import errno
import os

from ..settings.schema import Can

_GONE, _DOWN = os.strerror(errno.ENODEV), os.strerror(errno.ENETDOWN)


def failed(config: Can, reason: str) -> str:
    """The interface cannot be opened, or failed: ``reason`` is in the words of the system."""
    match reason:
        case words if words == _GONE:
            remedy = "Is the adapter plugged in? `ip link` lists the interfaces for [can] channel."
        case words if words == _DOWN:
            remedy = (
                f"Start it: `sudo ip link set {config.channel} up type can "
                f"bitrate {config.bitrate} restart-ms 100 listen-only on`; "
                "docs/install.md, step 2, says when not to listen only."
            )
        case _:
            remedy = "Check the adapter, and [can] in the INI; it is tried again and again."
    return f"{config.channel}: {reason}. {remedy}"


def silent(config: Can) -> str:
    """The interface works, but no battery sends."""
    return (
        f"{config.channel}: no frames from any battery. Is the bank on, the cable right and the "
        f"bus set to {config.bitrate} bit/s?"
    )
