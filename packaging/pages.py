"""The pages of a folder, without the links to what the folder does not hold.

    python3 packaging/pages.py FOLDER

A release has the pages for owners, but not those for developers: there the words of a link stay,
and its target goes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LINK = re.compile(r"\[([^][]+)\]\(([^()#:]+)(#[^()]*)?\)")


def without_dead_links(page: Path) -> str:
    """The text of a page; links to the web, or within the page, are left alone."""

    def checked(link: re.Match[str]) -> str:
        return link[0] if (page.parent / link[2]).exists() else link[1]

    return LINK.sub(checked, page.read_text())


if __name__ == "__main__":
    for page in Path(sys.argv[1]).rglob("*.md"):
        page.write_text(without_dead_links(page))
