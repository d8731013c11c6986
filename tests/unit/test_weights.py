"""Missing weights are named with their source and place; a wrong file is never used."""

from __future__ import annotations

import pytest

from dropletvideo import weights
from dropletvideo.errors import WeightsError


def test_missing_weights_say_where_to_get_and_put_them(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        weights.weights_path("droplet-5b")
    for part in ("huggingface.co", str(tmp_path / "droplet-5b"), weights.FOLDER_VARIABLE, "gated"):
        assert part in str(caught.value)
    (tmp_path / "droplet-5b").mkdir()
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
