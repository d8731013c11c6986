"""What requests will cost, said before any of them is made: calls, steps, memory, and the time of a first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dropletvideo import runtime
from dropletvideo.errors import DropletError, RequestError
from dropletvideo.generate.answer import Prepared, job_for, prepare
from dropletvideo.generate.asked import GenerateRequest
from dropletvideo.generate.memory import Estimate, estimate
from dropletvideo.generate.opened import Setup, known_model, open_model


@dataclass(frozen=True)
class Plan:
    """What requests come to.

    Attributes:
        videos: how many will be made.
        calls: of the pipeline.
        num_steps: sampling steps of all calls.
        failures: requests that will fail, `{id, reason}`.
        estimate: of the call that takes most memory.
        seconds: of all steps, by the largest call's time per step and size; None where no step was run.
    """

    videos: int
    calls: int
    num_steps: int
    failures: tuple[dict[str, str], ...]
    estimate: Estimate
    seconds: float | None

    def facts(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {**vars(self), "failures": list(self.failures), "estimate": self.estimate.facts()}

    def lines(self) -> list[str]:
        """The same for a person."""
        counts = f"videos: {self.videos}, calls: {self.calls}, sampling steps: {self.num_steps}"
        found = [counts, *self.estimate.lines()]
        if self.seconds is not None and self.calls > 1:
            found.append(f"all calls: at most about {self.seconds:.0f} s of steps")
        return [*found, *(f"will fail: {row['id']}: {row['reason']}" for row in self.failures)]


def plan_requests(
    setup: Setup, requests: Sequence[GenerateRequest], *, base: Path = Path(), batch_size: int = 1
) -> Plan:
    """Check requests and say what they cost; one step is run where the weights fit.

    Raises:
        RequestError: no request could be made ready.
        WeightsError: the model is missing or damaged.
    """
    known = known_model(setup.model)
    groups: dict[str, list[Prepared]] = {}
    failures: list[dict[str, str]] = []
    for request in requests:
        try:
            groups.setdefault(request.group_key(), []).append(prepare(request, known, base))
        except DropletError as error:
            failures.append({"id": request.id, "reason": str(error)})
    calls = [same[at : at + batch_size] for same in groups.values() for at in range(0, len(same), batch_size)]
    if not calls:
        raise RequestError(f"no request can be made: {failures[0]['reason'] if failures else 'there is none'}")
    jobs = [job_for(known.defaults, rows) for rows in calls]
    largest = max(jobs, key=lambda job: job.count * job.settings.latent(job.settings.chunk_frames).tokens)
    device = runtime.pick_device(setup.device)
    dtype = runtime.pick_dtype(setup.dtype, device)
    asked = partial(estimate, preset=setup.memory, videos=largest.count, num_steps=largest.num_steps)
    found = asked(setup.model, largest.settings, device=device, dtype=dtype)
    if found.fits is not False:
        found = asked(open_model(setup).pipeline, largest.settings)
    steps = sum(job.num_steps for job in jobs)
    seconds = None if found.seconds_per_step is None else found.seconds_per_step * steps
    return Plan(sum(map(len, calls)), len(calls), steps, tuple(failures), found, seconds)
