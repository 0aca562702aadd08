"""The picture of the table in the README: ``python3 -m tests.web.table_picture``."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from eflexcan2mqtt.sinks.table import Table
from tests.support.bank_on_a_pipe import readings

DOCS = Path(__file__).parents[2] / "docs"
LEAVE = "\x1b[?1049l"


class Terminal(io.StringIO):
    """Takes what a terminal of 82 columns would show."""

    def isatty(self) -> bool:
        return True


def main() -> None:
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS="82", LINES="30")
    terminal = Terminal()
    table = Table(terminal)
    cycle = [each for each in readings() if each["battery_number"] != 4]
    table.publish([{**each, "batteries_in_system": 14} for each in cycle])
    table.close()
    # The table that stays: behind the live one, which had a screen of its own.
    shown = terminal.getvalue().rpartition(LEAVE)[2].rstrip()
    console = Console(record=True, width=82, file=io.StringIO())
    console.print(Text.from_ansi(shown))
    picture = console.export_svg(title="eflexcan2mqtt --output table")
    # The picture fetches nothing: without Fira Code another font is shown.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    (DOCS / "table.svg").write_text(picture)


if __name__ == "__main__":
    main()
