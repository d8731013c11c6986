"""Suites, licence profiles, set metrics, rows that a metric does not apply to, totals and the export."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.errors import ConfigError
from dropletvideo.evaluate import measuring, score
from dropletvideo.evaluate import metric as metric_module
from dropletvideo.evaluate import suite as suite_module
from dropletvideo.evaluate.aggregate import set_estimate
from dropletvideo.evaluate.dry_run import what_would_run
from dropletvideo.evaluate.exported import write_vbench
from dropletvideo.evaluate.manifest import ManifestRow, write_manifest
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.evaluate.rows import MODEL, Result
from dropletvideo.evaluate.score import EvaluateConfig, evaluate_manifest
from dropletvideo.evaluate.suite import Suite, load_suite
from dropletvideo.evaluate.suites.mirabench import PAPER
from dropletvideo.evaluate.summary import summarise
from dropletvideo.evaluate.totals import total_estimates
from dropletvideo.perception.judge import Frames

SIZE = (48, 64)


class Brightness:
    """Mean level, and the mean of each frame as the features of a set metric."""

    name, version = "brightness_test", 1
    needs = Frames(rate=None, short_side=None)
    columns: ClassVar = {"level": float, "levels": np.ndarray}
    started: ClassVar[list[str]] = []

    def start(self, row):
        self.started.append(str(row["id"]))
        return []

    def update(self, state, chunk):
        state.extend(float(frame.mean()) for frame in chunk.frames)

    def finish(self, state):
        return {"level": float(np.mean(state)), "levels": np.array(state, np.float32)[:, None]}


def of_set(rows, real):
    """Distance of the mean level from that of the real clips."""
    features = [(each.feature("levels"), each.row.cluster) for each in rows]
    other = float(np.mean([each.feature("levels").mean() for each in real])) if real else None

    def distance(drawn):
        return None if other is None else abs(float(np.mean([features[k][0].mean() for k in drawn])) - other)

    return {"level_distance": set_estimate([cluster for _, cluster in features], distance)}


def brightness(**changes) -> Metric:
    made = Metric(
        name="brightness",
        title="Brightness",
        version=1,
        about="",
        suites=("survey",),
        columns=(
            Column(name="level", label="level", unit="", better="higher", weight="num_frames"),
            Column(name="level_distance", label="distance", unit="", better="lower", of="set"),
        ),
        judges=(Brightness(),),
        score=lambda row, measures: {"level": measures.get("level")},
        aggregate=of_set,
    )
    return replace(made, **changes)


@pytest.fixture
def registered(monkeypatch):
    """Put metrics in the place of the folder's files."""

    def register(*metrics: Metric) -> None:
        by_name = {metric.name: metric for metric in metrics}
        for module in (metric_module, score, measuring):
            monkeypatch.setattr(module, "load_metric", by_name.__getitem__)
        for module in (metric_module, score):
            monkeypatch.setattr(module, "metric_names", lambda: sorted(by_name))
        monkeypatch.setattr(suite_module, "load_metrics", lambda: list(by_name.values()))
        measuring._judges.cache_clear()

    Brightness.started.clear()
    yield register
    measuring._judges.cache_clear()


def write(path: Path, level: int, count: int = 5) -> Path:
    media.write_video(path, np.full((count, *SIZE, 3), level, np.uint8), playback_fps=8)
    return path


def manifest(folder: Path, **more) -> Path:
    rows = [
        ManifestRow(
            id=f"v{level}", video=write(folder / f"{level}.mp4", level), prompt="a wall", group=str(level), **more
        )
        for level in (60, 120)
    ]
    write_manifest(folder / "manifest.jsonl", rows)
    return folder / "manifest.jsonl"


HERE = EvaluateConfig(metrics=("brightness",), baselines=(), timeout_seconds=None)


def test_a_set_metric_keeps_features_beside_the_rows_and_finds_them_again(tmp_path, registered):
    registered(brightness())
    reference = write(tmp_path / "real.mp4", 100)
    path = manifest(tmp_path, reference_video=reference)
    config = HERE.model_copy(update={"baselines": ("real",)})
    first = evaluate_manifest(path, tmp_path / "out", config)
    estimate = first.summary["systems"]["model"]["scores"]["level_distance"]
    assert estimate["value"] == pytest.approx(10, abs=2)
    assert estimate["low"] <= estimate["value"] <= estimate["high"]
    lines = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert all(line["measures"]["levels"].startswith("features/") for line in lines)
    assert sum(path.stat().st_size for path in (tmp_path / "out" / "features").iterdir()) > 0
    Brightness.started.clear()
    again = evaluate_manifest(path, tmp_path / "out", config)
    assert Brightness.started == []
    assert again.summary["systems"]["model"]["scores"] == first.summary["systems"]["model"]["scores"]
    for file in (tmp_path / "out" / "features").iterdir():
        file.unlink()
    evaluate_manifest(path, tmp_path / "out", config)
    assert sorted(Brightness.started) == ["v120", "v60", "v60"], "features that are gone are made anew (real once)"


def test_a_second_metric_measures_only_what_is_new(tmp_path, registered):
    class Other(Brightness):
        name = "other_test"
        columns: ClassVar = {"other": float}

        def finish(self, state):
            return {"other": 1.0}

    other = brightness(
        name="other",
        judges=(Other(),),
        columns=(Column(name="other", label="", unit="", better="higher"),),
        score=lambda row, measures: {"other": measures.get("other")},
        aggregate=None,
    )
    registered(brightness(), other)
    path = manifest(tmp_path)
    one = evaluate_manifest(path, tmp_path / "out", HERE)
    assert (one.summary["protocol"]["videos_measured"], one.summary["protocol"]["decodes"]) == (2, 2)
    started = list(Brightness.started)
    both = evaluate_manifest(path, tmp_path / "out", HERE.model_copy(update={"metrics": ("brightness", "other")}))
    assert Brightness.started == [*started, "v60", "v120"], "only the new judge looked again"
    assert both.summary["systems"]["model"]["scores"]["other"]["value"] == 1.0
    fresh = evaluate_manifest(path, tmp_path / "both", HERE.model_copy(update={"metrics": ("brightness", "other")}))
    assert fresh.summary["protocol"]["decodes"] == 2, "one decode per video serves all metrics"


def test_missing_weights_and_a_forbidding_licence_make_a_metric_absent_and_no_zero(tmp_path, registered, monkeypatch):
    monkeypatch.setenv("DROPLET_WEIGHTS", str(tmp_path / "none"))
    learned = brightness(name="learned", weights=("dover",), judges=())
    learned = replace(
        learned, columns=(Column(name="beauty", label="beauty", unit="", better="higher"),), aggregate=None
    )
    registered(brightness(), learned)
    path = manifest(tmp_path)
    config = HERE.model_copy(update={"metrics": ("brightness", "learned")})
    found = evaluate_manifest(path, tmp_path / "out", config)
    (absent,) = found.summary["absent"]
    assert absent["metric"] == "learned"
    assert "droplet weights fetch dover" in absent["reason"]
    assert "beauty" not in found.summary["systems"]["model"]["scores"]
    assert any("absent" in sentence for sentence in found.summary["weak"])
    line = json.loads((tmp_path / "out" / "rows.jsonl").read_text().splitlines()[0])
    assert line["absent"] == ["learned"]
    assert "beauty" not in line["scores"]
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "DOVER.pth").write_bytes(b"x")
    assert learned.lacks("paper") == ""
    assert "permissive" not in learned.lacks("permissive")
    assert "non-commercial" in learned.lacks("permissive")


def test_rows_are_scored_by_dimension_and_by_what_they_hold(tmp_path, registered):
    registered(brightness(dimension="imaging_quality", requires=("prompt",)))
    rows = [
        ManifestRow(id="asked", video=write(tmp_path / "a.mp4", 50), prompt="x", dimensions=("imaging_quality",)),
        ManifestRow(id="other", video=write(tmp_path / "b.mp4", 60), prompt="x", dimensions=("camera_motion",)),
        ManifestRow(id="mute", video=write(tmp_path / "c.mp4", 70)),
        ManifestRow(id="plain", video=write(tmp_path / "d.mp4", 90), prompt="x"),
    ]
    write_manifest(tmp_path / "m.jsonl", rows)
    found = evaluate_manifest(tmp_path / "m.jsonl", tmp_path / "out", HERE)
    assert sorted(Brightness.started) == ["asked", "plain"], "no frame is looked at for what is not asked"
    model = found.summary["systems"]["model"]
    assert model["scores"]["level"]["count"] == 2
    assert model["not_scored"] == [{"metric": "brightness", "reason": "the row has no prompt", "count": 1}]
    assert any("the row has no prompt" in sentence for sentence in found.summary["weak"])


def test_nan_from_a_judge_or_a_metric_is_missing_with_a_reason_and_the_rest_goes_on(tmp_path, registered):
    class Broken(Brightness):
        name = "broken_test"

        def finish(self, state):
            return {"level": float("nan"), "levels": np.zeros((1, 1), np.float32)}

    def fails(row, measures):
        raise ZeroDivisionError("of its own")

    bad = brightness(judges=(Broken(),), aggregate=None)
    crash = brightness(name="crash", judges=(Broken(),), score=fails, aggregate=None)
    crash = replace(crash, columns=(Column(name="crash", label="", unit="", better="higher"),))
    registered(bad, crash)
    config = HERE.model_copy(update={"metrics": ("brightness", "crash")})
    for _ in range(2):
        found = evaluate_manifest(manifest(tmp_path), tmp_path / "out", config)
        model = found.summary["systems"]["model"]
        assert model["scores"]["level"]["value"] is None
        assert (model["scores"]["level"]["count"], model["scores"]["level"]["missing"]) == (0, 2)
        reasons = {each["column"]: each["reason"] for each in model["missing"]}
        assert reasons["level"] == "not a number"
        assert "of its own" in reasons["crash"]
    lines = (tmp_path / "out" / "rows.jsonl").read_text().splitlines()
    assert len(lines) == 2, "the second run has nothing new to say"
    assert json.loads(lines[0])["missing"]["level"] == "not a number"


def scored(name: str, level: float, frames: int, group: str) -> Result:
    row = ManifestRow(id=name, video=f"{name}.mp4", group=group, dimensions=("imaging_quality",))
    return Result(system=MODEL, row=row, measures={"level": level, "num_frames": frames})


def test_a_weighted_mean_and_a_total_with_its_interval():
    plain = brightness(aggregate=None, flavour="compat", dimension="imaging_quality")
    results = [scored("a", 1.0, 1, "a"), scored("b", 4.0, 3, "b"), scored("c", 2.0, 2, "c")]
    suite = Suite(
        name="survey",
        title="",
        about="",
        columns=("level", "nothing"),
        totals=lambda means: {"total": None if means["level"] is None else 10 * means["level"], "whole": None},
        total_labels={"total": "Total", "whole": "Whole"},
    )
    found = summarise(results, [plain], suites=[suite])
    model = found["systems"][MODEL]
    assert model["scores"]["level"]["value"] == pytest.approx((1 + 12 + 4) / 6)
    total = model["totals"]["survey"]["total"]
    assert total["value"] == pytest.approx(10 * 17 / 6)
    assert total["low"] < total["value"] < total["high"]
    assert total["low"] == pytest.approx(10 * model["scores"]["level"]["low"], rel=1e-6), "the same draws"
    assert model["totals"]["survey"]["whole"]["value"] is None
    assert found["suites"]["survey"]["absent"] == ["nothing"]
    assert total_estimates(suite, [plain], [], {})["total"]["value"] is None


def test_the_export_has_the_published_shape(tmp_path, registered):
    exported = brightness(
        aggregate=None,
        flavour="compat",
        dimension="imaging_quality",
        exported=lambda each: {"video_results": 100 * each.scores["level"]},
    )
    registered(exported)
    path = manifest(tmp_path, dimensions=("imaging_quality",))
    evaluation = evaluate_manifest(path, tmp_path / "out", HERE)
    results, info = (json.loads(path.read_text()) for path in write_vbench(evaluation, tmp_path / "vbench"))
    overall, videos = results["imaging_quality"]
    assert overall == pytest.approx(90, abs=2)
    assert [Path(video["video_path"]).name for video in videos] == ["60.mp4", "120.mp4"]
    assert videos[0]["video_results"] == pytest.approx(6000, abs=200)
    asking = replace(exported, exported=lambda each: {"prompt_type": "zoom_in"})
    (camera, _) = write_vbench(replace(evaluation, metrics=[asking]), tmp_path / "camera")
    overall, classes, _ = json.loads(camera.read_text())["imaging_quality"]
    assert classes == {"zoom_in": pytest.approx(overall)}
    assert info[0]["prompt_en"] == "a wall"
    assert len(info[0]["video_list"]) == 2


def test_dry_run_counts_and_decodes_nothing(tmp_path, registered):
    registered(brightness())
    path = manifest(tmp_path)
    plan = what_would_run(path, tmp_path / "out", HERE)
    assert (plan["rows"], plan["to_measure"], plan["known"]) == (2, 2, 0)
    assert Brightness.started == []
    assert not (tmp_path / "out").exists()
    evaluate_manifest(path, tmp_path / "out", HERE)
    (tmp_path / "60.mp4").unlink()
    plan = what_would_run(path, tmp_path / "out", HERE)
    assert (plan["videos_missing"], plan["to_measure"], plan["known"]) == (1, 0, 1)


def test_unknown_suites_and_profiles_are_refused():
    with pytest.raises(ConfigError, match="one of istp"):
        EvaluateConfig(suite="beauty").load_metrics()
    with pytest.raises(ValueError, match="permissive"):
        EvaluateConfig(profile="free")


def test_a_flavour_that_no_metric_has_names_those_that_there_are():
    with pytest.raises(ConfigError, match="no column is paper: these metrics have own"):
        EvaluateConfig(suite="truth", flavours=("paper",)).load_metrics()
    names = {
        column.name
        for metric in EvaluateConfig(suite="mirabench", flavours=("paper",)).load_metrics()
        for column in metric.columns
    }
    assert names == set(PAPER)


@pytest.mark.parametrize("name", ["mirabench", "survey"])
def test_a_suite_s_own_order_names_every_column_of_its_metrics_once(name):
    """A column that its order forgets would not be in the suite's table."""
    given = {column.name for metric in EvaluateConfig(suite=name).load_metrics() for column in metric.columns}
    ordered = load_suite(name).columns
    assert set(ordered) == given
    assert len(ordered) == len(given)


def test_a_suite_takes_the_metrics_that_name_it():
    names = {metric.name for metric in EvaluateConfig(suite="truth").load_metrics()}
    assert names >= {"breaks", "camera", "dynamic_degree", "first_frame", "flicker", "look", "motion", "reference"}
    assert names < {metric.name for metric in EvaluateConfig(suite="all").load_metrics()}
