"""A real InfluxDB 1.x and a real Node-RED, each in its own process on loopback."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.broker import free_port

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
START_S = 60.0


class Server:
    """A process that is ready when it answers on its port."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *command: str | Path, ready: str) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while True:
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            try:
                with urllib.request.urlopen(self.url + ready, timeout=5):
                    return
            except OSError:
                time.sleep(0.2)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


class Influx(Server):
    """InfluxDB with its data in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "influxd")
        self._config = folder / "influxdb.conf"
        self._config.write_text(
            "reporting-disabled = true\n"
            f'bind-address = "127.0.0.1:{free_port()}"\n'
            f'[meta]\ndir = "{folder}/meta"\n'
            f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\nquery-log-enabled = false\n'
            f'[http]\nbind-address = "127.0.0.1:{self.port}"\nlog-enabled = false\n'
        )

    def start(self) -> Influx:
        self.run("influxd", "-config", self._config, ready="/ping")
        return self

    def query(self, query: str, database: str = "") -> list[dict[str, Any]]:
        """The series of a query; times are in seconds."""
        form = urllib.parse.urlencode({"q": query, "db": database, "epoch": "s"}).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/query", form, timeout=60) as answer:
                result = json.load(answer)["results"][0]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from None
        assert "error" not in result, f"{query}: {result}"
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    def points(self, database: str) -> dict[tuple[str, int], dict[str, Any]]:
        """All points of the measurement, by battery and time, without what is null."""
        found = {}
        for battery in self.query('SHOW TAG VALUES FROM "eflex" WITH KEY = "battery_id"', database):
            for _, battery_id in battery["values"]:
                where = f"\"battery_id\" = '{battery_id}'"
                (series,) = self.query(f'SELECT *::field FROM "eflex" WHERE {where}', database)
                for row in series["values"]:
                    point = dict(zip(series["columns"], row, strict=True))
                    at = point.pop("time")
                    assert (battery_id, at) not in found
                    found[battery_id, at] = {k: v for k, v in point.items() if v is not None}
        return found

    def import_lines(self, database: str, lines: str) -> None:
        """As an owner does: by InfluxDB's own program, from a pipe."""
        self.query(f'CREATE DATABASE "{database}"')
        header = f"# DML\n# CONTEXT-DATABASE: {database}\n"
        done = subprocess.run(
            ["influx", "-port", str(self.port), "-import", "-path=/dev/stdin"],
            input=header + lines,
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Failed 0 inserts" in done.stdout + done.stderr, done.stdout + done.stderr


class NodeRed(Server):
    """Node-RED with the flow of the examples, its broker and database put in."""

    def __init__(self, folder: Path, broker_port: int, influx_url: str, database: str) -> None:
        super().__init__(folder, "node-red")
        flow = json.loads((EXAMPLES / "node-red.json").read_text())
        nodes = {node["type"]: node for node in flow}
        nodes["mqtt-broker"]["port"] = str(broker_port)
        url = f"{influx_url}/write?db={database}&precision=s"
        nodes["http request"]["url"] = url
        (folder / "flows.json").write_text(json.dumps(flow))
        (folder / "settings.js").write_text(
            "module.exports = {flowFile: 'flows.json', uiHost: '127.0.0.1', "
            f"uiPort: {self.port}, credentialSecret: false, "
            "telemetry: {enabled: false, updateNotification: false}}\n"
        )

    def start(self) -> NodeRed:
        program = HERE / "node_modules/node-red/red.js"
        assert program.exists(), "no Node-RED here; make influx-test installs it"
        settings = self.folder / "settings.js"
        node = ("node", program, "--userDir", self.folder, "--settings", settings)
        self.run(*node, ready="/settings")
        return self
