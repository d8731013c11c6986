"""Causality: camera and events in the asked order, each at its time. Range 0 to 1, higher is better.

    causality = asked constraints that hold / asked constraints

Constraints: of two asked camera moves that are not asked at once, the earlier runs first (one that is not made does not
hold); a thing asked to appear while the camera makes a move appears while the measured course runs that way; of two
such things that are told apart, the earlier is not seen later; each comes within a quarter of the video's length of its
time. Whether an asked thing is found at all is a matter of `emergence`; only found ones are ordered. A request without
two parts to order has no value.

Table `counterfactual`: rows of one group of which one asks for another camera (`changed: camera`) or for no plot
(`changed: plot`), the rest equal. Control = wanted change / (wanted + unwanted change), 0 where nothing changes: what
was asked to change should, and nothing else. Camera change is the distance of the courses over their lengths; plot
change is the difference in the share of time in which something moves by itself. Source: own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from dropletvideo.evaluate.course import along, change_between, middle_of
from dropletvideo.evaluate.manifest import CameraAsk, ManifestRow
from dropletvideo.evaluate.metric import Column, Metric, ScoredRow
from dropletvideo.evaluate.metrics.emergence import LIKE, colour_of
from dropletvideo.perception.consistency import ConsistencyJudge

_COLUMNS = (Column(name="causality", label="causality", unit="", better="higher", decimals=2),)
SLACK = 0.4
"""Seconds by which a measured move may miss what it causes."""
ABOUT = 0.25
"""Seconds by which of two things the later may be seen first: one shows at its size, another only when it is large."""
NEAR = 0.25
"""Share of the asked span by which a thing may come early or late."""
LEAST_MOTION = 0.01
"""Picture motion in short sides about a thing's coming that counts as the camera's bringing it."""
LEAST_CHANGE = 0.1


def constraints(row: ManifestRow, measures: Mapping[str, Any]) -> list[bool]:
    """Whether each asked constraint holds."""
    moves = list(row.camera or ())  # a request lists its moves in time order
    course = measures.get("rigid_course") or {}
    held = []
    for earlier, later in pairwise(moves):
        if later.start is None or later.start != earlier.start:
            held.append(_in_order(middle_of(earlier, course), middle_of(later, course)))
    things = (measures.get("revealed_detail") or {}).get("things") or []
    length = max((ask.end or 0.0 for ask in moves), default=0.0)
    appearing = sorted(_appearances(row), key=lambda event: event["start"])
    found = [(event, thing) for event in appearing if (thing := _coming(event, things)) is not None]
    for event, thing in found:
        time = thing["start"]
        cause = [ask for ask in moves if (ask.start or 0.0) <= event["start"] <= (ask.end or length)]
        if cause:
            held.append(any(_goes_on(course, ask, time) for ask in cause))
        held.append(abs(time - event["start"]) <= max(NEAR * length, SLACK))
    for (one, first), (two, second) in pairwise(found):
        if two["start"] - one["start"] > SLACK and first is not second:
            held.append(first["start"] < second["start"] + ABOUT)
    return held


def _appearances(row: ManifestRow) -> Iterable[Mapping[str, Any]]:
    return (
        event
        for event in row.events
        if event.get("event") == "appears" and event.get("start") is not None and colour_of(str(event.get("object")))
    )


def _in_order(first: float | None, second: float | None) -> bool:
    return first is not None and second is not None and first < second


def _coming(event: Mapping[str, Any], things: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The thing of the event's colour that comes in nearest to when it was asked to."""
    colour = colour_of(str(event["object"])) or ""
    alike = [thing for thing in things if thing["colour"] in LIKE.get(colour, (colour,))]
    return min(alike, key=lambda thing: abs(thing["start"] - event["start"]), default=None)


def _goes_on(course: Mapping[str, Any], ask: CameraAsk, time: float) -> bool:
    """Whether the measured course runs an asked way about a time."""
    times, steps = course.get("times") or [], course.get("steps") or []
    near = [step for k, step in enumerate(steps) if times[k] < time + SLACK and times[k + 1] > time - SLACK]
    return sum(along(ask, step) for step in near) >= LEAST_MOTION


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:
    """Left out where nothing is to be ordered; None where nothing was measured."""
    if measures.get("rigid_course") is None or measures.get("revealed_detail") is None:
        return {"causality": None}
    held = constraints(row, measures)
    return {"causality": sum(held) / len(held)} if held else {}


def tables(scored: Sequence[ScoredRow]) -> dict[str, Any]:
    """Control over camera and plot from groups with changed rows; empty without any."""
    groups: dict[str, dict[str, ScoredRow]] = {}
    for each in scored:
        if "changed" in each.row.extra and each.measures.get("rigid_course"):
            groups.setdefault(each.row.cluster, {})[str(each.row.extra["changed"])] = each
    control: dict[str, list[float]] = {"camera": [], "plot": []}
    for rows in groups.values():
        for changed, values in control.items():
            if "None" in rows and changed in rows:
                values.append(_control(rows["None"], rows[changed], changed))
    told = {name: {"control": sum(v) / len(v), "pairs": len(v)} for name, v in control.items() if v}
    return {"counterfactual": told} if told else {}


def _control(one: ScoredRow, other: ScoredRow, changed: str) -> float:
    camera = change_between(one.measures["rigid_course"], other.measures["rigid_course"])
    plot = abs((one.measures.get("plot_share") or 0.0) - (other.measures.get("plot_share") or 0.0))
    wanted, unwanted = (camera, plot) if changed == "camera" else (plot, camera)
    return wanted / (wanted + unwanted) if wanted + unwanted >= LEAST_CHANGE else 0.0


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="causality",
        title="Order of camera and events",
        version=2,
        about="Things that are not found are a matter of emergence. Needs a request with two parts to order.",
        columns=_COLUMNS,
        judges=(ConsistencyJudge(),),
        score=score,
        suites=("truth",),
        tables=tables,
    )
