"""What all tests share."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
import torch

from dropletvideo import weights
from dropletvideo.perception import dover, raft_motion
from toy_programs import write_programs
from toy_set_weights import write_aesthetic, write_tracks
from toy_weights import write_all

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores interrupts, and so would the programs that tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def toy_weights_folder(tmp_path_factory):
    """A weights folder with a toy of every learned judge, under the published file names."""
    folder = tmp_path_factory.mktemp("weights")
    write_all(folder)
    write_tracks(folder / weights.WEIGHTS["pips2-tracks"].file)
    write_aesthetic(folder / weights.WEIGHTS["dover-aesthetic"].file)
    write_programs(folder)
    return folder


@pytest.fixture
def short_dover(monkeypatch):
    """One window of 16 frames in place of three of 32: a twelfth of the work."""
    monkeypatch.setattr(dover, "WINDOWS", 1)
    monkeypatch.setattr(dover, "LENGTH", 16)


@pytest.fixture
def short_raft(monkeypatch):
    """RAFT's place is taken by a network that gives (1, 0) px everywhere: its contract costs no minutes."""

    def network(earlier, _, **__):
        return [earlier[:, :2] * 0 + torch.tensor([1.0, 0.0])[None, :, None, None]]

    monkeypatch.setattr(raft_motion, "_model", lambda *_: (network, "cpu"))


@pytest.fixture(scope="module")
def toy_weights(toy_weights_folder):
    """The package finds toys where it looks for weights; digests of owners are not asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(weights.FOLDER_VARIABLE, str(toy_weights_folder))
        patch.setattr(weights, "WEIGHTS", {name: replace(w, sha256=None) for name, w in weights.WEIGHTS.items()})
        yield toy_weights_folder
