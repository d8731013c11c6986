"""Protects recipes: shipped ones are valid, changes land where they say, a wrong key is told with the right one."""

import pytest

from dropletvideo.errors import ConfigError
from dropletvideo.train.recipe import config_class, parse, read_recipe, shipped_recipes, with_settings
from dropletvideo.train.transformer import Config, identity_of


@pytest.mark.parametrize("name", ["nano", "nano-demo"])
def test_shipped_transformer_recipes_are_valid(name):
    content = read_recipe(name)
    config = parse(content, config_class(content["kind"]))
    assert config.preset == "nano"
    assert config.windows.motion_range == (4.0, 32.0)


def test_shipped_names_are_training_recipes_only():
    assert {"nano", "nano-demo"} <= set(shipped_recipes())
    assert "cpu" not in shipped_recipes()


def test_a_path_is_a_recipe_too(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("kind: transformer\nseed: 7\n")
    assert parse(read_recipe(str(path)), Config).seed == 7


def test_settings_change_one_value_and_nothing_else():
    content = read_recipe("nano")
    changed = parse(
        with_settings(content, ["loop.max_steps=7", "windows.motion_range=[8, 16]", "objective.shuffle_motion=true"]),
        Config,
    )
    assert changed.loop.max_steps == 7
    assert changed.windows.motion_range == (8.0, 16.0)
    assert changed.objective.shuffle_motion
    assert parse(read_recipe("nano"), Config).loop.max_steps != 7
    assert changed.optim == parse(content, Config).optim


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("loop.max_step=3", r"loop\.max_step is no setting: did you mean max_steps"),
        ("windws.seed=3", "did you mean windows"),
        ("loop.max_steps=0", r"loop\.max_steps=0"),
        ("windows.num_frames=16", "4k"),
        ("seed", "not of the form"),
        ("seed.a=3", "not a group"),
        ("data.world.first_seed=1000000", "evaluation"),
        ("data.world.shots=2000000", "evaluation"),
    ],
)
def test_a_wrong_setting_is_told(setting, words):
    with pytest.raises(ConfigError, match=words):
        parse(with_settings(read_recipe("nano"), [setting]), Config)


def test_an_unknown_recipe_is_told_with_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="did you mean nano"):
        read_recipe("nanoo")
    with pytest.raises(ConfigError, match="is no file"):
        read_recipe("mine.yaml")
    with pytest.raises(ConfigError, match="of kind 'curate'"):
        read_recipe("cpu")
    path = tmp_path / "broken.yaml"
    path.write_text("a: [")
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_recipe(str(path))


def test_identity_covers_what_bears_on_weights_but_not_the_length():
    one = parse(read_recipe("nano"), Config)
    longer = parse(with_settings(read_recipe("nano"), ["loop.max_steps=9", "previews.windows=1"]), Config)
    faster = parse(with_settings(read_recipe("nano"), ["optim.learning_rate=0.5"]), Config)
    assert identity_of(one, "a") == identity_of(longer, "a")
    assert identity_of(one, "a") != identity_of(faster, "a")
    assert identity_of(one, "a") != identity_of(one, "b")
