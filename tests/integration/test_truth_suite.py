"""The truth suite from end to end: the world asks, nano answers, the suite scores the answers beside baselines."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from dropletvideo.cli.__main__ import application


def run(*arguments):
    result = CliRunner().invoke(application, [str(each) for each in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.timeout(300)
def test_suite_generate_evaluate(tmp_path):
    run("world", "suite", "--count", 2, "--motion", 8, "--out", tmp_path / "suite")
    run("generate", "--model", "nano", "--batch", tmp_path / "suite/requests.jsonl", "--out", tmp_path / "answers")
    out = tmp_path / "scores"
    run("evaluate", tmp_path / "answers/manifest.jsonl", "--suite", "truth", "--out", out, "--workers", 1)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["protocol"]["suite"] == "truth"
    assert summary["absent"] == [], "the truth suite needs no weights"
    systems = summary["systems"]
    assert set(systems) == {"model", "real", "frozen", "ken_burns", "shuffled", "reversed"}
    assert systems["model"]["scored"] == 2
    psnr = {name: found["scores"]["reference_psnr"]["value"] for name, found in systems.items()}
    assert psnr["real"] > max(value for name, value in psnr.items() if name != "real") + 3
    assert systems["real"]["scores"]["camera_f1"]["value"] >= systems["frozen"]["scores"]["camera_f1"]["value"]
    result = run("compare", out, f"{out}:real", "--json")
    verdicts = {line["name"]: line["verdict"] for line in json.loads(result.stdout)["columns"]}
    assert verdicts["reference_psnr"] == "second"
