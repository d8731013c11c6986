"""Recipes: a wrong key or value is refused before any work, with the nearest that is right."""

from __future__ import annotations

import re

import pytest

from dropletvideo.curate.recipe import load_recipe, recipe_names
from dropletvideo.curate.shipped import shipped_selection
from dropletvideo.errors import ConfigError
from dropletvideo.tables.order import order


def test_the_shipped_recipe_loads_by_name_and_changes_reach_the_stage():
    stages = {
        s.name: s for s in load_recipe("cpu", ["segment.min_seconds=2", "stages.segment.max_seconds=null"]).build()
    }
    assert stages["segment"].params["min_seconds"] == 2
    assert stages["segment"].params["max_seconds"] is None
    assert stages["segment"].function.min_seconds == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("segment.min_second=2", "did you mean min_seconds"),
        ("stages.segmnt.min_seconds=2", "did you mean segment"),
        ("timeout_second=5", "did you mean timeout_seconds"),
        ("selections.default.order_bi=x", "did you mean order_by"),
        ("gates.camra=motion_score > 1", "did you mean camera"),
        ("segment.min_seconds=-1", "segment.min_seconds=-1"),
        ("segment.min_seconds=20", "twice min_seconds"),
        ("segment.min_seconds", "no '='"),
        ("kind=train", "not a curation recipe"),
        ("timeout_seconds.x=1", "no keys"),
    ],
)
def test_a_wrong_change_is_one_clear_error(change, words):
    with pytest.raises(ConfigError, match=words):
        load_recipe("cpu", [change])


def test_names_and_files_that_are_not_there(tmp_path):
    with pytest.raises(ConfigError, match="did you mean cpu"):
        load_recipe("cpus")
    with pytest.raises(ConfigError, match="does not exist"):
        load_recipe(str(tmp_path / "mine.yaml"))
    (tmp_path / "mine.yaml").write_text("- a\n- b\n")
    with pytest.raises(ConfigError, match="keys and values"):
        load_recipe(str(tmp_path / "mine.yaml"))
    (tmp_path / "mine.yaml").write_text("stages: {a: [")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_recipe(str(tmp_path / "mine.yaml"))


def test_a_gate_reaches_its_stage_and_is_no_parameter(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("stages: {segment:, camera: {}}\ngates: {camera: duration_seconds > 2}\n")
    stage = load_recipe(str(path)).build()[1]
    assert stage.gate == "duration_seconds > 2"
    assert "gate" not in stage.params


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_is_whole_and_its_stages_hold_no_limit_of_what_is_kept(name):
    recipe = load_recipe(name)
    assert recipe.description
    assert recipe.selections
    built = recipe.build()
    order(built)
    assert [stage.name for stage in built] == list(recipe.stages)
    for stage, own in recipe.stages.items():
        assert not {key for key in own if key.startswith(("keep", "drop"))}, stage


def test_a_selection_without_a_body_is_the_shipped_one(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("stages: {segment:}\nselections: {miradata-tier2:}\n")
    assert load_recipe(str(path)).selections["miradata-tier2"] == shipped_selection("miradata-tier2")
    path.write_text("stages: {segment:}\nselections: {miradata-tier6:}\n")
    with pytest.raises(ConfigError, match="did you mean miradata-tier"):
        load_recipe(str(path))


def test_a_costly_stage_of_the_papers_recipes_stands_behind_a_gate_that_reads_no_learned_column():
    for name in ("dropletvideo", "miradata"):
        recipe = load_recipe(name)
        assert {"captions"} < set(recipe.gates)
        learned = {column for stage in recipe.build() if stage.lacks for column in stage.columns}
        for stage, gate in recipe.gates.items():
            assert not learned & set(re.findall(r"\w+", gate)), f"{stage} would be skipped with what it waits for"


def test_a_recipe_gives_a_stage_its_share_of_a_gpu_and_no_more_than_one(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("stages: {segment: , look: {}}\ngpus: {look: 0.5}\n")
    assert [stage.num_gpus for stage in load_recipe(str(path)).build()] == [None, 0.5]
    with pytest.raises(ConfigError, match="gpus: stage 'lok' is unknown: did you mean look"):
        load_recipe(str(path), ["gpus.lok=0.5"]).build()
    with pytest.raises(ConfigError, match="stage look: num_gpus=2: give a share of one GPU, 0 to 1"):
        load_recipe(str(path), ["gpus.look=2"]).build()
