"""``python3 -m bench [--quick] [--results FILE] [PART ...]``: measures, prints, and judges.

A part whose claims are not met is measured again, three times at most, and the best counts: what
else a machine does should fail nobody.  The exit status is 1 if a claim is still not met.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.machine import CommandError, MachineError

from . import daemon, day, growth, history, latency, outage, pipeline, service, socketcan
from .report import WIDTH, Part, machine

TRIES = 3
QUICK_SLACK = 1.5
"""The short runs of --quick scatter: one commit had 1.69 x and 2.26 x.  Ratios and sizes may be so
much above their limits."""
ROWS = 5_000_000
TITLE, TITLE_OF_MANY = "# What the bridge costs", "# What many banks cost"
OF_MANY = {"database", "fleet"}
HEAD = (
    "Made by `python3 -m bench {arguments}`, on this machine: {machine}. Its times are its own; a "
    "ratio compares what ran side by side in one run."
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of what takes minutes")
    parser.add_argument("--results", type=Path, metavar="FILE", help="write them here, too")
    parser.add_argument("--rows", type=int, help="of the part database; 5 million, --quick: 1")
    parts: dict[str, Callable[[], Part]] = {
        "pipeline": pipeline.measure,
        "socketcan": lambda: socketcan.measure(options.quick),
        "daemon": daemon.measure,
        "service": lambda: service.measure(options.quick),
        "day": lambda: day.measure(options.quick),
        "latency": latency.measure,
        "outage": lambda: outage.measure(options.quick),
        "history": lambda: history.measure(options.quick),
        "batteries": growth.batteries,
        "banks": growth.banks,
    }
    default = list(parts)
    # Those of `make fleet-bench`: they need PostgreSQL and its driver, the second also root.
    parts["database"] = lambda: _database(options.rows or (1_000_000 if options.quick else ROWS))
    parts["fleet"] = lambda: _fleet(options.quick)
    parser.add_argument("part", nargs="*", default=default, metavar="PART", help=", ".join(parts))
    options = parser.parse_args()
    slack = QUICK_SLACK if options.quick else 1.0
    found = [best(parts[name], slack) for name in options.part]
    if options.results:
        arguments = shlex.join(sys.argv[1:])
        head = textwrap.fill(HEAD.format(arguments=arguments, machine=machine()), WIDTH)
        title = TITLE_OF_MANY if OF_MANY.issuperset(options.part) else TITLE
        sections = [title, head, *(part.markdown() for part in found)]
        options.results.write_text("\n\n".join(sections) + "\n")
    missed = [claim for part in found for claim in part.claims if not claim.met]
    for claim in missed:
        print(f"NOT MET  {claim}")
    return 1 if missed else 0


def _database(rows: int) -> Part:
    from . import database

    return database.measure(rows)


def _fleet(quick: bool) -> Part:
    from . import fleet

    return fleet.measure(quick)


def best(measure: Callable[[], Part], slack: float) -> Part:
    """The best of a few tries; prints each.  One may fail: its machine died, or fell behind."""
    found: list[Part] = []
    for left in reversed(range(TRIES)):
        begun = time.monotonic()
        try:
            found.append(measure().relaxed(slack))
        except (AssertionError, CommandError, MachineError) as problem:
            print(f"FAILED  {problem}\n", flush=True)
            if not left and not found:
                raise
            continue
        print(f"{found[-1].markdown()}\n({time.monotonic() - begun:.0f} s)\n", flush=True)
        if found[-1].margin() >= 1:
            break
    return max(found, key=Part.margin)


if __name__ == "__main__":
    sys.exit(main())
