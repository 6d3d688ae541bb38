"""Write the sample corpus: 10,000 short reviews by a grammar, labelled by a finite-state machine.

All negatives come before all positives, as in public data sets.
"""

import argparse
from pathlib import Path

from sentiment.config import paths
from sentiment.data import sample


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, default=paths.SAMPLE, metavar="FILE", help="default: %(default)s")


def run(args: argparse.Namespace) -> None:
    sample.write(args.output)
    print(args.output)
