"""Pretrained files this package can use: source, licence, digest, file name. `weights.py` finds and fetches them.

One entry a file or folder, in the order in which `droplet weights list` shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One pretrained model.

    Attributes:
        name: how recipes and commands call it.
        source: where its owners publish it, for people.
        licence: as its owners state it.
        is_folder: a model folder (diffusers- or transformers-style layout) or a single file.
        file: its file or folder below the weights folder, as its owners call it; the name by default.
        url: where the file can be fetched; for a folder the Hugging Face repository `owner/name`.
        parts: of a folder, the patterns of what is needed; all of it by default.
        sha256: of a single file, or its first digits where owners publish only those; None where they publish none.
        is_free: whether its licence allows commercial use.
        note: what a user has to know before using it.
        used_by: stages or commands that read it.
        made_by: the command that makes what nobody publishes, `{path}` for where it goes; such an entry has no url.
    """

    name: str
    source: str
    licence: str
    is_folder: bool
    file: str = ""
    url: str = ""
    parts: tuple[str, ...] = ()
    sha256: str | None = None
    is_free: bool = True
    note: str = ""
    used_by: tuple[str, ...] = ()
    made_by: str = ""


_TOKENIZER = ("tokenizer*", "vocab.json", "merges.txt", "special_tokens_map.json")
_ALL = (
    Weights(
        name="droplet-5b",
        source="https://huggingface.co/DropletX/DropletVideo-5B",
        url="DropletX/DropletVideo-5B",
        licence="Apache-2.0 by its README",
        is_folder=True,
        note="gated: ask for access there, log in with `hf auth login`, then fetch",
        used_by=("generate", "train"),
    ),
    Weights(
        name="clip-vit-l-14",
        source="https://huggingface.co/openai/clip-vit-large-patch14",
        url="openai/clip-vit-large-patch14",
        parts=("config.json", "preprocessor_config.json", "model.safetensors", *_TOKENIZER),
        licence="MIT (its code; the model card names no other)",
        is_folder=True,
        used_by=(
            "clip_embedding",
            "aesthetic_v1",
            "aesthetic_v2",
            "nsfw",
            "text_match",
            "link_clip",
            "vbench_aesthetic_quality",
        ),
    ),
    Weights(
        name="laion-aesthetic-v1",
        source="https://github.com/LAION-AI/aesthetic-predictor",
        url="https://github.com/LAION-AI/aesthetic-predictor/raw/main/sa_0_4_vit_l_14_linear.pth",
        file="sa_0_4_vit_l_14_linear.pth",
        licence="MIT",
        is_folder=False,
        used_by=("aesthetic_v1", "vbench_aesthetic_quality", "mira_aesthetic"),
    ),
    Weights(
        name="laion-aesthetic-v2",
        source="https://github.com/christophschuhmann/improved-aesthetic-predictor",
        url="https://github.com/christophschuhmann/improved-aesthetic-predictor/raw/main/"
        "sac%2Blogos%2Bava1-l14-linearMSE.pth",
        file="sac+logos+ava1-l14-linearMSE.pth",
        licence="Apache-2.0",
        is_folder=False,
        used_by=("aesthetic_v2",),
    ),
    Weights(
        name="safety-checker",
        source="https://huggingface.co/CompVis/stable-diffusion-safety-checker",
        url="CompVis/stable-diffusion-safety-checker",
        parts=("config.json", "model.safetensors", "pytorch_model.bin"),
        licence="CreativeML Open RAIL-M, with Stable Diffusion",
        is_folder=True,
        used_by=("nsfw",),
    ),
    Weights(
        name="dover",
        source="https://github.com/VQAssessment/DOVER",
        url="https://github.com/VQAssessment/DOVER/releases/download/v0.1.0/DOVER.pth",
        file="DOVER.pth",
        licence="S-Lab License 1.0, non-commercial",
        is_folder=False,
        is_free=False,
        used_by=("dover_technical",),
    ),
    Weights(
        name="raft-large",
        source="https://docs.pytorch.org/vision/stable/models/raft.html",
        url="https://download.pytorch.org/models/raft_large_C_T_SKHT_V2-ff5fadd5.pth",
        file="raft_large_C_T_SKHT_V2-ff5fadd5.pth",
        sha256="ff5fadd5",
        licence="BSD-3-Clause",
        is_folder=False,
        used_by=("motion_raft",),
    ),
    Weights(
        name="raft-small",
        source="https://docs.pytorch.org/vision/stable/models/raft.html",
        url="https://download.pytorch.org/models/raft_small_C_T_V2-01064c6d.pth",
        file="raft_small_C_T_V2-01064c6d.pth",
        sha256="01064c6d",
        licence="BSD-3-Clause",
        is_folder=False,
        used_by=("motion_raft",),
    ),
    Weights(
        name="swin3d-t-kinetics",
        source="https://docs.pytorch.org/vision/stable/models/video_swin_transformer.html",
        url="https://download.pytorch.org/models/swin3d_t-7615ae03.pth",
        file="swin3d_t-7615ae03.pth",
        sha256="7615ae03",
        licence="BSD-3-Clause",
        is_folder=False,
        used_by=("train-classifier",),
    ),
    Weights(
        name="camera-classifier",
        source="nobody publishes one",
        licence="yours",
        is_folder=True,
        made_by="droplet train-classifier --out {path}",
        used_by=("camera_class_swin",),
    ),
    Weights(
        name="dinov2-base",
        source="https://huggingface.co/facebook/dinov2-base",
        url="facebook/dinov2-base",
        parts=("config.json", "preprocessor_config.json", "model.safetensors"),
        licence="Apache-2.0",
        is_folder=True,
        used_by=("link_dino",),
    ),
    Weights(
        name="transnetv2",
        source="https://github.com/soCzech/TransNetV2",
        file="transnetv2.pt2",
        licence="MIT",
        is_folder=False,
        note="a program that you export from its repository: frames uint8 B,100,27,48,3 to chances B,100,2; "
        "docs/curation.md has the command",
        used_by=("segment",),
    ),
    Weights(
        name="qwen2.5-vl-7b",
        source="https://huggingface.co/Qwen/Qwen2.5-VL-7B-Instruct",
        url="Qwen/Qwen2.5-VL-7B-Instruct",
        licence="Apache-2.0",
        is_folder=True,
        note="about 17 GB; a server named by captions.endpoint needs nothing here",
        used_by=("captions",),
    ),
    Weights(
        name="inception-fid",
        source="https://github.com/toshas/torch-fidelity",
        url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
        "weights-inception-2015-12-05-6726825d.pth",
        file="weights-inception-2015-12-05-6726825d.pth",
        sha256="6726825d",
        licence="Apache-2.0",
        is_folder=False,
        used_by=("fid", "mira_fid"),
    ),
    Weights(
        name="i3d-kinetics-400",
        source="https://github.com/songweige/content-debiased-fvd",
        url="https://github.com/songweige/TATS/raw/main/tats/fvd/i3d_pretrained_400.pt",
        file="i3d_pretrained_400.pt",
        licence="MIT (its repository; of the weights themselves no other is named)",
        is_folder=False,
        used_by=("fvd", "mira_fvd"),
    ),
    Weights(
        name="pips2-tracks",
        source="https://github.com/aharley/pips2",
        file="pips2-tracks.pt2",
        licence="MIT",
        is_folder=False,
        note="a program exported from its repository as docs/metrics_survey.md says: frames 1,16,3,256,256 in 0 to 255 "
        "and points 1,400,2 px to places 1,16,400,2",
        used_by=("fvmd",),
    ),
    Weights(
        name="dover-aesthetic",
        source="https://github.com/VQAssessment/DOVER",
        file="dover-aesthetic.pt2",
        licence="S-Lab License 1.0, non-commercial",
        is_folder=False,
        is_free=False,
        note="a program exported from its repository as docs/metrics_survey.md says: the aesthetic branch with its "
        "head, 1,3,32,224,224 to the head's values",
        used_by=("dover_fused",),
    ),
    Weights(
        name="blip-itm-base-coco",
        source="https://huggingface.co/Salesforce/blip-itm-base-coco",
        url="Salesforce/blip-itm-base-coco",
        parts=("config.json", "model.safetensors", "pytorch_model.bin", "tokenizer*", "vocab.txt", "special_tokens*"),
        licence="BSD-3-Clause",
        is_folder=True,
        used_by=("blip",),
    ),
    Weights(
        name="dino-vit-b-16",
        source="https://huggingface.co/facebook/dino-vitb16",
        url="facebook/dino-vitb16",
        parts=("config.json", "model.safetensors", "pytorch_model.bin"),
        licence="Apache-2.0",
        is_folder=True,
        used_by=("vbench_i2v_subject", "vbench_subject_consistency", "mira_dino", "mira_temporal_paper"),
    ),
    Weights(
        name="clip-vit-b-32",
        source="https://huggingface.co/openai/clip-vit-base-patch32",
        url="openai/clip-vit-base-patch32",
        parts=("config.json", "preprocessor_config.json", "model.safetensors", "pytorch_model.bin"),
        licence="MIT (its code; the model card names no other)",
        is_folder=True,
        used_by=("vbench_background_consistency", "mira_clip", "mira_temporal_paper"),
    ),
    Weights(
        name="raft-things",
        source="https://docs.pytorch.org/vision/stable/models/raft.html (C_T_V1, a port of raft-things.pth)",
        url="https://download.pytorch.org/models/raft_large_C_T_V1-22a6c225.pth",
        file="raft_large_C_T_V1-22a6c225.pth",
        sha256="22a6c225",
        licence="BSD-3-Clause",
        is_folder=False,
        used_by=("vbench_dynamic_degree", "vbench_still_flickering", "mira_dynamic_degree"),
    ),
    Weights(
        name="dreamsim",
        source="https://github.com/ssundaram21/dreamsim",
        file="dreamsim.pt2",
        licence="MIT",
        is_folder=False,
        note="takes 1,3,224,224 float of 0 to 1, gives the embedding 1,D",
        used_by=("vbench_i2v_background",),
        made_by="python examples/export_programs.py dreamsim --out {path}",
    ),
    Weights(
        name="cotracker2",
        source="https://github.com/facebookresearch/co-tracker (tag v2.0, cotracker2.pth)",
        licence="CC-BY-NC-4.0",
        is_folder=True,
        is_free=False,
        note="one program for each number of frames T, T.pt2: 1,T,3,384,512 float of 0 to 255 to places 1,T,100,2 px",
        used_by=("vbench_camera_motion", "mira_tracking_strength", "mira_temporal_paper"),
        made_by="python examples/export_programs.py cotracker2 --frames T --weights FILE --out {path}/T.pt2",
    ),
    Weights(
        name="cotracker2-online",
        source="https://github.com/facebookresearch/co-tracker (tag v2.0, cotracker2.pth)",
        licence="CC-BY-NC-4.0",
        is_folder=True,
        is_free=False,
        note="as cotracker2; gives the places of all steps behind one another, as MiraBench collects them",
        used_by=("mira_tracking_online",),
        made_by="python examples/export_programs.py cotracker2-online --frames T --weights FILE --out {path}/T.pt2",
    ),
    Weights(
        name="amt-s",
        source="https://github.com/MCG-NKU/AMT (amt-s.pth)",
        licence="CC-BY-NC-4.0",
        is_folder=True,
        is_free=False,
        note="one program for each size, HxW.pt2, sides padded to multiples of 16: two frames 1,3,H,W of 0 to 1 to the "
        "middle one",
        used_by=("vbench_motion_smoothness", "mira_smoothness", "mira_temporal_paper"),
        made_by="python examples/export_programs.py amt-s --size HxW --weights FILE --out {path}/HxW.pt2",
    ),
    Weights(
        name="musiq-spaq",
        source="https://huggingface.co/chaofengc/IQA-PyTorch-Weights (musiq_spaq_ckpt-358bb6af.pth)",
        licence="PolyForm Noncommercial 1.0 (pyiqa's code, which is in the program; Google's MUSIQ is Apache-2.0)",
        is_folder=True,
        is_free=False,
        note="one program for each size, HxW.pt2, the longer side 512 at most: 1,3,H,W float of 0 to 1 to the score",
        used_by=("vbench_imaging_quality", "mira_imaging"),
        made_by="python examples/export_programs.py musiq-spaq --size HxW --weights FILE --out {path}/HxW.pt2",
    ),
    Weights(
        name="viclip",
        source="https://huggingface.co/OpenGVLab/ViCLIP-L-14-hf",
        licence="none named on its page, so not taken as free (its repository's code: Apache-2.0)",
        is_folder=True,
        is_free=False,
        note="video.pt2: 1,8,3,224,224 normalised as CLIP's to 1,D; text.pt2: 1,32 int64 tokens to 1,D",
        used_by=("mira_alignment", "viclip"),
        made_by="python examples/export_programs.py viclip-video --out {path}/video.pt2 (and viclip-text, text.pt2)",
    ),
)
WEIGHTS: Mapping[str, Weights] = MappingProxyType({weights.name: weights for weights in _ALL})
