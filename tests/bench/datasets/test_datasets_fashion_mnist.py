"""Where Fashion-MNIST comes from. Downloads are from a server of this test on the same machine."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from datasets_help import Refuses

from bench.datasets import fashion_mnist, idx, open_dataset


@dataclass
class Server:
    """Serves `files` by the last part of their path, and remembers what was asked."""

    files: dict[str, bytes]
    url: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server(idx_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Two mirrors, good/ and other/, of a small dataset in Fashion-MNIST's place; Debian's package not installed."""
    contents = {name: (idx_files / name).read_bytes() for name in idx.FILES}
    served = Server({f"{name}.gz": gzip.compress(content, mtime=0) for name, content in contents.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            mirror, name = self.path.strip("/").split("/")
            found = served.files.get(f"{mirror}/{name}", served.files.get(name))
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    served.url = f"http://127.0.0.1:{listener.server_port}"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "not-installed")
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (f"{served.url}/good/", f"{served.url}/other/"))
    monkeypatch.setattr(
        fashion_mnist, "SHA256", {name: sha256(content).hexdigest() for name, content in contents.items()}
    )
    monkeypatch.setattr(
        fashion_mnist, "DOWNLOAD_SHA256", {name: sha256(content).hexdigest() for name, content in served.files.items()}
    )
    yield served
    listener.shutdown()
    listener.server_close()


def test_a_download_is_made_once(server: Server, tmp_path: Path) -> None:
    dataset = open_dataset("fashion-mnist")
    assert server.asked == [], "opening asks for nothing"
    images, labels = dataset.read("test")
    assert images.shape == (6, 1, 5, 4)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert server.asked == ["/good/t10k-images-idx3-ubyte.gz", "/good/t10k-labels-idx1-ubyte.gz"]
    open_dataset("fashion-mnist").read("test")
    assert len(server.asked) == 2
    folder = tmp_path / "home" / "downloads" / "fashion-mnist"
    assert sorted(file.name for file in folder.iterdir()) == ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]


def test_a_torn_download_is_fetched_again(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "downloads" / "fashion-mnist"
    folder.mkdir(parents=True)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"torn")
    assert open_dataset("fashion-mnist").read("test")[1].tolist() == [0, 1, 2, 0, 1, 2]


def test_a_wrong_file_is_fetched_from_the_other_mirror(server: Server) -> None:
    server.files["good/t10k-images-idx3-ubyte.gz"] = b"a login page"
    assert open_dataset("fashion-mnist").read("test")[0].shape == (6, 1, 5, 4)
    assert server.asked[:2] == ["/good/t10k-images-idx3-ubyte.gz", "/other/t10k-images-idx3-ubyte.gz"]


def test_wrong_files_everywhere_are_refused(server: Server, tmp_path: Path, refuses: Refuses) -> None:
    name = "t10k-images-idx3-ubyte.gz"
    server.files[name] = b"a login page"
    found = sha256(b"a login page").hexdigest()
    with refuses(name, fashion_mnist.DOWNLOAD_SHA256[name], found, "network", "dataset-fashion-mnist"):
        open_dataset("fashion-mnist").read("test")
    assert not list((tmp_path / "home" / "downloads" / "fashion-mnist").iterdir()), "nothing wrong is kept"


def test_no_page_and_no_network_name_both_remedies(
    server: Server, monkeypatch: pytest.MonkeyPatch, refuses: Refuses
) -> None:
    server.files.clear()
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (f"{server.url}/good/", "http://127.0.0.1:9/"))
    with refuses(
        "t10k-images-idx3-ubyte.gz",
        "HTTPError",
        "http://127.0.0.1:9/ ConnectionError",
        "connect to the network",
        "dataset-fashion-mnist",
    ):
        open_dataset("fashion-mnist").read("test")


def test_debians_folder_comes_first(
    server: Server, idx_files: Path, monkeypatch: pytest.MonkeyPatch, refuses: Refuses
) -> None:
    monkeypatch.setattr(fashion_mnist, "DEBIAN", idx_files)
    assert open_dataset("fashion-mnist").read("train")[0].shape == (12, 1, 5, 4)
    file = idx_files / "train-images-idx3-ubyte"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with refuses(file, "fails its checksum", "reinstall Debian's package dataset-fashion-mnist"):
        open_dataset("fashion-mnist").read("train")
    assert server.asked == []


@pytest.mark.skipif(not fashion_mnist.DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_the_real_one() -> None:
    dataset = open_dataset("fashion-mnist")
    assert np.bincount(dataset.labels("train")).tolist() == [6000] * 10
    assert np.bincount(dataset.labels("test")).tolist() == [1000] * 10
    assert dataset.classes[dataset.labels("train")[0]] == "Ankle boot"
