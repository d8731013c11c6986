"""Camera agreement: sets, order, and the correction that leaves nothing to a constant answer."""

from __future__ import annotations

import pytest

from dropletvideo.evaluate.camera_match import (
    best_constant_policy,
    chance_corrected,
    confusion,
    edit_distance,
    match_moves,
    per_move_table,
)


def test_an_extra_move_costs_precision():
    exact, extra = match_moves(["pan_left"], ["pan_left"]), match_moves(["pan_left"], ["pan_left", "zoom_in"])
    assert (exact.precision, exact.recall, exact.f1) == (1.0, 1.0, 1.0)
    assert (extra.precision, extra.recall) == (0.5, 1.0)
    assert extra.f1 == pytest.approx(2 / 3)
    assert exact.order is None


def test_nothing_measured_is_no_agreement():
    match = match_moves(["static"], [])
    assert (match.precision, match.recall, match.f1) == (0.0, 0.0, 0.0)


def test_order_tells_pan_then_tilt_from_tilt_then_pan():
    assert match_moves(["pan_left", "tilt_up"], ["pan_left", "tilt_up"]).order == 1.0
    swapped = match_moves(["pan_left", "tilt_up"], ["tilt_up", "pan_left"])
    assert swapped.f1 == 1.0
    assert swapped.order == 0.0


@pytest.mark.parametrize(("first", "second", "distance"), [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0)])
def test_edit_distance(first, second, distance):
    assert edit_distance(list(first), list(second)) == distance


def test_every_constant_policy_scores_zero_or_less_after_correction():
    asked = [["pan_left"], ["pan_right"], ["zoom_in"], ["static"], ["static"]]
    policy, best = best_constant_policy(asked)
    assert policy == ("static",)
    assert best == pytest.approx(0.4)
    for answer in (["static"], ["pan_left"], ["pan_left", "static"], ["pan_left", "pan_right", "zoom_in", "static"]):
        f1 = sum(match_moves(moves, answer).f1 for moves in asked) / len(asked)
        assert chance_corrected(f1, best) <= 1e-12
    assert chance_corrected(1.0, best) == 1.0


def test_best_policy_of_sequences_may_hold_several_moves():
    policy, best = best_constant_policy([["pan_left", "tilt_up"], ["pan_left", "tilt_up"]])
    assert set(policy) == {"pan_left", "tilt_up"}
    assert best == 1.0
    assert chance_corrected(1.0, best) is None


def test_tables_count_found_missed_and_unasked():
    asked = [["pan_left"], ["pan_left"], ["static"], ["pan_left", "zoom_in"]]
    measured = [["pan_left"], ["truck_left"], [], ["zoom_in"]]
    table = {line["move"]: line for line in per_move_table(asked, measured)}
    assert (table["pan_left"]["asked"], table["pan_left"]["found"]) == (3, 1)
    assert table["truck_left"]["unasked"] == 1
    assert table["truck_left"]["recall"] is None
    assert table["zoom_in"]["precision"] == 1.0
    assert confusion(asked, measured) == {
        "pan_left": {"pan_left": 0.5, "truck_left": 0.5},
        "static": {"(none)": 1.0},
    }
