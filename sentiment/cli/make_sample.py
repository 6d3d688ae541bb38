"""Write a corpus that is made by a rule: the sample corpus, or words of a known language.

The sample corpus is 10,000 short reviews by a grammar, labelled by a finite-state machine. A corpus of a language has
4,000 words, half of which the language accepts: their label is positive. All negatives come before all positives, as
public data sets have it.
"""

import argparse
from pathlib import Path

from sentiment.config import paths
from sentiment.data import languages, sample
from sentiment.errors import InputError, quote


def _whole_number(word: str) -> int:
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"{quote(word)} is not a whole number")
    return int(word)


def configure(parser: argparse.ArgumentParser) -> None:
    names = "; ".join(f"{name}: {language.summary}" for name, language in languages.LANGUAGES.items())
    parser.add_argument("--language", metavar="NAME", help=names.replace("%", "%%"))
    parser.add_argument("--reviews", type=_whole_number, metavar="N", help="how many; default: as above")
    parser.add_argument("--seed", type=_whole_number, metavar="N", help="of the draws; default: that of the corpus")
    parser.add_argument("--output", type=Path, metavar="FILE", help=f"default: {paths.SAMPLE}, or data/NAME.csv")


def run(args: argparse.Namespace) -> None:
    given = {"count": args.reviews, "seed": args.seed}
    options = {name: value for name, value in given.items() if value is not None}
    if args.language is None:
        output = args.output or paths.SAMPLE
        sample.write(output, **options)
    elif args.language in languages.LANGUAGES:
        output = args.output or Path("data", f"{args.language}.csv")
        languages.write(args.language, output, **options)
    else:
        known = ", ".join(languages.LANGUAGES)
        raise InputError(f"--language {quote(args.language)}: not a known language; choose one of {known}")
    print(output)
