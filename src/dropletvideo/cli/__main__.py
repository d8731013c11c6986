"""The `droplet` command: lists the verbs and turns our errors into one clear line.

Exit codes: 0 all done, 1 aborted, 2 misuse, 3 finished with failures.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from dropletvideo import __version__
from dropletvideo.errors import CatalogError, ConfigError, DropletError, RequestError

# Verb, module, one line of help. A verb's module is imported when the verb is called, so `--help` stays quick.
VERBS: dict[str, str] = {
    "demo": "raw footage to dataset, model, videos and scores in one report",
    "collect": "fetch the videos of a dataset list",
    "curate": "measure raw videos into a dataset of clips",
    "query": "ask a dataset in SQL",
    "select": "choose clips by measured columns and see why others drop",
    "report": "write a dataset's HTML report",
    "compact": "join a dataset's columns into one wide table",
    "export": "cut the chosen clips into files with metadata",
    "train": "train a model by a recipe",
    "train-classifier": "train a network that tells camera classes",
    "generate": "an image and a sentence in, a video out",
    "inspect": "what a generated video says of itself",
    "calibrate": "measure what a model's M does, for --speed",
    "label": "camera classes by people: files, a page, converters, scores",
    "measure": "all weight-free measurements of video files",
    "evaluate": "score generated videos beside baselines",
    "compare": "two evaluations side by side, with paired differences",
    "mirabench": "MiraBench's prompts out of a dataset, its results by kind of caption",
    "rate": "people rank videos blind, on one offline page",
    "weights": "pretrained files by name: list, fetch, path",
    "world": "render footage with known cameras",
}


class VerbGroup(TyperGroup):
    """A group whose commands live in `dropletvideo.cli.<verb>` and are imported on use."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Verbs in the order of a user's day."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Import one verb; `app` is a group of commands, otherwise the function named like the verb is the command."""
        if cmd_name not in VERBS:
            return None
        name = cmd_name.replace("-", "_")
        module = import_module(f"dropletvideo.cli.{name}")
        if hasattr(module, "app"):
            return get_group(module.app)
        single = typer.Typer(add_completion=False, rich_markup_mode="rich")
        single.command(name=cmd_name)(getattr(module, name))
        return get_command(single)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"droplet {__version__}")
        raise typer.Exit


application = typer.Typer(cls=VerbGroup, add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@application.callback(
    help="DropletVideo: curate, train, generate and evaluate image-to-video.\n\nTry: droplet demo --quick --out demo/"
)
def _root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="print the version"),
) -> None:
    """Options that come before the verb."""


def main() -> None:
    """Entry point: run the verb; our errors become one line on stderr and an exit code."""
    try:
        application()
    except (ConfigError, RequestError) as error:
        _fail(error, 2)
    except (CatalogError, DropletError) as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was finished is kept\n")
        sys.exit(1)


def _fail(error: Exception, code: int) -> None:
    sys.stderr.write(f"error: {error}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
