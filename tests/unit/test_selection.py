"""Selections: each clip is kept or has exactly one reason, and the funnel adds up to the table."""

from __future__ import annotations

from itertools import pairwise

import duckdb
import pytest

from dropletvideo.curate.change import changed
from dropletvideo.curate.conditions import columns_of, conditions, thresholds_of
from dropletvideo.curate.recipe import stage_module, stage_names
from dropletvideo.curate.selection import Quota, Selection, apply
from dropletvideo.curate.shipped import shipped_selection, shipped_selections
from dropletvideo.curate.why import why
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


def test_a_share_still_holds_after_what_later_rules_drop(connection):
    many = [(f"x{n}", f"{n}.mp4", "C5" if n < 4 else "C2", 1.0 - n / 100, 1.0, []) for n in range(40)]
    connection.executemany("INSERT INTO clips VALUES (?, ?, ?, ?, ?, ?)", many)
    chosen = Selection(
        where=("starts_with(clip_id, 'x')",),
        order_by="motion_score desc",
        quotas=(Quota(by="camera_class", value="C5", share=0.1), Quota(by="sharpness", count=30)),
        limit=10,
    )
    funnel = apply(connection, chosen)
    classes = [row[2] for row in many if row[0] in funnel.clip_ids]
    assert len(classes) == funnel.kept
    assert classes.count("C5") <= 0.1 * len(classes), "the four static ones come first and would be 40 % of ten"
    assert funnel.total == funnel.kept + sum(step.dropped for step in funnel.steps)
    verdicts = dict(connection.execute("SELECT clip_id, step FROM verdicts").fetchall())
    assert sorted(clip for clip, step in verdicts.items() if step == 0) == sorted(funnel.clip_ids)


def test_only_a_partial_selection_passes_over_what_was_never_measured(connection):
    rules = {"where": ("no_such_column > 1", "motion_score > 0.05"), "order_by": "no_such_column desc"}
    with pytest.raises(ConfigError, match="no_such_column"):
        apply(connection, Selection(**rules))
    funnel = apply(connection, Selection(**rules, partial=True))
    assert [step.is_applied for step in funnel.steps] == [False, True, False]
    assert "no_such_column was not measured" in funnel.steps[0].condition
    assert set(funnel.clip_ids) == {"c", "d", "g"}


def test_a_changed_limit_stands_where_the_old_one_stood(connection):
    begun = Selection(where=("motion_score between 0.02 and 1 and sharpness >= 20", "camera_class <> 'C6'"))
    new = changed(connection, begun, ["motion_score >= 0.06", "camera_class in ('C2', 'C4')"])
    assert new.where == ("motion_score >= 0.06", "motion_score <= 1", "sharpness >= 20", "camera_class in ('C2', 'C4')")
    assert set(apply(connection, new).clip_ids) == {"c", "g"}
    assert begun.where[0].startswith("motion_score between"), "the one begun with stays as it is"
    for nothing in ("sharpness <= 100", "video_path = '1.mp4'"):
        with pytest.raises(ConfigError, match="--where"):
            changed(connection, begun, [nothing])


def test_why_tells_every_step_with_the_clips_own_values(connection):
    connection.execute("ALTER TABLE clips ADD COLUMN start_frame INTEGER")
    connection.execute("ALTER TABLE clips ADD COLUMN end_frame INTEGER")
    connection.execute("UPDATE clips SET start_frame = 10 * rowid, end_frame = 10 * rowid + 10")
    chosen = Selection(
        where=("motion_score > 0.02", "sharpness >= 20"),
        order_by="motion_score",
        quotas=(Quota(by="camera_class", count=1),),
        limit=3,
    )
    funnel = apply(connection, chosen)

    def verdicts(named):
        return {
            one.clip_id: (one.step, [look.verdict for look in one.looks])
            for one in why(connection, chosen, funnel, named)
        }

    assert verdicts("b") == {"b": (2, ["holds", "fails", "not reached", "not reached"])}
    assert verdicts("f") == {"f": (3, ["holds", "holds", "fails", "not reached"])}
    assert verdicts("g") == {"g": (0, ["holds"] * 4)}
    assert verdicts("e")["e"][1][:2] == ["fails", "holds"]
    (one,) = why(connection, chosen, funnel, "e")
    assert one.looks[0].values == "motion_score = missing"
    assert set(verdicts("1.mp4")) == {"a", "b", "c"}
    assert set(verdicts("2:45")) == {"e"}, "the clip of a file with a frame"
    with pytest.raises(ConfigError, match="no clip"):
        verdicts("zzz")


def random_clips(count):
    """A table with every number that a shipped selection reads, drawn over the range that its limits lie in."""
    spans = {
        "duration_seconds": (5, 80), "brightness": (0, 255), "luma_brightest80": (0, 255), "luma_darkest80": (0, 255),
        "flow_2fps_px": (0, 16), "raft_flow_2fps_px": (0, 16), "aesthetic_v2_mean": (3, 7), "nsfw_score": (-1, 0.1),
        "dover_technical": (0, 1), "dover_technical_raw": (0, 0.3),
    }  # fmt: skip
    made = duckdb.connect()
    made.execute("SELECT setseed(0.5)")
    numbers = ", ".join(
        f"CASE WHEN random() < 0.02 THEN NULL ELSE {low} + random() * {high - low} END AS {name}"
        for name, (low, high) in spans.items()
    )
    names = "list_extract(['C1', 'C2', 'C4', 'C5', 'C5', 'C6'], 1 + (random() * 5.99)::INT)"
    made.execute(
        f"CREATE TABLE clips AS SELECT 'clip' || i AS clip_id, {numbers}, {names} AS camera_class, "
        f"{names} AS camera_class_learned, list_extract(['youtube', 'pexels', NULL], 1 + i % 3) AS source, "
        f"NULL::VARCHAR AS url FROM range({count}) t(i)"
    )
    return made


def test_the_tiers_of_miradata_are_nested_and_each_is_smaller():
    made = random_clips(60_000)
    kept = [set(apply(made, shipped_selection(f"miradata-tier{n}")).clip_ids) for n in range(1, 6)]
    for looser, stricter in pairwise(kept):
        assert stricter < looser
    assert kept[4], "limits that nothing meets would make every tier nested"


@pytest.mark.parametrize("tier", [2, 3, 4, 5])
def test_every_limit_of_a_tier_is_at_least_as_strict_as_the_tier_before(tier):
    limits = []
    for number in (tier - 1, tier):
        with duckdb.connect() as made:
            limits.append(thresholds_of(conditions(made, shipped_selection(f"miradata-tier{number}").where)))
    looser, stricter = limits
    assert set(looser) <= set(stricter)
    for name, (low, high) in looser.items():
        assert low is None or stricter[name][0] >= low, name
        assert high is None or stricter[name][1] <= high, name


def test_dropletvideos_choice_has_no_edited_clip_and_at_most_a_twentieth_static_ones():
    made = random_clips(20_000)
    funnel = apply(made, shipped_selection("dropletvideo"))
    made.execute(
        "CREATE TABLE chosen AS SELECT * FROM clips WHERE clip_id IN (SELECT unnest(?))", [list(funnel.clip_ids)]
    )
    for column in ("camera_class", "camera_class_learned"):
        shares = dict(made.execute(f"SELECT {column}, count(*) / {funnel.kept} FROM chosen GROUP BY 1").fetchall())
        assert "C6" not in shares
        assert 0.03 < shares["C5"] <= 0.05, "a share that keeps none would hold too"
    static = "SELECT min(aesthetic_v2_mean / 10 + dover_technical) FROM {} WHERE camera_class = 'C5'"
    (least,), (of_all,) = (made.execute(static.format(table)).fetchone() for table in ("chosen", "clips"))
    assert least > of_all + 0.3, "of the static ones the best stay"


@pytest.mark.parametrize("name", shipped_selections())
def test_a_shipped_selection_reads_columns_that_the_stages_give(name):
    given = {
        column for stage in stage_names() for column in stage_module(stage).build(stage_module(stage).Config()).columns
    }
    chosen = shipped_selection(name)
    with duckdb.connect() as made:
        read = {column for one in conditions(made, chosen.where) for column in one.columns}
        read |= {column for quota in chosen.quotas for column in columns_of(made, quota.by)}
        read |= set(columns_of(made, chosen.order_by))
    assert read <= given | {"duration_seconds"}
    assert chosen.partial
    assert chosen.description
