"""What a caption is about: human, animal, object or landscape, by the first word that tells.

For balancing prompt sets (MiraBench, arXiv 2407.06358, section 4), not for measuring: words decide, a person named
behind a mountain counts as landscape. English; what no word tells is an object where a main object is described.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Subject = Literal["human", "animal", "object", "landscape"]
SUBJECTS: tuple[Subject, ...] = ("human", "animal", "object", "landscape")
_WORDS: Mapping[Subject, str] = MappingProxyType(
    {
        "human": "people person persons man men woman women boy boys girl girls child children kid kids baby couple "
        "crowd human humans lady gentleman player players dancer dancers worker workers chef soldier soldiers athlete "
        "musician singer rider cyclist runner skier surfer tourist tourists family friends teacher student students "
        "actor character hiker climber fisherman farmer swimmer pedestrians",
        "animal": "animal animals dog dogs cat cats horse horses bird birds fish fishes cow cows sheep goat goats lion "
        "lions tiger tigers elephant elephants bear bears deer wolf fox rabbit squirrel monkey monkeys duck ducks swan "
        "eagle owl penguin penguins whale whales dolphin dolphins shark sharks turtle turtles frog snake insect "
        "butterfly bee bees jellyfish octopus zebra giraffe panda puppy kitten chicken pig gorilla leopard camel",
        "landscape": "landscape landscapes mountain mountains hill hills valley forest forests river rivers lake lakes "
        "sea ocean coast coastline beach beaches cliff cliffs desert dunes field fields meadow meadows waterfall "
        "waterfalls island islands canyon glacier sky skyline cityscape city town village scenery horizon sunset "
        "sunrise clouds garden park harbor harbour",
        "object": "car cars truck bus train trains plane airplane aircraft boat boats ship ships bicycle "
        "motorcycle vehicle vehicles robot machine drone ball balls cube cubes box boxes sphere spheres cone cones "
        "cylinder cylinders block blocks sign screen phone computer clock lamp table chair bed sofa cup mug "
        "plate bowl bottle food cake fruit apple bread pizza coffee book toy statue sculpture house building buildings "
        "bridge tower castle door window flower flowers tree plant food engine watch guitar piano",
    }
)
_SUBJECT_OF: Mapping[str, Subject] = {word: subject for subject in SUBJECTS for word in _WORDS[subject].split()}
_WORD = re.compile(r"[a-z]+")


def subject_of(captions: Mapping[str, str | None]) -> Subject | None:
    """The subject of a clip by its captions; None where none of them tells.

    Args:
        captions: `main_object_caption`, `short_caption` and `dense_caption`, as far as known; read in this order.
    """
    for name in ("main_object_caption", "short_caption", "dense_caption"):
        for word in _WORD.findall((captions.get(name) or "").lower()):
            if word in _SUBJECT_OF:
                return _SUBJECT_OF[word]
    return "object" if captions.get("main_object_caption") else None
