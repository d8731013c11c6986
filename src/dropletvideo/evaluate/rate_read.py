"""Answers of raters, read with the key: mean ranks, agreement of raters, Kendall's tau with every metric.

Tau is tau-b (Kendall 1945), which allows equal ranks: concordant less discordant pairs over the geometric mean of the
pairs that are not tied in each; -1 to 1, None where either side is all ties. It is taken within a request, over its
videos, and averaged over requests with intervals over groups, since ranks of two requests cannot be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from dropletvideo.errors import RequestError
from dropletvideo.evaluate.aggregate import mean_estimate
from dropletvideo.evaluate.compare import Scored, read_scored
from dropletvideo.evaluate.json_file import read_json
from dropletvideo.evaluate.rate import CRITERIA, KEY
from dropletvideo.evaluate.rows import MODEL

Ranks = dict[tuple[str, int, str], dict[str, float]]
"""(rater, item, criterion) -> run name -> rank, 1 is best."""


def read_ratings(paths: Sequence[Path | str], key: Path | str | None = None) -> dict[str, Any]:
    """Mean ranks, agreement and tau with every metric from files of answers.

    Args:
        paths: files that the page's button wrote, one per rater.
        key: `key.json` of the page; beside the first file by default.

    Raises:
        RequestError: a file is missing or belongs to another page, or no rank was given.
    """
    answers = [_read(Path(path), holds="ranks") for path in paths]
    study = _read(Path(key) if key is not None else Path(paths[0]).parent / KEY, holds="items")
    ranks = _ranks(answers, study)
    if not ranks:
        raise RequestError("no rank was given in these answers: rate at least one request")
    groups = {item["item"]: item["group"] for item in study["items"]}
    runs = [run["run"] for run in study["runs"]]
    return {
        "study": study["study"],
        "raters": sorted({rater for rater, _, _ in ranks}),
        "requests": len({item for _, item, _ in ranks}),
        "mean_ranks": {run: _mean_ranks(ranks, run, groups) for run in runs},
        "agreement": {criterion: _agreement(ranks, criterion, groups) for criterion in CRITERIA},
        "tau": _tau_with_metrics(ranks, study, groups),
    }


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Tau-b of two lists of equal length; see the module text."""
    agree, ties_first, ties_second, pairs = 0, 0, 0, 0
    for i, j in combinations(range(len(first)), 2):
        one, two = _sign(first[i] - first[j]), _sign(second[i] - second[j])
        agree += one * two
        ties_first += one == 0
        ties_second += two == 0
        pairs += 1
    size = math.sqrt((pairs - ties_first) * (pairs - ties_second))
    return agree / size if size > 0 else None


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _read(path: Path, *, holds: str) -> dict[str, Any]:
    found: Any = read_json(path)
    if not isinstance(found, dict) or "study" not in found:
        raise RequestError(f"{path} is no file of `droplet rate`: it has no study")
    if not isinstance(found.get(holds), list):
        what = "the answers of a rater" if holds == "ranks" else f"the {KEY} of a page"
        raise RequestError(f"{path} is not {what}: it has no {holds}")
    return dict(found)


def _ranks(answers: Sequence[Mapping[str, Any]], study: Mapping[str, Any]) -> Ranks:
    slots = {item["item"]: item["slots"] for item in study["items"]}
    ranks: Ranks = {}
    for number, answer in enumerate(answers, start=1):
        if answer["study"] != study["study"]:
            raise RequestError(f"the answers of {answer.get('rater')} are of another page: give its key.json")
        for each in answer["ranks"]:
            try:
                run = slots[each["item"]][each["letter"]]["run"]
                place = (f"{answer.get('rater')} ({number})", each["item"], each["criterion"])
                ranks.setdefault(place, {})[run] = float(each["rank"])
            except (KeyError, TypeError, ValueError) as error:
                raise RequestError(
                    f"the answers of {answer.get('rater')} hold a rank that cannot be read: {each}"
                ) from error
    return ranks


def _mean_ranks(ranks: Ranks, run: str, groups: Mapping[int, str]) -> dict[str, Any]:
    """By criterion, the mean rank of a run with its interval over groups; 1 is best."""
    found = {}
    for criterion in CRITERIA:
        given = [
            (values[run], groups[item]) for (_, item, c), values in ranks.items() if c == criterion and run in values
        ]
        found[criterion] = mean_estimate([rank for rank, _ in given], [group for _, group in given]).as_dict()
    return found


def _agreement(ranks: Ranks, criterion: str, groups: Mapping[int, str]) -> dict[str, Any]:
    """Mean tau-b over all pairs of raters and requests that both ranked."""
    by_item: dict[int, list[dict[str, float]]] = {}
    for (_, item, each), values in ranks.items():
        if each == criterion:
            by_item.setdefault(item, []).append(values)
    taus: list[float | None] = []
    clusters: list[str] = []
    for item, given in by_item.items():
        for one, two in combinations(given, 2):
            common = sorted(one.keys() & two.keys())
            if len(common) > 1:
                taus.append(kendall_tau([one[run] for run in common], [two[run] for run in common]))
                clusters.append(groups[item])
    return mean_estimate(taus, clusters).as_dict()


def _tau_with_metrics(ranks: Ranks, study: Mapping[str, Any], groups: Mapping[int, str]) -> list[dict[str, Any]]:
    """A row per metric column: by criterion, the mean tau of its scores with the people's order.

    Scores are turned so that the better end is up; a column without one is taken as it is ("more").
    """
    scored = {run["run"]: _opened(run) for run in study["runs"]}
    columns = next(iter(scored.values())).summary["columns"]
    lines = []
    for column in columns:
        if column.get("of", "video") != "video":
            continue
        sign = -1.0 if column["better"] == "lower" else 1.0
        line: dict[str, Any] = {"column": column["name"], "label": column["label"], "better": column["better"]}
        for criterion in CRITERIA:
            taus, clusters = [], []
            for item in study["items"]:
                people = _people(ranks, item["item"], criterion)
                values = {run: _value(scored[run], item["id"], column["name"]) for run in people}
                common = sorted(run for run, value in values.items() if value is not None)
                if len(common) > 1:
                    better = [sign * float(values[run] or 0.0) for run in common]
                    taus.append(kendall_tau([-people[run] for run in common], better))
                    clusters.append(groups[item["item"]])
            line[criterion] = mean_estimate(taus, clusters).as_dict()
        lines.append(line)
    return lines


def _people(ranks: Ranks, item: int, criterion: str) -> dict[str, float]:
    """Mean rank of each run over the raters of one request."""
    given = [values for (_, number, each), values in ranks.items() if number == item and each == criterion]
    runs = {run for values in given for run in values}
    return {run: sum(v[run] for v in given if run in v) / sum(run in v for v in given) for run in runs}


def _value(scored: Scored, name: str, column: str) -> float | None:
    value: float | None = (scored.lines.get(name, {}).get("scores") or {}).get(column)
    return value


def _opened(run: Mapping[str, str]) -> Scored:
    return read_scored(run["folder"] if run["system"] == MODEL else f"{run['folder']}:{run['system']}")
