"""One HTML file to label clips by hand: players, digits 1 to 6, and a button that saves the JSON. Needs no server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from html import escape
from importlib import resources
from typing import Any, TypedDict

_STYLE = """
body{font:16px/1.4 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;background:Canvas;color:CanvasText}
video{width:100%;max-height:60vh;background:#000}
.row{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.5rem 0}
button{font:inherit;padding:.4rem .7rem;border:1px solid GrayText;border-radius:.4rem}
button{background:Canvas;color:CanvasText}
button[aria-pressed=true]{background:Highlight;color:HighlightText}
kbd{border:1px solid GrayText;border-radius:.2rem;padding:0 .3rem}
#note{flex:1;font:inherit;padding:.3rem}
"""


class Place(TypedDict):
    """Where a clip plays: address of its file, and start and end in seconds (`end` None: the whole file)."""

    src: str
    start: float
    end: float | None


def label_page(labels: Mapping[str, Any], places: Mapping[str, Place], classes: Mapping[Any, str], name: str) -> str:
    """The page.

    Args:
        labels: the label file as JSON; every entry of `clips` has `classes`.
        places: by key of a clip.
        classes: class to meaning, in the order of the digits.
        name: of the file that the button saves.
    """
    told = {"labels": labels, "places": places, "name": name, "store": _store(name, places)}
    data = json.dumps(told, ensure_ascii=False).replace("</", "<\\/")
    buttons = "".join(
        f'<button data-class="{one}" aria-pressed="false"><kbd>{number}</kbd> {one} {escape(meaning)}</button>'
        for number, (one, meaning) in enumerate(classes.items(), start=1)
    )
    script = resources.files("dropletvideo.pages").joinpath("label.js").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><title>{escape(name)}</title><style>{_STYLE}</style></head><body>'
        '<div class="row"><b id="key"></b><span id="place"></span><span id="done"></span><span id="kept"></span></div>'
        '<video id="player" muted controls loop playsinline></video>'
        f'<div class="row">{buttons}</div>'
        '<div class="row"><label for="note">Note</label><input id="note"></div>'
        '<div class="row"><button id="back">Back</button><button id="next">Next</button>'
        '<button id="save">Save JSON</button></div>'
        "<p><kbd>1</kbd> to <kbd>6</kbd> choose and go on; with <kbd>Shift</kbd> add a class that a careful person "
        "would accept too; <kbd>0</kbd> clears; arrows move; <kbd>Space</kbd> plays; <kbd>S</kbd> saves.</p>"
        f'<script type="application/json" id="labels">{data}</script><script>{script}</script></body></html>\n'
    )


def _store(name: str, places: Mapping[str, Place]) -> str:
    """What the browser keeps is kept under this: pages from local files share one store."""
    return f"droplet-labels {name} {blake2b(repr(sorted(places)).encode(), digest_size=6).hexdigest()}"
