"""How scores of camera classes look on a terminal."""

from __future__ import annotations

import typer

from dropletvideo.data.label_score import ClassScore, confusion_table


def show_score(score: ClassScore, title: str = "") -> None:
    """Accuracy with its interval, the majority's beside it, and the confusion table."""
    from rich.console import Console
    from rich.table import Table

    if score.accuracy is None or score.interval is None:
        typer.echo(f"{title or 'classes'}: no clip to compare")
        return
    low, high = score.interval
    typer.echo(
        f"{title or 'camera classes'}: accuracy {score.accuracy:.3f} (95 % {low:.3f} to {high:.3f}) over "
        f"{score.clips} clips; always {score.majority_class}: {score.majority_accuracy:.3f}; "
        f"mean recall {score.balanced_accuracy:.3f}"
    )
    head, *rows = confusion_table(score)
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
