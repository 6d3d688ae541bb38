"""Files of another revision or experiment, read through DVC: they need not be checked out."""

import io
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sentiment.errors import InputError, missing_file, quote, reason
from sentiment.io import parquet
from sentiment.pipeline.git import require_repository

WORKSPACE = "workspace"  # stands for the files in the working folder, as it does in DVC


def read_bytes(revision: str, path: Path) -> bytes:
    """Return a file of a revision, an experiment or the workspace. Raises InputError if it is not available."""
    if revision == WORKSPACE:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise missing_file(path) from None
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.scm import SCMError

    require_repository()
    try:
        files = DVCFileSystem(rev=revision, subrepos=True)  # begins at Git's root, above DVC's perhaps
        project = os.path.relpath(Path.cwd(), os.path.realpath(files.repo.scm.root_dir))
        content: bytes = files.read_bytes(os.path.normpath(Path(project, path)))
    except (SCMError, DvcException) as error:
        raise InputError(
            f"{quote(revision)}: {reason(error)}; see `git log` and `dvc exp list --all-commits`"
        ) from None
    except FileNotFoundError:
        raise InputError(
            f"{quote(revision)}: {path} is not there, or neither in the cache nor in a remote; "
            f"run `dvc fetch`, or the pipeline at that revision"
        ) from None
    return content


def read_table(revision: str, path: Path, contract: parquet.Contract) -> pa.Table:
    """Return a table of a revision, an experiment or the workspace. Raises InputError if it is not available."""
    if revision == WORKSPACE:
        return parquet.read_all(path, contract)
    try:
        # On this thread: Arrow's own, still busy when a command ends with an error, can abort the process.
        table = pq.read_table(io.BytesIO(read_bytes(revision, path)), use_threads=False, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{quote(revision)}: {path} is damaged ({reason(error)}); run the pipeline there") from None
    if not parquet.fits(table.schema, contract):
        raise InputError(
            f"{quote(revision)}: {path} was written by another version of this project; run the pipeline there"
        )
    return table
