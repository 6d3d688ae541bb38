"""The download of the IMDb archive, from a server on the loopback: the right bytes stay, all others go."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sentiment.cli import download_imdb
from sentiment.errors import InputError
from tests.support.clone import Clone

pytestmark = pytest.mark.pipeline

OFFICIAL = bytes(range(256)) * 400
MD5 = hashlib.md5(OFFICIAL).hexdigest()
TARGET = Path("data/aclImdb_v1.tar.gz")


@dataclass
class Server:
    url: str = ""
    body: bytes = OFFICIAL
    announced: int = len(OFFICIAL)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def head(self) -> None:
            served.asked.append(self.path)
            self.send_response(200 if self.path == "/aclImdb_v1.tar.gz" else 404)
            self.send_header("Content-Length", str(served.announced))
            self.send_header("ETag", '"1"')
            self.end_headers()

        def do_HEAD(self) -> None:
            self.head()

        def do_GET(self) -> None:
            self.head()
            self.wfile.write(served.body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        served.url = f"http://127.0.0.1:{http.server_port}/aclImdb_v1.tar.gz"
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield served
        http.shutdown()


@pytest.fixture
def repository(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> Clone:
    monkeypatch.chdir(clone.path)
    return clone


def cached(clone: Clone) -> set[Path]:
    return {path for path in (clone.path / ".dvc/cache").rglob("*") if path.is_file()}


def fetch(server: Server) -> None:
    download_imdb.fetch(server.url, TARGET, MD5, len(OFFICIAL))


def test_the_right_bytes_are_kept_and_shared_without_the_address(
    repository: Clone, server: Server, tmp_path: Path
) -> None:
    fetch(server)
    assert TARGET.read_bytes() == OFFICIAL
    assert repository.git("status", "--porcelain").split() == ["??", f"{TARGET}.dvc"]
    asked = len(server.asked)
    fetch(server)  # already here
    assert len(server.asked) == asked
    repository.dvc("remote", "add", "--default", "team", str(tmp_path / "remote"))
    repository.commit("The archive")
    repository.dvc("push")
    asked = len(server.asked)
    colleague = repository.copy(tmp_path / "colleague")
    colleague.dvc("pull")
    assert (colleague.path / TARGET).read_bytes() == OFFICIAL
    assert len(server.asked) == asked
    assert "Running stage" not in colleague.dvc("repro").stdout


@pytest.mark.parametrize(
    "body, announced, expected",
    [
        (OFFICIAL[:-1] + b"!", len(OFFICIAL), "md5 .* instead of"),
        (OFFICIAL[:-1], len(OFFICIAL) - 1, "102,399 bytes instead of 102,400"),
        (OFFICIAL[:500], len(OFFICIAL), "could not be fetched|bytes instead of"),
        (b"", 0, "could not be fetched|0 bytes instead of"),
    ],
    ids=["wrong", "short", "cut off", "empty"],
)
def test_other_bytes_are_refused_and_removed(
    repository: Clone, server: Server, body: bytes, announced: int, expected: str
) -> None:
    before = cached(repository)
    server.body, server.announced = body, announced
    with pytest.raises(InputError, match=expected):
        fetch(server)
    assert not TARGET.exists()
    assert repository.git("status", "--porcelain") == ""
    assert cached(repository) == before
    server.body, server.announced = OFFICIAL, len(OFFICIAL)
    fetch(server)  # nothing of the failure is in the way
    assert TARGET.read_bytes() == OFFICIAL


def test_an_address_that_does_not_answer_is_one_line(repository: Clone, server: Server) -> None:
    with pytest.raises(InputError, match="could not be fetched") as caught:
        download_imdb.fetch(server.url + ".missing", TARGET, MD5, len(OFFICIAL))
    assert "\n" not in str(caught.value)
    assert repository.git("status", "--porcelain") == ""


def test_a_file_of_somebody_else_is_left_alone(repository: Clone, server: Server) -> None:
    TARGET.write_bytes(b"my own")
    with pytest.raises(InputError, match="it is another file: move it away"):
        fetch(server)
    assert TARGET.read_bytes() == b"my own"
    assert not server.asked
