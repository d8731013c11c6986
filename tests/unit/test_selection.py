"""Selections: each clip is kept or has exactly one reason, and the funnel adds up to the table."""

from __future__ import annotations

import duckdb
import pytest

from dropletvideo.curate.conditions import conditions, thresholds_of
from dropletvideo.curate.selection import Quota, Selection, apply
from dropletvideo.errors import ConfigError

ROWS = [
    # clip_id, video_path, camera_class, motion_score, sharpness, camera_moves
    ("a", "1.mp4", "C5", 0.001, 50.0, ["static"]),
    ("b", "1.mp4", "C2", 0.050, 10.0, ["pan_left", "zoom_in"]),
    ("c", "1.mp4", "C2", 0.080, 40.0, ["pan_right"]),
    ("d", "2.mp4", "C6", 0.900, 40.0, []),
    ("e", "2.mp4", None, None, 45.0, None),
    ("f", "2.mp4", "C5", 0.030, 60.0, ["shake"]),
    ("g", "3.mp4", "C4", 0.060, 35.0, ["dolly_in"]),
    ("h", "3.mp4", "C5", 0.025, 35.0, ["static"]),
]


@pytest.fixture
def connection():
    made = duckdb.connect()
    made.execute(
        "CREATE TABLE clips (clip_id VARCHAR, video_path VARCHAR, camera_class VARCHAR, motion_score DOUBLE, "
        "sharpness DOUBLE, camera_moves VARCHAR[])"
    )
    made.executemany("INSERT INTO clips VALUES (?, ?, ?, ?, ?, ?)", ROWS)
    return made


def reasons(connection):
    return dict(connection.execute("SELECT clip_id, reason FROM verdicts WHERE step > 0").fetchall())


def test_the_first_failing_condition_is_the_reason_with_value_and_limit(connection):
    funnel = apply(connection, Selection(where=("motion_score > 0.02 and sharpness >= 20", "camera_class <> 'C6'")))
    assert [(step.condition, step.before, step.dropped) for step in funnel.steps] == [
        ("motion_score > 0.02", 8, 2),
        ("sharpness >= 20", 6, 1),
        ("camera_class <> 'C6'", 5, 1),
    ]
    assert reasons(connection) == {
        "a": "motion_score = 0.001, need motion_score > 0.02",
        "e": "motion_score = missing, need motion_score > 0.02",
        "b": "sharpness = 10, need sharpness >= 20",
        "d": "camera_class = C6, need camera_class <> 'C6'",
    }
    assert set(funnel.clip_ids) == {"c", "f", "g", "h"}


def test_every_clip_is_kept_or_dropped_once(connection):
    chosen = Selection(
        where=("motion_score > 0.02", "camera_class in ('C2', 'C4', 'C5')"),
        order_by="motion_score desc",
        quotas=(Quota(by="video_path", count=1),),
        limit=2,
    )
    funnel = apply(connection, chosen)
    assert funnel.total == len(ROWS)
    assert funnel.kept + sum(step.dropped for step in funnel.steps) == len(ROWS)
    assert len(reasons(connection)) + funnel.kept == len(ROWS)
    assert all(later.before == earlier.after for earlier, later in zip(funnel.steps, funnel.steps[1:], strict=False))
    assert funnel.steps[-1].after == funnel.kept == 2


def test_order_decides_who_passes_the_quota(connection):
    chosen = Selection(
        where=("motion_score > 0",), order_by="motion_score desc", quotas=(Quota(by="video_path", count=1),)
    )
    assert apply(connection, chosen).clip_ids == ("d", "c", "g")
    rising = chosen.model_copy(update={"order_by": "motion_score"})
    assert apply(connection, rising).clip_ids == ("a", "h", "f")


def test_a_share_holds_in_what_is_left(connection):
    chosen = Selection(quotas=(Quota(by="camera_class", value="C5", share=0.2),), order_by="motion_score desc")
    funnel = apply(connection, chosen)
    kept = [row[2] for row in ROWS if row[0] in funnel.clip_ids]
    assert kept.count("C5") == 1
    assert kept.count("C5") / len(kept) <= 0.2
    assert "f" in funnel.clip_ids, "the one with the most motion is the one that stays"


def test_or_and_between_and_functions_stay_whole(connection):
    where = (
        "(motion_score > 0.5 or sharpness > 55) and motion_score between 0.01 and 2 "
        "and list_contains(camera_moves, 'shake')",
        "not (camera_class = 'it''s and')",
    )
    texts = [c.text for c in conditions(connection, where)]
    assert len(texts) == 4
    assert texts[0] == "(motion_score > 0.5) OR (sharpness > 55)"
    assert apply(connection, Selection(where=where)).clip_ids == ("f",)
    assert conditions(connection, where)[0].columns == ("motion_score", "sharpness")


def test_thresholds_come_from_plain_comparisons_only(connection):
    found = conditions(
        connection,
        [
            "0.02 < motion_score and motion_score <= 1.5 and motion_score > 0.01",
            "sharpness between 5 and 50",
            "abs(motion_score) > 9",
        ],
    )
    assert thresholds_of(found) == {"motion_score": (0.02, 1.5), "sharpness": (5.0, 50.0)}


@pytest.mark.parametrize(
    "where",
    [
        "motion_score >",
        "no_such_column > 1",
        "motion_score > 0.02; drop table clips",
        "motion_score > 0.02 limit 1",
        "sum(motion_score) > 1",
    ],
)
def test_a_bad_expression_is_one_clear_error(connection, where):
    with pytest.raises(ConfigError, match=r"motion_score|no_such_column"):
        apply(connection, Selection(where=(where,)))
    assert connection.execute("SELECT count(*) FROM clips").fetchone() == (8,)


def test_without_conditions_all_stay_in_order(connection):
    funnel = apply(connection, Selection(order_by="sharpness desc", limit=3))
    assert funnel.clip_ids == ("f", "a", "e")


@pytest.mark.parametrize("quota", [{"by": "x"}, {"by": "x", "count": 1, "share": 0.1}, {"by": "x", "share": 0.1}])
def test_a_quota_is_one_rule(quota):
    with pytest.raises(ValueError, match=r"quota|share"):
        Quota(**quota)
