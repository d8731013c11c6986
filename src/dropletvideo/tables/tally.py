"""How often each stage failed, so that a run does not go on for days with a stage that fails on everything."""

from __future__ import annotations

from dataclasses import dataclass

from dropletvideo.errors import DropletError

ENOUGH_TO_JUDGE, NEARLY_ALL = 20, 0.95
IN_A_ROW = 200


@dataclass
class _Count:
    tried: int = 0
    failed: int = 0
    in_a_row: int = 0
    reason: str = ""


class Tally:
    """Rows that each stage was tried on by this run. Failures of the files themselves are not told to it.

    A worker that dies or is silent is told under the name of what it did: one file may do that, all of them do not.
    """

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def succeeded(self, stage: str) -> None:
        """It gave a value for a row."""
        count = self._counts.setdefault(stage, _Count())
        count.tried, count.in_a_row = count.tried + 1, 0

    def failed(self, stage: str, reason: str) -> None:
        """It gave none.

        Raises:
            DropletError: nearly all of the first rows failed, or very many one after the other.
        """
        count = self._counts.setdefault(stage, _Count())
        count.tried, count.failed, count.in_a_row = count.tried + 1, count.failed + 1, count.in_a_row + 1
        count.reason = reason
        if count.tried >= ENOUGH_TO_JUDGE and count.failed >= NEARLY_ALL * count.tried:
            how = f"failed on {count.failed} of the first {count.tried} rows, the limit is {NEARLY_ALL:.0%}"
        elif count.in_a_row >= IN_A_ROW:
            how = f"failed on {count.in_a_row} rows one after the other, the limit is {IN_A_ROW}"
        else:
            return
        raise DropletError(
            f"stage {stage} {how}; last reason: {reason}. "
            "What the other stages gave is kept: mend the stage or leave it out, then go on"
        )

    def all_failed(self) -> dict[str, str]:
        """Stages that gave nothing on any of several rows, too few to end the run, and what to say of them."""
        return {
            stage: f"failed on all {count.tried} rows it was tried on; last reason: {count.reason}"
            for stage, count in self._counts.items()
            if count.tried > 1 and count.failed == count.tried
        }
