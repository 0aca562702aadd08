"""A phone with the Home Assistant app: it registers, and gets its notifications."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .hass import Hass
from .websocket import ask

NAME = "Phone of the test"


class Phone:
    """Registered; ``got`` are the notifications, the first one first."""

    def __init__(self, hass: Hass) -> None:
        self.got: list[dict[str, Any]] = []
        phone = self

        class Push(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                phone.got.append(json.loads(self.rfile.read(length)))
                limits = {"successful": 1, "maximum": 500, "errors": 0, "resetsAt": "2030-01-01"}
                answer = json.dumps({"rateLimits": limits}).encode()
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Push)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self._server.server_port}/push"
        hass.post(
            "/api/mobile_app/registrations",
            {
                **{"device_id": "test", "app_id": "test", "app_name": "Test", "app_version": "1"},
                **{"device_name": NAME, "manufacturer": "Nobody", "model": "None"},
                **{"os_name": "Test", "os_version": "1", "supports_encryption": False},
                "app_data": {"push_token": "token", "push_url": url},
            },
        )
        devices = ask(hass, "config/device_registry/list")
        self.device_id: str = next(each["id"] for each in devices if each["name"] == NAME)

    def messages(self) -> list[str]:
        return [each["message"] for each in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
