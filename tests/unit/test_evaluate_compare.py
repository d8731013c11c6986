"""Paired comparison and people's ranking: what is told apart, what is not, and what stays hidden from raters."""

from __future__ import annotations

import html
import json
import shutil
import subprocess

import numpy as np
import pytest
from typer.testing import CliRunner

from dropletvideo import media
from dropletvideo.cli.__main__ import application
from dropletvideo.errors import RequestError
from dropletvideo.evaluate.compare import compare, read_scored
from dropletvideo.evaluate.rate import CRITERIA
from dropletvideo.evaluate.rate_read import kendall_tau, read_ratings

COLUMNS = (("psnr", "higher"), ("error", "lower"), ("speed", "neither"))


def write_run(folder, values, *, systems=("model",), video=None, judges=None):
    """An evaluation folder: `values[column]` holds a value (or None) per video."""
    folder.mkdir(parents=True)
    names = [f"v{k}" for k in range(len(values["psnr"]))]
    columns = [
        {"name": n, "label": n, "unit": "", "better": b, "decimals": 2, "metric": n, "of": "video"} for n, b in COLUMNS
    ]
    rows = [{"id": name, "video": str(video or "none.mp4"), "prompt": f"scene {name}"} for name in names]
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = []
    for system in systems:
        for k, name in enumerate(names):
            scores = {column: values[column][k] for column, _ in COLUMNS}
            where = str(video or "none.mp4")
            lines.append({"system": system, "id": name, "video": where, "group": f"g{k // 2}", "scores": scores})
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    estimates = {
        column: {"value": None, "low": None, "high": None, "count": 0, "missing": 0, "clusters": 0}
        for column, _ in COLUMNS
    }
    summary = {
        "columns": columns,
        "systems": {system: {"label": system, "scores": estimates} for system in systems},
        "protocol": {"judges": judges or {"a": 1}, "metrics": {}, "manifest": str(folder / "manifest.jsonl")},
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.fixture
def runs(tmp_path):
    generator = np.random.default_rng(0)
    scene = generator.uniform(10, 40, 24)  # what scenes are worth differs far more than the runs do
    first = {"psnr": list(scene), "error": list(scene / 10), "speed": list(scene)}
    second = {
        "psnr": list(scene + 1 + generator.normal(0, 0.3, 24)),
        "error": list(scene / 10 + generator.normal(0, 0.3, 24)),
        "speed": list(scene + 2),
    }
    first["psnr"][3] = None
    return write_run(tmp_path / "one", first), write_run(tmp_path / "two", second, judges={"a": 2})


def test_pairs_tell_apart_what_means_would_not(runs):
    found = compare(read_scored(runs[0]), read_scored(runs[1]))
    by_name = {line["name"]: line for line in found["columns"]}
    psnr = by_name["psnr"]["difference"]
    assert psnr["value"] == pytest.approx(1.0, abs=0.15)
    assert psnr["count"] == 23, "a video without the score in one run is no pair"
    assert 0.6 < psnr["low"] < psnr["high"] < 1.4
    assert {name: line["verdict"] for name, line in by_name.items()} == {
        "psnr": "second", "error": "undecided", "speed": "differs"
    }  # fmt: skip
    turned = compare(read_scored(runs[1]), read_scored(runs[0]))
    assert turned["columns"][0]["verdict"] == "first"
    assert any("judges: a" in warning for warning in found["warnings"])


def test_a_run_against_itself_is_equal(runs):
    found = compare(read_scored(runs[0]), read_scored(runs[0]))
    assert {line["verdict"] for line in found["columns"]} == {"equal"}
    assert found["warnings"] == []


def test_what_cannot_be_compared_is_refused(runs, tmp_path):
    with pytest.raises(RequestError, match="droplet evaluate"):
        read_scored(tmp_path / "nothing")
    with pytest.raises(RequestError, match="one of model"):
        read_scored(f"{runs[0]}:frozen")
    with pytest.raises(RequestError, match="'frosen' is no system: one of model, real"):
        read_scored(f"{runs[0]}:frosen")
    other = write_run(tmp_path / "other", {"psnr": [1.0], "error": [1.0], "speed": [1.0]})
    text = (other / "rows.jsonl").read_text().replace('"v0"', '"elsewhere"')
    (other / "rows.jsonl").write_text(text)
    with pytest.raises(RequestError, match="no id in common"):
        compare(read_scored(runs[0]), read_scored(other))


def test_the_command_prints_json_and_writes_a_page(runs, tmp_path):
    page = tmp_path / "page.html"
    result = CliRunner().invoke(application, ["compare", *map(str, runs), "--out", str(page), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["common"] == 24
    text = page.read_text()
    assert "two is better →" in text
    assert "http://" not in text.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("first", "second", "tau"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 3], [1, 3, 2], 1 / 3),
        ([1, 1, 2], [1, 2, 3], 2 / 6**0.5),
        ([1, 1, 1], [1, 2, 3], None),
    ],
)
def test_kendall_tau_b_by_hand(first, second, tau):
    assert kendall_tau(first, second) == (None if tau is None else pytest.approx(tau))


@pytest.fixture
def rated(tmp_path):
    """Two runs of two systems in one study, and a page for them."""
    media.write_video(
        tmp_path / "secret_name.mp4", np.full((4, 32, 48, 3), 90, np.uint8), playback_fps=8, metadata={"baseline": "x"}
    )
    video = tmp_path / "secret_name.mp4"
    good = {"psnr": [30.0] * 6, "error": [1.0] * 6, "speed": [1.0] * 6}
    poor = {"psnr": [20.0] * 6, "error": [3.0] * 6, "speed": [1.0] * 6}
    folders = [write_run(tmp_path / name, v, video=video) for name, v in (("good", good), ("poor", poor))]
    out = tmp_path / "rating"
    result = CliRunner().invoke(application, ["rate", *map(str, folders), "--out", str(out), "--count", "6"])
    assert result.exit_code == 0, result.output
    return out


def answers(folder, rater, prefers, criteria=tuple(CRITERIA)):
    key = json.loads((folder / "key.json").read_text())
    ranks = [
        {"item": item["item"], "criterion": criterion, "letter": letter, "rank": 1 if slot["run"] == prefers else 2}
        for item in key["items"]
        for criterion in criteria
        for letter, slot in item["slots"].items()
    ]
    path = folder / f"answers-{rater}.json"
    path.write_text(json.dumps({"study": key["study"], "rater": rater, "ranks": ranks}))
    return path


def test_the_page_is_offline_blind_and_shuffled(rated):
    text = (rated / "rate.html").read_text()
    assert "secret_name" not in text
    assert "good" not in text.split("<script id")[1].split("data:video")[0]
    assert "http" not in text
    for label in CRITERIA.values():
        assert label in text
    key = json.loads((rated / "key.json").read_text())
    assert len(key["items"]) == 6
    orders = {tuple(slot["run"] for slot in item["slots"].values()) for item in key["items"]}
    assert orders == {("good", "poor"), ("poor", "good")}, "no letter is always the same run"


def test_answers_give_mean_ranks_agreement_and_tau_with_metrics(rated):
    files = [
        answers(rated, "ann", "good"),
        answers(rated, "bob", "good"),
        answers(rated, "cy", "poor", ("text_alignment",)),
    ]
    found = read_ratings(files)
    assert found["mean_ranks"]["good"]["visual_quality"]["value"] == 1.0
    assert found["mean_ranks"]["good"]["text_alignment"]["value"] == pytest.approx(4 / 3)
    assert found["agreement"]["visual_quality"]["value"] == 1.0
    assert found["agreement"]["text_alignment"]["value"] == pytest.approx(-1 / 3)
    tau = {line["column"]: line["visual_quality"]["value"] for line in found["tau"]}
    assert tau == {"psnr": 1.0, "error": 1.0, "speed": None}, "a lower error is better; equal scores order nothing"
    result = CliRunner().invoke(application, ["rate", "read", *map(str, files)])
    assert result.exit_code == 0
    assert "Mean rank" in result.stdout


PRESS = """
<script>
URL.createObjectURL = (blob) => { blob.text().then(done); return "#"; };
HTMLAnchorElement.prototype.click = function () { document.body.dataset.file = this.download; };
function done(text) {
  const kept = document.createElement("pre");
  kept.id = "kept"; kept.textContent = text; document.body.append(kept);
}
find("rater").value = "Ann B."; find("rater").dispatchEvent(new Event("input"));
for (let page = 0; page < data.items.length; page += 1) {
  document.querySelectorAll("#videos select").forEach((select) => {
    select.value = select.dataset.name.endsWith("A") ? "1" : "2";
    select.dispatchEvent(new Event("change"));
  });
  find("next").click();
}
find("back").click();
document.body.dataset.place = find("place").textContent;
document.body.dataset.state = find("state").textContent;
find("save").click();
</script></body>"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no browser here")
def test_the_page_works_in_a_browser_and_what_it_saves_can_be_read(rated):
    pressed = rated / "pressed.html"
    pressed.write_text((rated / "rate.html").read_text().replace("</body>", PRESS))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--dump-dom"]
    shown = subprocess.run([*command, f"file://{pressed}"], capture_output=True, text=True, timeout=120, check=True)
    assert 'data-file="answers-Ann_B_.json"' in shown.stdout
    assert 'data-place="Request 5 of 6"' in shown.stdout
    assert 'data-state="60 of 60 ranks given"' in shown.stdout
    saved = html.unescape(shown.stdout.split('<pre id="kept">')[1].split("</pre>")[0])
    (rated / "answers-Ann_B_.json").write_text(saved)
    found = read_ratings([rated / "answers-Ann_B_.json"])
    assert found["raters"] == ["Ann B. (1)"]
    assert found["requests"] == 6
    first = [item["slots"]["A"]["run"] for item in json.loads((rated / "key.json").read_text())["items"]]
    expected = np.mean([1 if run == "good" else 2 for run in first])  # A was put first throughout
    assert found["mean_ranks"]["good"]["visual_quality"]["value"] == pytest.approx(expected)


def test_answers_of_another_page_and_empty_ones_are_refused(rated):
    path = answers(rated, "ann", "good")
    other = json.loads(path.read_text()) | {"study": "another"}
    path.write_text(json.dumps(other))
    with pytest.raises(RequestError, match="another page"):
        read_ratings([path])
    path.write_text(json.dumps(other | {"study": json.loads((rated / "key.json").read_text())["study"], "ranks": []}))
    with pytest.raises(RequestError, match="no rank"):
        read_ratings([path])
