"""Every file in `evaluate/metrics/` keeps the contract of `evaluate/metric.py`; a new file is picked up by itself."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from dropletvideo.evaluate.manifest import CameraAsk, ManifestRow
from dropletvideo.evaluate.metric import Metric, ScoredRow, judges_of, load_metric, load_metrics, metric_names
from dropletvideo.evaluate.suite import load_suite, suite_names
from dropletvideo.perception.judge import Judge
from dropletvideo.published import WEIGHTS

every_metric = pytest.mark.parametrize("name", metric_names())
ASKING = ManifestRow(
    id="a",
    video="a.mp4",
    prompt="a ball",
    image="a.png",
    motion=4,
    camera=(CameraAsk(move="pan_left"), CameraAsk(move="tilt_up")),
    reference_video="a_real.mp4",
)
ENTRIES = {
    "camera_detail": {"move": "pan_left", "start": 0.0, "end": 1.0, "amount": 10.0},
    "camera_unclear": {"moves": ["zoom_in", "dolly_in"], "start": 0.0, "end": 1.0},
}
BARE = ManifestRow(id="b", video="b.mp4")


def measures(metric: Metric) -> dict:
    """A value of the declared type for every judge column."""
    values = {float: 0.5, int: 3, str: "C2", bool: True, list: ["pan_left"], dict: {}, np.ndarray: "none.npz"}
    found = {column: values[kind] for judge in metric.judges for column, kind in judge.columns.items()}
    return found | {name: [dict(entry)] for name, entry in ENTRIES.items() if name in found}


def test_the_metrics_of_this_release_are_there():
    assert set(metric_names()) >= {"camera", "first_frame", "flicker", "motion"}


@every_metric
def test_declared_parts(name):
    metric = load_metric(name)
    assert metric.name == name
    assert metric.version >= 1
    assert metric.title
    assert metric.about
    assert metric.columns
    assert metric.judges
    assert all(isinstance(judge, Judge) for judge in metric.judges)
    assert all(column.better in ("higher", "lower", "neither") for column in metric.columns)


@every_metric
def test_suites_flavours_weights_and_libraries_are_known(name):
    metric = load_metric(name)
    assert set(metric.suites) <= set(suite_names())
    assert set(metric.weights) <= set(WEIGHTS)
    flavours = {metric.flavour, *(column.flavour for column in metric.columns if column.flavour)}
    assert flavours <= {"compat", "fixed", "paper", "own"}
    assert all(column.of == "video" or metric.aggregate for column in metric.columns)
    for profile in ("paper", "permissive"):
        assert bool(metric.lacks(profile)) <= bool(metric.weights or metric.libraries)


@every_metric
def test_docstring_names_range_direction_and_source(name):
    text = (importlib.import_module(f"dropletvideo.evaluate.metrics.{name}").__doc__ or "").lower()
    assert "source" in text
    assert any(word in text for word in ("higher", "lower", "no direction"))
    assert any(word in text for word in ("range", " to 1", "0 to"))


def test_columns_and_judge_names_are_unique():
    metrics = load_metrics()
    columns = [column.name for metric in metrics for column in metric.columns]
    assert len(columns) == len(set(columns))
    judges = judges_of(metrics)
    assert len({judge.name for judge in judges}) == len(judges)
    measured = [column for judge in judges for column in judge.columns]
    assert len(measured) == len(set(measured)), "one judge would overwrite what another found"


@every_metric
def test_score_is_pure_and_gives_declared_columns(name):
    metric = load_metric(name)
    given = measures(metric)
    first = metric.score(ASKING, given)
    assert first or all(column.of == "set" for column in metric.columns)
    assert set(first) <= {column.name for column in metric.columns}
    assert metric.score(ASKING, dict(given)) == first
    assert given == measures(metric)


@every_metric
def test_what_was_not_measured_is_none_and_never_a_number(name):
    assert set(load_metric(name).score(ASKING, {}).values()) <= {None}


@every_metric
def test_what_was_not_asked_is_not_scored(name):
    scores = load_metric(name).score(BARE, measures(load_metric(name)))
    assert not {"first_frame_psnr", "camera_f1", "camera_recall", "reference_psnr"} & scores.keys()


@every_metric
def test_tables_are_json_and_survive_rows_without_measures(name):
    metric = load_metric(name)
    if metric.tables is None:
        pytest.skip("this metric has no tables")
    rows = [ASKING.model_copy(update={"id": f"r{m}", "motion": float(m)}) for m in (4, 8, 32)]
    full = [ScoredRow(row=row, measures=measures(metric), scores=metric.score(row, measures(metric))) for row in rows]
    empty = [ScoredRow(row=row, measures={}, scores=metric.score(row, {})) for row in rows]
    for scored in (full, empty, full + empty, []):
        json.dumps(metric.tables(scored), allow_nan=False)


@pytest.mark.parametrize(
    ("name", "column", "good", "bad"),
    [
        ("first_frame", "first_frame_psnr", {"first_frame_psnr": 35.0}, {"first_frame_psnr": 12.0}),
        ("camera", "camera_f1", {"camera_moves": ["pan_left", "tilt_up"]}, {"camera_moves": ["pan_right"]}),
        ("flicker", "compensated_flicker", {"compensated_flicker": 0.5}, {"compensated_flicker": 9.0}),
    ],
)
def test_declared_direction_orders_a_good_and_a_bad_video(name, column, good, bad):
    metric = load_metric(name)
    better = next(each.better for each in metric.columns if each.name == column)
    scores = [metric.score(ASKING, given)[column] for given in (good, bad)]
    assert (scores[0] > scores[1]) == (better == "higher")


def test_no_metric_measures_by_itself():
    """Metrics adapt judges: none of them opens a file or looks at pixels."""
    folder = Path(importlib.import_module("dropletvideo.evaluate.metrics").__path__[0])
    for file in folder.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        for library in ("cv2", "numpy", "dropletvideo.media", "dropletvideo import media", "import av"):
            assert library not in text, f"{file.name} uses {library}"


@pytest.mark.parametrize("name", suite_names())
def test_a_suite_names_itself_and_only_columns_that_some_metric_gives(name):
    suite = load_suite(name)
    assert suite.name == name
    assert suite.title
    assert suite.about
    known = {column.name for metric in load_metrics() for column in metric.columns}
    assert set(suite.columns or ()) <= known
    if suite.totals is not None:
        absent = suite.totals(dict.fromkeys(suite.columns or ()))
        assert set(absent.values()) <= {None}, "a total of nothing is not a number"
        assert set(suite.total_labels or {}) == set(absent)
