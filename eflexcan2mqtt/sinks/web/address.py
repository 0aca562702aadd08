"""``[web] listen`` in; where to listen, and which URLs open the page, out."""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple

DEFAULT_LISTEN = "127.0.0.1:8080"

_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses in no network, to learn which of ours would be used; nothing is sent to them."""


class Address(NamedTuple):
    """Where the page listens."""

    host: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    @property
    def url(self) -> str:
        return _url(self.host, self.port)

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can open the page."""
        return is_loopback(self.host)

    def urls(self) -> list[str]:
        """What a browser can open: 0.0.0.0 and [::] stand for all addresses of this machine."""
        if self.host not in ("0.0.0.0", "::"):  # noqa: S104 (compared only)
            return [self.url]
        families = [family for family in _ELSEWHERE if self.family in (family, socket.AF_INET6)]
        hosts = [own for family in families if (own := _own_address(family))]
        return [_url(host, self.port) for host in (*hosts, socket.gethostname())]


def parse(listen: str) -> Address:
    """The address of ``[web] listen``, or of the default if it is empty."""
    host, _, port = (listen or DEFAULT_LISTEN).rpartition(":")
    return Address(host.strip("[]"), int(port))


def open_url(listen: str) -> str:
    """What opens the page on other machines; empty if it is for this one only."""
    address = parse(listen)
    return "" if address.loopback else address.urls()[0]


def is_loopback(host: str) -> bool:
    """Whether an address is that of this machine to itself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _own_address(family: socket.AddressFamily) -> str:
    """The address with which this machine shows itself to others; empty without a network."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[family], 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""
