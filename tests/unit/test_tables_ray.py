"""A dataset made on a Ray cluster of two nodes is the one of this machine, also when a node or the head dies."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from ray_cluster import two_nodes
from tables_footage import calls, grey, segment, write_shots
from typer.testing import CliRunner

from dropletvideo.cli.__main__ import application
from dropletvideo.curate.run import curate
from dropletvideo.engine import OnRay
from dropletvideo.errors import CatalogError, ConfigError
from dropletvideo.tables import views
from dropletvideo.tables.runner import run

EVERYTHING = "SELECT * EXCLUDE (video_path) FROM clips ORDER BY video_path, start_frame"
SCRIPT = """
    import sys
    sys.path.insert(0, {here!r})
    from tables_footage import grey, segment
    from dropletvideo.engine import OnRay
    from dropletvideo.tables.runner import run
    if __name__ == "__main__":
        stages = [segment(), grey(log={log!r}, act="slow")]
        run({folder!r}, {sources!r}, stages, workers=OnRay({address!r}), timeout_seconds=60.0, flush_seconds=0.0)
"""


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("footage")
    return [str(write_shots(folder / f"{seed:02}.mp4", seed)) for seed in range(8)]


@pytest.fixture(scope="module")
def cluster():
    with two_nodes() as there:
        yield there


def wait_for(condition, seconds=90.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    raise TimeoutError("it did not come to that")


def stages(log, act=""):
    return [segment(), grey(log=log, act=act)]


def facts(folder):
    """Rows of the clips view without what a part's order decides."""
    return sorted(
        ({k: v for k, v in row.items() if k != "video_number"} for row in views.query(folder, EVERYTHING)),
        key=lambda row: row["clip_id"],
    )


def test_the_command_takes_a_cluster_and_refuses_an_address_without_one(cluster, footage, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("stages: {segment: {min_seconds: 0.4}, look: {}}\n")
    words = ["curate", *footage[:2], "--recipe", str(recipe), "--json", "--ray-address", cluster[0]]
    done = CliRunner().invoke(application, [*words, "--out", str(tmp_path / "there"), "--engine", "ray"])
    assert (done.exit_code, done.exception) == (0, None), done.output
    assert json.loads(done.stdout)["cut_videos"] == 2
    curate(footage[:2], tmp_path / "here", recipe=str(recipe), in_process=True, with_report=False)
    assert len(facts(tmp_path / "there")) == 2
    assert facts(tmp_path / "there") == facts(tmp_path / "here")
    refused = CliRunner().invoke(application, [*words, "--out", str(tmp_path / "no")])
    assert isinstance(refused.exception, ConfigError)
    assert not (tmp_path / "no").exists()


def test_a_killed_head_is_followed_by_a_run_that_repeats_less_than_one_part(cluster, footage, tmp_path):
    log, folder = str(tmp_path / "calls.log"), tmp_path / "set"
    script = tmp_path / "script.py"
    here = str(Path(__file__).parent)
    text = SCRIPT.format(here=here, log=log, folder=str(folder), sources=footage, address=cluster[0])
    script.write_text(textwrap.dedent(text))
    child = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)

    def measured():
        if child.poll() is not None:
            return True
        try:
            return views.query(folder, "SELECT count(*) AS n FROM clips WHERE grey IS NOT NULL")[0]["n"] >= 12
        except CatalogError:  # no data set yet, or none with the column
            return False

    wait_for(measured)
    assert child.poll() is None
    child.kill()
    child.communicate()
    time.sleep(1.0)  # its workers leave when they notice
    have = views.query(folder, "SELECT count(*) AS n FROM clips WHERE grey IS NOT NULL")[0]["n"]
    before = calls(log)
    run(folder, footage, stages(log), workers=OnRay(cluster[0]), timeout_seconds=60.0)
    assert calls(log) - before == 6 * len(footage) - have
    run(tmp_path / "here", footage, stages(None), timeout_seconds=None)
    assert facts(folder) == facts(tmp_path / "here")


def test_a_killed_node_costs_the_video_that_it_had_and_the_dataset_is_the_same(cluster, footage, tmp_path, monkeypatch):
    """The node is killed while both have a video under way: its video is decoded anew by the other one, once."""
    address, second, nodes = cluster
    log, folder = str(tmp_path / "calls.log"), tmp_path / "set"
    taken = []
    from dropletvideo.tables.runner import _Run

    original = _Run._take

    def take(self, level, table, wave, task, result):
        taken.append(task.path)
        original(self, level, table, wave, task, result)
        if len(taken) == 2:
            nodes.remove_node(second, allow_graceful=False)

    monkeypatch.setattr(_Run, "_take", take)
    summary = run(folder, footage, stages(log, "slow"), workers=OnRay(address), timeout_seconds=60.0)
    assert sorted(taken) == sorted(footage)
    assert (summary.failures, summary.cut_videos) == (0, len(footage))
    run(tmp_path / "here", footage, stages(None), timeout_seconds=None)
    assert facts(folder) == facts(tmp_path / "here")
    assert 6 * len(footage) <= calls(log) <= 6 * (len(footage) + 1)
    assert run(folder, footage, stages(log), workers=OnRay(address), timeout_seconds=60.0).decodes == 0
