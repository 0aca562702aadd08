"""Three NATS servers that are one broker, as examples/nats.conf has them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .node import Node
from .store import EXAMPLES

HEALTH = "http://127.0.0.1:8222/healthz?js-server-only=true"
"""Without the question it also asks for each consumer, and may never find one that is gone."""


class Nats(Node):
    """One of them."""

    title = "NATS 2.10"
    qos = 1  # it loses some of QoS 2

    def __init__(self, number: int, folder: Path) -> None:
        super().__init__(number, folder)
        text = (EXAMPLES / "nats.conf").read_text()
        for ours, example in (
            (f"server_name: {self.name}", "server_name: node-1"),
            (f'store_dir: "{self.folder}"', 'store_dir: "/var/lib/nats"'),
        ):
            assert example in text
            text = text.replace(example, ours)
        (self.folder / "nats.conf").write_text(text)

    def ready(self) -> bool:
        """Whether it is a part of the cluster again."""
        probe = f"import urllib.request as url; url.urlopen({HEALTH!r}, timeout=5)"
        inside = ["ip", "netns", "exec", self.name, sys.executable, "-c", probe]
        return subprocess.run(inside, capture_output=True, check=False).returncode == 0

    def command(self) -> list[str]:
        return ["nats-server", "--config", f"{self.folder}/nats.conf"]
