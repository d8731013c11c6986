"""rows.jsonl: nothing is lost, nothing is measured twice, a torn line does not break the next run."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.measuring import Keys
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.evaluate.rows import MODEL, Result, RowFile, line_of
from dropletvideo.evaluate.summary import summarise
from dropletvideo.evaluate.weak import weak_points


class Judge:
    name, version = "speed", 1
    needs = None
    columns: ClassVar = {"speed": float}


def metric(version: int = 1, better: str = "higher") -> Metric:
    return Metric(
        name="speed",
        title="Speed",
        version=version,
        about="",
        columns=(Column(name="speed", label="speed", unit="m/s", better=better),),
        judges=(Judge(),),
        score=lambda row, measures: {"speed": measures.get("speed")},
    )


def result(name: str, value: float | None = None, *, system: str = MODEL, error: str | None = None, **more) -> Result:
    row = ManifestRow(id=name, video=f"{name}.mp4", **more)
    return Result(system=system, row=row, keys={"speed": f"k{name}"}, measures={"speed": value}, error=error)


def test_lines_are_appended_once_and_the_last_word_counts(tmp_path):
    file = RowFile(tmp_path / "rows.jsonl")
    assert file.append(line_of(result("a", 1.0), [metric()]))
    assert not file.append(line_of(result("a", 1.0), [metric()]))
    assert file.append(line_of(result("a", 2.0), [metric()]))
    again = RowFile(tmp_path / "rows.jsonl")
    assert again.known([Judge()]) == {"ka": {"speed": 2.0}}
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 2


def test_a_torn_last_line_is_passed_over_and_not_written_into(tmp_path):
    path = tmp_path / "rows.jsonl"
    RowFile(path).append(line_of(result("a", 1.0), [metric()]))
    with path.open("a") as out:
        out.write('{"system": "model", "id": "b", "measu')
    file = RowFile(path)
    assert set(file.known([Judge()])) == {"ka"}
    file.append(line_of(result("c", 3.0), [metric()]))
    assert set(RowFile(path).known([Judge()])) == {"ka", "kc"}


def test_nan_is_null_and_errors_are_no_measures(tmp_path):
    path = tmp_path / "rows.jsonl"
    file = RowFile(path)
    file.append(line_of(result("a", float("nan")), [metric()]))
    file.append(line_of(result("b", error="torn file"), [metric()]))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["scores"] == {"speed": None}
    assert "scores" not in lines[1]
    assert lines[1]["error"] == "torn file"
    assert set(RowFile(path).known([Judge()])) == {"ka"}


class Looker(Judge):
    reads = ("image", "fit")


def test_key_follows_bytes_version_and_what_the_judge_reads_of_the_row(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"one")
    (tmp_path / "b.mp4").write_bytes(b"one")
    (tmp_path / "i.png").write_bytes(b"image")
    row = ManifestRow(id="a", video=tmp_path / "a.mp4")

    def key(given: ManifestRow, judge: Judge) -> str:
        return Keys([metric()]).of_row(given, [judge])["speed"]

    plain, looking = key(row, Judge()), key(row, Looker())
    same = row.model_copy(update={"video": tmp_path / "b.mp4", "motion": 4.0, "prompt": "another"})
    assert key(same, Judge()) == plain
    assert key(same, Looker()) == looking
    with_image = row.model_copy(update={"image": tmp_path / "i.png"})
    assert key(with_image, Judge()) == plain, "a judge that does not read the image is not asked again"
    assert key(with_image, Looker()) != looking
    assert key(with_image.model_copy(update={"fit": "stretch"}), Looker()) != key(with_image, Looker())
    newer = Judge()
    newer.version = 2
    assert key(row, newer) != plain
    (tmp_path / "a.mp4").write_bytes(b"two")
    assert key(row, Judge()) != plain
    with pytest.raises(OSError, match="nothere"):
        key(row.model_copy(update={"video": tmp_path / "nothere.mp4"}), Judge())


def test_summary_counts_failures_apart_from_missing_values():
    found = summarise([result("a", 1.0), result("b"), result("c", error="torn")], [metric()])
    model = found["systems"][MODEL]
    assert (model["rows"], model["scored"], model["failed"]) == (3, 2, 1)
    assert model["failures"] == [{"id": "c", "reason": "torn"}]
    assert (model["scores"]["speed"]["count"], model["scores"]["speed"]["missing"]) == (1, 1)


def test_a_baseline_asked_for_one_metric_has_no_other_score():
    lone = result("a", 1.0, system="codec", extra={"only": ["first_frame"]})
    assert summarise([lone], [metric()])["systems"]["codec"]["scores"] == {}


@pytest.mark.parametrize(
    ("better", "frozen", "said"), [("higher", 2.0, True), ("higher", 0.5, False), ("lower", 0.5, True)]
)
def test_a_frozen_picture_that_wins_is_said(better, frozen, said):
    results = [result("a", 1.0), result("a", frozen, system="frozen"), result("a", 1.0, system="real")]
    sentences = weak_points(summarise(results, [metric(better=better)]))
    assert any(text.startswith("The frozen picture baseline") for text in sentences) is said
    assert any(text.startswith("A frozen picture beats the real clip") for text in sentences) is said


def test_weak_points_name_failures_and_few_images():
    sentences = weak_points(summarise([result("a", 1.0), result("b", error="torn")], [metric()]))
    assert any("1 of 2 videos of model failed" in text and "torn" in text for text in sentences)
    assert any("Only 1 independent" in text for text in sentences)
