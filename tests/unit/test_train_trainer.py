"""Protects exact resume, the objective's switches, stopping, and the guard against non-finite steps."""

import json
import os
import signal

import pytest
import torch
from torch import nn

from dropletvideo.data.order import batch_at
from dropletvideo.diffusion.schedule import NoiseSchedule
from dropletvideo.errors import DropletError, WeightsError
from dropletvideo.train.checkpoint import latest_checkpoint
from dropletvideo.train.optim import OptimConfig, learning_rate_at
from dropletvideo.train.step import Batch, ObjectiveConfig, batch_loss, draw_step, step_generator
from dropletvideo.train.trainer import Hooks, LoopConfig, Trainer

SCHEDULE = NoiseSchedule.scaled_linear()


class TinyModel(nn.Module):
    """Hears everything that a transformer hears; notes the motion it was given."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mix = nn.Linear(33, 16)
        self.text = nn.Linear(4, 16)
        self.motion = nn.Linear(1, 16)
        self.transformer_blocks = nn.ModuleList([nn.Linear(16, 16), nn.Linear(16, 16)])
        self.seen: list[torch.Tensor] = []

    def forward(self, latents, timestep, text, motion, condition):
        self.seen.append(motion.detach().clone())
        told = self.text(text.mean(1)) + self.motion(motion[:, None] / 32) + timestep[:, None] / 1000
        mixed = self.mix(torch.cat([latents, condition], dim=2).movedim(2, -1)) + told[:, None, None, None]
        for block in self.transformer_blocks:
            mixed = mixed + torch.tanh(block(mixed))
        return mixed.movedim(-1, 2)


class RandomWindows:
    def __init__(self, count: int = 24) -> None:
        generator = torch.Generator().manual_seed(1)
        self.all = Batch(
            latents=torch.randn(count, 2, 16, 2, 2, generator=generator),
            condition=torch.randn(count, 2, 17, 2, 2, generator=generator),
            text=torch.randn(count, 3, 4, generator=generator),
            motion=torch.rand(count, generator=generator) * 28 + 4,
        )
        self.empty_text = torch.zeros(3, 4)

    def batch_at(self, step, batch_size, generator):
        rows = torch.from_numpy(batch_at(len(self.all.motion), batch_size, seed=0, step=step))
        return Batch(*(value[rows] for value in (self.all.latents, self.all.condition, self.all.text, self.all.motion)))

    def held_out(self):
        return Batch(*(value[:4] for value in (self.all.latents, self.all.condition, self.all.text, self.all.motion)))


def trainer(out, *, hooks=None, objective=None, identity="a", optimizer="adamw", **loop):
    model = TinyModel()
    return Trainer(
        model=model,
        denoise=model,
        windows=RandomWindows(),
        schedule=SCHEDULE,
        loop=LoopConfig(**({"batch_size": 4, "max_steps": 30, "log_every": 7, "preview_every": 10} | loop)),
        optim=OptimConfig(learning_rate=1e-2, warmup_steps=5, optimizer=optimizer),
        objective=objective or ObjectiveConfig(),
        out=out,
        identity=identity,
        hooks=hooks or Hooks(),
    )


def stop_at(step):
    """A display that asks the process to stop, as Ctrl-C would."""
    return Hooks(show=lambda progress: os.kill(os.getpid(), signal.SIGINT) if progress.step == step else None)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("stops", [(1,), (13,), (14, 20, 29)])
def test_an_interrupted_run_ends_bit_identical(tmp_path, stops, optimizer):
    whole = trainer(tmp_path / "whole", optimizer=optimizer)
    assert whole.run().status == "finished"
    for stop in stops:
        part = trainer(tmp_path / "parts", hooks=stop_at(stop), optimizer=optimizer)
        part.resume()
        outcome = part.run()
        assert outcome.status == "stopped"
        assert outcome.progress.step == stop
    last = trainer(tmp_path / "parts", optimizer=optimizer)
    assert last.resume()
    assert last.run().status == "finished"
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, last.model.state_dict()[name]), name
    for name, value in whole.average.shadow.items():
        assert torch.equal(value, last.average.shadow[name]), name
    timeless = [
        [{k: v for k, v in row.items() if k not in ("seconds", "samples_per_second")} for row in run.log.rows()]
        for run in (whole, last)
    ]
    assert timeless[0] == timeless[1]


def test_rows_after_the_checkpoint_are_done_again_not_doubled(tmp_path):
    run = trainer(tmp_path, hooks=stop_at(10))
    run.run()
    run.log.append({"step": 14, "loss": 9.0})
    (tmp_path / "log.jsonl").open("a").write('{"step": 15, "lo')
    again = trainer(tmp_path)
    again.resume()
    again.run()
    steps = [row["step"] for row in again.log.rows() if "loss" in row]
    assert steps == [1, 7, 14, 21, 28, 30]
    assert all(row.get("loss") != 9.0 for row in again.log.rows())


def test_log_rows_tell_the_loss_by_quarter(tmp_path):
    run = trainer(tmp_path)
    run.run()
    row = run.log.rows()[1]
    assert {"loss", "loss_quarter_1", "loss_quarter_4", "grad_norm", "learning_rate", "samples_per_second"} <= set(row)
    assert row["loss"] > 0
    assert any("held_out_loss" in row for row in run.log.rows())


def test_training_lowers_the_held_out_loss(tmp_path):
    run = trainer(tmp_path, max_steps=200, preview_every=0)
    before = run.held_out_loss()
    run.run()
    assert run.held_out_loss() < 0.8 * before


def test_samples_are_taken_under_averaged_weights(tmp_path):
    seen = {}
    run = trainer(tmp_path, max_steps=10)
    run.hooks.sample = lambda step: seen.update({step: run.model.mix.weight.detach().clone()})
    run.run()
    assert list(seen) == [10]
    assert torch.equal(seen[10], run.average.shadow["mix.weight"])
    assert not torch.equal(run.model.mix.weight, seen[10])


def test_other_recipe_and_damaged_checkpoint_are_refused(tmp_path):
    trainer(tmp_path, max_steps=2).run()
    with pytest.raises(WeightsError, match="another recipe"):
        trainer(tmp_path, identity="b").resume()
    path = latest_checkpoint(tmp_path / "checkpoints")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(WeightsError, match="--fresh"):
        trainer(tmp_path).resume()


def test_old_checkpoints_go_and_no_temporary_file_stays(tmp_path):
    run = trainer(tmp_path, hooks=stop_at(20), checkpoint_minutes=1e-9, keep_checkpoints=2)
    run.run()
    names = [path.name for path in sorted((tmp_path / "checkpoints").iterdir())]
    assert names == ["step-00000019.pt", "step-00000020.pt"]
    again = trainer(tmp_path, checkpoint_minutes=1e-9)
    again.resume()
    again.run()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000030.pt"]


def test_max_minutes_ends_the_run_and_the_decay(tmp_path):
    run = trainer(tmp_path, max_steps=10**6, max_minutes=0.01)
    outcome = run.run()
    assert outcome.status == "finished"
    assert outcome.progress.step < 10**6
    assert run.log.rows()[-1].get("learning_rate", 0) < 1e-3 or run.log.rows()[-2]["learning_rate"] < 1e-3


def test_one_bad_step_changes_nothing_and_many_end_the_run(tmp_path):
    run = trainer(tmp_path, max_steps=30)
    good = run.windows.batch_at
    before = {}

    def batch_at_with_faults(step, batch_size, generator):
        batch = good(step, batch_size, generator)
        if step == 3:
            before.update({name: value.clone() for name, value in run.model.state_dict().items()})
            return Batch(batch.latents * float("nan"), batch.condition, batch.text, batch.motion)
        if step == 4:
            for name, value in run.model.state_dict().items():
                assert torch.equal(value, before[name])
        return batch

    run.windows.batch_at = batch_at_with_faults
    run.run()
    assert run.progress.skipped_steps == 1
    assert before

    broken = trainer(tmp_path / "broken")
    with torch.no_grad():
        broken.model.mix.weight.fill_(float("inf"))
    with pytest.raises(DropletError, match="learning_rate"):
        broken.run()


def losses(objective, seed=0):
    windows, model = RandomWindows(), TinyModel()
    batch = windows.batch_at(0, 8, None)
    draw = draw_step(batch.latents.shape, 1000, objective, step_generator(seed, 0))
    result = batch_loss(model, batch, draw, SCHEDULE, windows.empty_text, objective)
    return result, model, batch, draw


def test_shuffled_motion_gives_each_sample_anothers(tmp_path):
    _, plain, batch, _ = losses(ObjectiveConfig())
    _, shuffled, _, _ = losses(ObjectiveConfig(shuffle_motion=True))
    assert torch.equal(plain.seen[0], batch.motion)
    assert not torch.equal(shuffled.seen[0], batch.motion)
    assert torch.equal(shuffled.seen[0].sort().values, batch.motion.sort().values)


def test_drops_reach_the_model():
    heard = {}

    def denoise(latents, timestep, text, motion, condition):
        heard.update(text=text, condition=condition)
        return torch.zeros_like(latents)

    windows = RandomWindows()
    batch = windows.batch_at(0, 8, None)
    for share in (0.0, 1.0):
        config = ObjectiveConfig(text_drop=share, image_drop=share)
        draw = draw_step(batch.latents.shape, 1000, config, step_generator(0, 0))
        batch_loss(denoise, batch, draw, SCHEDULE, torch.full((3, 4), 7.0), config)
        assert torch.equal(heard["text"], batch.text if share == 0 else torch.full_like(batch.text, 7.0))
        assert torch.equal(heard["condition"], batch.condition * (1 - share))


def test_the_loss_is_that_of_the_velocity():
    windows = RandomWindows()
    batch = windows.batch_at(0, 8, None)
    config = ObjectiveConfig()
    draw = draw_step(batch.latents.shape, 1000, config, step_generator(0, 0))
    target = SCHEDULE.velocity(batch.latents, draw.noise, draw.timesteps)
    perfect = batch_loss(lambda *_: target, batch, draw, SCHEDULE, windows.empty_text, config)
    off = batch_loss(lambda *_: target + 2, batch, draw, SCHEDULE, windows.empty_text, config)
    assert float(perfect.loss) == 0
    assert float(off.loss) == pytest.approx(4)


def test_stratified_timesteps_cover_the_range_and_stay_uniform():
    draws = [draw_step(torch.Size([8, 1, 1, 1, 1]), 1000, ObjectiveConfig(), step_generator(0, s)) for s in range(200)]
    for draw in draws:
        assert sorted((draw.timesteps // 125).tolist()) == list(range(8))
    first = torch.stack([draw.timesteps[0] for draw in draws]).float()
    assert 420 < first.mean() < 580
    assert not torch.equal(draws[0].noise, draws[1].noise)


def test_learning_rate_warms_up_holds_and_decays():
    config = OptimConfig(learning_rate=1.0, warmup_steps=10, decay_from=0.5, final_share=0.1)
    assert learning_rate_at(0, 0.0, config) == pytest.approx(0.1)
    assert learning_rate_at(20, 0.4, config) == 1.0
    assert learning_rate_at(75, 0.75, config) == pytest.approx(0.1 + 0.9 * 0.5)
    assert learning_rate_at(99, 1.0, config) == pytest.approx(0.1)


def test_muon_moves_block_matrices_and_both_rates_follow_the_schedule(tmp_path):
    run = trainer(tmp_path, optimizer="muon", max_steps=3)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.run()
    by_size = {len(group["params"]): group for group in run.optimizer.param_groups}
    assert {id(p) for p in run.optimizer.second.param_groups[0]["params"]} == {
        id(block.weight) for block in run.model.transformer_blocks
    }
    assert len(by_size) >= 2
    rates = [group["lr"] for group in run.optimizer.param_groups]
    assert rates[-1] / rates[0] == pytest.approx(run.optim.matrix_learning_rate / run.optim.learning_rate)
    assert all(not torch.equal(value, before[name]) for name, value in run.model.state_dict().items())


def test_log_is_json_a_line(tmp_path):
    trainer(tmp_path, max_steps=3).run()
    for line in (tmp_path / "log.jsonl").read_text().splitlines():
        json.loads(line)
