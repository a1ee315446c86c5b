"""The study digits_zcu102 as a script: the same line, in Python.

python studies/digits_zcu102.py [RUNS]
"""

from __future__ import annotations

import sys
from pathlib import Path

from qnas.studies import load_config, run_all, writable_run


def main(runs: Path) -> None:
    """Run the study and say what came of it."""
    with writable_run(load_config("digits_zcu102"), runs=runs) as run:
        summary = run_all(run)
    for pick in summary["picks"]:
        accuracy, check = pick["accuracy"]["hls"], pick["verification"]
        sys.stdout.write(
            f"{pick['name']}: {accuracy:.2%} at {pick['fps']:.0f} FPS, {pick['dsp']} DSPs, "
            f"{check['mismatches']} mismatches in {check['values']} values\n"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs"))
