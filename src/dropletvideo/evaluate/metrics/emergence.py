"""Emergence: what the camera reveals is there, comes in where it must, is what was asked, and stays. Range 0 to 1.

    emergence = coverage * own * unchanged * mean(stays, found)          higher is better

`coverage`: share of the picture revealed at the border that the asked move implies, over what its amount implies (at
most 1). `own`: share of what is new that is not the first frame mirrored, stretched or filled up. `unchanged`: 1 / (1 +
(c / 0.01)^2) with c the largest part of the picture whose colour changes before the eyes. `stays`: likeness of what is
new to itself half a second on. `found`: of the asked `appears` events, a thing of the named colour that came in with
the new part, by size, border and how long it stayed. Without a request the value is `stays`, where the new is the
clip's own and nothing changes; a request that reveals nothing (static, zoom in) has none, and of a roll it is the
corners. Where a border or an amount is not asked, it does not count. The named colour is all that is known of a thing
without learned weights.
Source: own; `perception/revealed.py`, `perception/revealed_look.py`, `perception/changed_look.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dropletvideo.evaluate.manifest import CameraAsk, ManifestRow
from dropletvideo.evaluate.metric import Column, Metric
from dropletvideo.perception.consistency import ConsistencyJudge

_COLUMNS = (
    Column(name="emergence", label="emergence", unit="", better="higher", decimals=2),
    Column(name="emergence_found", label="asked things found", unit="", better="higher", decimals=2),
)
LEAST_IMPLIED = 0.05
"""Share of the picture that must be implied before its absence counts."""
LEAST_AROUND = 0.16
"""The same where it comes in all around: there half a cell of `view_chain.py` on every side is 0.14 of the picture."""
AMOUNTS = {"pan": 7.0, "tilt": 5.5, "truck": 0.44, "pedestal": 0.33, "arc": 14.0, "zoom": 0.948, "dolly": 0.25}
"""Amounts taken where none is asked: those that reveal a tenth of the picture."""
FOCAL = 1.1
"""Focal length over the short side of a usual lens."""
ASPECT = 4 / 3
FAR = 0.3
"""Of what travel would reveal at a typical depth: what is far moves less, and its amount is rough."""
CHANGED = 0.01
"""Share of the picture that changes its colour at which a half is left."""
FULL_SIZE = 0.01
"""Share of the picture at which a thing counts as wholly found."""
BORDER_OF = {
    "pan_left": "left",
    "pan_right": "right",
    "truck_left": "left",
    "truck_right": "right",
    "tilt_up": "top",
    "tilt_down": "bottom",
    "pedestal_up": "top",
    "pedestal_down": "bottom",
    "arc_left": "right",
    "arc_right": "left",
}
LIKE = {
    "white": ("white", "grey"),
    "black": ("black", "grey", "brown", "blue"),
    "brown": ("brown", "orange"),
    "orange": ("orange", "brown"),
    "yellow": ("yellow", "orange", "brown"),
    "pink": ("pink", "red"),
    "purple": ("purple", "pink"),
    "teal": ("teal", "green", "blue"),
}
"""Names under which a colour is measured in some light or shade, beside its own."""
COLOURS = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "white", "black", "brown", "grey")


def implied_shares(asks: Sequence[CameraAsk]) -> dict[str, float]:
    """Share of the picture that each asked direction reveals beyond the first view; the way back reveals nothing."""
    place: dict[str, float] = {}
    shares: dict[str, float] = {}
    for ask in asks:
        axis, _, way = ask.move.partition("_")
        if axis not in AMOUNTS:
            continue
        amount = AMOUNTS[axis] if ask.amount is None else ask.amount
        if axis == "zoom":
            amount = abs(math.log(max(amount, 1e-6)))
        ahead = way in ("right", "up", "in")
        place[axis] = place.get(axis, 0.0) + (amount if ahead else -amount)
        beyond = place[axis] if ahead else -place[axis]
        if beyond > 0 and way != "in":
            shares[ask.move] = max(shares.get(ask.move, 0.0), _share_of(axis, beyond))
    return shares


def _share_of(axis: str, beyond: float) -> float:
    if axis in ("pan", "tilt", "arc"):
        share = math.radians(beyond) * FOCAL / (1.0 if axis == "tilt" else ASPECT)
        return min(share * (0.5 if axis == "arc" else 1.0), 1.0)
    if axis in ("truck", "pedestal"):
        return min(beyond / (ASPECT if axis == "truck" else 1.0), 1.0) * FAR
    if axis == "zoom":
        return 1.0 - math.exp(-2 * beyond)
    return (1.0 - 1.0 / (1.0 + beyond / FOCAL) ** 2) * FAR


def coverage(row: ManifestRow, measures: Mapping[str, Any]) -> float | None:
    """Revealed over implied share of the move that reveals most, 0 to 1; None where none is asked that does."""
    borders = (measures.get("revealed_detail") or {}).get("borders") or {}
    asked = implied_shares(row.camera or ())
    move = max(asked, key=lambda name: asked[name], default="")
    implied = asked.get(move, 0.0)
    border = BORDER_OF.get(move)
    if implied < (LEAST_IMPLIED if border else LEAST_AROUND):
        return None
    shown = borders.get(border, 0.0) if border else sum(borders.values())
    return float(min(shown / implied, 1.0))


def found_things(row: ManifestRow, measures: Mapping[str, Any]) -> float | None:
    """Mean over asked `appears` events that name a colour, 0 to 1; None where there are none."""
    things = (measures.get("revealed_detail") or {}).get("things") or []
    events = [event for event in row.events if event.get("event") == "appears"]
    named = [(colour, event) for event in events if (colour := colour_of(str(event.get("object", ""))))]
    if not named:
        return None
    return sum(_found(colour, event, things) for colour, event in named) / len(named)


def colour_of(name: str) -> str | None:
    """The first colour word of a thing's name."""
    words = name.lower().replace("gray", "grey").split()
    return next((word for word in words if word in COLOURS), None)


def _found(colour: str, event: Mapping[str, Any], things: list[dict[str, Any]]) -> float:
    best = 0.0
    for name in LIKE.get(colour, (colour,)):
        same = [thing for thing in things if thing["colour"] == name]
        if not same:
            continue
        first = min(same, key=lambda thing: thing["start"])
        stays = min(1.0, sum(thing["sightings"] for thing in same) / max(first["due"], 1))
        size = min(1.0, max(thing["area"] for thing in same) / FULL_SIZE)
        asked = event.get("border")
        right = 1.0 if asked is None or any(thing["border"] == asked for thing in same) else 0.5
        best = max(best, size * right * (0.5 + 0.5 * stays))
    return best


def unchanged(measures: Mapping[str, Any]) -> float:
    """1 where nothing changes its colour before the eyes, a half where a hundredth of the picture does."""
    changed = measures.get("changed_share") or 0.0
    return float(1 / (1 + (changed / CHANGED) ** 2))


def score(row: ManifestRow, measures: Mapping[str, Any]) -> dict[str, float | None]:
    """See the module text."""
    if measures.get("revealed_detail") is None:
        return {"emergence": None}
    found, covered, stays = found_things(row, measures), coverage(row, measures), measures.get("revealed_stays")
    own = measures.get("revealed_own")
    sound = unchanged(measures) * (1.0 if own is None else own)
    scores: dict[str, float | None] = {} if found is None else {"emergence_found": found}
    parts = [part for part in (stays, found) if part is not None]
    if covered is None and found is None:
        told = stays is not None if row.camera is None else own is not None and _rolls(row.camera)
        return {"emergence": sound * _mean(parts)} if told else {}
    return scores | {"emergence": (1.0 if covered is None else covered) * sound * _mean(parts)}


def _rolls(asks: Sequence[CameraAsk]) -> bool:
    return any(ask.move.startswith("roll") for ask in asks)


def _mean(parts: Sequence[float]) -> float:
    return sum(parts) / len(parts) if parts else 1.0


def build() -> Metric:
    """The metric with its only setting."""
    return Metric(
        name="emergence",
        title="What the camera reveals",
        version=2,
        about="Colour stands for the thing. What reveals nothing when asked to, or the first frame carried on, has 0.",
        columns=_COLUMNS,
        judges=(ConsistencyJudge(),),
        score=score,
        suites=("truth",),
    )
