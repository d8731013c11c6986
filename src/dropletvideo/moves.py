"""The camera vocabulary: names, directions, units, words in English and Chinese, classes C1 to C6.

Direction is the camera's own: `pan_left` turns left and content moves right; `arc_left` travels left round the
subject; `roll_cw`: the camera rolls clockwise. Source: DropletVideo supplement section A for the classes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from dropletvideo.errors import RequestError

Unit = Literal["degrees", "ratio", "parallax", "none"]
CameraClass = Literal["C1", "C2", "C3", "C4", "C5", "C6"]

CAMERA_CLASSES: dict[CameraClass, str] = {
    "C1": "camera orbits the target, or the target turns",
    "C2": "local pan or tilt",
    "C3": "camera tracks a moving target",
    "C4": "linear camera motion",
    "C5": "static or nearly static",
    "C6": "edited: transitions or effects inside the clip",
}


@dataclass(frozen=True, kw_only=True)
class Move:
    """One entry of the vocabulary.

    `unit` is that of `amount`: degrees for pan, tilt, roll and arc; end/start focal ratio for zoom; parallax over the
    short side for truck, pedestal and dolly. `phrase` completes "the camera ...".
    """

    name: str
    axis: str
    opposite: str | None
    unit: Unit
    camera_class: CameraClass
    phrase: str
    synonyms: tuple[str, ...]
    chinese: tuple[str, ...]


def _move(
    name: str,
    opposite: str | None,
    unit: Unit,
    camera_class: CameraClass,
    phrase: str,
    synonyms: tuple[str, ...],
    chinese: tuple[str, ...],
) -> Move:
    axis = name.split("_", maxsplit=1)[0]
    return Move(
        name=name,
        axis=axis,
        opposite=opposite,
        unit=unit,
        camera_class=camera_class,
        phrase=phrase,
        synonyms=synonyms,
        chinese=chinese,
    )


_ALL = (
    _move("static", None, "none", "C5", "stays still", ("static", "remains static", "holds still", "locked off", "fixed"), ("静止", "固定镜头")),
    _move("shake", None, "degrees", "C5", "shakes in the hand", ("handheld", "hand-held", "shakes", "shaky"), ("手持晃动", "抖动")),
    _move("pan_left", "pan_right", "degrees", "C2", "pans left", ("pans to the left", "turns left", "rotates left", "pan left"), ("向左摇", "左摇")),
    _move("pan_right", "pan_left", "degrees", "C2", "pans right", ("pans to the right", "turns right", "rotates right", "pan right"), ("向右摇", "右摇")),
    _move("tilt_up", "tilt_down", "degrees", "C2", "tilts up", ("tilts upward", "tilts upwards", "looks up", "tilt up"), ("向上摇", "上摇", "仰拍")),
    _move("tilt_down", "tilt_up", "degrees", "C2", "tilts down", ("tilts downward", "tilts downwards", "looks down", "tilt down"), ("向下摇", "下摇", "俯拍")),
    _move("roll_cw", "roll_ccw", "degrees", "C2", "rolls clockwise", ("rotates clockwise", "roll clockwise"), ("顺时针旋转",)),
    _move("roll_ccw", "roll_cw", "degrees", "C2", "rolls counter-clockwise", ("rolls anticlockwise", "rotates counter-clockwise", "rolls counterclockwise", "roll counter-clockwise"), ("逆时针旋转",)),
    _move("truck_left", "truck_right", "parallax", "C4", "trucks left", ("moves left", "slides left", "tracks left", "moves to the left", "truck left"), ("向左移", "左移")),
    _move("truck_right", "truck_left", "parallax", "C4", "trucks right", ("moves right", "slides right", "tracks right", "moves to the right", "truck right"), ("向右移", "右移")),
    _move("pedestal_up", "pedestal_down", "parallax", "C4", "rises", ("moves up", "cranes up", "pedestals up", "ascends", "pedestal up"), ("升镜头", "向上移", "上升")),
    _move("pedestal_down", "pedestal_up", "parallax", "C4", "sinks", ("moves down", "cranes down", "pedestals down", "descends", "pedestal down"), ("降镜头", "向下移", "下降")),
    _move("dolly_in", "dolly_out", "parallax", "C4", "dollies in", ("moves forward", "pushes in", "moves closer", "dolly in"), ("推镜头", "向前推进")),
    _move("dolly_out", "dolly_in", "parallax", "C4", "dollies out", ("moves backward", "moves back", "backs away", "dolly out"), ("后退", "向后移")),
    _move("zoom_in", "zoom_out", "ratio", "C4", "zooms in", ("zoom in", "zooms closer"), ("变焦推近", "放大", "拉近")),
    _move("zoom_out", "zoom_in", "ratio", "C4", "zooms out", ("zoom out", "pulls back", "zooms back"), ("变焦拉远", "缩小", "拉远")),
    _move("arc_left", "arc_right", "degrees", "C1", "arcs left", ("orbits left", "circles to the left", "moves left around", "arc left"), ("向左环绕",)),
    _move("arc_right", "arc_left", "degrees", "C1", "arcs right", ("orbits right", "circles to the right", "moves right around", "arc right"), ("向右环绕",)),
    _move("tracking", None, "none", "C3", "tracks the moving subject", ("follows", "tracks the", "keeps up with"), ("跟拍", "跟随")),
)  # fmt: skip

MOVES: dict[str, Move] = {move.name: move for move in _ALL}


def check_move(name: str) -> None:
    """Refuse a name outside the vocabulary, with the nearest that is inside."""
    if name not in MOVES:
        near = get_close_matches(name, MOVES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(MOVES)}"
        raise RequestError(f"camera move {name!r} is unknown: {hint}")


def opposite(name: str) -> str | None:
    """The move that undoes `name`, or None for one without a direction."""
    check_move(name)
    return MOVES[name].opposite


def moves_in_text(text: str) -> list[str]:
    """Names of the moves that a text asks for, in the order of their first mention (English and Chinese)."""
    lowered = text.lower()
    found: list[tuple[int, int, str]] = []
    for move in _ALL:
        for words in (move.phrase, move.name.replace("_", " "), *move.synonyms):
            if match := re.search(rf"\b{re.escape(words)}\b", lowered):
                found.append((match.start(), -len(words), move.name))
        for words in move.chinese:
            if (at := text.find(words)) >= 0:
                found.append((at, -len(words), move.name))
    return _first_mentions(sorted(found))


def _first_mentions(found: list[tuple[int, int, str]]) -> list[str]:
    """Drop a mention that lies inside a longer one ("moves left" in "moves left around") and repeats."""
    names: list[str] = []
    covered = -1
    for at, minus_length, name in found:
        if at < covered:
            continue
        covered = at - minus_length
        if name not in names:
            names.append(name)
    return names
