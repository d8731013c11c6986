"""Prompts with known facts, in many wordings: what nano's text encoder is trained to read.

The camera vocabulary is `moves.MOVES`; nouns and colours are those of the rendered world plus free words.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from dropletvideo.moves import MOVES
from dropletvideo.world.palette import GROUNDS, HILLS, MOODS, OBJECT_COLOURS, WALLS

MAX_MOVES = 3
NOUNS = ("box", "crate", "block", "ball", "sphere", "cylinder", "drum", "pillar", "cone")
GROUND_NAMES = tuple(stuff.name for stuff in GROUNDS)
BACKDROP_NAMES = (*(stuff.name for stuff in (*WALLS, *HILLS)), "a city skyline", "a row of coloured houses")
MOOD_NAMES = tuple(mood.name for mood in MOODS)

_CHINESE_COLOURS = dict(
    zip(
        OBJECT_COLOURS,
        ("红色", "橙色", "黄色", "绿色", "青色", "蓝色", "紫色", "粉色", "白色", "黑色", "棕色"),
        strict=True,
    )
)
_CHINESE_NOUNS = {"box": "箱子", "ball": "球", "cylinder": "圆柱", "pillar": "柱子", "cone": "圆锥", "block": "方块"}
_PATTERNS = ("", "", "checkered ", "striped ", "dotted ", "tiled ", "wavy ", "wooden ", "marbled ", "patchy ", "shiny ")
# fmt: off
_FREE_SUBJECTS = (
    "a small boat on a calm lake", "two people walking down a street", "a cat on a window sill",
    "an old stone bridge", "a table with fruit and glasses", "a mountain valley with pine trees",
    "a red car on a country road", "a dog in the park", "a living room with a sofa and a lamp", "a busy city square",
    "a garden full of flowers", "a ship in the harbour", "a woman with a white dress", "a man playing the guitar",
    "a horse on a meadow", "a castle on a hill", "a train station", "children playing football",
    "a waterfall in the forest", "a kitchen with a window", "a frog on a leaf", "the night sky",
    "a concert hall with a piano", "snow falling on a village", "waves rolling onto a beach", "a robot in a workshop",
)
# fmt: on
_QUALITY = (
    "",
    "",
    "",
    " High quality.",
    " Cinematic, detailed.",
    " 4k, sharp focus.",
    " The video is of high quality.",
)
_SPEED = ("", "", "", "slowly ", "steadily ", "smoothly ", "gently ", "quickly ")
_ADJECTIVE = {
    speed: speed.replace("gently", "gentle").replace("steadily", "steady").replace("ly ", " ") for speed in _SPEED
}
_CAMERA = ("the camera", "the camera", "camera", "the shot", "the view", "our view", "the lens", "the frame")
_THEN = (", then ", " and then ", ", then it ", ", and after that it ", "; next it ", ", afterwards it ", " before it ")
_DOUBLED = {"pan": "panning"}


@dataclass(frozen=True)
class Facts:
    """What a prompt says; empty where it says nothing."""

    moves: tuple[str, ...] = ()
    things: tuple[tuple[str, str], ...] = ()
    """(colour, noun) of each object."""
    ground: str = ""
    backdrop: str = ""
    mood: str = ""


@dataclass(frozen=True)
class Prompt:
    """A text and what it says."""

    text: str
    facts: Facts = field(default_factory=Facts)


def draw_facts(rng: np.random.Generator) -> Facts:
    """Facts in all combinations, far from what scenes allow: nothing may be guessed from anything else."""
    count = int(rng.choice(4, p=[0.12, 0.58, 0.22, 0.08]))
    moves: list[str] = []
    for name in rng.permutation(list(MOVES))[:count]:
        moves.append(str(name))
    things = tuple(
        (str(rng.choice(list(OBJECT_COLOURS))), str(rng.choice(NOUNS)))
        for _ in range(int(rng.choice(4, p=[0.3, 0.35, 0.25, 0.1])))
    )
    ground, backdrop, mood = (
        str(rng.choice(names)) if rng.random() < 0.45 else "" for names in (GROUND_NAMES, BACKDROP_NAMES, MOOD_NAMES)
    )
    return Facts(tuple(moves), things, ground, backdrop, mood)


def write_prompt(facts: Facts, rng: np.random.Generator) -> Prompt:
    """The facts in one of many wordings; a wording that leaves some out gives a prompt with fewer facts."""
    if rng.random() < 0.15 and facts.moves:
        return _chinese(facts, rng)
    scene, said = _scene(facts, rng)
    if not facts.moves:
        text = _capital(scene) + "."
    elif rng.random() < 0.2:
        text, said = _camera_alone(facts.moves, rng), Facts()
    else:
        text = _camera_and_scene(scene, facts.moves, rng)
    text += str(rng.choice(_QUALITY))
    if rng.random() < 0.3:
        text = text.lower()
    if rng.random() < 0.3:
        text = text.rstrip(".")
    return Prompt(text, replace(said, moves=facts.moves))


def _camera_alone(moves: tuple[str, ...], rng: np.random.Generator) -> str:
    finite = [_finite(move, rng) for move in moves]
    camera, speed = str(rng.choice(_CAMERA)), str(rng.choice(_SPEED))
    forms = (
        _capital(f"{camera} {speed}{_joined(finite, rng)}."),
        _capital(f"{camera} {_joined(finite, rng)} {speed}".rstrip() + "."),
        _capital(f"{_joined([_bare_clause(clause) for clause in finite], rng)}."),
        _capital(f"{_joined([_gerund_clause(clause) for clause in finite], rng)}."),
    )
    return forms[int(rng.integers(len(forms)))]


def _camera_and_scene(scene: str, moves: tuple[str, ...], rng: np.random.Generator) -> str:
    clauses = [_finite(move, rng) for move in moves]
    finite = _joined(clauses, rng)
    bare = _joined([_bare_clause(clause) for clause in clauses], rng)
    gerund = _joined([_gerund_clause(clause) for clause in clauses], rng)
    camera, speed = str(rng.choice(_CAMERA)), str(rng.choice(_SPEED))
    forms = (
        f"{_capital(scene)}. {_capital(camera)} {speed}{finite}.",
        f"{_capital(camera)} {speed}{finite}. {_capital(scene)}.",
        f"{_capital(camera)} {speed}{finite}, showing {scene}.",
        f"{_capital(scene)}, camera {gerund}.",
        f"{_capital(scene)} with {camera} {gerund}.",
        f"A {_ADJECTIVE[speed]}shot of {scene}, {gerund}.",
        f"{_capital(gerund)} shot of {scene}.",
        f"{_capital(bare)}. {_capital(scene)}.",
        f"Camera: {bare}. Scene: {scene}.",
        f"As {camera} {speed}{finite}, we see {scene}.",
        f"The video shows {scene}. {_capital(camera)} {speed}{finite}, revealing more of the scene.",
        f"{_capital(scene)}, {bare}.",
        f"Make the camera {bare}. {_capital(scene)}.",
        f"I want the camera to {bare} over {scene}.",
    )
    return forms[int(rng.integers(len(forms)))]


def _joined(clauses: list[str], rng: np.random.Generator) -> str:
    return str(rng.choice(_THEN)).join(clauses)


def _finite(move: str, rng: np.random.Generator) -> str:
    """Words that complete "the camera ..."; names such as "pan left" are made finite."""
    entry = MOVES[move]
    words = str(rng.choice((entry.phrase, *entry.synonyms)))
    if move == "tracking":
        words = f"{words.removesuffix(' the')} the {rng.choice(['subject', 'moving object', 'ball', 'person', 'car'])}"
    if move.startswith("arc") and "around" not in words and rng.random() < 0.6:
        words += str(rng.choice([" around the scene", " around the subject", " around it"]))
    first = words.split(" ", maxsplit=1)[0]
    if words == move.replace("_", " ") or words in ("roll clockwise", "roll counter-clockwise"):
        return words.replace(first, f"{first[:-1]}ies" if first.endswith("y") else f"{first}s", 1)
    return f"is {words}" if first in ("static", "locked", "fixed", "handheld", "hand-held", "shaky") else words


def _bare_clause(clause: str) -> str:
    """ "pans left" to "pan left"."""
    first, _, rest = clause.partition(" ")
    if first == "is":
        return f"be {rest}"
    bare = {"dollies": "dolly", "pushes": "push"}.get(first, first.removesuffix("s"))
    return f"{bare} {rest}".strip()


def _gerund_clause(clause: str) -> str:
    """ "pans left" to "panning left"."""
    first, _, rest = _bare_clause(clause).partition(" ")
    if first == "be":
        return rest
    stem = first[:-1] if first.endswith("e") else first
    return f"{_DOUBLED.get(first, stem + 'ing')} {rest}".strip()


def _scene(facts: Facts, rng: np.random.Generator) -> tuple[str, Facts]:
    """Words for what is seen, and the facts among them."""
    if not facts.things and not facts.ground and not facts.backdrop:
        return str(rng.choice(_FREE_SUBJECTS)), Facts()
    things = [_article(f"{colour} {rng.choice(_PATTERNS)}{noun}") for colour, noun in facts.things]
    words = " and ".join(things) if len(things) < 3 else ", ".join(things[:-1]) + " and " + things[-1]
    words = words or str(rng.choice(["the scene", "a quiet place", "a view of the place"]))
    if facts.ground:
        words += str(rng.choice([" on ", " standing on ", " over "])) + facts.ground
    if facts.backdrop:
        words += str(rng.choice([" before ", " in front of ", " with "])) + facts.backdrop
        words += " behind" if words.endswith(f" with {facts.backdrop}") else ""
    if facts.mood:
        forms = (" under the sky of {}", ", {}", " in the light of {}", " at {}")
        words += str(rng.choice(forms)).format(_article(facts.mood))
    return words, facts


def _chinese(facts: Facts, rng: np.random.Generator) -> Prompt:
    words = [str(rng.choice(MOVES[move].chinese)) for move in facts.moves]
    camera = str(rng.choice(["镜头", "摄像机", "相机", "画面"]))
    slowly = str(rng.choice(["", "", "缓慢", "慢慢", "平稳地"]))
    course = f"{camera}{slowly}" + str(rng.choice(["，然后", "，接着", "，之后"])).join(words)
    things = tuple((colour, noun) for colour, noun in facts.things if noun in _CHINESE_NOUNS)
    seen = "和".join(f"一个{_CHINESE_COLOURS[colour]}的{_CHINESE_NOUNS[noun]}" for colour, noun in things)
    text = (
        str(rng.choice([f"{seen}，{course}。", f"{course}，{seen}。", f"视频展示了{seen}。{course}。"]))
        if seen
        else f"{course}。"
    )
    return Prompt(text, Facts(facts.moves, things))


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _said(text: str, *moves: str) -> Prompt:
    return Prompt(text, Facts(tuple(moves)))


NEVER_TRAINED: tuple[Prompt, ...] = (
    _said("A kitchen in the morning; please pan slowly towards the left side", "pan_left"),
    _said("panning shot to the right across the skyline", "pan_right"),
    _said("Boats at anchor. Very slow leftward pan.", "pan_left"),
    _said("the camera is panning right over the rooftops", "pan_right"),
    _said("We tilt up from the shoes to the face", "tilt_up"),
    _said("a downward tilt over the facade", "tilt_down"),
    _said("Tilting down to reveal the floor", "tilt_down"),
    _said("the lens tilts upwards to the clouds", "tilt_up"),
    _said("zooming in on the blue ball", "zoom_in"),
    _said("slow zoom in on her eyes", "zoom_in"),
    _said("Slow zoom out from the house, sunset", "zoom_out"),
    _said("the picture gradually zooms out", "zoom_out"),
    _said("tripod shot, the camera stays completely still", "static"),
    _said("static camera, a fountain in the park", "static"),
    _said("a fixed shot of the crossing", "static"),
    _said("The camera trucks to the left past the columns", "truck_left"),
    _said("sliding right along the shelf", "truck_right"),
    _said("camera moving left alongside the wall", "truck_left"),
    _said("dolly in towards the door", "dolly_in"),
    _said("The camera pushes in on the statue.", "dolly_in"),
    _said("dollying out of the corridor", "dolly_out"),
    _said("we back away from the fire", "dolly_out"),
    _said("the camera cranes up above the trees", "pedestal_up"),
    _said("descending slowly to street level, the camera sinks", "pedestal_down"),
    _said("orbiting left around the temple", "arc_left"),
    _said("the camera circles to the right around the dancer", "arc_right"),
    _said("arc shot to the left around the car", "arc_left"),
    _said("the frame rolls clockwise by a few degrees", "roll_cw"),
    _said("rolling counter-clockwise above the stage", "roll_ccw"),
    _said("handheld camera in a crowded market", "shake"),
    _said("the camera follows the running dog", "tracking"),
    _said("first the camera pans left, after that it zooms in", "pan_left", "zoom_in"),
    _said("tilting up first, then panning to the right", "tilt_up", "pan_right"),
    _said("zoom out and next truck right", "zoom_out", "truck_right"),
    _said("湖面上有小船，镜头慢慢向左摇动", "pan_left"),
    _said("镜头向右摇，展示整个房间", "pan_right"),
    _said("请让镜头向上摇", "tilt_up"),
    _said("镜头拉近，聚焦在杯子上", "zoom_in"),
    _said("画面逐渐拉远", "zoom_out"),
    _said("固定镜头拍摄街道", "static"),
)
"""Hand-written prompts for testing alone."""
