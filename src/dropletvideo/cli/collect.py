"""`droplet collect`: fetch what a dataset list names, politely, with a ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

_EXAMPLES = """Examples:

\b
  droplet collect DropletVideo-1M.csv --out raw/ --limit 100
  droplet collect miradata_v1_9k.csv --out raw/ --dry-run
  droplet collect s3://bucket/videos/ --out raw/ --licence CC-BY-4.0
  droplet curate raw/clips.jsonl --out dataset/

Give the same command again to go on: what is done is not fetched again."""


def collect(  # noqa: PLR0917 - the options of the verb
    lists: Annotated[
        list[str], typer.Argument(metavar="LIST...", help="CSV, JSONL, JSON or Parquet lists, or addresses")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="folder for videos, ledger and clips.jsonl")],
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="videos to try in this run")] = None,
    pause: Annotated[float, typer.Option("--pause", min=0, help="seconds between two downloads from a host")] = 2.0,
    attempts: Annotated[int, typer.Option("--attempts", min=1, help="tries per video where the network fails")] = 3,
    again: Annotated[
        list[str] | None, typer.Option("--again", metavar="gone|blocked", help="try these once more")
    ] = None,
    max_height: Annotated[int, typer.Option("--max-height", min=64, help="largest picture height of pages")] = 720,
    bandwidth: Annotated[str | None, typer.Option("--bandwidth", metavar="5M", help="bytes per second")] = None,
    cookies: Annotated[Path | None, typer.Option("--cookies", metavar="FILE", help="cookies file for pages")] = None,
    source: Annotated[str | None, typer.Option("--source", help="source of rows that name none")] = None,
    licence: Annotated[str | None, typer.Option("--licence", help="licence of rows that name none")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be fetched and stop")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON")] = False,
) -> None:
    """Fetch the videos that dataset lists name, one at a time, and write what was listed of them to DIR/clips.jsonl.

    Reads the lists of DropletVideo, MiraData v0 and v1 and OpenVid-1M as published, and plain ones with a column
    `url` or `path`. Files are fetched directly, pages through yt-dlp (the extra
    `collect`), object storage through fsspec.
    """
    from dropletvideo import runtime
    from dropletvideo.curate import collect as work
    from dropletvideo.curate.download import Downloads

    runtime.set_up_logging()
    runtime.stop_on_terminate()
    manners = work.Manners(pause_seconds=pause, attempts=attempts, limit=limit, again=_states(again or []))
    planned = work.plan(lists, out, manners)
    if dry_run:
        _show(planned, out, as_json, dry_run=True)
        return
    download = Downloads(max_height=max_height, bytes_per_second=_bytes(bandwidth), cookies=cookies)
    download.check(planned.ways)
    told = {name: text for name, text in (("source", source), ("licence", licence)) if text}
    done = work.collect(lists, out, download, manners, defaults=told)
    _show(done, out, as_json, dry_run=False)
    if done.failures:
        typer.echo(f"{done.failures} failed; see {out / work.LEDGER}", err=as_json)
        raise typer.Exit(3)


collect.__doc__ = f"{collect.__doc__}\n    {_EXAMPLES.replace(chr(10), chr(10) + '    ')}"


def _states(names: list[str]) -> tuple[Any, ...]:
    from dropletvideo.errors import ConfigError

    for name in names:
        if name not in ("gone", "blocked"):
            raise ConfigError(f"--again {name!r} is unknown: give gone or blocked")
    return tuple(names)


def _bytes(text: str | None) -> int | None:
    from dropletvideo.errors import ConfigError

    if text is None:
        return None
    factor = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000}.get(text[-1:].upper())
    try:
        count = round(float(text[:-1] if factor else text) * (factor or 1))
    except ValueError:
        count = 0
    if count <= 0:
        raise ConfigError(f"--bandwidth {text!r} is no rate: give bytes per second such as 500K or 5M")
    return count


def _show(done: Any, out: Path, as_json: bool, *, dry_run: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**done.as_dict(), "dry_run": dry_run}, indent=2))
        return
    ways = ", ".join(f"{count:,} by {way}" for way, count in done.ways.items())
    typer.echo(f"{done.clips:,} clips of {done.videos:,} videos listed ({ways}); {done.bad_rows:,} bad rows")
    states = f"done {done.done:,}, gone {done.gone:,}, blocked {done.blocked:,}, retry {done.retry:,}"
    typer.echo(f"{states}, not tried yet {done.left:,}")
    if dry_run:
        typer.echo(f"would try {done.tried:,} into {out}")
        return
    typer.echo(f"fetched {done.fetched:,} now, {done.fetched_bytes / 1e6:.1f} MB")
    typer.echo(f"{done.clips_written:,} clips in {out / 'clips.jsonl'}: droplet curate {out / 'clips.jsonl'} --out ...")
