"""Captions of a shot, composed from what the scene is: opening view, the camera's course, what it reveals, mood.

Only words of `moves.py` name the camera's moves, and no other sentence uses them, so that `moves_in_text` of a short or
dense caption gives back the moves in order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dropletvideo.moves import MOVES
from dropletvideo.records import CameraMove
from dropletvideo.world.scenery import SceneObject
from dropletvideo.world.shot import Shot
from dropletvideo.world.visibility import SEEN, visibility_of

_PHRASES: dict[str, tuple[str, ...]] = {
    "static": ("stays still", "remains static", "holds still"),
    "shake": ("shakes", "is handheld"),
    "pan": ("pans {way}", "pans to the {way}", "turns {way}"),
    "tilt": ("tilts {way}", "tilts {way}ward", "looks {way}"),
    "roll_cw": ("rolls clockwise", "rotates clockwise"),
    "roll_ccw": ("rolls counter-clockwise", "rotates counter-clockwise"),
    "truck": ("trucks {way}", "moves {way}", "moves to the {way}", "slides {way}"),
    "pedestal_up": ("rises", "moves up", "cranes up"),
    "pedestal_down": ("sinks", "moves down", "cranes down"),
    "dolly_in": ("dollies in", "moves forward", "pushes in"),
    "dolly_out": ("dollies out", "moves backward", "backs away"),
    "zoom": ("zooms {way}",),
    "arc": ("arcs {way}", "orbits {way}"),
    "tracking": ("follows", "keeps up with", "tracks the moving subject,"),
}
_DOES = {
    "slide": "glides along",
    "bounce": "hops up and down",
    "turn": "spins in place",
    "orbit": "goes round in a circle",
}


def phrase_of(move: str, rng: np.random.Generator | None = None) -> str:
    """Words that complete "the camera ..." for a move; the vocabulary's own without a generator."""
    if rng is None:
        return MOVES[move].phrase
    axis, _, way = move.partition("_")
    choices = _PHRASES.get(move) or _PHRASES[axis]
    return str(rng.choice(choices)).format(way=way)


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What a caption is about: a shot, the moves and reveals of a span of it, and what is seen as the span opens."""

    shot: Shot
    moves: tuple[CameraMove, ...]
    opening: tuple[SceneObject, ...]
    revealed: tuple[str, ...]
    rng: np.random.Generator

    @property
    def about(self) -> str:
        """The thing that an arc goes round and tracking keeps up with."""
        return "the scene" if self.shot.subject is None else f"the {self.shot.scene.objects[self.shot.subject].name}"


def _told(shot: Shot, start: float, end: float) -> _Told:
    moves = tuple(move for move, _ in shot.moves_within(start, end))
    opening = _seen_at(shot, start)
    names = {thing.name for thing in opening}
    revealed = tuple(
        event.object
        for event in shot.events
        if event.event == "appears" and start < event.start < end and event.object not in names
    )
    rng = np.random.default_rng([shot.seed, 5, round(1000 * start)])
    return _Told(shot=shot, moves=moves or shot.moves, opening=opening, revealed=revealed, rng=rng)


def _seen_at(shot: Shot, seconds: float) -> tuple[SceneObject, ...]:
    """Objects seen at a time: the subject first, then by how much of the image they fill."""
    height, width = shot.delivery_shape
    seen = visibility_of(shot, shot.cameras_at(height, width, np.array([seconds])))
    areas = (seen.boxes[0, :, 2] - seen.boxes[0, :, 0]) * (seen.boxes[0, :, 3] - seen.boxes[0, :, 1])
    order = sorted(
        (k for k in range(len(shot.scene.objects)) if seen.share[0, k] >= SEEN),
        key=lambda k: (k != shot.subject, -float(areas[k])),
    )
    return tuple(shot.scene.objects[k] for k in order)


def _course(told: _Told, *, long: bool) -> str:
    """One clause per move in time order; moves at once are joined by "as it"."""
    main = [move for move in told.moves if move.move != "shake"]
    clauses: list[str] = []
    for number, move in enumerate(main):
        words = phrase_of(move.move, told.rng)
        if move.move == "tracking":
            words = f"{words} {told.about}"
        elif move.move.startswith("arc"):
            words = f"{words} around {told.about}"
        if number and move.start == main[number - 1].start:
            clauses[-1] += f" as it {words}"
        else:
            clauses.append(words)
    is_still = all(move.move == "static" for move in main)
    speed = "" if is_still or not long else str(told.rng.choice(["slowly ", "steadily ", "smoothly "]))
    text = f"The camera {speed}{', then '.join(clauses) or 'is held by hand'}"
    return text + (", hand-held" if len(main) < len(told.moves) else "")


def _background(shot: Shot) -> str:
    scene = shot.scene
    if scene.flat:
        return f"{scene.backdrop_name} close by"
    return f"{scene.ground_name} in front of {scene.backdrop_name} under the sky of {_article(scene.mood.name)}"


def caption_of(shot: Shot, span: tuple[float, float] | None = None) -> dict[str, str]:
    """Captions of a shot or of a span of it, the same for the same seed and span.

    Args:
        shot: from `draw_shot`.
        span: seconds from the shot's start; the whole shot if None. The opening view is that at its start, and only
            moves that fill a fifth of it or more, and objects that come into view inside it, are told.

    Returns:
        `short` (at most 40 words, every camera move named), `dense`, `main_object`, `background`, `camera`, `style`.
    """
    told = _told(shot, *(span or (0.0, shot.seconds)))
    mood = shot.scene.mood
    return {
        "short": _short(told),
        "dense": _dense(told),
        "main_object": _main_object(told),
        "background": _capital(_background(shot)) + ".",
        "camera": _course(told, long=True) + ".",
        "style": f"Rendered 3-D scene, {mood.name}, {mood.words}.",
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _short(told: _Told) -> str:
    scene = told.shot.scene
    seen = scene.backdrop_name
    if told.opening:
        thing = told.opening[0]
        does = f" {_DOES[thing.motion.kind]}" if thing.motion.kind in _DOES else ""
        seen = f"{_article(thing.name)}{does} on {scene.ground_name} before {scene.backdrop_name}"
    elif not scene.flat:
        seen = f"{scene.ground_name} before {scene.backdrop_name}"
    reveal = f", revealing {_article(told.revealed[0])}" if told.revealed else ""
    return f"{_capital(seen)}. {_course(told, long=False)}{reveal}."


def _main_object(told: _Told) -> str:
    if not told.opening:
        return f"No object, only {told.shot.scene.backdrop_name}."
    thing = told.opening[0]
    return f"{_capital(_article(thing.name))} that {_DOES.get(thing.motion.kind, 'stands still')}."


def _dense(told: _Told) -> str:
    mood = told.shot.scene.mood
    start = f"The video opens with {_background(told.shot)}"
    if told.opening:
        names = [_article(thing.name) for thing in told.opening[:4]]
        start += f", where {_listed(names)} {'are' if len(names) > 1 else 'is'} in view"
    sentences = [start + ".", _course(told, long=True) + "."]
    if told.revealed:
        names = [_article(name) for name in told.revealed[:3]]
        sentences.append(f"On the way {_listed(names)} {'come' if len(names) > 1 else 'comes'} into view.")
    for thing in told.shot.scene.objects:
        if thing.motion.kind != "still" and (thing in told.opening or thing.name in told.revealed):
            sentences.append(f"The {thing.name} {_DOES[thing.motion.kind]}.")
    sentences.append(f"The light is that of {_article(mood.name)}, and the mood is {mood.words}.")
    return " ".join(sentences)
