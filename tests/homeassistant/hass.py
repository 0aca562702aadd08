"""A real Home Assistant on loopback, without a browser, spoken to as its own pages do: by REST."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.broker import free_port

HASS = shlex.split(os.environ.get("EFLEX_HASS", "hass"))
"""The command that is Home Assistant; make ha-test gives it."""

START_S = 180.0
USER, PASSWORD = "owner", "a long way home"

CONFIGURATION = """\
homeassistant:
  name: Test
  country: US
  time_zone: UTC
  unit_system: metric
api:
config:
"""
HTTP = """\
http:
  server_host: 127.0.0.1
  server_port: {}
"""
STORED_HTTP_SINCE = (2026, 11)
"""Since then .storage says where it listens. YAML would be a trial: it is taken back after five
minutes if the owner does not confirm it, and a repair asks for its removal."""


class Hass:
    """Started, asked and stopped; its configuration lives in a folder of its own."""

    def __init__(self, folder: Path, *integrations: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.version = self._version()
        self.tokens: dict[str, Any] = {}
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        stored = self.version >= STORED_HTTP_SINCE
        text = CONFIGURATION + ("" if stored else HTTP.format(self.port))
        text += "".join(f"{name}:\n" for name in integrations)
        (folder / "configuration.yaml").write_text(text)
        self._run("--script", "auth", "-c", folder, "add", USER, PASSWORD)
        self._store("onboarding", 4, {"done": ["user", "core_config", "analytics", "integration"]})
        if stored:
            self._store("http", 1, {"server_host": ["127.0.0.1"], "server_port": self.port})

    def start(self) -> Hass:
        self._starts += 1
        log = self.folder / f"home-assistant-{self._starts}.log"
        # It downloads nothing. What then fails to load, for voices and cameras, is not needed here.
        arguments = ["--skip-pip", "-c", self.folder, "--log-file", log]
        with (self.folder / "stdout.log").open("ab") as output:
            self._process = subprocess.Popen(
                # It ends with us, however we end.
                ["setpriv", "--pdeathsig", "KILL", *HASS, *arguments],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "stdout.log").read_text()
            assert time.monotonic() < deadline, "Home Assistant does not start"
            time.sleep(0.5)
        self._log_in()
        while self.get("/api/config")["state"] != "RUNNING":
            assert time.monotonic() < deadline, "Home Assistant does not become ready"
            time.sleep(0.5)
        return self

    def stop(self) -> None:
        """Stop it in order, so that it writes down what it knows."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def add_mqtt(self, port: int) -> None:
        """Set the MQTT integration up, as its dialogue does."""
        flow = self.post("/api/config/config_entries/flow", {"handler": "mqtt"})
        answer: dict[str, Any] = {"broker": "127.0.0.1", "port": port}
        if any(field["name"] == "other_settings" for field in flow["data_schema"]):
            plain = {"set_client_cert": False, "set_ca_cert": "off", "transport": "tcp"}
            answer["other_settings"] = plain
        done = self.post(f"/api/config/config_entries/flow/{flow['flow_id']}", answer)
        assert done["type"] == "create_entry", done

    def states(self) -> dict[str, dict[str, Any]]:
        """All entities that are switched on, by their ids."""
        return {each["entity_id"]: each for each in self.get("/api/states")}

    def state(self, entity_id: str) -> str | None:
        return self.states().get(entity_id, {}).get("state")

    def render(self, template: str) -> str:
        """What a template says in Home Assistant."""
        return self._open("/api/template", json.dumps({"template": template}).encode()).decode()

    def logged(self) -> list[str]:
        """The lines of its logs, from the first start on.

        A start renames the log of the one before, and so each has a file of its own.
        """
        logs = [self.folder / f"home-assistant-{each + 1}.log" for each in range(self._starts)]
        return [line for log in logs for line in log.read_text().splitlines()]

    def stored(self, name: str) -> dict[str, Any]:
        """One of its registries; complete once it is stopped."""
        content: dict[str, Any] = json.loads((self.folder / ".storage" / name).read_text())
        return content["data"]  # type: ignore[no-any-return]

    def get(self, path: str) -> Any:
        return json.loads(self._open(path))

    def post(self, path: str, what: dict[str, Any]) -> Any:
        return json.loads(self._open(path, json.dumps(what).encode()))

    def _version(self) -> tuple[int, ...]:
        return tuple(int(each) for each in self._run("--version").split("."))

    def _run(self, *arguments: str | Path) -> str:
        command = [*HASS, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _store(self, name: str, version: int, data: dict[str, Any]) -> None:
        """Write one of its settings, in a form that it takes as that of an older version."""
        content = {"version": version, "minor_version": 1, "key": name, "data": data}
        (self.folder / ".storage" / name).write_text(json.dumps(content))

    def _answers(self) -> bool:
        try:
            self._open("/api/")
        except urllib.error.HTTPError as error:
            return error.code == 401
        except OSError:
            return False
        return True

    def _log_in(self) -> None:
        self.tokens = {}
        client = f"{self.url}/"
        flow = self.post(
            "/auth/login_flow",
            {"client_id": client, "handler": ["homeassistant", None], "redirect_uri": client},
        )
        answer = self.post(
            f"/auth/login_flow/{flow['flow_id']}",
            {"client_id": client, "username": USER, "password": PASSWORD},
        )
        form = {"grant_type": "authorization_code", "code": answer["result"], "client_id": client}
        self.tokens = json.loads(self._open("/auth/token", urllib.parse.urlencode(form).encode()))

    def _open(self, path: str, body: bytes | None = None) -> bytes:
        form = path == "/auth/token"
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        request = urllib.request.Request(self.url + path, body, {"Content-Type": kind})
        if self.tokens:
            request.add_header("Authorization", f"Bearer {self.tokens['access_token']}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
        return content
