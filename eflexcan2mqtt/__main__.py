"""python3 -m eflexcan2mqtt"""

import sys

from .cli import main

sys.exit(main())
