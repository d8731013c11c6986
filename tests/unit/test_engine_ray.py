"""The engine on a Ray cluster of two nodes: the same results as on one machine, also when a node is killed."""

from __future__ import annotations

import os
import time

import pytest
from ray_cluster import two_nodes
from test_engine import act

from dropletvideo.engine import OnRay, Workers, map_rows, workers_of
from dropletvideo.engine import cluster as engine_cluster
from dropletvideo.errors import ConfigError, DecoderTimeout, DropletError


@pytest.fixture(scope="module")
def cluster():
    with two_nodes() as there:
        yield there


def devices(_):
    return os.environ.get("CUDA_VISIBLE_DEVICES", "")


def slow(row):
    """Notes that the row was begun, takes a while, gives its double."""
    folder, number = row
    with open(f"{folder}/{number}", "a") as file:  # noqa: PTH123
        file.write(f"{os.getpid()}\n")
    time.sleep(0.6)
    return number * 2


def test_same_results_as_on_one_machine_for_rows_that_fail_hang_and_die(cluster):
    rows = [1, 2, "a", "fail", "hang", "die", 5]
    here = dict(map_rows(act, rows, workers=2, timeout_seconds=2.0))
    there = dict(map_rows(act, rows, workers=OnRay(cluster[0]), timeout_seconds=2.0))
    assert {row: (type(found), str(found)) for row, found in there.items()} == {
        row: (type(found), str(found)) for row, found in here.items()
    }
    assert isinstance(there["hang"], DecoderTimeout)
    assert "SIGKILL" in str(there["die"])


def test_a_fault_of_ours_is_raised_and_the_workers_serve_the_next_map(cluster):
    with Workers(OnRay(cluster[0]), 60.0) as workers:
        first = dict(workers.map(act, ["pid", "threads"]))
        assert first["threads"] == "1"
        with pytest.raises(ZeroDivisionError):
            list(workers.map(act, [1, "bug"]))
        assert dict(workers.map(act, [3, "fail"]))[3] == 6


def test_a_worker_process_sees_the_gpu_of_its_share_and_none_without(cluster):
    with Workers(OnRay(cluster[0], 1), 60.0) as workers:
        assert dict(workers.map(devices, [1], num_gpus=0.25)) == {1: "0"}
        assert dict(workers.map(devices, [2])) == {2: ""}


def test_a_killed_node_loses_no_row_and_gives_none_twice(cluster, tmp_path, caplog):
    _, second, nodes = cluster
    found = []
    for row, result in map_rows(slow, [(str(tmp_path), n) for n in range(10)], workers=OnRay(cluster[0])):
        found.append((row[1], result))
        if len(found) == 3:
            nodes.remove_node(second, allow_graceful=False)
    assert sorted(found) == [(n, 2 * n) for n in range(10)]
    begun = {path.name: len(path.read_text().split()) for path in tmp_path.iterdir()}
    assert sum(begun.values()) <= 11  # at most the one row that the lost node had under way was begun twice
    assert len({pid for path in tmp_path.iterdir() for pid in path.read_text().split()}) >= 2


@pytest.mark.parametrize("told", [[{"CPU": 2.0}], [{"CPU": 2.0, "GPU": 1.0}, {"CPU": 1.0}]])
def test_without_a_gpu_the_work_is_done_all_the_same_and_its_lack_is_told(cluster, caplog, monkeypatch, told):
    """There is none from the start, or its node is gone, as it is since the test before."""
    import ray

    with Workers(OnRay(cluster[0], 1), 60.0) as workers:
        monkeypatch.setattr(engine_cluster, "SAY_SECONDS", 1.0)
        monkeypatch.setattr(ray, "cluster_resources", lambda: told.pop(0) if len(told) > 1 else told[0])
        assert dict(workers.map(act, [2], num_gpus=0.25)) == {2: 4}
    assert "the cluster has no GPU" in caplog.text


def test_an_address_where_no_cluster_answers_is_refused_in_one_line(cluster):
    with pytest.raises(DropletError, match=r"no Ray cluster answers at 127.0.0.1:1 .*ray start --head"):
        Workers(OnRay("127.0.0.1:1"))


def test_options_of_a_command_become_workers():
    assert workers_of("local", 3) == 3
    assert workers_of("ray", 2, "auto") == OnRay("auto", 2)
    with pytest.raises(ConfigError, match="goes with engine=ray"):
        workers_of("local", None, "auto")
    with pytest.raises(ConfigError, match="one of local, ray"):
        workers_of("spark")
