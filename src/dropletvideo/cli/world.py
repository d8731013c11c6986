"""`droplet world`: footage with known cameras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Render footage with exact cameras, captions and truth files."
)

Seed = Annotated[int, typer.Option(help="first seed; from 1000000 up for evaluation only")]
Count = Annotated[int, typer.Option(help="how many files")]
Out = Annotated[Path, typer.Option(help="folder for the mp4 and truth files")]
Preset = Annotated[str, typer.Option(help="what is drawn: validation (wide) or training (narrow, 128x128)")]
Height = Annotated[int | None, typer.Option(help="height in pixels for all files; as drawn by the preset if left out")]
Width = Annotated[int | None, typer.Option(help="width in pixels; needs --height")]
Workers = Annotated[int, typer.Option(help="processes; the same bytes with any number")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object per file")]


@app.command()
def render(
    out: Out,
    seed: Seed = 0,
    count: Count = 8,
    preset: Preset = "validation",
    height: Height = None,
    width: Width = None,
    workers: Workers = 1,
    as_json: AsJson = False,
) -> None:
    """Render clips of one shot each.

    Example: droplet world render --seed 1000000 --count 8 --out clips/
    """
    from dropletvideo.runtime import progress
    from dropletvideo.world.config import WorldConfig
    from dropletvideo.world.footage import write_clips

    config, size = WorldConfig.preset(preset), _size(height, width)
    with progress("rendering clips", total=count) as bar:
        paths = write_clips(out, seed, count, config, size=size, workers=workers, advance=lambda _: bar.advance())
    _report(paths, as_json=as_json)


@app.command()
def footage(
    out: Out,
    seed: Seed = 0,
    count: Count = 4,
    preset: Preset = "validation",
    height: Height = None,
    width: Width = None,
    workers: Workers = 1,
    as_json: AsJson = False,
) -> None:
    """Render raw footage: files of several shots with cuts, fades, dissolves, wipes, titles and effects.

    Example: droplet world footage --seed 0 --count 4 --out raw/
    """
    from dropletvideo.runtime import progress
    from dropletvideo.world.editing import FootageConfig
    from dropletvideo.world.footage import write_footage

    config, size = FootageConfig.preset(preset), _size(height, width)
    with progress("rendering footage", total=count) as bar:
        paths = write_footage(out, seed, count, config, size=size, workers=workers, advance=lambda _: bar.advance())
    _report(paths, as_json=as_json)


def _size(height: int | None, width: int | None) -> tuple[int, int] | None:
    from dropletvideo.errors import ConfigError

    if height is None and width is None:
        return None
    if height is None or width is None:
        raise ConfigError(f"height={height}, width={width}: give both or neither")
    if min(height, width) < 16:
        raise ConfigError(f"height={height}, width={width}: need at least 16 pixels a side")
    return height, width


@app.command()
def suite(
    out: Out,
    seed: Annotated[int, typer.Option(help="first seed; 1000000 or more, which training refuses")] = 1_000_000,
    count: Annotated[int, typer.Option(help="how many images")] = 16,
    motion: Annotated[list[float] | None, typer.Option(help="an M to ask; give it again for more [4 8 16 32]")] = None,
    ask: Annotated[
        str,
        typer.Option(
            help="moves (one move at every M), consistency (camera with plot, returns, orbits, changed pairs; `count` "
            "of each, 192x256), consistency-64 (the same at 64x64, for the nano model)"
        ),
    ] = "moves",
    workers: Workers = 1,
    as_json: AsJson = False,
) -> None:
    """Write first frames, prompts, asked moves and true continuations as requests.jsonl.

    Example: droplet world suite --count 16 --out suite/

    Then: droplet generate --model nano --batch suite/requests.jsonl --out answers/
    """
    from dropletvideo.errors import ConfigError
    from dropletvideo.runtime import progress
    from dropletvideo.world.suite import SuiteConfig, write_suite

    if ask not in ("moves", "consistency", "consistency-64"):
        raise ConfigError(f"ask={ask!r} is unknown: one of moves, consistency, consistency-64")
    if ask != "moves":
        path = _consistency_suite(out, seed, count, motion, small=ask.endswith("64"), workers=workers)
        typer.echo(json.dumps({"requests": str(path)}) if as_json else str(path))
        return
    config = SuiteConfig(images=count, seed=seed, motions=tuple(motion or SuiteConfig().motions))
    with progress("rendering requests", total=count) as bar:
        path = write_suite(out, config, workers=workers, advance=lambda _: bar.advance())
    typer.echo(json.dumps({"requests": str(path)}) if as_json else str(path))


def _consistency_suite(
    out: Path, seed: int, count: int, motion: list[float] | None, *, small: bool, workers: int
) -> Path:
    from dropletvideo.runtime import progress
    from dropletvideo.world.consistency_suite import ConsistencySuite, write_consistency_suite

    size: dict[str, Any] = {"num_frames": 17, "height": 64, "width": 64, "training": True} if small else {}
    config = ConsistencySuite(count=count, seed=seed, motion=(motion or [8.0])[0], **size)
    with progress("rendering requests", total=config.num_requests) as bar:
        return write_consistency_suite(out, config, workers=workers, advance=lambda _: bar.advance())


def _report(paths: list[Path], *, as_json: bool) -> None:
    from dropletvideo.world.truth import read_truth

    for path in paths:
        truth = read_truth(path)
        if as_json:
            typer.echo(
                json.dumps(
                    {
                        "path": str(path),
                        **{key: truth[key] for key in ("frames", "fps", "height", "width", "seed")},
                        "shots": len(truth["shots"]),
                    }
                )
            )
        else:
            moves = " | ".join(", ".join(move["move"] for move in shot["moves"]) for shot in truth["shots"])
            typer.echo(f"{path}  {truth['width']}x{truth['height']}  {truth['frames']} frames  {moves}")
