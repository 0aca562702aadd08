"""Reads, decodes and publishes as the original does: runs inside the machine.

``INTERFACE TOPIC``: python-can's asyncio Notifier, ids taken apart as text, a list of messages for
each block and of integers for its bytes, struct, and the array of all batteries each cycle by
paho's ``publish.single``, which connects to the broker on this machine for each, with QoS 2.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "packages"))

import can
from paho.mqtt import publish

CYCLE_S = 1.012
QOS = 2
STATUS, CELLS = "10", "60"
SIZES = {STATUS: 11, CELLS: 7}

messages: dict[str, list[can.Message]] = {}
blocks: dict[str, dict[str, list[int]]] = {STATUS: {}, CELLS: {}}
times: dict[str, float] = {}


def on_message(message: can.Message) -> None:
    can_id = hex(message.arbitration_id)[2:5]
    kind, battery = can_id[:2], str(int(can_id[-1], 16))
    if kind not in SIZES:
        return
    if message.data[0] == 1:
        messages[can_id] = []
    elif can_id not in messages:
        return
    messages[can_id].append(message)
    if len(messages[can_id]) == SIZES[kind]:
        block: list[int] = []
        for each in sorted(messages[can_id], key=lambda each: each.data[0]):
            block += each.data[1:8]
        blocks[kind][battery] = block
        messages[can_id] = []
        if kind == CELLS:
            times[battery] = message.timestamp


def decoded(battery: str) -> dict[str, Any]:
    status, cells = bytearray(blocks[STATUS][battery]), bytearray(blocks[CELLS][battery])
    number, of, voltage, current, soc = struct.unpack_from(">BBHhB", status)
    (average,) = struct.unpack_from(">H", status, 10)
    (lifetime,) = struct.unpack_from(">I", status, 31)
    before, insulation = struct.unpack_from(">HH", status, 35)
    software, hardware = struct.unpack_from(">Hc", status, 46)
    letter, last = struct.unpack_from(">cH", status, 53)
    serial = f"{status[49]:02x}{status[50]:02x}{status[51]}{status[52]:02x}"
    return {
        "battery_id": f"{serial}{letter.decode()}{last:04}",
        "battery_number": number,
        "batteries_in_system": of,
        "battery_soc": soc,
        "battery_voltage": voltage / 10,
        "battery_current": current / 10,
        "system_average_voltage": average / 10,
        "pre_volt": before / 10,
        "insulation_resistance": insulation,
        "software_version": software,
        "hardware_version": hardware.decode(),
        "lifetime_discharge_energy": lifetime,
        "cell_voltages": list(struct.unpack_from("<16H", cells)),
        "time": round(times[battery]),
    }


async def main(interface: str, topic: str) -> None:
    with can.Bus(interface="socketcan", channel=interface) as bus:
        notifier = can.Notifier(bus, [on_message], loop=asyncio.get_running_loop())
        published: dict[str, float] = {}
        while True:
            await asyncio.sleep(CYCLE_S)
            whole = blocks[CELLS].keys() & blocks[STATUS].keys()
            new = [each for each in whole if published.get(each) != times[each]]
            if new:
                array = json.dumps([decoded(each) for each in new])
                publish.single(topic, array, QOS, client_id="like-the-original")
                published.update((each, times[each]) for each in new)
            assert not notifier.stopped


asyncio.run(main(*sys.argv[1:]))
