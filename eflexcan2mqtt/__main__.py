"""python3 -m eflexcan2mqtt"""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the program handles it, no traceback

from .cli import main  # noqa: E402 (imports take a while)

sys.exit(main())
