"""The field table: all that is known of a battery's bytes, and how well. Data only.

FIELDS is the only place that knows an offset, a divisor, a unit or a meaning.  Decoding,
encoding, the order of the JSON keys, entities, metrics and the table of fields are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import calcsize, unpack

from .blocks import CELL_COUNT, CELLS, PAYLOAD_BYTES, STATUS, Block
from .values import (
    PROBES,
    BitOf,
    Bits,
    Celsius,
    Choice,
    Hex,
    Letter,
    Numbers,
    Probes,
    Serial,
    Tenths,
    Value,
    View,
    Whole,
    WorstAlarm,
)

STAGES = ("documented", "extended", "experimental")
"""How many fields the array shows; each stage adds to the one before."""
DOCUMENTED, EXTENDED, EXPERIMENTAL = STAGES

CONFIRMED = "confirmed"  # checked against the vendor's BMS software, and the frames agree
DERIVED = "derived"  # follows from the frames
REPORTED = "reported"  # decoded so by others; our frames cannot test it
HYPOTHESIS = "hypothesis"  # fits, but unproven

GROUPS = (
    "Charge and power",
    "Cells",
    "Temperatures",
    "Relays, limits and alarms",
    "The battery itself",
    "Raw bytes",
)
"""What people look for together, in the order in which they look for it."""
CHARGE, OF_CELLS, HEAT, SAFETY, PACK, BYTES = GROUPS

TIME = "time"

# Where fields are known from.  The original decoder is decode.py of djoly/eflexcan2mqtt.  Bursts
# are counted over two captures: A, 13 batteries with software 4004, and B, 3 of 14 batteries with
# software 4006.
ORIGINAL = "original decoder, checked with the vendor's software"
NEWER = "original decoder, after June 2024"
BURSTS = "captures A and B"
PAYLOAD = "the payload as it was sent"


@dataclass(frozen=True)
class Field:
    """A value that a battery sends.

    ``label`` is what people call it, ``group`` one of GROUPS.  ``letter`` marks its bytes in the ruler.  ``offset`` counts the payload bytes of ``block``;
    ``format`` is struct's, without the byte order.  ``mask`` selects bits of a single byte.
    ``unit`` is '' for a number without one.  ``evidence`` is one of the four words above, and
    ``source`` says where that is known from.
    """

    key: str
    label: str
    group: str
    letter: str
    stage: str
    block: Block
    offset: int
    format: str
    mask: int | None
    value: Value
    unit: str
    evidence: str
    meaning: str
    source: str

    @property
    def span(self) -> range:
        """Its bytes in the payload of its block."""
        return range(self.offset, self.offset + calcsize(f"={self.format}"))

    def of(self, payload: bytes) -> bytes:
        """Its bytes, from the payload of its block."""
        return payload[self.span.start : self.span.stop]

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return len(unpack(f"={self.format}", bytes(len(self.span))))

    @property
    def marker(self) -> int:
        """The marker of the frame in which it begins."""
        return self.block.markers[self.offset // PAYLOAD_BYTES]


@dataclass(frozen=True)
class Derived:
    """A value that follows from others, named in ``of``: from fields by their keys, from a
    whole block by its name, or from the time of the battery's last frame."""

    key: str
    label: str
    group: str
    stage: str
    of: tuple[str, ...]
    value: View
    unit: str
    evidence: str
    meaning: str
    source: str


# The ruler: one burst of battery 1 of capture B, with the letter of its field under each byte;
# ?? under bytes whose meaning is unknown, .. under those of cells and probes that are not fitted.
#
#   STATUS
#   01 01 0E 02 13 FF FD 47    n battery_number          N batteries_in_system
#      n  N  V  V  A  A  S     V battery_voltage         A battery_current    S battery_soc
#   02 03 00 00 02 12 01 01    r relays                  1 alarm_level_1
#      r  1  1  v  v  ?? ??    v system_average_voltage
#   03 01 F4 02 58 00 01 2A    c charge_current_limit    d discharge_current_limit
#      c  c  d  d  ?? ?? ??
#   04 0C F7 01 0C F7 01 64    X max_cell_voltage        x its cell
#      X  X  x  M  M  m  h     M min_cell_voltage        m its cell           h state_of_health
#   05 43 3F 35 00 02 7B FA    T max_temp                t min_temp           p their probes
#      T  t  p  E  E  E  E     E lifetime_discharge_energy
#   06 02 15 FF FF 00 00 19    P pre_volt                I insulation_resistance
#      P  P  I  I  ?? a  a     a average_temp
#   07 00 00 00 00 0F A6 61    2 alarm_level_2           3 alarm_level_3
#      2  2  3  3  w  w  H     w software_version        H hardware_version
#   08 22 11 00 75 46 03 BB
#      i  i  i  i  i  i  i     i battery_id
#   09 13 95 BA EE 00 00 01
#      ?? ?? ?? ?? ?? ?? ??    the first four never change in one battery
#   0A 00 00 00 00 00 02 15
#      ?? ?? ?? ?? ?? q  q     q voltage_at_68
#   0B 00 00 00 00 00 00 01
#      ?? ?? ?? ?? ?? ?? ??
#
#   CELLS
#   01 F7 0C F7 0C F7 0C F7
#      C  C  C  C  C  C  C     C cell_voltages
#   02 0C F7 0C F7 0C F7 0C
#      C  C  C  C  C  C  C
#   03 F7 0C F7 0C F7 0C F7
#      C  C  C  C  C  C  C
#   04 0C F7 0C F7 0C F7 0C
#      C  C  C  C  C  C  C
#   05 F7 0C F7 0C 00 00 00
#      C  C  C  C  .. .. ..    cells 17..21
#   06 00 00 00 00 00 00 00
#      .. .. .. .. .. .. ..
#   11 41 40 3F 40 43 43 00
#      K  K  K  K  K  K  ..    K temps, and a seventh probe

RELAY = Choice("Break", "Make", plain=("Open", "Closed"))
EACH_CELL = f"{CELL_COUNT}H"
EACH_PROBE = f"{PROBES}B"

# The bytes of STATUS that no field claims and that are not 0, by their offset: all batteries send
# the same, but for a constant of each battery at 56..59 and for CHARGE_LIMITED_AT, which is 1
# exactly where the charge limit is 30 A.
UNCLAIMED_STATUS = {12: 1, 13: 1, 19: 1, 20: 42, 62: 1, 76: 1}
CHARGE_LIMITED_AT = 61

HIGH_VOLTAGE_BIT = 3  # of alarm_level_3
PROBES_APART_BIT = 12  # of alarm_level_2 from 8 °C on, of alarm_level_3 from 5 °C on
ALARM_LEVELS = ("alarm_level_1", "alarm_level_2", "alarm_level_3")
ALARM_STATES = ("Normal", *(str(level) for level, _ in enumerate(ALARM_LEVELS, 1)))
"""The values of alarm_status; after Normal, the worst first."""

# In the order of the JSON.
# fmt: off
FIELDS: tuple[Field | Derived, ...] = (
    Field("battery_id",                "Serial number",                PACK,     "i", DOCUMENTED, STATUS, 49, "7s", None, Serial(),  "",   CONFIRMED,  "serial number", ORIGINAL),
    Field("battery_number",            "Number in the bank",           PACK,     "n", DOCUMENTED, STATUS,  0, "B",  None, Whole(),   "",   CONFIRMED,  "number of the battery in the bank, 1..15", f"{ORIGINAL}; the number in the id: 705/705"),
    Field("batteries_in_system",       "Batteries in the bank",        PACK,     "N", DOCUMENTED, STATUS,  1, "B",  None, Whole(),   "",   CONFIRMED,  "how many batteries the bank has", ORIGINAL),
    Field("battery_soc",               "State of charge",              CHARGE,   "S", DOCUMENTED, STATUS,  6, "B",  None, Whole(),   "%",  CONFIRMED,  "state of charge", ORIGINAL),
    Field("battery_voltage",           "Voltage",                      CHARGE,   "V", DOCUMENTED, STATUS,  2, "H",  None, Tenths(),  "V",  CONFIRMED,  "sum of the cells, rounded down", f"{ORIGINAL}; {BURSTS}: 705/705"),
    Field("battery_current",           "Current",                      CHARGE,   "A", DOCUMENTED, STATUS,  4, "h",  None, Tenths(),  "A",  CONFIRMED,  "current; negative while discharging (the sign was seen at rest only)", ORIGINAL),
    Field("system_average_voltage",    "Mean voltage of the bank",     CHARGE,   "v", DOCUMENTED, STATUS, 10, "H",  None, Tenths(),  "V",  CONFIRMED,  "mean voltage of the bank; all batteries send the same", ORIGINAL),
    Field("pre_volt",                  "Voltage at the pre-charge",    CHARGE,   "P", DOCUMENTED, STATUS, 35, "H",  None, Tenths(),  "V",  CONFIRMED,  "voltage at the pre-charge circuit; near battery_voltage", ORIGINAL),
    Field("insulation_resistance",     "Insulation resistance",        SAFETY,   "I", DOCUMENTED, STATUS, 37, "H",  None, Whole(unknown=65_535), "", CONFIRMED,  "insulation resistance; its unit is unknown (65535 from all)", ORIGINAL),
    Field("software_version",          "Software",                     PACK,     "w", DOCUMENTED, STATUS, 46, "H",  None, Whole(),   "",   CONFIRMED,  "version of the battery's software", ORIGINAL),
    Field("hardware_version",          "Hardware",                     PACK,     "H", DOCUMENTED, STATUS, 48, "1s", None, Letter(),  "",   CONFIRMED,  "version of the battery's hardware", ORIGINAL),
    Field("lifetime_discharge_energy", "Energy delivered in its life", CHARGE,   "E", DOCUMENTED, STATUS, 31, "I",  None, Whole(),   "",   CONFIRMED,  "energy delivered over the battery's life; probably Wh, unproven", ORIGINAL),
    Field("cell_voltages",             "Cells 1 to 16",                OF_CELLS, "C", DOCUMENTED, CELLS,   0, EACH_CELL, None, Numbers(), "mV", CONFIRMED, "voltages of cells 1..16", f"{ORIGINAL}; their sum is battery_voltage: 705/705"),

    Field("max_cell_voltage",          "Highest cell",                 OF_CELLS, "X", EXTENDED,   STATUS, 21, "H",  None, Whole(),   "mV", DERIVED,    "highest cell voltage", f"{NEWER}; {BURSTS}: 702/705, the others 1 mV off"),
    Field("max_cell_voltage_num",      "Number of the highest",        OF_CELLS, "x", EXTENDED,   STATUS, 23, "B",  None, Whole(),   "",   DERIVED,    "the cell with it, from 1; the first on a tie", f"{NEWER}; {BURSTS}: 705/705"),
    Field("min_cell_voltage",          "Lowest cell",                  OF_CELLS, "M", EXTENDED,   STATUS, 24, "H",  None, Whole(),   "mV", DERIVED,    "lowest cell voltage", f"{NEWER}; {BURSTS}: 704/705"),
    Field("min_cell_voltage_num",      "Number of the lowest",         OF_CELLS, "m", EXTENDED,   STATUS, 26, "B",  None, Whole(),   "",   DERIVED,    "the cell with it, from 1; the first on a tie", f"{NEWER}; {BURSTS}: 704/705"),
    Derived("alarm_status",              "Alarm",                        SAFETY,   EXTENDED,   ALARM_LEVELS, WorstAlarm(),        "",   REPORTED,   "worst level with an alarm: 1 (relays open), 2, 3 (mild: a full bank has it) or Normal", NEWER),
    Field("charge_relay_status",       "Charge relay",                 SAFETY,   "r", EXTENDED,   STATUS,  7, "B",  0x01, RELAY,     "",   REPORTED,   "Make (closed) or Break (open)", NEWER),
    Field("discharge_relay_status",    "Discharge relay",              SAFETY,   "r", EXTENDED,   STATUS,  7, "B",  0x02, RELAY,     "",   REPORTED,   "Make (closed) or Break (open)", NEWER),
    Field("precharge_relay_status",    "Pre-charge relay",             SAFETY,   "r", EXTENDED,   STATUS,  7, "B",  0x08, RELAY,     "",   REPORTED,   "Make (closed) or Break (open)", NEWER),
    Field("temps",                     "Probes 1 to 6",                HEAT,     "K", EXTENDED,   CELLS,  42, EACH_PROBE, None, Probes(), "°C", DERIVED, "temperatures of probes 1..6; null where none is fitted", f"{NEWER}; {BURSTS}: they give max_temp in 704/705, min_temp in 705/705"),
    Field("charge_current_limit",      "Charge limit",                 SAFETY,   "c", EXTENDED,   STATUS, 14, "H",  None, Tenths(),  "A",  DERIVED,    "highest charge current that the battery allows now", f"{BURSTS}: 0 A from 98 % on, 30 A at 84..88 %, 50 A at 69..83 %"),
    Field("max_temp",                  "Warmest probe",                HEAT,     "T", EXTENDED,   STATUS, 28, "B",  None, Celsius(), "°C", DERIVED,    "highest probe temperature", f"{BURSTS}: 704/705"),
    Field("min_temp",                  "Coldest probe",                HEAT,     "t", EXTENDED,   STATUS, 29, "B",  None, Celsius(), "°C", DERIVED,    "lowest probe temperature", f"{BURSTS}: 705/705"),
    Field("average_temp",              "Mean of the probes",           HEAT,     "a", EXTENDED,   STATUS, 40, "h",  None, Whole(),   "°C", DERIVED,    "mean of the probes, rounded down", f"{BURSTS}: 704/705"),

    Field("discharge_current_limit",   "Discharge limit",              SAFETY,   "d", EXPERIMENTAL, STATUS, 16, "H", None, Tenths(), "A",  HYPOTHESIS, "highest discharge current allowed (60.0 from all)", f"{BURSTS}: fits, always the same"),
    Field("state_of_health",           "State of health",              CHARGE,   "h", EXPERIMENTAL, STATUS, 27, "B", None, Whole(),  "%",  HYPOTHESIS, "state of health (100 from all)", f"{BURSTS}: fits, always the same"),
    Field("max_temp_num",              "Number of the warmest",        HEAT,     "p", EXPERIMENTAL, STATUS, 30, "B", 0x0F, Whole(),  "",   DERIVED,    "the probe with max_temp, from 1", f"{BURSTS}: 705/705"),
    Field("min_temp_num",              "Number of the coldest",        HEAT,     "p", EXPERIMENTAL, STATUS, 30, "B", 0xF0, Whole(),  "",   DERIVED,    "the probe with min_temp, from 1", f"{BURSTS}: 702/705"),
    Field("voltage_at_68",             "Voltage at byte 68",           CHARGE,   "q", EXPERIMENTAL, STATUS, 68, "H", None, Tenths(), "V",  HYPOTHESIS, "another voltage, 0 to 0.2 V above pre_volt", BURSTS),
    Field("alarm_level_1",             "Alarm word, level 1",          SAFETY,   "1", EXPERIMENTAL, STATUS,  8, "H", None, Whole(),  "",   REPORTED,   "alarm word of level 1, the worst (0 from all)", NEWER),
    Field("alarm_level_2",             "Alarm word, level 2",          SAFETY,   "2", EXPERIMENTAL, STATUS, 42, "H", None, Whole(),  "",   REPORTED,   "alarm word of level 2; bit 12: probes 8 °C or more apart (derived)", f"{NEWER}; bit 12: {BURSTS}, 706/706"),
    Field("alarm_level_3",             "Alarm word, level 3",          SAFETY,   "3", EXPERIMENTAL, STATUS, 44, "H", None, Whole(),  "",   REPORTED,   "alarm word of level 3, the mildest; bit 12: probes 5 °C or more apart (derived)", f"{NEWER}; bit 12: {BURSTS}, 706/706"),
    Derived("alarm_bits_1",              "Alarm bits, level 1",          SAFETY,   EXPERIMENTAL, ("alarm_level_1",), Bits(),           "",   REPORTED,   "the bits of alarm_level_1 that are set, from 0", NEWER),
    Derived("alarm_bits_2",              "Alarm bits, level 2",          SAFETY,   EXPERIMENTAL, ("alarm_level_2",), Bits(),           "",   REPORTED,   "the bits of alarm_level_2 that are set, from 0", NEWER),
    Derived("alarm_bits_3",              "Alarm bits, level 3",          SAFETY,   EXPERIMENTAL, ("alarm_level_3",), Bits(),           "",   REPORTED,   "the bits of alarm_level_3 that are set, from 0", NEWER),
    Derived("high_voltage_warning",      "High voltage",                 SAFETY,   EXPERIMENTAL, ("alarm_level_3",), BitOf(HIGH_VOLTAGE_BIT), "",   HYPOTHESIS, "bit 3 of alarm_level_3", BURSTS),
    Derived("raw_status",                "STATUS block",                 BYTES,    EXPERIMENTAL, (STATUS.name,), Hex(),           "",   CONFIRMED,  "the 77 payload bytes of STATUS, hexadecimal", PAYLOAD),
    Derived("raw_cells",                 "CELLS block",                  BYTES,    EXPERIMENTAL, (CELLS.name,),  Hex(),           "",   CONFIRMED,  "the 49 payload bytes of CELLS, hexadecimal", PAYLOAD),

    Derived("time",                      "Last frame",                   PACK,     DOCUMENTED, (TIME,), Whole(),                  "s",  CONFIRMED,  "when the battery's last frame came, in seconds since 1970 (UTC), to the nearest second", "the time stamp of the frame"),
)
# fmt: on


def shown(stage: str) -> tuple[Field | Derived, ...]:
    """The fields of a stage, in the order of the JSON."""
    stages = STAGES[: STAGES.index(stage) + 1]
    return tuple(field for field in FIELDS if field.stage in stages)


def field(key: str) -> Field:
    """The field that a battery sends under this key; KeyError if there is none."""
    for each in FIELDS:
        if each.key == key and isinstance(each, Field):
            return each
    raise KeyError(key)
