"""The camera vocabulary: every name has its opposite, and prompts are read as people write them."""

from __future__ import annotations

import pytest

from dropletvideo.errors import RequestError
from dropletvideo.moves import CAMERA_CLASSES, MOVES, check_move, moves_in_text, opposite
from dropletvideo.records import CameraMove


def test_opposites_pair_up_and_share_axis_and_unit():
    for name, move in MOVES.items():
        assert move.camera_class in CAMERA_CLASSES
        if move.opposite is not None:
            assert opposite(move.opposite) == name
            assert MOVES[move.opposite].axis == move.axis
            assert MOVES[move.opposite].unit == move.unit


@pytest.mark.parametrize("name", list(MOVES))
def test_own_phrase_and_own_synonyms_name_the_move(name):
    move = MOVES[name]
    assert moves_in_text(f"A quiet street. The camera {move.phrase}.") == [name]
    for words in (*move.synonyms, *move.chinese):
        assert moves_in_text(f"A quiet street. The camera {words}.") == [name], words


def test_sequence_keeps_the_order_of_the_text():
    text = "The camera pans left over the harbour, then tilts up to the sky and finally zooms in."
    assert moves_in_text(text) == ["pan_left", "tilt_up", "zoom_in"]


def test_longer_phrase_wins_over_the_one_inside_it():
    assert moves_in_text("the camera moves left around the statue") == ["arc_left"]
    assert moves_in_text("the camera rotates counter-clockwise") == ["roll_ccw"]


def test_words_inside_other_words_do_not_count():
    assert moves_in_text("a company pans leftovers into the bin") == []


def test_unknown_move_names_the_nearest():
    with pytest.raises(RequestError, match="pan_left"):
        check_move("pan_lef")
    with pytest.raises(RequestError, match="before start"):
        CameraMove(move="pan_left", start=2.0, end=1.0)
