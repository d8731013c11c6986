"""Scores of consistency from given measures: what was asked and not delivered costs, what cannot be told does not."""

from __future__ import annotations

import math

import pytest

from dropletvideo.evaluate.course import delivered, middle_of
from dropletvideo.evaluate.manifest import CameraAsk, ManifestRow
from dropletvideo.evaluate.metric import ScoredRow
from dropletvideo.evaluate.metrics import causality, consistency, emergence, plot

PAN = CameraAsk(move="pan_left", start=0, end=2, amount=20)
NOTHING = (0.0,) * 7


def course(*steps, seconds: float = 2.0) -> dict:
    """A course whose steps share the time equally."""
    return {"times": [seconds * k / len(steps) for k in range(len(steps) + 1)], "steps": [list(s) for s in steps]}


def axis(name: str, amount: float) -> tuple[float, ...]:
    number = ("pan", "tilt", "roll", "zoom", "truck", "pedestal", "dolly").index(name)
    return tuple(amount if k == number else 0.0 for k in range(7))


def row(**asked) -> ManifestRow:
    return ManifestRow(id="a", video="a.mp4", **asked)


def test_the_right_course_is_delivered_and_a_frozen_or_opposite_one_is_not():
    assert delivered([PAN], course(*[axis("pan", -5.0)] * 4)) == pytest.approx(1.0)
    assert delivered([PAN], course(*[axis("pan", -2.5)] * 4)) == pytest.approx(0.5)
    assert delivered([PAN], course(*[NOTHING] * 4)) == 0.0
    assert delivered([PAN], course(*[axis("pan", 5.0)] * 4)) == 0.0
    assert delivered([PAN], course(*[axis("zoom", math.log(1.2) / 4)] * 4)) == 0.0


def test_an_extra_move_costs_and_static_asks_for_nothing():
    both = tuple(a + b for a, b in zip(axis("pan", -5.0), axis("zoom", 0.2), strict=True))
    assert 0.2 < delivered([PAN], course(*[both] * 4)) < 0.9
    still = CameraAsk(move="static")
    assert delivered([still], course(*[NOTHING] * 4)) == 1.0
    assert delivered([still], course(*[axis("zoom", math.log(1.2) / 4)] * 4)) == 0.0


def test_travel_is_compared_up_to_a_factor_of_two_but_not_in_kind():
    truck = CameraAsk(move="truck_right", amount=0.2)
    assert delivered([truck], course(*[axis("truck", 0.1)] * 4)) == pytest.approx(1.0)
    assert delivered([truck], course(*[axis("truck", 0.0125)] * 4)) < 0.6
    assert delivered([truck], course(*[axis("pan", 2.0)] * 4)) == 0.0


def test_moves_asked_one_after_the_other_must_come_in_that_order():
    asked = [PAN.model_copy(update={"end": 1.0}), CameraAsk(move="tilt_up", start=1, end=2, amount=20)]
    right = course(axis("pan", -10.0), axis("pan", -10.0), axis("tilt", 10.0), axis("tilt", 10.0))
    wrong = course(axis("tilt", 10.0), axis("tilt", 10.0), axis("pan", -10.0), axis("pan", -10.0))
    assert delivered(asked, right) == pytest.approx(1.0)
    assert delivered(asked, wrong) == 0.0
    assert middle_of(asked[0], right) < middle_of(asked[1], right)
    assert middle_of(asked[0], course(NOTHING)) is None


def test_a_move_without_amount_asks_for_its_direction():
    pan = CameraAsk(move="pan_left")
    assert delivered([pan], course(*[axis("pan", -3.0)] * 4)) == pytest.approx(1.0)
    assert delivered([pan], course(*[NOTHING] * 4)) == 0.0


def test_a_course_without_frames_is_not_told():
    assert delivered([PAN], {"times": [0.0], "steps": []}) is None


APPEARS = {"event": "appears", "object": "red striped ball", "border": "left", "start": 1.0, "end": 1.5}
BALL = {
    "colour": "red", "border": "left", "start": 1.1, "end": 2.0, "stays": 1.0, "sightings": 8, "due": 8, "area": 0.03
}  # fmt: skip


def revealed(things, left=0.4, stays=1.0) -> dict:
    borders = {"left": left, "right": 0.0, "top": 0.0, "bottom": 0.0}
    return {"revealed_stays": stays, "revealed_detail": {"borders": borders, "things": things}}


def test_an_asked_thing_must_come_in_with_the_camera_in_its_colour_and_stay():
    asked = row(camera=[PAN], events=[APPEARS])
    full = emergence.score(asked, revealed([BALL]))
    assert full["emergence"] == pytest.approx(1.0)
    assert full["emergence_found"] == pytest.approx(1.0)
    for worse in ({"border": "right"}, {"sightings": 2}, {"area": 0.004}, {"colour": "blue"}):
        assert emergence.score(asked, revealed([BALL | worse]))["emergence"] < 0.9
    assert emergence.score(asked, revealed([BALL], left=0.0))["emergence"] == 0.0


def test_a_move_that_reveals_nothing_has_no_emergence():
    assert emergence.score(row(camera=[CameraAsk(move="zoom_in", amount=1.3)]), revealed([])) == {}
    assert emergence.score(row(camera=[CameraAsk(move="static")]), revealed([])) == {}
    narrow = row(camera=[CameraAsk(move="zoom_out", amount=0.95)])  # a ring of less than half a cell
    assert emergence.score(narrow, revealed([], left=0.0)) == {}
    assert emergence.score(row(), revealed([], stays=0.9)) == {"emergence": 0.9}


def test_what_is_the_first_frame_carried_on_or_changes_its_colour_is_no_emergence():
    full = emergence.score(row(camera=[PAN]), revealed([]))["emergence"]
    for worse in ({"revealed_own": 0.1}, {"changed_share": 0.03}, {"revealed_stays": 0.1}):
        assert emergence.score(row(camera=[PAN]), revealed([]) | worse)["emergence"] < 0.2 * full
    roll = row(camera=[CameraAsk(move="roll_cw", amount=20)])
    assert emergence.score(roll, revealed([], stays=0.9) | {"revealed_own": 0.0})["emergence"] == 0.0
    assert emergence.score(roll, revealed([], stays=None) | {"revealed_own": 1.0})["emergence"] == 1.0
    assert emergence.score(roll, revealed([], stays=None)) == {}


def test_the_way_back_reveals_nothing():
    there = [CameraAsk(move="pan_left", amount=20), CameraAsk(move="pan_right", amount=20)]
    assert set(emergence.implied_shares(there)) == {"pan_left"}
    zoom = [CameraAsk(move="zoom_in", amount=1.4), CameraAsk(move="zoom_out", amount=1 / 1.4)]
    assert emergence.implied_shares(zoom) == {}
    past = [CameraAsk(move="pan_left", amount=10), CameraAsk(move="pan_right", amount=30)]
    assert emergence.implied_shares(past)["pan_right"] == pytest.approx(2 * emergence.implied_shares(past)["pan_left"])
    assert emergence.implied_shares([CameraAsk(move="tilt_up")])["tilt_up"] == pytest.approx(0.1, abs=0.01)


SLIDES = {"event": "slides", "object": "blue box", "way": "right", "start": 0.0, "end": 2.0}
BOX = {
    "start": 0.0, "end": 2.0, "seconds": 2.0, "velocity": [0.1, 0.0], "steadiness": 1.0, "colours": {"blue": 0.6}
}  # fmt: skip


def test_a_thing_must_move_steadily_its_own_way():
    asked = row(events=[SLIDES])

    def value(**changed) -> float:
        return plot.score(asked, {"plot_detail": {"things": [BOX | changed]}, "plot_steadiness": 1.0})["plot"]

    assert value() == pytest.approx(1.0)
    assert value(velocity=[-0.1, 0.0]) == 0.0
    assert value(steadiness=0.3) == pytest.approx(0.3)
    assert value(seconds=0.6) == pytest.approx(0.5)
    assert value(colours={"green": 0.9}) == pytest.approx(0.5)
    assert plot.score(asked, {"plot_detail": {"things": []}})["plot"] == 0.0
    assert plot.score(row(), {"plot_detail": {"things": []}, "plot_steadiness": None}) == {}


def test_a_thing_that_changes_its_colour_loses_and_what_looks_like_a_depth_does_not_count():
    steady = {"plot_detail": {"things": [BOX]}, "plot_steadiness": 1.0}
    assert plot.score(row(events=[SLIDES]), steady | {"changed_share": 0.03})["plot"] == pytest.approx(0.1)
    assert plot.score(row(), steady | {"changed_share": 0.01})["plot"] == pytest.approx(0.5)
    truck = [CameraAsk(move="truck_left", amount=0.3)]
    assert plot.score(row(events=[SLIDES], camera=truck), {"plot_detail": {"things": []}}) == {}
    bounces = SLIDES | {"event": "bounces"}
    assert plot.score(row(events=[SLIDES, bounces], camera=truck), {"plot_detail": {"things": []}})["plot"] == 0.0


def test_causality_wants_the_thing_while_the_camera_brings_it():
    asked = row(camera=[PAN], events=[APPEARS])
    pans = {"rigid_course": course(*[axis("pan", -5.0)] * 4)}
    assert causality.score(asked, revealed([BALL]) | pans)["causality"] == 1.0
    late = revealed([BALL | {"start": 1.9}]) | pans
    assert causality.score(asked, late)["causality"] == 0.5
    still = {"rigid_course": course(*[NOTHING] * 4)}
    assert causality.score(asked, revealed([BALL]) | still)["causality"] == 0.5
    assert causality.score(asked, revealed([]) | pans) == {}
    assert causality.score(row(camera=[PAN]), revealed([]) | pans) == {}


def test_two_things_must_come_in_their_order_unless_one_patch_stands_for_both():
    later = {"event": "appears", "object": "blue box", "border": "left", "start": 1.9, "end": 2.0}
    asked, pans = row(camera=[PAN], events=[APPEARS, later]), {"rigid_course": course(*[axis("pan", -5.0)] * 4)}
    blue = BALL | {"colour": "blue", "start": 1.8}
    assert causality.score(asked, revealed([BALL, blue]) | pans)["causality"] == 1.0
    swapped = [BALL | {"start": 1.9}, blue | {"start": 0.5}]
    assert causality.score(asked, revealed(swapped) | pans)["causality"] == pytest.approx(2 / 5)
    alike = row(camera=[PAN], events=[APPEARS, later | {"object": "red box"}])
    assert len(causality.constraints(alike, revealed([BALL]) | pans)) == 4
    assert len(causality.constraints(asked, revealed([BALL, blue]) | pans)) == 5


def test_counterfactual_pairs_want_the_asked_change_alone():
    def scored(changed, pan, share):
        extra = {"extra": {"changed": changed}, "group": "g", "id": f"g-{changed}"}
        asked = row(camera=[PAN]).model_copy(update=extra)
        measures = {"rigid_course": course(*[axis("pan", pan)] * 4), "plot_share": share}
        return ScoredRow(row=asked, measures=measures, scores={})

    good = [scored(None, -5, 0.9), scored("camera", 5, 0.9), scored("plot", -5, 0.0)]
    found = causality.tables(good)["counterfactual"]
    assert found["camera"] == {"control": pytest.approx(1.0), "pairs": 1}
    assert found["plot"] == {"control": pytest.approx(1.0), "pairs": 1}
    frozen = causality.tables([scored(changed, 0, 0.0) for changed in (None, "camera", "plot")])["counterfactual"]
    assert frozen["camera"]["control"] == 0.0
    leaky = causality.tables([scored(None, -5, 0.9), scored("camera", 5, 0.0)])["counterfactual"]
    assert leaky["camera"]["control"] < 0.7


def test_ist_multiplies_the_delivered_camera_and_leaves_out_what_is_not_told():
    measures = {
        "rigid_agreement": 0.9, "rigid_held": 1.0, "rigid_course": course(*[axis("pan", -5.0)] * 4),
        "return_detail": {}, "return_likeness": None, "return_worst": None, "plot_detail": {"things": []},
        "plot_steadiness": None, **revealed([], left=0.3),
    }  # fmt: skip
    told = consistency.score(row(camera=[PAN]), measures)
    assert told["delivered"] == pytest.approx(1.0)
    assert told["ist"] == pytest.approx(0.9**0.5, abs=0.01)
    assert consistency.score(row(camera=[PAN]), measures | {"kept_look": 0.4})["ist"] == pytest.approx(told["ist"] / 2)
    truck = row(camera=[CameraAsk(move="truck_left", amount=0.3)])
    near = measures | {"rigid_course": course(*[axis("truck", -0.075)] * 4)}
    assert consistency.score(truck, near | {"kept_look": 0.1})["ist"] > 0.5
    zoom, grown = row(camera=[CameraAsk(move="zoom_in", amount=math.exp(0.4))]), course(*[axis("zoom", 0.1)] * 4)
    plain = [consistency.score(zoom, measures | {"rigid_course": grown, "changed_share": k})["ist"] for k in (0, 0.01)]
    assert plain[1] == pytest.approx(plain[0] / 2)
    begun = [consistency.score(row(camera=[PAN]), measures | {"opening_likeness": k})["ist"] for k in (0.9, 0.2)]
    assert begun == pytest.approx([told["ist"], told["ist"] / 4])
    frozen = measures | {"rigid_course": course(*[NOTHING] * 4)}
    assert consistency.score(row(camera=[PAN]), frozen)["ist"] == 0.0
    assert consistency.score(row(), measures) == {}
    assert consistency.score(row(camera=[PAN]), {"rigid_agreement": None}) == {"ist": None, "delivered": None}
