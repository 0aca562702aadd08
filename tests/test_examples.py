"""The examples fit the JSON and the documented formats of those who read them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from eflexcan2mqtt.protocol.fields import FIELDS
from eflexcan2mqtt.sinks.influx import to_influx
from tests.support.bank import published, sent

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXAMPLES = Path(__file__).parents[1] / "examples"

# Of Telegraf 1.27 and later, as its documentation has them.
AGENT = {"omit_hostname"}
CONSUMER = {
    *("servers", "topics", "topic_tag", "qos", "client_id", "persistent_session"),
    *("username", "password"),
    *("name_override", "data_format", "tag_keys", "json_time_key", "json_time_format"),
    "json_string_fields",
}
OUTPUT = {"urls", "database", "precision"}

DASHBOARDS = ("grafana-dashboard.json", "grafana-fleet.json")
PANELS = {"stat", "timeseries", "state-timeline", "heatmap", "table"}


def telegraf():
    return tomllib.loads((EXAMPLES / "telegraf.conf").read_text())


def points(stage="extended"):
    """The names of the fields of a point."""
    return set(re.findall(r"(?:[ ,])(\w+)=", to_influx(published(sent(1), stage)[0]))) - {
        "battery_id"
    }


def test_telegraf_knows_every_option():
    config = telegraf()
    (consumer,) = config["inputs"]["mqtt_consumer"]
    (output,) = config["outputs"]["influxdb"]
    assert config["agent"].keys() == AGENT
    assert consumer.keys() == CONSUMER
    assert output.keys() == OUTPUT


def test_telegraf_reads_the_array_as_it_is():
    (consumer,) = telegraf()["inputs"]["mqtt_consumer"]
    assert consumer["data_format"] == "json"
    assert consumer["tag_keys"] == ["battery_id"]
    assert (consumer["json_time_key"], consumer["json_time_format"]) == ("time", "unix")
    text = {each.key for each in FIELDS if each.value.json_type == "string"}
    assert set(consumer["json_string_fields"]) == text - {"battery_id", "raw_status", "raw_cells"}


def test_every_node_of_node_red_is_wired_to_another_and_needs_nothing_installed():
    flow = json.loads((EXAMPLES / "node-red.json").read_text())
    nodes = {node["id"]: node for node in flow}
    assert len(nodes) == len(flow)
    assert {node["type"] for node in flow} == {
        *("tab", "mqtt-broker", "mqtt in", "function", "inject", "http request"),
    }
    for node in flow:
        for targets in node.get("wires", []):
            assert targets
            assert set(targets) <= nodes.keys()
        assert node.get("z", "eflex.tab") == "eflex.tab"


@pytest.fixture(params=DASHBOARDS)
def dashboard(request):
    return json.loads((EXAMPLES / request.param).read_text())


def test_the_dashboard_asks_for_fields_that_there_are():
    dashboard = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
    there = points()
    asked = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            asked |= set(re.findall(r'\w+\("(\w+)"\)', target["query"])) - {"each"}
    assert asked <= there
    assert asked >= {f"cell_voltages_{place}" for place in range(16)}


def test_the_panels_of_a_dashboard_have_what_grafana_needs(dashboard):
    for panel in dashboard["panels"]:
        assert panel["type"] in PANELS
        assert panel.keys() >= {"id", "title", "gridPos", "datasource", "fieldConfig", "options"}
        for each in (panel, *panel["targets"]):
            assert each["datasource"]["uid"] == "${datasource}"
        assert all(target["rawQuery"] is True for target in panel["targets"])
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_a_dashboard_has_the_variables_that_it_uses(dashboard):
    there = {each["name"] for each in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(?!tag_|col\b|timeFilter)([a-z]\w*)", json.dumps(dashboard)))
    assert used == there


def test_the_panels_of_a_dashboard_do_not_lie_on_each_other(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, panel["title"]
                assert x < 24
                taken.add((x, y))


BUILT_IN = {
    *("heading", "gauge", "tile", "markdown", "history-graph", "statistics-graph"),
    *("sections", "panel", "grid"),
}


def test_home_assistants_dashboard_needs_no_card_that_has_to_be_installed():
    text = (EXAMPLES / "homeassistant-dashboard.yaml").read_text()
    assert set(re.findall(r"^ *(?:- )?type: (\S+)$", text, re.MULTILINE)) <= BUILT_IN
