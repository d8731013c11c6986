"""The runner: what exists is never redone, what fails is a row, and the table says the truth."""

from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest
from tables_footage import SPANS, calls, grey, rank, segment, stitch, write_shots

from dropletvideo.errors import CatalogError, ConfigError, DropletError
from dropletvideo.tables import views
from dropletvideo.tables.runner import run


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("footage")
    return [write_shots(folder / f"{seed}.mp4", seed) for seed in range(3)]


@pytest.fixture
def log(tmp_path):
    return str(tmp_path / "calls.log")


@pytest.fixture
def here(tmp_path):
    """A dataset folder, run in this process."""
    folder = tmp_path / "set [1]"

    def go(sources, stages, **options):
        return run(folder, sources, stages, **{"timeout_seconds": None, **options})

    go.folder = folder
    return go


def spans(folder, column="1"):
    rows = views.query(folder, f"SELECT start_frame, end_frame, {column} FROM clips ORDER BY video_path, start_frame")
    return [tuple(row.values()) for row in rows]


def test_clips_columns_boundaries_and_videos_are_in_the_views(here, footage, log):
    summary = here(footage, [segment(), grey(log=log)])
    assert [row[:2] for row in spans(here.folder)] == SPANS * 3
    first = views.read_clips(here.folder)[0]
    assert first["grey"] == pytest.approx(40, abs=3)
    assert first["grey_words"][0] == "dark"
    assert first["grey_words"][1] == {"first": pytest.approx(first["grey"])}
    assert first["video_path"] == str(footage[0])
    same = views.query(
        here.folder, "SELECT grey_words, len(grey_words) AS grey FROM clips ORDER BY video_path, start_frame"
    )
    assert same[0] == {"grey_words": first["grey_words"], "grey": 2}
    assert (first["source_fps"], first["duration_seconds"]) == (25.0, pytest.approx(1.0))
    found = views.query(here.folder, "SELECT frame, end_frame, kind FROM boundaries ORDER BY video_path, frame")
    assert [row["frame"] for row in found if row["kind"] != "length"] == [40, 43, 113] * 3
    assert [row["frame"] for row in found if row["kind"] == "length"] == [27, 70, 95] * 3
    assert views.query(here.folder, "SELECT count(*) AS n FROM videos WHERE width = 64")[0]["n"] == 3
    assert views.query(here.folder, "SELECT * FROM errors") == []
    assert (summary.decodes, summary.decoded_videos, summary.clips, summary.failures) == (3, 3, 18, 0)
    assert calls(log) == 18
    assert summary.cpu_seconds["decode"] > 0
    assert json.loads((here.folder / "run.json").read_text())["summary"]["decodes"] == 3


def test_a_second_run_does_nothing_and_a_new_source_costs_only_itself(here, footage, log):
    here(footage[:2], [segment(), grey(log=log)])
    again = here(footage[:2], [segment(), grey(log=log)])
    assert (again.decodes, again.cut_videos, calls(log)) == (0, 0, 12)
    more = here(footage, [segment(), grey(log=log)])
    assert (more.decodes, more.cut_videos, calls(log)) == (1, 1, 18)
    assert [row[:2] for row in spans(here.folder)] == SPANS * 3


def test_a_stage_added_later_computes_itself_alone_and_one_changed_leaves_the_others(here, footage, log):
    stages = [segment(), grey(log=log)]
    here(footage, stages)
    added = here(footage, [*stages, grey("late", log=log)])
    assert added.decodes == 3
    assert (calls(log, "grey"), calls(log, "late")) == (18, 18)
    here(footage, [*stages, grey("late", log=log, strength=2)])
    assert (calls(log, "grey"), calls(log, "late")) == (18, 36)
    back = here(footage, [*stages, grey("late", log=log)])
    assert (back.decodes, calls(log)) == (0, 54)
    assert all(row[2] is not None for row in spans(here.folder, "late"))


def test_changing_the_cut_makes_new_clips_and_keeps_the_old(here, footage, log):
    here(footage[:1], [segment(), grey(log=log)])
    here(footage[:1], [segment(limit=1), grey(log=log)])
    assert calls(log) == 12
    assert len(spans(here.folder)) == 6
    assert here(footage[:1], [segment(), grey(log=log)]).decodes == 0
    assert len(list((here.folder / "clips").iterdir())) == 2


def test_one_file_at_two_paths_is_one_video_with_both_paths(here, footage, tmp_path, log):
    copy = tmp_path / "copy.mp4"
    shutil.copy(footage[0], copy)
    summary = here([footage[0], copy], [segment(), grey(log=log)])
    (video,) = views.query(here.folder, "SELECT * FROM videos")
    assert sorted(video["paths"]) == sorted([str(footage[0]), str(copy)])
    assert (summary.decodes, len(spans(here.folder)), calls(log)) == (1, 6, 6)
    later = tmp_path / "later.mp4"
    shutil.copy(footage[0], later)
    assert here([later], [segment(), grey(log=log)]).decodes == 0
    assert len(views.query(here.folder, "SELECT unnest(paths) FROM videos")) == 3


def test_another_video_under_an_old_path_replaces_it_in_the_views(here, footage, tmp_path):
    path = tmp_path / "moving.mp4"
    shutil.copy(footage[0], path)
    here([path], [segment(), grey()])
    shutil.copy(footage[1], path)
    here([path], [segment(), grey()])
    (video,) = views.query(here.folder, "SELECT DISTINCT video_id, video_path FROM clips")
    assert video["video_path"] == str(path)
    assert len(spans(here.folder)) == 6


def test_bad_files_are_rows_with_stage_and_reason_once_and_retried_when_they_change(here, footage, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("this is no video")
    gone = tmp_path / "gone.mp4"
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(footage[0].read_bytes()[:-200])
    for _ in range(2):
        summary = here([bad, gone, cut, footage[0]], [segment(), grey()])
        errors = views.query(here.folder, "SELECT * FROM errors ORDER BY video_path")
        assert [(row["video_path"], row["clip_id"], row["stage"]) for row in errors] == [
            (str(bad), None, "probe"),
            (str(cut), None, "probe"),
            (str(gone), None, "probe"),
        ]
        assert all(row["reason"] for row in errors)
        assert summary.failures == 3
        assert len(spans(here.folder)) == 6
    shutil.copy(footage[1], bad)
    assert here([bad, footage[0]], [segment(), grey()]).failures == 1
    assert len(spans(here.folder)) == 12


def test_an_error_of_a_file_that_nobody_gives_any_more_is_let_go(here, footage, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("this is no video")
    assert here([bad, footage[0]], [segment(), grey()]).failures == 1
    bad.unlink()
    assert here([bad, footage[0]], [segment(), grey()]).failures == 1
    assert here([footage[0]], [segment(), grey()]).failures == 0


def test_a_file_that_vanishes_during_the_run_is_a_row_and_comes_back_when_it_is_there(here, footage, tmp_path):
    path, away = tmp_path / "moving.mp4", tmp_path / "away.mp4"
    shutil.copy(footage[0], path)
    here([path], [segment(), grey()])
    path.rename(away)
    summary = here([path], [segment(), grey(), grey("late")])
    errors = views.query(here.folder, "SELECT * FROM errors ORDER BY stage")
    assert [(row["stage"], row["clip_id"]) for row in errors] == [("late", None), ("probe", None)]
    assert all("does not exist" in row["reason"] for row in errors)
    assert summary.failures == 2
    away.rename(path)
    assert here([path], [segment(), grey(), grey("late")]).failures == 0
    assert all(row[2] is not None for row in spans(here.folder, "late"))


def test_a_damaged_part_is_named(here, footage):
    here(footage[:1], [segment(), grey()])
    (part,) = (here.folder / "columns").glob("grey@*/part-000000.parquet")
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(CatalogError, match=r"part-000000.parquet is damaged"):
        views.query(here.folder, "SELECT * FROM clips")
    with pytest.raises(CatalogError, match=r"part-000000.parquet is damaged.*computes it anew"):
        here(footage[:1], [segment(), grey()])
    part.unlink()
    here(footage[:1], [segment(), grey()])
    assert all(row[2] is not None for row in spans(here.folder, "grey"))


def test_a_failing_judge_fails_its_own_column_only_and_leaves_errors_when_mended(here, footage, log):
    summary = here(footage[:1], [segment(), grey(log=log), grey("bad", act="fail", log=log)])
    assert summary.failures == 6
    assert all(row[2] is not None for row in spans(here.folder, "grey"))
    assert all(row[2] is None for row in spans(here.folder, "bad"))
    (error, *_) = views.query(here.folder, "SELECT * FROM errors")
    assert (error["stage"], error["reason"]) == ("bad", "ZeroDivisionError: no grey here")
    before = calls(log)
    assert here(footage[:1], [segment(), grey(log=log), grey("bad", act="fail", log=log)]).failures == 6
    assert calls(log) == before
    mended = [segment(), grey(log=log), grey("bad", log=log)]
    assert here(footage[:1], mended).decodes == 0
    assert here(footage[:1], mended, retry_errors=True).failures == 0
    assert all(row[2] is not None for row in spans(here.folder, "bad"))
    assert calls(log, "grey") == 6


def test_errors_of_an_earlier_version_are_not_shown_and_do_not_hold_back_the_new_one(here, footage):
    here(footage[:1], [segment(), grey(act="fail")])
    assert here(footage[:1], [segment(), grey(version=2)]).failures == 0
    assert views.query(here.folder, "SELECT * FROM errors") == []


def test_a_stage_that_fails_on_everything_stops_the_run_early_and_keeps_the_rest(here, footage, tmp_path, log):
    more = [write_shots(tmp_path / f"{seed}.mp4", 20 + seed) for seed in range(5)]
    with pytest.raises(DropletError, match=r"stage bad failed on 20 of the first 20 rows.*no grey here"):
        here([*footage, *more], [segment(), grey("bad", act="fail"), grey(log=log)])
    assert 18 <= len(spans(here.folder)) < 48
    assert here([*footage, *more], [segment(), grey(log=log)]).clips == 48


def test_not_a_number_is_stored_as_nothing(here, footage):
    here(footage[:1], [segment(), grey(act="nan")])
    assert [row[2] for row in spans(here.folder, "grey")] == [None] * 6
    assert views.query(here.folder, "SELECT * FROM clips WHERE grey > 0") == []


def test_a_gate_holds_rows_back_until_it_is_loosened(here, footage, log):
    costly = {"log": log}
    first = here(footage, [segment(), grey(), grey("costly", gate="grey > 150", **costly)])
    assert first.held_clips == {"costly": 9}
    assert first.decodes == 6
    assert calls(log, "costly") == 9
    rows = spans(here.folder, "costly IS NOT NULL AS has, grey")
    assert all(has == (level > 150) for _, _, has, level in rows)
    same = here(footage, [segment(), grey(), grey("costly", gate="grey > 150", **costly)])
    assert (same.decodes, calls(log)) == (0, 9)
    here(footage, [segment(), grey(), grey("costly", gate="grey > 50", **costly)])
    assert calls(log) == 18 - 6
    with pytest.raises(ConfigError, match="gate 'nonsense'"):
        here(footage, [segment(), grey(), grey("costly", gate="nonsense", version=2, **costly)])


def test_a_table_stage_sees_all_rows_and_is_redone_when_some_come(here, footage):
    here(footage[:2], [segment(), grey(), rank()])
    assert sorted(row[2] for row in spans(here.folder, "rank")) == list(range(12))
    here(footage, [segment(), grey(), rank()])
    assert sorted(row[2] for row in spans(here.folder, "rank")) == list(range(18))
    assert here(footage, [segment(), grey(), rank()]).measured_clips.get("rank", 0) == 0


def test_clips_made_of_clips_are_measured_again(here, footage, log):
    here(footage, [segment(), grey(log=log), stitch(), grey("after", log=log)])
    assert [row[:2] for row in spans(here.folder)] == [(2, 38), (45, 111), (115, 123)] * 3
    assert (calls(log, "grey"), calls(log, "after")) == (18, 9)
    row = views.read_clips(here.folder)[0]
    assert row["after"] == pytest.approx(40, abs=3)
    assert row["duration_seconds"] == pytest.approx(36 / 25)
    assert "grey" not in row
    assert here(footage, [segment(), grey(log=log), stitch(), grey("after", log=log)]).decodes == 0
    assert len(views.query(here.folder, "SELECT * FROM boundaries WHERE kind <> 'length'")) == 9


def test_a_recipe_that_cannot_run_is_refused_before_any_work(here, footage):
    for stages, words in [
        ([grey()], "begins with one stage of kind video->clips"),
        ([segment(), grey(), grey()], "given twice"),
        ([segment(), rank(), grey()], "needs the column 'grey'"),
        ([segment(), segment()], "given twice"),
    ]:
        with pytest.raises(ConfigError, match=words):
            here(footage, stages)
    assert not here.folder.exists()


def test_a_foreign_folder_is_refused(here, footage):
    here.folder.mkdir()
    (here.folder / "thesis.txt").write_text("mine")
    with pytest.raises(CatalogError, match="not empty and no dataset"):
        here(footage, [segment()])
    with pytest.raises(CatalogError, match="is no dataset"):
        views.query(here.folder, "SELECT 1")


def test_an_empty_dataset_has_typed_views(here):
    here([], [segment(), grey()])
    assert views.query(here.folder, "SELECT sum(grey), max(len(grey_words)) FROM clips") != []
    assert views.query(here.folder, "SELECT video_path, frame FROM boundaries") == []
    with pytest.raises(CatalogError, match="the query failed"):
        views.query(here.folder, "SELECT nonsense FROM clips")


def test_workers_give_the_same_dataset_as_this_process(here, footage, tmp_path):
    here(footage, [segment(), grey()])
    run(tmp_path / "pool", footage, [segment(), grey()], workers=2, timeout_seconds=120.0)
    order = "SELECT * EXCLUDE (video_path) FROM clips ORDER BY clip_id"
    assert views.query(here.folder, order) == views.query(tmp_path / "pool", order)


@pytest.mark.parametrize(("act", "limit", "words"), [("hang", 4.0, "no progress for 4 s"), ("die", 60.0, "SIGKILL")])
def test_a_decoder_that_hangs_or_dies_is_an_error_row_and_the_others_finish(here, footage, act, limit, words):
    stages = [segment(), grey()]
    here(footage[:2], stages)
    summary = here(footage, [segment(), grey(act=act, version=2)], timeout_seconds=limit)
    errors = views.query(here.folder, "SELECT * FROM errors")
    assert [row["stage"] for row in errors] == ["grey", "grey", "segment"]
    assert all(words in row["reason"] for row in errors)
    assert summary.failures == 3
    assert here(footage, stages, retry_errors=True).failures == 0
    assert len(spans(here.folder)) == 18


def test_compacting_gives_the_same_view_until_something_changes(here, footage):
    here(footage[:2], [segment(), grey()])
    order = "SELECT * FROM clips ORDER BY clip_id"
    before = views.query(here.folder, order)
    path = views.compact(here.folder)
    assert views.query(here.folder, order) == before
    pq.write_table(pq.read_table(path).slice(0, 5), path)  # shows that the wide table is what the view reads
    assert len(views.query(here.folder, order)) == 5
    here(footage, [segment(), grey()])
    assert len(views.query(here.folder, order)) == 18
