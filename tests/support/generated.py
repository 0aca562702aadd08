"""Writes the files, and parts of files, that are made from the code.

python3 -m tests.support.generated
"""

from __future__ import annotations

from pathlib import Path

from eflexcan2mqtt.protocol.dbc import dbc
from eflexcan2mqtt.settings.describe import settings_table, shipped_ini

from .completion import completion
from .manual import manual
from .sites import brokers_table, carries_table, sites_table
from .tables import fault_table, field_table, limit_table, off_table, status_table
from .template_unit import template

HOME = Path(__file__).parents[2]
INI = HOME / "eflexcan2mqtt.ini"
SETTINGS_PAGE = HOME / "docs" / "settings.md"
FIELDS_PAGE = HOME / "docs" / "fields.md"
FAULTS_PAGE = HOME / "docs" / "faults.md"
ATTENTION_PAGE = HOME / "docs" / "attention.md"
HOME_ASSISTANT_PAGE = HOME / "docs" / "homeassistant.md"
FLEET_PAGE = HOME / "docs" / "fleet.md"
COMMAND_LINE_PAGE = HOME / "docs" / "command-line.md"
DBC = HOME / "examples" / "eflex.dbc"
MANUAL = HOME / "packaging" / "eflexcan2mqtt.1"
COMPLETION = HOME / "packaging" / "eflexcan2mqtt.bash"
UNIT = HOME / "eflexcan2mqtt.service"
TEMPLATE_UNIT = HOME / "eflexcan2mqtt@.service"


def between(text: str, name: str, part: str) -> str:
    """A text with its part between ``<!-- name -->`` and ``<!-- /name -->`` replaced."""
    before, begin, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    assert begin, f"no <!-- {name} -->"
    assert end, f"no <!-- /{name} -->"
    return f"{before}{begin}{part}\n{end}{after}"


def fleet_page(text: str) -> str:
    """With its tables."""
    text = between(text, "brokers", brokers_table())
    return between(between(text, "sites", sites_table()), "carries", carries_table())


def generated() -> dict[Path, str]:
    """Each file with the text that it should have."""
    return {
        INI: shipped_ini(),
        SETTINGS_PAGE: between(SETTINGS_PAGE.read_text(), "settings", settings_table()),
        FIELDS_PAGE: between(FIELDS_PAGE.read_text(), "fields", field_table()),
        FAULTS_PAGE: between(FAULTS_PAGE.read_text(), "statuses", status_table()),
        ATTENTION_PAGE: between(ATTENTION_PAGE.read_text(), "attention", limit_table()),
        HOME_ASSISTANT_PAGE: between(HOME_ASSISTANT_PAGE.read_text(), "off", off_table()),
        FLEET_PAGE: fleet_page(FLEET_PAGE.read_text()),
        COMMAND_LINE_PAGE: between(COMMAND_LINE_PAGE.read_text(), "faults", fault_table()),
        DBC: dbc(),
        MANUAL: manual(),
        COMPLETION: completion(),
        TEMPLATE_UNIT: template(UNIT.read_text()),
    }


def main() -> None:
    for path, text in generated().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
