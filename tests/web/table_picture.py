"""The picture of the table in the README: ``python3 -m tests.web.table_picture``."""

from __future__ import annotations

import io
import os
import re
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from eflexcan2mqtt.sinks.table import Table
from tests.support.watched import watched

DOCS = Path(__file__).parents[2] / "docs"
LEAVE = "\x1b[?1049l"
COLUMNS = 110
FAULTS = "relay_open:3@0, cell_low:7:12@0"


class Terminal(io.StringIO):
    """Takes what a terminal would show."""

    def isatty(self) -> bool:
        return True


def main() -> None:
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
    os.environ.update(COLUMNS=str(COLUMNS), LINES="24")
    os.environ["TZ"] = "UTC-10"  # there it is nine in the morning, as in the simulated bank
    time.tzset()
    *_, last = watched(14, 130, FAULTS)
    terminal = Terminal()
    table = Table(terminal, attention=lambda: last.findings)
    table.publish(last.cycle)
    table.close()
    # The table that stays: behind the live one, which had a screen of its own.
    shown = terminal.getvalue().rpartition(LEAVE)[2].rstrip()
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi(shown))
    picture = console.export_svg(title="eflexcan2mqtt --output table")
    # The picture fetches nothing: without Fira Code another font is shown.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    (DOCS / "table.svg").write_text(picture)


if __name__ == "__main__":
    main()
