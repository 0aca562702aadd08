"""The metrics that Prometheus asks for."""

from __future__ import annotations

import re

from tests.support.bank import FULL

from .asking import ask


def test_a_stale_battery_leaves_the_metrics(board, clock, port):
    board.publish(FULL)
    clock.now += 2.9
    board.publish(FULL[1:])
    assert ask(port, "/metrics")[2].count("\neflex_battery_soc_ratio{") == 3
    clock.now += 0.1
    assert ask(port, "/metrics")[2].count("\neflex_battery_soc_ratio{") == 2


def test_the_metrics_without_a_broker_have_no_counters_of_it(board, port):
    board.set_state(frames=54, cycles=1, dropped={"incomplete": 2})
    text = ask(port, "/metrics")[2]
    assert "eflexcan2mqtt_frames_total 54.0" in text
    assert "broker" not in text


def test_the_metrics_are_in_base_units(board, port):
    board.publish(FULL[:1])
    lines = ask(port, "/metrics")[2].splitlines()
    battery = 'battery_id="2299075F9999"'
    for line in (
        f"eflex_battery_soc_ratio{{{battery}}} 0.71",
        f"eflex_battery_voltage_volts{{{battery}}} 53.1",
        f"eflex_battery_current_amperes{{{battery}}} -0.3",
        f'eflex_cell_voltage_volts{{{battery},cell="16"}} 3.319',
        f"eflex_last_frame_timestamp_seconds{{{battery}}} 1.715987139e+09",
    ):
        assert line in lines


def test_a_number_that_means_unknown_is_no_sample(board, port):
    known = {**FULL[0], "battery_id": "2299075F0001", "insulation_resistance": 500}
    board.publish([FULL[0], known])
    samples = re.findall(r"^eflex_insulation_resistance{.*", ask(port, "/metrics")[2], re.M)
    assert samples == ['eflex_insulation_resistance{battery_id="2299075F0001"} 500.0']


def test_the_metrics_have_the_energy_that_the_broker_has(board, port):
    counters = {"energy_in": 1.5, "energy_out": 0.5, "energy_ignored": 0.001}
    board.set_state(energy={"bank": counters, "batteries": {"A": counters}, "gaps": 3})
    lines = ask(port, "/metrics")[2].splitlines()
    for line in (
        "# TYPE eflex_energy_in_joules_total counter",
        'eflex_energy_in_joules_total{battery_id="A"} 5.4e+06',
        'eflex_energy_out_joules_total{battery_id="A"} 1.8e+06',
        'eflex_energy_ignored_joules_total{battery_id="A"} 3600.0',
        "eflex_bank_energy_in_joules_total 5.4e+06",
        "eflex_bank_energy_out_joules_total 1.8e+06",
        "eflex_bank_energy_ignored_joules_total 3600.0",
        "eflex_energy_gaps_total 3.0",
    ):
        assert line in lines
    board.set_state()
    assert "eflex_energy" not in ask(port, "/metrics")[2]
