"""The storing reader is installed as docs/many-banks.md says, on a Debian 13, and stores."""

from __future__ import annotations

import re
import shutil
import subprocess

from tests.support.sites import array_text

from .engines import DOCS
from .node import TREE
from .store import EXAMPLES, HOUSE

BATTERIES = 3
SYSTEMCTL = """#!/bin/sh
# There is no systemd in a tree: what it would run, as whom it would.
set -eu
[ "$*" = "enable --now eflex-store@1" ]
unit=/etc/systemd/system/eflex-store@.service
user=$(sed -n 's/^User=//p' $unit)
command=$(sed -n 's/^ExecStart=//p' $unit | sed 's/%i/1/')
setsid runuser -u "$user" -- $command >reader.log 2>&1 &
"""
AROUND = """
cd "$0"
install systemctl /usr/local/bin/
service postgresql start
service mosquitto start
{steps}
for second in $(seq 60); do
  grep -q ": reads " reader.log && break
  sleep 1
done
mosquitto_pub -q 1 -t "$1" -f array.json
for second in $(seq 60); do
  stored=$(sudo -u eflex psql --no-align --tuples-only -c 'SELECT count(*) FROM reading' eflex)
  [ "$stored" = 0 ] || break
  sleep 1
done
echo "stored: $stored"
cat reader.log
"""


def test_after_the_steps_of_the_page_a_reader_stores(tmp_path):
    section = DOCS.read_text().partition("\n## Store all banks in PostgreSQL\n")[2]
    [steps, *_] = re.findall(r"^```bash\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    for each in EXAMPLES.glob("eflex[-_]store*"):
        shutil.copy(each, tmp_path)
    (tmp_path / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "array.json").write_text(array_text(BATTERIES))
    done = subprocess.run(
        [
            "timeout",
            "300",
            TREE,
            "--copy",
            "sh",
            "-euc",
            AROUND.format(steps=steps),
            tmp_path,
            HOUSE,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"stored: {BATTERIES}\n" in done.stdout
