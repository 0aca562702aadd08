"""python3 main.py during development; also the script that PyInstaller freezes."""

import sys

from eflexcan2mqtt.cli import main

if __name__ == "__main__":
    sys.exit(main())
