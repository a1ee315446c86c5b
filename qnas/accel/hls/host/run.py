"""Classify images:  python host/run.py IMAGES.npy [--backend sim|pynq|xrt] [--binary FILE]

IMAGES.npy holds (B, C, H, W) floats, normalised as for training. Prints a line an image: its class
and the logit of that class; with --logits FILE.npy the logits of all are kept. Exit status 2 for
what does not belong to this design.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from backends import BACKENDS, BATCH, classify
from qnas_host import Design, HostError

HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("images", help=".npy file with (B, C, H, W) normalised floats")
    parser.add_argument("--backend", choices=sorted(BACKENDS), default="sim")
    parser.add_argument("--binary", help="bitstream (pynq), .xclbin (xrt) or library (sim)")
    parser.add_argument("--batch", type=int, default=BATCH, help="images a call of the kernel")
    parser.add_argument("--network", default="0", help="index or label, where there are several")
    parser.add_argument("--logits", help="write (B, classes) integers to this .npy file")
    options = parser.parse_args()
    try:
        design = Design(HERE.parent)
        images = np.load(options.images, allow_pickle=False)
        network = design.network(options.network).index
        words = design.image_words(images, network)
        if options.backend != "sim" and not options.binary:
            raise HostError(f"`--binary` must be given for {options.backend}; got nothing.")
        if options.batch < 1:
            raise HostError(f"`--batch` must be at least 1; got {options.batch}.")
        arguments = (options.binary,) if options.binary else ()
        backend = BACKENDS[options.backend](design, *arguments, batch=options.batch)
        logits = classify(backend, design, words, network)
    except (HostError, OSError, ValueError, ImportError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    for index, row in enumerate(logits):
        print(f"{index}\t{int(row.argmax())}\t{int(row.max())}")
    if options.logits:
        np.save(options.logits, logits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
