"""One training caption out of MiraData's parts.

The dense caption leads; camera, main object, background and style follow with what they add: a sentence most of whose
words were said before is left out, and so are whole sentences that would go over the limit. The camera comes second so
that it is not what falls away. The short caption is in all the others already.
"""

from __future__ import annotations

from collections.abc import Mapping

from dropletvideo.language.words import count_words, sentences, tokens

ORDER = ("dense", "camera", "main_object", "background", "style")
SAID_SHARE = 0.8


def merged_caption(parts: Mapping[str, str], max_words: int = 300) -> str:
    """A caption of `max_words` at most; parts that are missing are passed over.

    Args:
        parts: texts by name, `dense` to `style`.
        max_words: 300 words are about 400 T5 tokens, MiraDiT reads 512 and DropletVideo 400.
    """
    said: set[str] = set()
    chosen: list[str] = []
    total = 0
    for name in ORDER:
        for sentence in sentences(parts.get(name, "")):
            words = set(tokens(sentence))
            if not words or len(words & said) >= SAID_SHARE * len(words):
                continue
            if total + count_words(sentence) > max_words:
                break
            chosen.append(sentence if sentence[-1:] in ".!?。！？;；" else f"{sentence}.")
            total += count_words(sentence)
            said |= words
    return " ".join(chosen)
