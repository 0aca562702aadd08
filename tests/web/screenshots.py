"""The pictures of the page in the documents: a simulated bank in the evening.

Called as ``python3 -m tests.web.screenshots``; needs Debian's chromium.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.support.broker import Broker, free_port
from tests.support.program import MAIN, mqtt_ini

from .test_page import CHROMIUM

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = {"page": (1200, 900, "light"), "page-phone": (390, 900, "dark")}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker(folder).start()
        port = free_port()
        ini = mqtt_ini(folder, broker.port, fields="extended")
        ini.write_text(ini.read_text() + f"[web]\nlisten = 127.0.0.1:{port}\n")
        arguments = ["-c", ini, "--input", "simulator:14", "--speed", "300"]
        bridge = subprocess.Popen([sys.executable, MAIN, *arguments])
        try:
            time.sleep(100)  # eight hours of the bank
            take(f"http://127.0.0.1:{port}")
        finally:
            bridge.terminate()
            bridge.wait()
            broker.kill()


def take(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, (width, height, scheme) in PICTURES.items():
            size = {"width": width, "height": height}
            page = browser.new_page(viewport=size, color_scheme=scheme)
            page.goto(url)
            page.locator(".battery").nth(13).wait_for()
            page.wait_for_timeout(2000)
            page.screenshot(path=DOCS / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
