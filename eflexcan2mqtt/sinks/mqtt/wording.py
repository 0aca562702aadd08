"""Errors of sockets, of TLS and of the broker in; words that help to mend them out."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from paho.mqtt.client import WebsocketConnectionError

CHECK_PORT = "check [mqtt] port, tls and transport"


def of_exception(error: Exception) -> str:
    """Why a connection could not be opened."""
    match error:
        case socket.gaierror():
            return f"cannot find this host ({error.strerror})"
        # The last is what mosquitto does; where there is no TLS nothing has been sent yet.
        case (
            ssl.SSLEOFError() | ssl.SSLError(reason="WRONG_VERSION_NUMBER") | ConnectionResetError()
        ):
            return f"no secure connection: this port does not speak TLS; {CHECK_PORT}"
        case ssl.SSLError():
            return f"no secure connection: {getattr(error, 'verify_message', '') or error}"
        case WebsocketConnectionError():
            return "does not answer as a broker on websockets: check path"
        case TimeoutError():
            return "does not answer"
    return getattr(error, "strerror", None) or str(error) or "cannot connect"


def of_reason(reason: Any) -> str:
    """A reason code of MQTT; where paho does not know it, it calls it "Unspecified error"."""
    unknown = str(reason) == "Unspecified error"
    return "it gives no reason; look into its log" if unknown else str(reason)
