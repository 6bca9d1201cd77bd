"""`make bench`, or `python -m benchmarks [case,case...]`: run cases, write RESULTS.md and results.json.

Groups that were not run this time keep the rows of their earlier run, with that run's date. A lower
`BENCH_REPETITIONS` (3) or `BENCH_EVENTS` (1,000,000) makes a run shorter. A group that fails is reported, and
the other groups still run; the exit code is then 1.
"""

import os
import sys
import traceback

from benchmarks.groups import GROUPS, groups_of
from benchmarks.report import Measured, figures_of, machine, now, save


def main() -> int:
    """Run the groups that hold the cases named on the command line, or all groups if none is named."""
    wanted = [case for argument in sys.argv[1:] for case in argument.split(",") if case]
    unknown = [case for case in wanted if not any(case in group.cases for group in GROUPS)]
    if unknown:
        known = ", ".join(case for group in GROUPS for case in group.cases)
        print(f"no case {', '.join(unknown)}; there are {known}", file=sys.stderr)
        return 2
    os.environ["PLAUDIT_ALLOW_ONE_REPLICA"] = "true"  # every broker here is a single one
    repetitions = int(os.environ.get("BENCH_REPETITIONS", "3"))
    failed = []
    for group, cases in groups_of(wanted):
        print(f"== {group.name}: {', '.join(cases)}", flush=True)
        try:
            rows = group.run(repetitions, cases)
        except Exception:  # a run takes long, so the other groups are still measured
            traceback.print_exc()
            failed.append(group.name)
            continue
        save(Measured(group.name, group.about, group.command(cases), now(), machine(), repetitions, rows))
        for row in rows:
            ratio = f"   {row['ratio']:.2f} x {row['ratio_to']}" if row["ratio_to"] else ""
            figures = " ".join(f"{figure:>12}" for figure in figures_of(row))
            print(f"{row['case']:<44}{figures} {row['unit']}{ratio}", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
