"""A real Prometheus scrapes the metrics, and its alerts fire."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

from eflexcan2mqtt.protocol.limits import LIMITS
from tests.support.bank_on_a_pipe import BATTERIES, Fed, readings
from tests.support.broker import LONGEST_WAIT_S, Broker, free_port, wait_until
from tests.support.program import mqtt_ini

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """A bridge with its bank, and a Prometheus with the examples' settings, in a hurry."""
    folder = tmp_path_factory.mktemp("prometheus")
    broker = Broker(folder).start()
    page, port = free_port(), free_port()
    ini = mqtt_ini(folder, broker.port, fields="extended")
    ini.write_text(ini.read_text() + f"[web]\nlisten = 127.0.0.1:{page}\n")
    fed = Fed(ini).start()
    config = (EXAMPLES / "prometheus.yml").read_text()
    config = config.replace("15s", "1s").replace("8080", str(page))
    (folder / "prometheus.yml").write_text(config)
    shutil.copy(EXAMPLES / "prometheus-alerts.yml", folder)
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--storage.tsdb.path={folder}/data",
            ],
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: ask(url, "query", "up") == [1.0], "the first scrape")
        each = "eflex_battery_soc_ratio"
        wait_until(lambda: len(ask(url, "query", each)) == BATTERIES, "the batteries")
        yield SimpleNamespace(url=url, fed=fed, said=readings(), page=f"http://127.0.0.1:{page}")
    finally:
        process.terminate()
        process.wait(20)
        fed.kill()
        broker.kill()


def ask(url, what, query=""):
    """The values of a query; [] as long as there is no answer."""
    try:
        path = f"{url}/api/v1/{what}?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(path, timeout=5) as answer:
            data = json.load(answer)["data"]
    except OSError:
        return []
    return [float(each["value"][1]) for each in data["result"]] if what == "query" else data


def firing(scraped):
    """The alerts that fire, in words."""
    alerts = ask(scraped.url, "alerts") or {"alerts": []}
    return {
        each["annotations"]["summary"] for each in alerts["alerts"] if each["state"] == "firing"
    }


def test_the_values_are_those_of_the_batteries(scraped):
    for reading in scraped.said:
        one = f'battery_id="{reading["battery_id"]}"'
        for query, value in {
            f"eflex_battery_soc_ratio{{{one}}}": reading["battery_soc"] / 100,
            f"eflex_battery_current_amperes{{{one}}}": reading["battery_current"],
            f'eflex_cell_voltage_volts{{{one},cell="1"}}': reading["cell_voltages"][0] / 1000,
        }.items():
            assert ask(scraped.url, "query", query) == [pytest.approx(value)], query
    assert ask(scraped.url, "query", "count(eflex_cell_voltage_volts)") == [16 * BATTERIES]
    rate = "rate(eflexcan2mqtt_cycles_total[5s]) > 0.5"
    wait_until(lambda: ask(scraped.url, "query", rate), "about a cycle a second")


def test_prometheus_finds_no_fault_with_the_format_nor_with_the_rules(scraped):
    text = urllib.request.urlopen(f"{scraped.page}/metrics", timeout=5).read()
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False, timeout=20
    )
    assert checked.returncode == 0, checked.stderr.decode()
    subprocess.run(
        ["promtool", "check", "config", EXAMPLES / "prometheus.yml"], check=True, timeout=20
    )


def test_an_alert_fires_when_a_battery_has_a_problem_and_ends_with_it(scraped):
    ill = {"Battery 2: alarm 2", "Battery 4: alarm 1", "Battery 4: relay open"}
    wait_until(lambda: firing(scraped) == ill, "the alerts of the bank, and none of its level 3")
    scraped.fed.change(9, discharge_relay_status="Break")
    begun = time.monotonic()
    wait_until(lambda: firing(scraped) == {*ill, "Battery 9: relay open"}, "the alert")
    print(f"it fires {time.monotonic() - begun:.0f} s after the relay has opened")
    scraped.fed.change(9)
    [calm] = [each.clear_s for each in LIMITS if each.kind == "relay_open"]
    wait_until(lambda: firing(scraped) == ill, "its end", longest_s=calm + LONGEST_WAIT_S)


def test_a_notice_must_last_for_an_hour_and_no_program_for_a_minute(tmp_path):
    """By promtool, whose hours pass in no time."""
    spread = {"kind": "cell_spread", "severity": "notice", "battery_number": "3"}
    away = {"kind": "broker_away", "severity": "notice"}
    listed = [
        "eflexcan2mqtt_bus",
        *(f"eflex_attention{to_labels(each)}" for each in (spread, away)),
    ]
    notices = [
        alert(spread, "Battery 3: cell spread"),
        alert(away, "broker away"),
    ]
    gone = [alert({}, "no metrics from eflexcan2mqtt: is it running?")]
    expected = {
        ("EflexNotice", "59m"): [],
        ("EflexNotice", "60m"): notices,
        ("EflexProblem", "60m"): [],
        ("EflexNotRunning", "60m"): [],
    }
    tests = [
        rule_test(listed, expected),
        rule_test([], {("EflexNotRunning", "59s"): [], ("EflexNotRunning", "60s"): gone}),
    ]
    rules = [str(EXAMPLES / "prometheus-alerts.yml")]
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": rules, "tests": tests}))
    done = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "test.yml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def to_labels(labels):
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def alert(labels, summary):
    return {"exp_labels": labels, "exp_annotations": {"summary": summary}}


def rule_test(series, expected):
    """Of promtool: series that are 1 for two hours, and alerts by their names and times."""
    return {
        "interval": "1s",
        "input_series": [{"series": each, "values": "1x7200"} for each in series],
        "alert_rule_test": [
            {"alertname": name, "eval_time": when, "exp_alerts": alerts}
            for (name, when), alerts in expected.items()
        ],
    }
