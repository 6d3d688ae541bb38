"""Validate every section of params.yaml. No stage runs and no output is touched."""

import argparse
import subprocess
import sys


def configure(parser: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(args: argparse.Namespace) -> None:
    """Exit with the code of stage `check`, which prints the mistakes."""
    code = subprocess.run([sys.executable, "-m", "stages.check"], check=False).returncode
    if code:
        sys.exit(code)
    print("params.yaml is valid")
