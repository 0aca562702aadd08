"""python3 main.py during development; also the script that PyInstaller freezes."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the program handles it, no traceback

from eflexcan2mqtt.cli import main  # noqa: E402 (imports take a while)

if __name__ == "__main__":
    sys.exit(main())
