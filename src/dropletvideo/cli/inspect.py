"""`droplet inspect`: what a generated video says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def inspect(
    file: Annotated[Path, typer.Argument(help="a video made by droplet generate")],
    pictures: Annotated[
        Path | None, typer.Option("--pictures", metavar="DIR", help="write its conditioning images there as PNG")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print everything as JSON")] = False,
) -> None:
    """Show the request, the conditioning images and the model of a generated video.

    Example: droplet inspect pan.mp4 --pictures shown/
    """
    from dropletvideo.generate.provenance import read_provenance
    from dropletvideo.media import probe, write_image

    record = read_provenance(file)
    info = probe(file)
    told = record.provenance.model_dump(mode="json")
    size = {"frames": info.num_frames, "height": info.height, "width": info.width, "playback_fps": info.source_fps}
    shown = [
        {**note, "height": picture.pixels.shape[0], "width": picture.pixels.shape[1]}
        for note, picture in zip(told["pictures"], record.pictures, strict=True)
    ]
    if pictures is not None:
        for number, (note, picture) in enumerate(zip(shown, record.pictures, strict=True)):
            note["file"] = str(pictures / f"{number:02d}-{picture.role}.png")
            write_image(note["file"], picture.pixels)
    facts = {"file": str(file), **size, **told, "pictures": shown}
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        _print(facts)


def _print(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", facts["file"], show_header=True)
    size = f"{facts['frames']} frames of {facts['width']}x{facts['height']}, {facts['playback_fps']:g} a second"
    table.add_row("video", Text(size))
    table.add_row("model", Text(f"{facts['model']['name']}  {facts['model']['digest']}"))
    for lora in facts["loras"]:
        table.add_row("lora", Text(f"{lora['name']}:{lora['scale']:g}  {lora['digest']}"))
    for name, value in sorted(facts["request"].items(), key=lambda item: _place(item[0])):
        table.add_row(name, Text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    for picture in facts["pictures"]:
        place = f" at frame {picture['frame']}" if picture["frame"] is not None else ""
        where = f"  {picture['file']}" if "file" in picture else ""
        table.add_row("attached", Text(f"{picture['role']}{place}, {picture['width']}x{picture['height']}{where}"))
    made = ", ".join(f"{name} {value}" for name, value in facts["made_with"].items())
    if facts["call"]["size"] > 1:
        made += f", {facts['call']['place'] + 1} of {facts['call']['size']} in one call"
    table.add_row("made with", Text(made))
    Console().print(table)


def _place(name: str) -> int:
    """What is seen comes before how it was made."""
    from dropletvideo.generate.asked import GenerateRequest

    known = list(GenerateRequest.model_fields)
    return known.index(name) if name in known else len(known)
