"""Plot: things keep their own motion once the camera's is taken off. Range 0 to 1, higher is better.

    plot = unchanged * mean over asked events of  time * steadiness * way * colour

`unchanged` as of `emergence.py`: nothing changes its colour before the eyes. Mean over events that are motions of a
thing (`slides`, `bounces`, `turns`, `orbits`, `moves`). `time`: how much of the asked time something moves by itself
(six tenths count as all). `steadiness`: 1 for a smooth course, less for a jumpy one. `way`: 0 where a thing asked to go
left goes right, a half where it keeps its place. `colour`: 1 where the thing has the named colour among its tracks, a
half where not. An asked motion that is not there has 0. Without such events the value is `unchanged` times the
steadiness of what moves, and nothing where nothing does. Slides and turns in place before a camera that travels across
the view (truck, arc, tracking) look like other depths: they cannot be told and do not count, and a request of nothing
else has no value.
Source: own; `perception/own_motion.py`, `perception/plot_things.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dropletvideo.evaluate.manifest import ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.evaluate.metrics.emergence import LIKE, colour_of, unchanged
from dropletvideo.perception.consistency import ConsistencyJudge

_COLUMNS = (Column(name="plot", label="plot", unit="", better="higher", decimals=2),)
OWN_MOTION = ("slides", "bounces", "turns", "orbits", "moves")
ACROSS = ("truck", "arc", "tracking")
LIKE_DEPTH = ("slides", "turns")
"""Motions that look like another depth where the camera travels across the view."""
ENOUGH_TIME = 0.6
COLOUR_SHARE = 0.2
SLOW = 0.01
"""Speed across the view in short sides per second below which a way cannot be told."""


def plot_events(row: ManifestRow) -> list[dict[str, Any]]:
    """Asked events that are motions of a thing and can be told under the asked camera."""
    across = any(ask.move.partition("_")[0] in ACROSS for ask in row.camera or ())
    told = [kind for kind in OWN_MOTION if not (across and kind in LIKE_DEPTH)]
    return [event for event in row.events if event.get("event") in told]


def event_score(event: Mapping[str, Any], things: list[dict[str, Any]], seconds: float | None) -> float:
    """How well the best thing does what an event asks, 0 to 1; things of one colour are taken together in time."""
    return max((_done(event, thing, things, seconds) for thing in things), default=0.0)


def _done(
    event: Mapping[str, Any], thing: dict[str, Any], things: list[dict[str, Any]], seconds: float | None
) -> float:
    asked = (event.get("end") or seconds or thing["seconds"]) - (event.get("start") or 0.0)
    colour = colour_of(str(event.get("object", "")))
    fits = colour is None or _share(thing, colour) >= COLOUR_SHARE
    alike = [thing] if colour is None or not fits else [each for each in things if _share(each, colour) >= COLOUR_SHARE]
    time = min(1.0, sum(each["seconds"] for each in alike) / max(ENOUGH_TIME * asked, 1e-6))
    steady = thing["steadiness"] if thing["steadiness"] is not None else 1.0
    return float(time * steady * _way(event, thing) * (1.0 if fits else 0.5))


def _share(thing: dict[str, Any], colour: str) -> float:
    return float(sum(thing["colours"].get(name, 0.0) for name in LIKE.get(colour, (colour,))))


def _way(event: Mapping[str, Any], thing: dict[str, Any]) -> float:
    asked, across = event.get("way"), thing["velocity"][0]
    if asked not in ("left", "right"):
        return 1.0
    if abs(across) < SLOW:
        return 0.5
    return 1.0 if (across > 0) == (asked == "right") else 0.0


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:
    """See the module text."""
    if measures.get("plot_detail") is None:
        return {"plot": None}
    things = measures["plot_detail"].get("things") or []
    asked = plot_events(row)
    if asked:
        done = sum(event_score(event, things, None) for event in asked) / len(asked)
        return {"plot": unchanged(measures) * done}
    if any(event.get("event") in OWN_MOTION for event in row.events):
        return {}
    steadiness = measures.get("plot_steadiness")
    return {} if steadiness is None else {"plot": unchanged(measures) * steadiness}


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="plot",
        title="Things keep their own motion",
        version=2,
        about="A frozen picture, and a camera move over one, have no motion of their own.",
        columns=_COLUMNS,
        judges=(ConsistencyJudge(),),
        score=score,
        suites=("truth",),
    )
