"""The INI in, a paho client out; and paho's failures, in words."""

from __future__ import annotations

import logging
import socket
import ssl
import sys

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ...settings import tls
from ...settings.schema import Mqtt
from .link import GONE

log = logging.getLogger(__name__)

RECONNECT_S = (1, 30)


def make_client(config: Mqtt, client_id: str) -> paho.Client:
    """A paho client with all that the INI says, not yet connected."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
    if config.username:
        client.username_pw_set(config.username, config.password or None)
    if config.tls:
        client.tls_set_context(tls.context(config.tls_ca, config.tls_cert, config.tls_key))
        client.tls_insecure_set(config.tls_insecure)
    client.reconnect_delay_set(*RECONNECT_S)
    # Its errors are our outages, told once elsewhere.
    client.on_log = lambda _, __, ___, text: log.debug("%s", text)
    return client


def failure() -> tuple[str, str]:
    """The kind and the words of what is being handled when paho says a connect failed.

    paho does not hand the error on, but calls back while it handles it.
    """
    error = sys.exc_info()[1]
    if isinstance(error, socket.gaierror):
        return "dns", f"cannot find this host ({error.strerror})"
    if isinstance(error, ssl.SSLError):
        return "tls", f"no secure connection: {getattr(error, 'verify_message', '') or error}"
    if isinstance(error, TimeoutError):
        return GONE, "does not answer"
    return GONE, getattr(error, "strerror", None) or str(error) or "cannot connect"
