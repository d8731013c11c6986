"""Captions of a shot, composed from what the scene is: opening view, the camera's course, what it reveals, mood.

Only words of `moves.py` name the camera's moves, and no other sentence uses them, so that `moves_in_text` of a short or
dense caption gives back the moves in order.
"""

from __future__ import annotations

import numpy as np

from dropletvideo.moves import MOVES
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
    "slide": "glides along the ground",
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


def _names_at_start(shot: Shot) -> list[SceneObject]:
    """Objects seen in the first frame: the subject first, then by how much of the image they fill."""
    height, width = shot.delivery_shape
    seen = visibility_of(shot, shot.cameras_at(height, width, np.zeros(1)))
    areas = (seen.boxes[0, :, 2] - seen.boxes[0, :, 0]) * (seen.boxes[0, :, 3] - seen.boxes[0, :, 1])
    order = sorted(
        (k for k in range(len(shot.scene.objects)) if seen.share[0, k] >= SEEN),
        key=lambda k: (k != shot.subject, -float(areas[k])),
    )
    return [shot.scene.objects[k] for k in order]


def _course(shot: Shot, rng: np.random.Generator, subject: str, *, long: bool) -> str:
    """One clause per move in time order; moves at once are joined by "while it"."""
    main = [move for move in shot.moves if move.move != "shake"]
    clauses: list[str] = []
    for number, move in enumerate(main):
        words = phrase_of(move.move, rng)
        if move.move == "tracking":
            words = f"{words} {subject}"
        elif move.move.startswith("arc"):
            words = f"{words} around {subject}"
        if number and move.start == main[number - 1].start:
            clauses[-1] += f" as it {words}"
        else:
            clauses.append(words)
    text = ", then ".join(clauses)
    speed = rng.choice(["slowly ", "steadily ", "smoothly "]) if long and main[0].move != "static" else ""
    text = f"The camera {speed}{text}"
    if any(move.move == "shake" for move in shot.moves):
        text += ", hand-held"
    return text


def _revealed(shot: Shot) -> list[str]:
    return [event.object for event in shot.events if event.event == "appears"]


def _background(shot: Shot) -> str:
    scene = shot.scene
    sky = f"the sky of {_article(scene.mood.name)}"
    if scene.flat:
        return f"{scene.backdrop_name} close by"
    return f"{scene.ground_name} in front of {scene.backdrop_name} under {sky}"


def caption_of(shot: Shot) -> dict[str, str]:
    """Captions of a shot, the same for the same seed.

    Returns:
        `short` (at most 40 words, every camera move named), `dense`, `main_object`, `background`, `camera`, `style`.
    """
    rng = np.random.default_rng([shot.seed, 5])
    opening = _names_at_start(shot)
    subject = shot.scene.objects[shot.subject].name if shot.subject is not None else ""
    about = f"the {subject}" if subject else "the scene"
    place = f"on {shot.scene.ground_name} before {shot.scene.backdrop_name}"
    first = _article(opening[0].name) if opening else ""
    revealed = _revealed(shot)
    course = _course(shot, rng, about, long=False)
    reveal = f", revealing {_article(revealed[0])}" if revealed else ""
    seen = f"{first} {place}" if first and not shot.scene.flat else shot.scene.backdrop_name
    short = f"{_capital(seen)}. {course}{reveal}."
    return {
        "short": short,
        "dense": _dense(shot, rng, opening, about, revealed),
        "main_object": _main_object(shot, opening),
        "background": _capital(_background(shot)) + ".",
        "camera": _course(shot, rng, about, long=True) + ".",
        "style": f"Rendered 3-D scene, {shot.scene.mood.name}, {shot.scene.mood.words}.",
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _main_object(shot: Shot, opening: list[SceneObject]) -> str:
    if not opening:
        return f"No object, only {shot.scene.backdrop_name}."
    thing = opening[0]
    does = _DOES.get(thing.motion.kind, "stands still")
    return f"{_capital(_article(thing.name))} that {does}."


def _dense(shot: Shot, rng: np.random.Generator, opening: list[SceneObject], about: str, revealed: list[str]) -> str:
    mood = shot.scene.mood
    names = [_article(thing.name) for thing in opening[:4]]
    if names:
        verb = "are" if len(names) > 1 else "is"
        start = f"The video opens with {_background(shot)}, where {_listed(names)} {verb} in view."
    else:
        start = f"The video opens with {_background(shot)}."
    sentences = [start, _course(shot, rng, about, long=True) + "."]
    if revealed:
        names = [_article(name) for name in revealed[:3]]
        sentences.append(f"On the way {_listed(names)} {'come' if len(names) > 1 else 'comes'} into view.")
    for thing in shot.scene.objects:
        if thing.motion.kind != "still" and (thing in opening or thing.name in revealed):
            sentences.append(f"The {thing.name} {_DOES[thing.motion.kind]}.")
    sentences.append(f"The light is that of {_article(mood.name)}, and the mood is {mood.words}.")
    return " ".join(sentences)
