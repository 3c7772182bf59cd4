"""
Count the interop cases in what trial printed, and see that none is missing.

    python3 .ci/interop.py LOG PEERS

C{PEERS} has the names, with commas between, of the peers whose cases must not
have been skipped.  A case that is skipped because its peer is not there says
C{peer missing: NAME}.
"""

from __future__ import annotations

import re
import sys

#: A module, class or test of trial's tree, and how a test went.
_MODULE = re.compile(r"(tests[\w.]*)$")
_RESULT = re.compile(r"    test\w+ \.\.\. .*\[([A-Z]+)\]$")
_MISSING = re.compile(r"peer missing: ([\w.-]+)")


def count(lines: list[str]) -> tuple[int, int, set[str]]:
    """
    Read trial's tree.

    @return: how many interop cases were run, how many skipped, and the peers
        that were missing.
    """
    run = skipped = 0
    missing: set[str] = set()
    module = ""
    for line in lines:
        if found := _MODULE.match(line):
            module = found[1]
        elif found := _MISSING.match(line):
            missing.add(found[1])
        elif module.startswith("tests.interop") and (found := _RESULT.search(line)):
            if found[1] == "SKIPPED":
                skipped += 1
            else:
                run += 1
    return run, skipped, missing


def main(log: str, required: str) -> int:
    """
    Print the numbers; say no where a required peer was missing.

    @return: the exit status.
    """
    with open(log, encoding="utf-8", errors="replace") as lines:
        run, skipped, missing = count(lines.read().splitlines())
    print(f"interop cases: {run} run, {skipped} skipped")
    if missing:
        print("peers missing:", ", ".join(sorted(missing)))
    wanted = {name for name in required.split(",") if name}
    absent = wanted & missing
    if absent:
        print("required, yet missing:", ", ".join(sorted(absent)))
    if wanted and not run:
        print("no interop case was run")
    return 1 if absent or (wanted and not run) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
