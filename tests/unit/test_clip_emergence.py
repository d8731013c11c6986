"""CLIP emergence: the rise of likeness from before a thing appears to after, whatever the level."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo.perception import clip_emergence
from dropletvideo.perception.judge import Chunk

EVENT = {"event": "appears", "object": "red ball", "start": 1.0, "end": 1.5}


def rise(monkeypatch, likeness, events=(EVENT,)):
    """`clip_rise` of frames whose likeness to every text is given, two a second."""
    asked = []

    def texts(names, _):
        asked.extend(names)
        return np.tile([1.0, 0.0], (len(names), 1))

    monkeypatch.setattr(clip_emergence, "text_embeddings", texts)
    judge = clip_emergence.ClipEmergence("given")
    state = judge.start({"events": events})
    count = len(likeness)
    images = np.column_stack([likeness, np.sqrt(1 - np.square(likeness))]).astype(np.float32)
    frames = np.zeros((count, 4, 4, 3), np.uint8)
    features = {judge.needs.backbone: images}
    judge.update(state, Chunk(frames, 7.0 + np.arange(count) / 2, np.arange(count), features=features))
    return judge.finish(state)["clip_rise"], asked


def test_a_thing_that_comes_rises_and_one_that_was_there_does_not(monkeypatch):
    value, asked = rise(monkeypatch, [0.20, 0.20, 0.22, 0.26, 0.26])
    assert value == pytest.approx(6.0, abs=0.01)
    assert asked == ["a red ball"]
    assert rise(monkeypatch, [0.26] * 5)[0] == pytest.approx(0.0, abs=0.01)


def test_without_an_event_or_a_frame_on_both_sides_nothing_is_told(monkeypatch):
    assert rise(monkeypatch, [0.2] * 5, events=())[0] is None
    assert rise(monkeypatch, [0.2, 0.2])[0] is None
    assert rise(monkeypatch, [0.2] * 5, events=({"event": "slides", "object": "box"},))[0] is None
