"""The program with several brokers in its INI."""

from __future__ import annotations

import json

from eflexcan2mqtt import __version__
from tests.support.broker import wait_until
from tests.support.program import mqtt_ini, reads, stop


def test_the_program_finds_another_broker_and_says_everything_there(
    start, make_broker, subscribe, tmp_path
):
    a, b = make_broker().start(), make_broker().start()
    on_a, on_b = subscribe(a.port), subscribe(b.port)
    on_b_described = subscribe(b.port, "homeassistant/#")
    ini = mqtt_ini(tmp_path, 1883, hostname=f"127.0.0.1:{a.port}, 127.0.0.1:{b.port}")
    ini.write_text(f"{ini.read_text()}[homeassistant]\ndiscovery = yes\n")
    process = start("-c", ini, "--input", "simulator:2", "--speed", "600")
    assert process.stderr.readline().endswith(
        f" INFO eflexcan2mqtt {__version__}: INI {ini}, input simulator:2, output mqtt, "
        f"broker 127.0.0.1:{a.port}, 127.0.0.1:{b.port}, topic eflexbatteries\n"
    )
    reads(process.stderr, f"127.0.0.1:{a.port}: connected\n")
    energy = "eflexbatteries/energy"
    wait_until(lambda: len(on_a.payloads(energy)) >= 2)
    a.kill()
    reads(process.stderr, f", instead of 127.0.0.1:{a.port}\n")
    wait_until(lambda: len(on_b.payloads(energy)) >= 2)
    before, after = (
        [json.loads(each)["bank"]["energy_in"] for each in reader.payloads(energy)]
        for reader in (on_a, on_b)
    )
    assert before[-1] <= after[0] <= after[1]
    wait_until(lambda: len(on_b_described.messages) >= 3)
    stop(process)
    wait_until(lambda: on_b.statuses()[-1:] == [b"offline"])
    assert on_b.statuses() == [b"online", b"offline"]
    # Arrays do not go to both.
    first, second = (set(one.payloads()) for one in (on_a, on_b))
    assert len(first & second) <= 20
