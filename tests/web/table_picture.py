"""The picture of the table in the README: ``python3 -m tests.web.table_picture``."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from eflexcan2mqtt.sinks.table import Table
from tests.homeassistant.bank_on_a_pipe import readings

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    table = Table(io.StringIO())
    console = Console(record=True, width=82, file=io.StringIO())
    table.console = console
    cycle = [each for each in readings() if each["battery_number"] != 4]
    table.publish([{**each, "batteries_in_system": 14} for each in cycle])
    picture = console.export_svg(title="eflexcan2mqtt --output table")
    # The picture fetches nothing: without Fira Code another font is shown.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    (DOCS / "table.svg").write_text(picture)


if __name__ == "__main__":
    main()
