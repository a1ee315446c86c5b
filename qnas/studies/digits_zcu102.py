"""The study digits_zcu102 as a script: what `qnas run digits_zcu102` does, in Python.

python studies/digits_zcu102.py [RUNS]
"""

from __future__ import annotations

import sys

import qnas


def main(runs: str, *, study: str = "digits_zcu102") -> None:
    """Run the study and print the outcome."""
    run = qnas.run(study, runs=runs)
    for pick in run.summary().picks:
        check = pick.verification
        sys.stdout.write(
            f"{pick.name}: {pick.accuracy.hls:.2%} at {pick.fps:.0f} FPS, {pick.dsp} DSPs, "
            f"{check.mismatches} mismatches in {check.values} values\n"
        )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "runs")
