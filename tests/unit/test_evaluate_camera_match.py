"""Camera agreement: sets, order, and the correction that leaves nothing to a constant answer."""

from __future__ import annotations

import pytest

from dropletvideo.evaluate.camera_match import (
    amount_errors,
    amount_table,
    best_constant_policy,
    chance_corrected,
    confusion,
    coverage,
    edit_distance,
    found_moves,
    match_moves,
    order_table,
    per_move_table,
    relative_error,
)
from dropletvideo.evaluate.manifest import CameraAsk, ManifestRow
from dropletvideo.evaluate.metric import ScoredRow
from dropletvideo.evaluate.metrics import camera


def test_an_extra_move_costs_precision():
    exact, extra = match_moves(["pan_left"], ["pan_left"]), match_moves(["pan_left"], ["pan_left", "zoom_in"])
    assert (exact.precision, exact.recall, exact.f1) == (1.0, 1.0, 1.0)
    assert (extra.precision, extra.recall) == (0.5, 1.0)
    assert extra.f1 == pytest.approx(2 / 3)
    assert exact.order is None


def test_nothing_measured_is_no_agreement():
    match = match_moves(["static"], [])
    assert (match.precision, match.recall, match.f1) == (0.0, 0.0, 0.0)


def measures(*unclear, moves=("pan_left",)):
    detail = [{"move": move, "start": 1.0, "end": 2.0, "amount": 9.0} for move in moves]
    either = [{"moves": list(names), "start": 0.0, "end": 1.0, "amounts": [1.2, 0.2]} for names in unclear]
    return {"camera_moves": list(moves), "camera_detail": detail, "camera_unclear": either}


def asking(move, amount=None):
    return ManifestRow(id="a", prompt="p", video="a.mp4", camera=(CameraAsk(move=move, amount=amount),))


def test_before_a_wall_an_asked_zoom_is_found_and_an_asked_dolly_is_not():
    seen = measures(("zoom_in", "dolly_in"), moves=())
    zoom = camera.score(asking("zoom_in", 1.2), seen)
    assert (zoom["camera_f1"], zoom["camera_amount_error"], zoom["camera_coverage"]) == (1.0, 0.0, 0.0)
    assert camera.score(asking("dolly_in"), seen)["camera_f1"] == 0.0
    assert camera.score(asking("zoom_out"), seen)["camera_f1"] == 0.0
    assert found_moves(["zoom_in"], measures(("zoom_in", "dolly_in"))) == ["zoom_in", "pan_left"]  # in time order


def test_a_turn_or_travel_that_cannot_be_told_is_never_found():
    seen = measures(("pan_left", "truck_left"), moves=())
    assert camera.score(asking("pan_left"), seen)["camera_f1"] == 0.0
    assert camera.score(asking("truck_left"), seen)["camera_f1"] == 0.0


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


def test_amounts_are_compared_as_sizes():
    asked = [("pan_left", 20.0), ("zoom_in", 1.21), ("truck_left", 0.3), ("static", None)]
    measured = [
        {"move": "pan_left", "amount": 10.0},
        {"move": "pan_left", "amount": 5.0},
        {"move": "zoom_in", "amount": 1.1},
        {"move": "tilt_up", "amount": 9.0},
    ]
    pan, zoom = amount_errors(asked, measured)
    assert relative_error(pan[1], pan[2]) == pytest.approx(0.25)  # 15 of 20 degrees
    assert relative_error(zoom[1], zoom[2]) == pytest.approx(0.5)  # 1.1 twice is 1.21
    assert relative_error(4.0, 8.0) == relative_error(8.0, 4.0) == 0.5


def test_amounts_that_never_change_score_zero_after_correction():
    sizes = (5.0, 10.0, 20.0)
    perfect = amount_table([[("pan_left", size, size)] for size in sizes])
    constant = amount_table([[("pan_left", size, 10.0)] for size in sizes])
    assert (perfect["error"], perfect["corrected"]) == (0.0, 1.0)
    assert constant["corrected"] == pytest.approx(0.0)
    assert amount_table([[], []])["error"] is None
    assert amount_table([[("pan_left", 10.0, 8.0)]])["corrected"] is None  # one size asked: nothing to learn from it


def test_a_constant_sequence_scores_zero_after_correction():
    asked = [["pan_left", "tilt_up"], ["pan_left", "tilt_up"], ["zoom_in", "pan_left"], ["static"]]
    table = order_table(asked, [["pan_left", "tilt_up"]] * 4)
    assert table["count"] == 3
    assert table["constant_sequence"] == ["pan_left", "tilt_up"]
    assert table["corrected"] == pytest.approx(0.0)
    assert order_table(asked, asked)["corrected"] == 1.0
    assert order_table([["static"]], [["static"]])["order"] is None


def row(*asks):
    return ManifestRow(
        id="a", video="a.mp4", camera=tuple(CameraAsk(move=move, amount=amount) for move, amount in asks)
    )


def test_what_cannot_be_told_is_not_found_and_lowers_the_coverage():
    either = [{"moves": ["pan_left", "truck_left"], "start": 0.0, "end": 2.0, "amounts": [4.0, 0.2]}]
    asked = row(("truck_left", 0.3))
    scores = camera.score(asked, {"camera_moves": [], "camera_detail": [], "camera_unclear": either})
    assert (scores["camera_recall"], scores["camera_coverage"], scores["camera_amount_error"]) == (0.0, 0.0, None)
    beside = camera.score(asked, {"camera_moves": ["truck_left"], "camera_detail": [], "camera_unclear": either})
    assert (beside["camera_precision"], beside["camera_recall"], beside["camera_coverage"]) == (1.0, 1.0, 0.5)
    assert coverage(["static"], []) == 1.0
    scored = ScoredRow(row=asked, measures={"camera_moves": [], "camera_unclear": either}, scores=scores)
    assert camera.tables([scored])["confusion"] == {"truck_left": {"pan_left or truck_left": 1.0}}


def test_amounts_are_scored_only_where_they_are_asked():
    measures = {"camera_moves": ["pan_left"], "camera_detail": [{"move": "pan_left", "amount": 8.0}]}
    assert camera.score(row(("pan_left", 10.0)), measures)["camera_amount_error"] == pytest.approx(0.2)
    assert "camera_amount_error" not in camera.score(row(("pan_left", None)), measures)
