"""Three RabbitMQ servers that are one broker, as examples/rabbitmq.conf has them."""

from __future__ import annotations

from pathlib import Path

from .node import Node
from .store import EXAMPLES

_PLUGINS = "[rabbitmq_mqtt].\n"


class RabbitMQ(Node):
    """One of them."""

    title = "RabbitMQ 4.0"

    def __init__(self, number: int, folder: Path) -> None:
        super().__init__(number, folder)
        (self.folder / "rabbitmq.conf").write_text((EXAMPLES / "rabbitmq.conf").read_text())
        (self.folder / "plugins").write_text(_PLUGINS)
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text("eflex")
        cookie.chmod(0o400)

    def command(self) -> list[str]:
        return [
            f"HOME={self.folder}",
            f"RABBITMQ_NODENAME=rabbit@{self.name}",
            f"RABBITMQ_CONFIG_FILE={self.folder}/rabbitmq.conf",
            f"RABBITMQ_ENABLED_PLUGINS_FILE={self.folder}/plugins",
            f"RABBITMQ_MNESIA_BASE={self.folder}/data",
            f"RABBITMQ_LOG_BASE={self.folder}",
            f"RABBITMQ_PID_FILE={self.folder}/pid",
            "/usr/lib/rabbitmq/bin/rabbitmq-server",
        ]


class Classic(RabbitMQ):
    """Without the setting for quorum queues."""

    def __init__(self, number: int, folder: Path) -> None:
        super().__init__(number, folder)
        config = self.folder / "rabbitmq.conf"
        lines = config.read_text().splitlines(keepends=True)
        lines.remove("mqtt.durable_queue_type = quorum\n")
        config.write_text("".join(lines))
