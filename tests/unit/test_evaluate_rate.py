"""Raters drawn from a known order with known noise: what is read back is what was put in, within its intervals."""

from __future__ import annotations

import json
import math
from itertools import combinations

import numpy as np
import pytest

from dropletvideo.errors import RequestError
from dropletvideo.evaluate.rate import CRITERIA, LETTERS
from dropletvideo.evaluate.rate_read import read_ratings

QUALITY = {"best": 1.5, "good": 0.9, "fair": 0.6, "poor": 0.0}
NOISE = 0.8
ITEMS, RATERS = 60, 5


def prefers(one: str, other: str) -> float:
    """Probability that a rater puts one above the other: both qualities have independent normal noise."""
    return 0.5 * (1 + math.erf((QUALITY[one] - QUALITY[other]) / (2 * NOISE)))


def write_study(folder):
    """Four runs that answered the same requests, as `droplet rate` leaves them, with a metric that orders them right,
    one that orders them the wrong way round, and one that knows nothing."""
    generator = np.random.default_rng(1)
    for name, quality in QUALITY.items():
        (folder / name).mkdir(parents=True)
        noise = generator.normal(size=ITEMS)
        lines = [
            {
                "system": "model",
                "id": f"v{k}",
                "video": "none.mp4",
                "group": f"g{k}",
                "scores": {"right": quality, "error": -quality + 9, "wrong": -quality, "chance": noise[k]},
            }
            for k in range(ITEMS)
        ]
        columns = [
            {"name": n, "label": n, "unit": "", "better": "lower" if n == "error" else "higher", "decimals": 2}
            for n in ("right", "error", "wrong", "chance")
        ]
        (folder / name / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / name / "summary.json").write_text(json.dumps({"columns": columns, "systems": {}, "protocol": {}}))
    runs = [{"run": name, "folder": str(folder / name), "system": "model"} for name in QUALITY]
    items = []
    for k in range(ITEMS):
        order = generator.permutation(len(runs))
        slots = {LETTERS[place]: runs[which] for place, which in enumerate(order)}
        items.append({"item": k + 1, "id": f"v{k}", "group": f"g{k}", "slots": slots})
    key = {"study": "s", "criteria": list(CRITERIA), "items": items, "runs": runs}
    (folder / "key.json").write_text(json.dumps(key))
    return key


def write_answers(folder, key, rater: int):
    """One rater's ranks: the order of quality plus normal noise, drawn anew for each request and criterion."""
    generator, ranks = np.random.default_rng(100 + rater), []
    for item in key["items"]:
        for criterion in CRITERIA:
            seen = {letter: QUALITY[slot["run"]] + generator.normal(0, NOISE) for letter, slot in item["slots"].items()}
            for place, letter in enumerate(sorted(seen, key=seen.__getitem__, reverse=True), start=1):
                ranks.append({"item": item["item"], "criterion": criterion, "letter": letter, "rank": place})
    path = folder / f"answers-{rater}.json"
    path.write_text(json.dumps({"study": "s", "rater": f"r{rater}", "ranks": ranks}))
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    key = write_study(folder)
    return [write_answers(folder, key, rater) for rater in range(RATERS)]


@pytest.fixture(scope="module")
def found(study):
    return read_ratings(study)


def inside(estimate, truth) -> bool:
    return estimate["low"] <= truth <= estimate["high"]


def test_mean_ranks_are_those_that_the_noise_makes_and_their_intervals_hold_them(found):
    held = []
    for run in QUALITY:
        truth = 1 + sum(prefers(other, run) for other in QUALITY if other != run)
        for criterion in CRITERIA:
            estimate = found["mean_ranks"][run][criterion]
            assert estimate["value"] == pytest.approx(truth, abs=0.2)
            assert estimate["high"] - estimate["low"] < 0.4
            held.append(inside(estimate, truth))
    assert np.mean(held) >= 0.85  # 95 % intervals, 20 of them


def test_agreement_of_raters_is_what_independent_noise_leaves(found):
    truth = np.mean([(2 * prefers(one, other) - 1) ** 2 for one, other in combinations(QUALITY, 2)])
    estimates = [found["agreement"][criterion] for criterion in CRITERIA]
    assert np.mean([each["value"] for each in estimates]) == pytest.approx(truth, abs=0.04)
    assert sum(inside(each, truth) for each in estimates) >= 4  # of five 95 % intervals


def test_tau_of_a_metric_with_one_rater_is_the_share_of_pairs_that_the_rater_has_right(study):
    truth = np.mean([2 * prefers(one, other) - 1 for one, other in combinations(QUALITY, 2)])
    tau = {line["column"]: line for line in read_ratings(study[:1], study[0].parent / "key.json")["tau"]}
    assert np.mean([tau["right"][criterion]["value"] for criterion in CRITERIA]) == pytest.approx(truth, abs=0.06)
    for criterion in CRITERIA:
        assert tau["error"][criterion]["value"] == tau["right"][criterion]["value"]  # a lower error is better
        assert tau["wrong"][criterion]["value"] == -tau["right"][criterion]["value"]
    assert np.mean([inside(tau["right"][criterion], truth) for criterion in CRITERIA]) >= 0.8
    assert np.mean([inside(tau["chance"][criterion], 0.0) for criterion in CRITERIA]) >= 0.8


def test_more_raters_bring_the_people_s_order_nearer_to_the_truth(study, found):
    alone = read_ratings(study[:1], study[0].parent / "key.json")
    for criterion in CRITERIA:
        one, all_of_them = (
            next(line for line in each["tau"] if line["column"] == "right")[criterion]["value"]
            for each in (alone, found)
        )
        assert all_of_them > one + 0.05


def test_files_that_are_no_answers_are_told_apart(study, tmp_path):
    with pytest.raises(RequestError, match="not the answers of a rater"):
        read_ratings([study[0].parent / "key.json"])
    with pytest.raises(RequestError, match=r"nothing\.json cannot be read"):
        read_ratings([tmp_path / "nothing.json"])
    broken = json.loads(study[0].read_text())
    broken["ranks"][0]["letter"] = "Q"
    (tmp_path / "answers-q.json").write_text(json.dumps(broken))
    with pytest.raises(RequestError, match="rank that cannot be read"):
        read_ratings([tmp_path / "answers-q.json"], study[0].parent / "key.json")
    with pytest.raises(RequestError, match=r"not the key\.json of a page"):
        read_ratings(study[:1], study[1])
