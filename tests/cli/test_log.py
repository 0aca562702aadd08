"""Where the command logs to."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.bank import CAPTURES
from tests.support.program import LOG, MAIN, mqtt_ini


def test_the_log_goes_to_stderr_and_to_a_rotating_file(run, tmp_path):
    ini = mqtt_ini(tmp_path, 1, log_dir="conf/logs", profile="yes")
    done = run("-c", ini, "--input", LOG, "--output", "json", "-v")
    file = tmp_path / "conf/logs/eflexcan2mqtt.out"
    assert done.stderr == file.read_text()
    for words in ("memory at start: ", "memory after publishing: ", "memory at the end: "):
        assert words in done.stderr
    assert "INFO frames: 57, cycles: 1, dropped blocks: none" in done.stderr
    assert "DEBUG cycle of 3 batteries; " in done.stderr


def test_the_log_file_rotates_at_512_kib_and_five_are_kept(tmp_path):
    code = (
        "import logging; from eflexcan2mqtt.process import logs;"
        "from eflexcan2mqtt.settings.schema import Logging;"
        "logs.start(Logging(log_dir='.'), False);"
        "[logging.getLogger('x').info('y' * 1000) for _ in range(5000)]"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(MAIN.parent)},
        stderr=subprocess.DEVNULL,
        check=True,
    )
    files = sorted(tmp_path.iterdir())
    assert [each.name for each in files] == [
        "eflexcan2mqtt.out",
        *(f"eflexcan2mqtt.out.{number}" for number in range(1, 6)),
    ]
    assert all(each.stat().st_size <= 512 * 1024 for each in files)


def test_a_log_directory_that_cannot_be_made_costs_one_line(run, tmp_path):
    (tmp_path / "file").write_text("")
    ini = mqtt_ini(tmp_path, 1, log_dir="file/logs")
    done = run("-c", ini, "--input", LOG, "--output", "json")
    assert done.returncode == 0
    assert "file/logs/eflexcan2mqtt.out: Not a directory; logging to stderr only" in done.stderr


def test_a_full_disk_under_the_log_file_is_said_once(run, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "eflexcan2mqtt.out").symlink_to("/dev/full")
    ini = mqtt_ini(tmp_path, 1, log_dir="logs", profile="yes")
    done = run("-c", ini, "--input", CAPTURES / "lost_frames.log", "--output", "json")
    assert done.returncode == 0
    assert done.stderr.count("No space left on device") == 1
    assert "Traceback" not in done.stderr
