"""Protects raw footage and its truth files: boundaries where they are said to be, the same bytes from the same seed."""

import json
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
import pytest
from typer.testing import CliRunner

from dropletvideo import media
from dropletvideo.cli.world import app
from dropletvideo.errors import ConfigError
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.editing import Cut, FootageConfig, draw_cut
from dropletvideo.world.effects import dissolve, fade, wipe
from dropletvideo.world.footage import _still_of, write_clips, write_footage
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot
from dropletvideo.world.truth import read_truth, shot_truth, truth_path

SIZE = (48, 64)
PLAIN = {"effect_share": 0.0, "title_share": 0.0, "still_share": 0.0, "seconds": (1.5, 2.0)}


def footage(kind: str | None = None, **changes) -> FootageConfig:
    joins = {} if kind is None else {"joins": {kind: 1.0}}
    return FootageConfig.validation().model_copy(update=PLAIN | joins | changes)


@lru_cache(maxsize=8)
def cut_of(kind: str, seed: int = 3) -> Cut:
    return draw_cut(seed, footage(kind, shots=(2, 3)), size=SIZE)


def frame_of(cut: Cut, number: int) -> np.ndarray:
    return cut.frame(number, partial(_still_of, cut))


def plain(cut: Cut, take: int, number: int) -> np.ndarray:
    """The shot's own frame at a frame number of the file, without any join."""
    shot = cut.takes[take].shot
    time = (number - cut.takes[take].start_frame) / shot.source_fps
    return render_shot(shot, *SIZE, times=np.array([time])).frames[0]


def test_a_cut_changes_the_shot_at_the_frame_that_truth_names():
    cut = cut_of("cut")
    at = cut.boundaries[0].frame
    assert cut.boundaries[0].end_frame == at == cut.takes[1].start_frame
    assert np.array_equal(frame_of(cut, at - 1), plain(cut, 0, at - 1))
    assert np.array_equal(frame_of(cut, at), plain(cut, 1, at))


@pytest.mark.parametrize("kind", ["dissolve", "wipe"])
def test_a_gradual_join_blends_from_frame_to_end_frame(kind):
    cut = cut_of(kind)
    bound = cut.boundaries[0]
    assert bound.kind == kind
    assert bound.end_frame - bound.frame >= 3
    assert np.array_equal(frame_of(cut, bound.frame - 1), plain(cut, 0, bound.frame - 1))
    assert np.array_equal(frame_of(cut, bound.end_frame), plain(cut, 1, bound.end_frame))
    for number in (bound.frame, bound.end_frame - 1):
        assert not np.array_equal(frame_of(cut, number), plain(cut, 0, number))
        assert not np.array_equal(frame_of(cut, number), plain(cut, 1, number))
    share = (np.arange(bound.frame, bound.end_frame) - bound.frame + 1) / (bound.end_frame - bound.frame + 1)
    if kind == "dissolve":
        for number, part in zip(range(bound.frame, bound.end_frame), share, strict=True):
            mix = plain(cut, 0, number) * (1 - part) + plain(cut, 1, number) * part
            assert np.abs(frame_of(cut, number) - mix).max() <= 0.51


def test_a_fade_goes_through_one_colour_at_the_start_of_the_new_shot():
    cut = cut_of("fade")
    bound, middle = cut.boundaries[0], cut.takes[1].start_frame
    assert bound.frame < middle < bound.end_frame
    assert np.array_equal(frame_of(cut, bound.frame - 1), plain(cut, 0, bound.frame - 1))
    assert np.array_equal(frame_of(cut, bound.end_frame), plain(cut, 1, bound.end_frame))
    spread = [frame_of(cut, number).std() for number in range(bound.frame, bound.end_frame)]
    assert abs(int(np.argmin(spread)) - (middle - bound.frame)) <= 1
    assert min(spread) < 0.35 * frame_of(cut, bound.frame - 1).std()


def test_blends_are_exact_on_known_frames():
    old, new = np.full((4, 8, 3), 100, np.uint8), np.full((4, 8, 3), 200, np.uint8)
    assert (dissolve(old, new, 0.25) == 125).all()
    assert (fade(old, 0.5) == 50).all()
    half = wipe(old, new, 0.5, "right")
    assert (half[:, 0] == 200).all()
    assert (half[:, -1] == 100).all()
    assert (wipe(old, new, 0.5, "down")[0] == 200).all()
    assert (wipe(old, new, 1.0, "left") == new).all()
    assert (wipe(old, new, 0.0, "up") == old).all()


def test_effects_make_a_take_c6_and_still_shots_stand_still():
    config = footage(effect_share=1.0)
    kinds = set()
    for seed in range(6):
        for take in draw_cut(seed, config, size=SIZE).takes:
            assert take.camera_class == "C6"
            kinds.add(take.effects[0]["effect"])
            assert shot_truth(take)["camera_class"] == "C6"
    assert kinds == {"speed_ramp", "flash", "inset"}
    still = draw_cut(1, footage(still_share=1.0), size=SIZE).takes[0]
    assert still.camera_class == "C5"
    first, last = render_shot(still.shot, *SIZE, frame_indices=[0, still.shot.num_frames - 1]).frames
    assert np.array_equal(first, last)


def test_a_flash_and_an_inset_show_in_the_frames():
    seen = set()
    for seed in range(12):
        cut = draw_cut(seed, footage(effect_share=1.0, shots=(2, 2), joins={"cut": 1.0}), size=SIZE)
        take = cut.takes[0]
        effect = take.effects[0]
        at = take.start_frame + round((effect["start"] + effect["end"]) / 2 * cut.source_fps)
        if effect["effect"] == "flash":
            assert frame_of(cut, at).mean() > plain(cut, 0, at).mean() + 20
        if effect["effect"] == "inset":
            changed = (frame_of(cut, at) != plain(cut, 0, at)).any(axis=-1)
            assert 0.03 < changed.mean() < 0.3
        seen.add(effect["effect"])
    assert {"flash", "inset"} <= seen


def test_a_speed_ramp_tells_moves_in_the_files_own_time():
    for seed in range(30):
        for take in draw_cut(seed, footage(effect_share=1.0), size=SIZE).takes:
            if take.effects[0]["effect"] == "speed_ramp":
                length = (take.end_frame - take.start_frame) / take.shot.source_fps
                for move in shot_truth(take)["moves"]:
                    assert 0 <= move["start"] <= move["end"] <= length + 1e-6
                middle = len(take.frame_times) // 2
                assert take.in_file(take.frame_times[middle]) == pytest.approx(middle / take.shot.source_fps, abs=1e-3)
                return
    pytest.fail("no speed ramp was drawn")


def test_a_take_cut_short_tells_the_part_of_a_move_that_it_shows():
    cut = cut_of("cut")
    take = cut.takes[0]
    assert take.last_second < take.shot.seconds
    whole = {move.move: move for move in take.shot.moves}
    cameras = take.shot.cameras_at(*SIZE, np.array([0.0, take.last_second]))
    for move in shot_truth(take)["moves"]:
        if move["move"].startswith("zoom"):
            assert move["amount"] == pytest.approx(cameras.K[1, 0, 0] / cameras.K[0, 0, 0], rel=1e-3)
        elif move["amount"] is not None and move["move"] != "shake" and move["start"] == 0:
            assert move["amount"] < whole[move["move"]].amount
    pan = draw_cut(3, footage("cut", world=only("pan")), size=SIZE).takes[0]
    ahead = pan.shot.cameras_at(*SIZE, np.array([0.0, pan.last_second])).cam_to_world[:, :2, 2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    turned = np.degrees(np.arccos(ahead[0] @ ahead[1]))
    assert shot_truth(pan)["moves"][0]["amount"] == pytest.approx(turned, abs=0.01)


def only(axis: str) -> WorldConfig:
    changes = {"move_weights": {axis: 1.0}, "compositions": {"single": 1.0}, "jitter_share": 0.0}
    return WorldConfig.validation().model_copy(update=changes)


def test_footage_config_draws_every_kind_of_join_and_2_to_6_shots():
    kinds, counts = set(), set()
    for seed in range(25):
        cut = draw_cut(seed, FootageConfig.validation(), size=SIZE)
        kinds |= {join.kind for join in cut.joins}
        counts.add(len(cut.takes))
        assert all(take.end_frame - take.start_frame >= 1.45 * cut.source_fps for take in cut.takes)
        assert all(a.end_frame == b.start_frame for a, b in pairwise(cut.takes))
        ends = [(bound.frame, bound.end_frame) for bound in cut.boundaries]
        assert all(a[1] <= b[0] for a, b in pairwise(ends)), "boundaries do not overlap"
    assert kinds == {"cut", "fade", "dissolve", "wipe"}
    assert counts == {2, 3, 4, 5, 6}


def test_written_footage_holds_what_its_truth_says(tmp_path):
    path = write_footage(tmp_path, 11, 1, footage(shots=(2, 2)), size=SIZE)[0]
    truth = read_truth(path)
    info = media.probe(path)
    assert (info.width, info.height) == (SIZE[1], SIZE[0])
    assert info.source_fps == pytest.approx(truth["fps"], rel=1e-3)
    frames = media.read_video(path).frames
    assert len(frames) == truth["frames"] == truth["shots"][-1]["end_frame"]
    assert media.read_metadata(path)["seed"] == 11
    arrays = np.load(truth_path(path, "npz"))
    assert arrays["K"].shape == (truth["frames"], 3, 3)
    assert arrays["cam_to_world"].shape == (truth["frames"], 4, 4)
    for number, shot in enumerate(truth["shots"]):
        span = shot["end_frame"] - shot["start_frame"]
        assert arrays[f"boxes_{number}"].shape == (span, len(shot["objects"]), 4)
        assert arrays[f"visibility_{number}"].min() >= 0
        assert arrays[f"visibility_{number}"].max() <= 1
        assert (arrays["shot"] == number).sum() == span
        assert {"short", "dense", "main_object", "background", "camera", "style"} == set(shot["caption"])
        assert {"move", "start", "end", "amount"} <= set(shot["moves"][0])
    assert sorted(item.name for item in tmp_path.iterdir()) == [
        "raw-0000011.mp4",
        "raw-0000011.truth.json",
        "raw-0000011.truth.npz",
    ]


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(tmp_path):
    config = WorldConfig.validation().model_copy(update={"seconds": (0.5, 0.6)})
    one = write_clips(tmp_path / "a", 40, 2, config, size=SIZE)
    two = write_clips(tmp_path / "b", 40, 2, config, size=SIZE, workers=2)
    for first, second in zip(one, two, strict=True):
        assert first.name == second.name
        assert first.read_bytes() == second.read_bytes()
        assert truth_path(first, "json").read_bytes() == truth_path(second, "json").read_bytes()
        assert truth_path(first, "npz").read_bytes() == truth_path(second, "npz").read_bytes()


def test_decoded_clips_are_close_to_what_was_rendered(tmp_path):
    config = WorldConfig.training().model_copy(update={"seconds": (0.5, 0.5)})
    path = write_clips(tmp_path, 7, 1, config, size=(64, 64))[0]
    frames = media.read_video(path).frames
    error = frames.astype(float) - render_shot(draw_shot(7, config), 64, 64).frames
    assert 10 * np.log10(255**2 / (error**2).mean()) > 28  # colour at half size costs most of it


def test_an_interrupted_write_leaves_no_video_and_nothing_half_written(tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("dropletvideo.world.footage.render_shot", stop)
    with pytest.raises(KeyboardInterrupt):
        write_clips(tmp_path, 1, 1, WorldConfig.training(), size=(16, 16))
    assert list(tmp_path.glob("*.mp4")) == []
    assert not [path for path in tmp_path.iterdir() if "part" in path.name]


def test_the_verb_writes_files_and_prints_json(tmp_path):
    run = CliRunner().invoke(
        app,
        ["footage", "--seed", "2", "--count", "1", "--out", str(tmp_path), "--height", "32", "--width", "32", "--json"],
    )
    assert run.exit_code == 0, run.output
    row = json.loads(run.stdout.strip().splitlines()[-1])
    assert row["seed"] == 2
    assert row["frames"] == read_truth(tmp_path / "raw-0000002.mp4")["frames"]


def test_the_verb_refuses_half_a_size_and_no_files(tmp_path):
    for arguments in (["--height", "32"], ["--count", "0"], ["--preset", "nothing"]):
        run = CliRunner().invoke(app, ["render", "--out", str(tmp_path), *arguments])
        assert isinstance(run.exception, (ConfigError, SystemExit))
