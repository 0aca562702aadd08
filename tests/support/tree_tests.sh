#!/bin/sh
# In a tree of tree.sh: the versions of what is tested, the program from its sources, all tests.
set -eu
cd "$1"
shift
python=/root/venv/bin/python

# Tests ask git what belongs to the project.
git init --quiet
git add --all

$python - <<'END'
import sys
from importlib.metadata import distribution

print("Python", sys.version.split()[0])
for name in ("python-can", "paho-mqtt", "prometheus-client", "rich", "pyserial", "msgpack"):
    found = distribution(name)
    print(name, found.version, "in", found.locate_file(""))
END

$python -m pip install --quiet --no-deps --no-build-isolation --editable .
$python -m pytest "$@"

# As docs/install.md says: from the sources, with Debian's own packages and no others.
if [ -d /usr/lib/python3/dist-packages/can ]; then
  captured=tests/captures/documented_example
  python3 main.py --input $captured.log --output json --fields documented | cmp - $captured.json
  python3 main.py --input $captured.log --output table --speed 0 2>&1 | grep "of 14 batteries"
fi
