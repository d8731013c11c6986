"""What counts as a caption: each fault is found, named with its value and limit, and good captions pass."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from caption_server import PARTS
from dropletvideo.language.camera_check import Measured, disagreement
from dropletvideo.language.checks import Rules, Unusable, faults_of, loop_in, parts_of
from dropletvideo.language.merging import merged_caption
from dropletvideo.language.prompts import MIRADATA, published_words
from dropletvideo.language.vlm import CUT_OFF, Answer
from dropletvideo.language.words import count_camera_words, count_words

NAMES = tuple(PARTS)
RULES = Rules(words=published_words("both"))
NOTHING = Measured()
SHARED = Path(__file__).parents[2].parent / "shared"


def faults(rules=RULES, measured=NOTHING, **changed):
    return faults_of({**PARTS, **changed}, rules, measured)


def test_a_good_answer_passes():
    assert faults() == []


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(PARTS),
        f"```json\n{json.dumps(PARTS, indent=1)}\n```",
        f"<think>{{hm}} let me see</think>Here it is: {json.dumps(PARTS)} I hope it helps.",
        json.dumps({name.title().replace("_", " ") + " Caption": text for name, text in PARTS.items()}),
        json.dumps(PARTS).replace("evening sun.", "evening\nsun."),
    ],
    ids=["plain", "code block", "between words", "names as in the tables", "line breaks inside"],
)
def test_the_parts_are_found_however_the_model_wraps_them(text):
    found = parts_of(Answer(text=text), NAMES)
    assert tuple(found) == NAMES
    assert found["style"] == PARTS["style"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(text='{"short": "A boat'), "no JSON"),
        (Answer(text='{"short": "A boat', finish=CUT_OFF), "cut off at the token limit"),
        (Answer(text="I'm sorry, but I can't assist with that."), "refuses"),
        (Answer(text=""), "no JSON"),
        (Answer(text="[1, 2]"), "no JSON"),
        (Answer(text=json.dumps({**PARTS, "camera": None, "style": " "})), '"camera" is no text; "style" is empty'),
        (Answer(text=json.dumps({"short": "A boat."})), '"dense" is missing; "main_object" is missing'),
    ],
)
def test_an_answer_without_its_parts_says_what_is_missing(answer, words):
    with pytest.raises(Unusable, match=words):
        parts_of(answer, NAMES)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"short": "A boat."}, '"short" has 2 words, it must have 6 to 30'),
        ({"style": "The style is " + "very " * 4 + "calm indeed."}, "repeats itself"),
        ({"dense": "A red boat crosses a quiet bay. " * 12}, "repeats itself"),
        ({"camera": "It shows the bay and the boat from one side of it."}, "no word about the camera"),
        ({"style": "I cannot determine the style of this one, I am afraid."}, 'refuses .*"I cannot"'),
        ({"background": "In the first image there is a bay, in the last image a clear sky turns violet."}, "pictures"),
        ({"background": PARTS["main_object"]}, 'the same as "main_object"'),
        ({"short": "一艘红色的小船穿过宁静的海湾，夕阳低垂。"}, "not written in English"),
        ({"caption": PARTS["caption"].replace("camera", "man")}, "0 words about the camera, it must have 8 or more"),
    ],
)  # fmt: skip
def test_each_fault_is_named(changed, words):
    found = faults(**changed)
    assert len(found) >= 1
    assert re.search(words, "; ".join(found)), found


def test_ranges_are_the_rules():
    assert faults(Rules(words={**RULES.words, "short": (1, 5)}))[0].endswith("12 words, it must have 1 to 5")
    assert faults(Rules(words=RULES.words, min_camera_words=100))


def test_loops():
    assert loop_in(PARTS["caption"]) is None
    assert loop_in(PARTS["dense"]) is None
    assert loop_in("the boat sails on and on, the boat sails on and on, the boat sails on and on") is not None
    assert loop_in("It is very very very very calm.") == "very very very very"
    assert loop_in("The gull sits on the roof. A dog barks. The gull sits on the roof.")
    assert loop_in("镜头缓慢地向左移动，展示整个海湾。" * 3)
    assert loop_in("镜头缓慢地向左移动，展示整个海湾，一艘小船驶过，夕阳低垂，海鸥盘旋。") is None


LEFT = Measured(camera_class="C2", moves=("pan_left",))
STILL = Measured(camera_class="C5", moves=("static",))
IN = Measured(camera_class="C4", moves=("dolly_in",))
BOTH_WAYS = Measured(camera_class="C2", moves=("pan_left", "pan_right"))


@pytest.mark.parametrize(
    ("text", "measured"),
    [
        ("The camera pans left along the shore, slowly.", LEFT),
        ("A steady pan follows the boat from a low pier.", LEFT),
        ("The camera pans to the left as the boat turns right.", LEFT),
        ("The camera does not zoom; it pans left.", LEFT),
        ("The camera pans left, then pans right.", BOTH_WAYS),
        ("The camera zooms in on the mast.", IN),
        ("The camera stays still as the car moves left and the bird rises.", STILL),
        ("The camera holds still and the car moves left.", STILL),
        ("The camera rises while panning left.", LEFT),
        ("The camera is static, without any panning or zooming.", STILL),
        ("镜头向左摇，掠过海岸。", LEFT),
        ("The camera moves around the bay.", Measured(camera_class="C1", moves=("arc_left",))),
        ("The camera watches the bay.", Measured(camera_class="C2")),
        ("The camera stays almost still.", Measured(camera_class="C5", moves=("pan_left",))),
        ("The camera drifts, panning left a little.", Measured(camera_class="C5", moves=("pan_left",))),
    ],
)
def test_texts_that_agree_with_the_measured_camera(text, measured):
    assert disagreement(text, measured) is None


@pytest.mark.parametrize(
    ("text", "measured", "words"),
    [
        ("The camera pans right along the shore.", LEFT, "that the camera pans right; measured: the camera pans left"),
        ("The camera remains static throughout.", LEFT, "stays still; measured: the camera pans left"),
        ("The camera remains static throughout.", Measured(camera_class="C4"), "still; measured: the camera moves"),
        ("The camera pans left over the bay.", STILL, "moves .pan_left.; measured: the camera stays still"),
        ("The camera slowly zooms into the scene.", STILL, "zoom"),
        ("The camera holds still, then pans left.", STILL, "pan_left"),
        ("The camera pans right.", Measured(camera_class="C5", moves=("pan_left",)), "only just pans left"),
        ("The camera rolls over.", IN, "names none of the measured moves; measured: the camera dollies in"),
        ("镜头向右摇，掠过海岸。", LEFT, "pans right"),
    ],
)  # fmt: skip
def test_texts_that_contradict_the_measured_camera(text, measured, words):
    assert re.search(words, disagreement(text, measured) or ""), disagreement(text, measured)


def test_an_unsure_measurement_and_an_edited_clip_bind_nobody():
    wrong = {"camera": "The camera pans right along the shore, slowly and steadily."}
    assert any("wrong about the camera" in fault for fault in faults(measured=LEFT, **wrong))
    for measured in (
        Measured(camera_class="C2", moves=("pan_left",), confidence=0.4),
        Measured(camera_class="C6", moves=("pan_left",)),
        Measured(),
    ):
        assert faults(measured=measured, **wrong) == []
    assert faults(Rules(words=RULES.words, hold_to_camera=False), LEFT, **wrong) == []


def test_measured_columns_may_be_absent_or_nan():
    assert Measured.of({}) == Measured(confidence=0.0)
    row = {"camera_class": "C2", "camera_moves": ["pan_left", "no_such"], "camera_confidence": float("nan")}
    assert Measured.of(row) == Measured(camera_class="C2", moves=("pan_left",), confidence=0.0)


def test_words_are_counted_in_both_languages():
    assert count_words("A dog's bowl — 3.5 litres, well-worn!") == 6
    assert count_words("镜头向左摇") == 3
    assert count_camera_words("A boat sails. The camera pans left. A gull sits.") == 4
    assert 15 <= count_camera_words(PARTS["caption"]) <= 45


def test_parts_merge_into_one_caption_that_says_nothing_twice_and_keeps_the_camera():
    parts = {**{name: PARTS[name] for name in MIRADATA}, "main_object": PARTS["dense"].split(". ")[0] + "."}
    merged = merged_caption(parts)
    assert merged.startswith(PARTS["dense"])
    assert PARTS["camera"] in merged
    assert merged.count("crosses a quiet bay from the left edge") == 1
    assert PARTS["short"] not in merged
    short = merged_caption(parts, max_words=60)
    assert count_words(short) <= 60
    assert all(sentence.strip() in merged for sentence in short.split(". ")[:-1])


@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="no published samples here")
def test_most_published_miradata_captions_pass_and_none_is_called_a_refusal():
    with next((SHARED / "data").glob("*miradata*.csv")).open(encoding="utf-8") as file:
        rows = [{name: row[f"{name}_caption"] for name in MIRADATA} for row in csv.DictReader(file)]
    rules = Rules(words=dict.fromkeys(MIRADATA, (1, 1000)))
    found = [faults_of(row, rules, NOTHING) for row in rows if all(row.values())]
    assert len(found) >= 50
    assert not any("refuses" in fault for faults in found for fault in faults)
    assert sum(not faults for faults in found) >= 0.8 * len(found)


@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="no published samples here")
@pytest.mark.parametrize(("key", "language"), [("English", "en"), ("Chinese", "zh")])
def test_published_dropletvideo_captions_pass_in_both_languages(key, language):
    rows = json.loads((SHARED / "data" / "dropletvideo_release_prompts.json").read_text(encoding="utf-8"))
    rules = Rules(words=published_words("dropletvideo"), language=language)
    found = [faults_of({"caption": row[key]}, rules, NOTHING) for row in rows if row.get(key)]
    assert len(found) >= 100
    assert sum(not faults for faults in found) >= 0.92 * len(found)
    assert not any("repeats" in fault or "words, it must" in fault for faults in found for fault in faults)
