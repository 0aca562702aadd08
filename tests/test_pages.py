"""The pages in a release link only to what is in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[1]


def test_pages_keep_the_links_that_lead_somewhere_and_lose_the_others(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[a](page.md#a), [b](gone.md#b), [c](#c), [d](https://example.org/d)\n")
    subprocess.run([sys.executable, HOME / "packaging/pages.py", tmp_path], check=True)
    assert page.read_text() == "[a](page.md#a), b, [c](#c), [d](https://example.org/d)\n"


def test_the_readme_of_a_release_still_links_the_pages_for_owners(tmp_path):
    shutil.copy(HOME / "README.md", tmp_path)
    shutil.copytree(HOME / "docs", tmp_path / "docs")
    subprocess.run([sys.executable, HOME / "packaging/pages.py", tmp_path], check=True)
    text = (tmp_path / "README.md").read_text()
    assert "](docs/settings.md)" in text
    assert "](CONTRIBUTING.md)" not in text
