"""A group of commands whose first one needs no name: `droplet evaluate M.jsonl` is `droplet evaluate score M.jsonl`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class FirstVerbGroup(TyperGroup):
    """Arguments that do not begin with a command's name go to the first command; `--help` alone shows its help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the first command's name in front where none is given."""
        first = next(iter(self.commands))
        if not args or args[0] not in self.commands:
            args = [first, *(args or ["--help"])]
        rest: list[str] = super().parse_args(ctx, args)
        return rest
