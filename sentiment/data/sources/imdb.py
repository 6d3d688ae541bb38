"""The layout of the Large Movie Review Dataset, in a folder or an archive.

Reviews are in {train,test}/{neg,pos}/<number>_<rating>.txt, so the data set has its own test split. Unlabelled reviews
are in train/unsup/<number>_0.txt. The id of a review is the path of its file without the suffix, `test/pos/123_10`.
Line <number>, counted from 0, of train/urls_{neg,pos}.txt names the film of a training review. These lists and
train/unsup may be missing.
"""

import re
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

from sentiment.data.decompression import DAMAGED, open_compressed
from sentiment.data.sources.reading import Reading
from sentiment.data.sources.review import Review, check_text
from sentiment.errors import InputError, quote, reason
from sentiment.io.csv_file import LONGEST

_LABELLED = tuple((split, label) for split in ("test", "train") for label in ("neg", "pos"))
_UNLABELLED = ("train", "unsup")
_FOLDERS = (*_LABELLED, _UNLABELLED)
_FILM_LISTS = {f"urls_{label}.txt": label for label in ("neg", "pos")}
_REVIEW_FILE = re.compile(r"([0-9]{1,9})_[0-9]{1,9}\.txt")

# The films of the training reviews, by label, then by the number of the review.
_Films = dict[str, list[str]]


class _Key(NamedTuple):
    """A review file. Keys sort into the order of the corpus: test, train; negative, positive, unlabelled; number."""

    split: Literal["train", "test"]
    label: str
    number: int
    stem: str

    @classmethod
    def parse(cls, split: str, label: str, name: str) -> "_Key | None":
        """Return the key of a file, or None if its name is not that of a review."""
        match = _REVIEW_FILE.fullmatch(name)
        if not match:
            return None
        return cls("test" if split == "test" else "train", label, int(match[1]), name.removesuffix(".txt"))

    def review(self, path: Path, content: bytes, films: _Films, reading: Reading) -> Review:
        """Return the review with the file's content. Raises InputError if it has no valid text or no film."""
        name = f"{self.split}/{self.label}/{self.stem}"
        text = check_text(f"{path}: {name}.txt", content.decode("utf-8", errors="surrogateescape"))
        if not reading.labelled or (self.split, self.label) == _UNLABELLED:
            return Review(name, text, None, "unlabelled")
        film = None
        if self.split == "train" and self.label in films:
            listed = films[self.label]
            film = listed[self.number] if self.number < len(listed) else ""
            if not film:
                raise InputError(
                    f"{path}: train/urls_{self.label}.txt names no film in line {self.number + 1}, for {name}.txt; "
                    "fetch the data set again, or remove that file"
                )
        rating = str(int(self.stem.rpartition("_")[2]))
        return Review(name, text, rating if reading.imdb_target == "rating" else self.label, self.split, film)


def read_folder(path: Path, reading: Reading) -> Iterator[Review]:
    """Yield the reviews of an extracted data set; `path` may also be the folder that contains its `aclImdb`."""
    root = path / "aclImdb" if (path / "aclImdb").is_dir() else path
    keys: list[_Key] = []
    for split, label in _FOLDERS:
        folder = root / split / label
        if folder.is_dir():
            keys += (key for file in folder.iterdir() if (key := _Key.parse(split, label, file.name)))
    _check_layout(path, keys, reading)
    lists = {label: root / "train" / name for name, label in _FILM_LISTS.items()}
    films = {label: _parse_films(file.read_bytes()) for label, file in lists.items() if file.is_file()}
    for key in sorted(keys):
        file = root / key.split / key.label / f"{key.stem}.txt"
        if file.stat().st_size > LONGEST:
            raise InputError(f"{file}: is larger than {LONGEST:,} bytes; remove it")
        yield key.review(path, file.read_bytes(), films, reading)


def read_archive(path: Path, reading: Reading) -> Iterator[Review]:
    """Yield the reviews of a tar archive, in the order of `read_folder`.

    Members may be in any order, and a compressed archive can only be read forwards. So the archive is read once, and
    its texts are kept in one temporary file until all keys are known and sorted. Nothing is extracted.
    """
    places: dict[_Key, tuple[int, int]] = {}
    films: _Films = {}
    with ExitStack() as stack:
        texts = stack.enter_context(tempfile.TemporaryFile())
        try:
            packed = stack.enter_context(path.open("rb"))
            plain: Any = (
                packed if path.suffix.lower() == ".tar" else stack.enter_context(open_compressed(str(path), packed))
            )
            archive = stack.enter_context(tarfile.open(fileobj=plain, mode="r|"))
            for member in archive:
                key = _member_key(path, member)
                content = archive.extractfile(member) if key else None
                if key in places or key in films:
                    raise InputError(f"{path}: member {quote(member.name)} appears twice; do not trust this file")
                if key and member.size > LONGEST:
                    raise InputError(f"{path}: member {quote(member.name)} is larger than {LONGEST:,} bytes; remove it")
                if isinstance(key, str) and content:
                    films[key] = _parse_films(content.read())
                elif isinstance(key, _Key) and content:
                    places[key] = (texts.tell(), texts.write(content.read()))
            while plain.read(1 << 20):  # up to the end, where the checksum is verified
                pass
        except (*DAMAGED, ValueError) as error:  # ValueError: a malformed number in a header
            raise InputError(f"{path}: damaged or cut off ({reason(error)}); fetch the archive again") from None
        _check_layout(path, places, reading)
        for key in sorted(places):
            start, size = places[key]
            texts.seek(start)
            yield key.review(path, texts.read(size), films, reading)


def _member_key(path: Path, member: tarfile.TarInfo) -> _Key | str | None:
    """Return the key of a review, the label of a list of films, or None for any other member.

    Raises InputError for a member that would be extracted outside the archive's folder, is a link or a device, or is
    sparse.
    """
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
        raise InputError(f"{path}: member {quote(member.name)} points outside the archive; do not trust this file")
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise InputError(f"{path}: member {quote(member.name)} is a link, a device or sparse; do not trust this file")
    folder = name.parts[-3:-1]
    if not member.isfile() or len(name.parts) > 4:
        return None
    if folder in _FOLDERS:
        return _Key.parse(*folder, name.name)
    return _FILM_LISTS.get(name.name) if folder[-1:] == ("train",) else None


def _parse_films(content: bytes) -> list[str]:
    return [line.strip() for line in content.decode("utf-8", errors="replace").split("\n")]


def _check_layout(path: Path, keys: Iterable[_Key], reading: Reading) -> None:
    """Raise InputError if a labelled folder has no reviews. If labels are not read, one review anywhere is enough."""
    present = {(key.split, key.label) for key in keys}
    required = _LABELLED if reading.labelled else _FOLDERS
    missing = [f"{split}/{label}" for split, label in required if (split, label) not in present]
    if missing and (reading.labelled or not present):
        raise InputError(
            f"{path}: no reviews in {', '.join(missing)}; a folder without tables and an archive must have the "
            "layout of the Large Movie Review Dataset, {train,test}/{neg,pos}/<number>_<rating>.txt"
        )
