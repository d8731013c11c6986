"""Missing weights are named with their source and place; a wrong file is never used."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner

from dropletvideo import weights
from dropletvideo.cli.weights import app
from dropletvideo.errors import ConfigError, WeightsError


def test_missing_weights_say_where_to_get_and_put_them(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        weights.weights_path("droplet-5b")
    for part in ("huggingface.co", str(tmp_path / "droplet-5b"), weights.FOLDER_VARIABLE, "gated"):
        assert part in str(caught.value)
    (tmp_path / "droplet-5b").mkdir()
    with pytest.raises(WeightsError):
        weights.weights_path("droplet-5b")
    (tmp_path / "droplet-5b" / "model_index.json").write_text("{}")
    assert weights.weights_path("droplet-5b") == tmp_path / "droplet-5b"


def test_unknown_name_lists_the_known():
    with pytest.raises(WeightsError, match="droplet-5b"):
        weights.weights_path("droplet-6b")


def test_another_digest_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "head"
    file.write_bytes(b"abc" * 1000)
    known = weights.Weights(
        name="head", source="https://example.org", licence="MIT", is_folder=False, sha256=weights.sha256_of(file)
    )
    monkeypatch.setattr(weights, "WEIGHTS", {"head": known})
    assert weights.weights_path("head", folder=tmp_path) == file
    file.write_bytes(b"abd" * 1000)
    with pytest.raises(WeightsError, match="fetch it again"):
        weights.weights_path("head", folder=tmp_path)


class Shelf(BaseHTTPRequestHandler):
    """Serves one file; `cut` promises more than it sends."""

    body, cut = b"w" * 5000, 0

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body) + self.cut))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def shelf(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/head.pth"
    digest = hashlib.sha256(Shelf.body).hexdigest()
    head = weights.Weights(
        name="head", source="https://example.org", url=url, file="head.pth", licence="MIT", is_folder=False,
        sha256=digest[:8],
    )  # fmt: skip
    monkeypatch.setattr(weights, "WEIGHTS", {"head": head})
    yield head
    server.shutdown()


def test_fetch_puts_the_bytes_in_their_place_and_only_there(shelf, tmp_path):
    path = weights.fetch("head", folder=tmp_path / "weights")
    assert path == tmp_path / "weights" / "head.pth"
    assert path.read_bytes() == Shelf.body
    assert [entry.name for entry in path.parent.iterdir()] == ["head.pth"]
    assert weights.look_for("head", path).digest == weights.quick_digest(path)


@pytest.mark.parametrize("fault", ["other bytes", "cut short", "no network"])
def test_a_bad_download_leaves_nothing_and_says_the_way_by_hand(shelf, tmp_path, monkeypatch, fault):
    url = None
    if fault == "other bytes":
        monkeypatch.setattr(Shelf, "body", b"v" * 5000)
    elif fault == "cut short":
        monkeypatch.setattr(Shelf, "cut", 7)
    else:
        url = "http://127.0.0.1:9/head.pth"
    with pytest.raises(WeightsError) as caught:
        weights.fetch("head", folder=tmp_path, url=url)
    assert "sha256" in str(caught.value) if fault == "other bytes" else str(tmp_path / "head.pth") in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_looking_for_what_is_missing_is_a_fact_and_a_wrong_path_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    found = weights.look_for("dover")
    assert found.path is None
    assert "droplet weights fetch dover" in found.lacks
    with pytest.raises(WeightsError, match="another path"):
        weights.look_for("dover", tmp_path / "no.pth")


def test_the_command_lists_asks_for_consent_and_names_the_missing(tmp_path):
    def droplet(*words):
        return CliRunner().invoke(app, [*words, "--folder", str(tmp_path)])

    (tmp_path / "DOVER.pth").write_bytes(b"x")
    rows = {row["name"]: row for row in json.loads(droplet("list", "--json").stdout)}
    assert rows["dover"]["is_there"]
    assert not rows["clip-vit-l-14"]["is_there"]
    assert not rows["dover"]["allows_commercial_use"]
    assert droplet("path", "dover").stdout.strip() == str(tmp_path / "DOVER.pth")
    assert isinstance(droplet("path", "raft-large").exception, WeightsError)
    refused = droplet("fetch", "dover").exception
    assert isinstance(refused, ConfigError)
    assert "--accept-licence" in str(refused)
