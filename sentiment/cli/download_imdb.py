"""Fetch the Large Movie Review Dataset (Maas et al. 2011), 84 MB, through DVC, and accept only the official bytes.

It leaves data/aclImdb_v1.tar.gz and a .dvc file, which a team commits and pushes. No stage depends on either.
"""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

from sentiment.errors import InputError

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
MD5 = "7c2ac02c03563afcf9b574c7e56c153a"
SIZE = 84_125_825  # bytes
TARGET = Path("data/aclImdb_v1.tar.gz")


def fetch(url: str, target: Path, md5: str, size: int) -> None:
    """Import `url` to `target` by DVC. Raises InputError, and leaves nothing, where the bytes are other ones."""
    record = target.with_name(f"{target.name}.dvc")
    if target.exists():
        mistake = mismatch(target, md5, size)
        if mistake:
            raise InputError(f"{target}: {mistake}; it is another file: move it away and run this again")
        print(f"{target}: already here")
        return
    if record.exists():
        raise InputError(f"{record}: here without its archive; run `dvc pull {target}` or `dvc update {record}`")
    try:
        command = [sys.executable, "-m", "dvc", "import-url", url, str(target)]
        if subprocess.run(command, check=False).returncode:
            raise InputError(f"{url}: could not be fetched, as said above; check the network and run this again")
        mistake = mismatch(target, md5, size)
        if mistake:
            raise InputError(f"{url}: {mistake}; the file was removed: run this again, or use another mirror by --url")
    except BaseException:
        _discard(target, record)
        raise


def mismatch(path: Path, md5: str, size: int) -> str:
    """Return what is wrong with a file, or nothing."""
    found = path.stat().st_size
    if found != size:
        return f"{found:,} bytes instead of {size:,}"
    digest = _md5(path)
    return "" if digest == md5 else f"md5 {digest} instead of {md5}"


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _discard(target: Path, record: Path) -> None:
    """Remove the file, its .dvc file and the copy in DVC's cache."""
    if target.exists():
        digest = _md5(target)
        asked = subprocess.run(
            [sys.executable, "-m", "dvc", "cache", "dir"], capture_output=True, text=True, check=True
        )
        cached = Path(asked.stdout.strip(), "files/md5", digest[:2], digest[2:])
        cached.unlink(missing_ok=True)
    target.unlink(missing_ok=True)
    record.unlink(missing_ok=True)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default=URL, help="a mirror; the bytes must be the same. Default: %(default)s")


def run(args: argparse.Namespace) -> None:
    fetch(args.url, TARGET, MD5, SIZE)
    print(f"\nTrain the lecture's network on it:\n  IMDB=plain runs/imdb.sh {TARGET}")
    print(f"For the team:\n  git add {TARGET}.dvc && git commit -m 'The IMDb reviews' && dvc push {TARGET}.dvc")
