"""Labels to and from two labelling tools, in the JSON files that those tools read and write.

FiftyOne: a `FiftyOneTemporalDetectionDataset` folder: `data.json` (name to file) and `labels.json` (`classes`, and by
name a list of detections with `label`, `support` (first and last frame, counted from 1) and `attributes`). A clip of
several accepted classes is several detections of one support. Clips without a class have no detection and so are not
kept. Source: https://docs.voxel51.com/user_guide/export_datasets.html.

Label Studio: a list of tasks with `data` and `annotations`; a class is a result of type `choices`. Regions of type
`timelinelabels` (`ranges` of frames counted from 1) are read as clips of their own; JSON-MIN exports are read too. Of
several annotations of a task the last one that was not cancelled counts; predictions do not.
Source: https://labelstud.io/guide/task_format.html.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dropletvideo.data.labels import Labels, label_fields, parse_labels
from dropletvideo.errors import ConfigError
from dropletvideo.moves import CAMERA_CLASSES

FORMATS = ("fiftyone", "label-studio")
CONTROL, PLAYER = "camera_class", "video"
_CLASS = re.compile(r"^(C[1-6])\b")
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
_CARRIED = ("classes", "video", "start_frame", "end_frame")
CountFrames = Callable[[str], int]
"""Key to the frames of its file, for labels of whole files."""


def to_fiftyone(labels: Labels, paths: Mapping[str, str], count_frames: CountFrames) -> dict[str, Any]:
    """`data.json` and `labels.json` by name.

    Args:
        labels: to export.
        paths: key to the path of its file.
        count_frames: asked for labels of whole files.
    """
    names = _unique_names(paths.values())
    detections: dict[str, list[dict[str, Any]] | None] = dict.fromkeys(names.values())
    order = list(CAMERA_CLASSES)
    for key, label in labels.given().items():
        name = names[paths[key]]
        first, last = label.span or (0, count_frames(key))
        fields = {field: value for field, value in label_fields(label).items() if field not in _CARRIED[:2]}
        attributes = {"droplet_key": key, "droplet_fields": json.dumps(fields), "droplet_video": label.video or ""}
        for one in label.classes:
            found = {"label": order.index(one), "support": [first + 1, last], "attributes": attributes}
            detections[name] = [*(detections[name] or []), found]
    return {
        "data.json": {name: path for path, name in names.items()},
        "labels.json": {"classes": order, "labels": detections},
    }


def _unique_names(paths: Any) -> dict[str, str]:
    """Path to its stem, numbered where stems meet."""
    names: dict[str, str] = {}
    taken: dict[str, int] = defaultdict(int)
    for path in dict.fromkeys(paths):
        stem = Path(path).stem
        taken[stem] += 1
        names[path] = stem if taken[stem] == 1 else f"{stem}-{taken[stem]}"
    return names


def from_fiftyone(
    content: Mapping[str, Any], files: Mapping[str, str], frames_per_second: Callable[[str], float]
) -> Labels:
    """Labels of a `labels.json`.

    Args:
        content: of the file.
        files: name to path, of `data.json`; a name without one stands for itself.
        frames_per_second: of a path, asked for detections that are given in seconds (`timestamps`).

    Raises:
        ConfigError: a class that is none of C1 to C6, or a detection without a place in time.
    """
    names = list(content.get("classes") or ())
    clips: dict[str, dict[str, Any]] = {}
    for name, found in dict(content.get("labels") or {}).items():
        path = str(files.get(name, name))
        for detection in found or ():
            label = detection.get("label")
            told = _class_of(names[label] if isinstance(label, int) and label < len(names) else label, name)
            first, last = _support(detection, path, name, frames_per_second)
            attributes = detection.get("attributes") or {}
            key = str(attributes.get("droplet_key") or f"{Path(path).name}@{first}-{last}")
            if key not in clips:
                clips[key] = _first_fields(attributes, path, (first, last))
            if told not in clips[key]["classes"]:
                clips[key]["classes"].append(told)
    return parse_labels({"clips": clips}, "FiftyOne's labels.json")


def _first_fields(attributes: Mapping[str, Any], path: str, span: tuple[int, int]) -> dict[str, Any]:
    if "droplet_fields" in attributes:
        video = attributes.get("droplet_video")
        return {**json.loads(attributes["droplet_fields"]), **({"video": video} if video else {}), "classes": []}
    return {"video": path, "start_frame": span[0], "end_frame": span[1], "classes": []}


def _support(
    detection: Mapping[str, Any], path: str, name: str, frames_per_second: Callable[[str], float]
) -> tuple[int, int]:
    """First frame, and the one behind the last, counted from 0."""
    if isinstance(support := detection.get("support"), Sequence) and len(support) == 2:
        return int(support[0]) - 1, int(support[1])
    if isinstance(seconds := detection.get("timestamps"), Sequence) and len(seconds) == 2:
        rate = frames_per_second(path)
        return round(seconds[0] * rate), max(round(seconds[0] * rate) + 1, round(seconds[1] * rate))
    raise ConfigError(f"{name}: a detection has neither support nor timestamps: export temporal detections")


def _class_of(told: Any, where: str) -> str:
    """C1 to C6 of a class name such as `C2` or `C2 local pan or tilt`."""
    if match := _CLASS.match(str(told)):
        return match[1]
    raise ConfigError(
        f"{where}: class {told!r} is none of {', '.join(CAMERA_CLASSES)}: name the classes so in the tool"
    )


def to_label_studio(labels: Labels, paths: Mapping[str, str], prefix: str = "") -> list[dict[str, Any]]:
    """Tasks, with annotations where there is a class.

    Args:
        labels: to export.
        paths: key to the path of its file.
        prefix: put before each path to make the address that the tool opens (`/data/local-files/?d=`).
    """
    tasks = []
    for number, (key, label) in enumerate(labels.clips.items(), start=1):
        fields = {field: value for field, value in label_fields(label).items() if field != "classes"}
        task: dict[str, Any] = {
            "id": number,
            "data": {PLAYER: f"{prefix}{paths[key]}", "droplet_key": key, "droplet_fields": fields},
        }
        if label.classes:
            chosen = {"choices": list(label.classes)}
            result = {"id": f"c{number}", "from_name": CONTROL, "to_name": PLAYER, "type": "choices", "value": chosen}
            task["annotations"] = [{"result": [result]}]
        tasks.append(task)
    return tasks


def label_studio_config() -> str:
    """The labelling interface that the tasks belong to, for a project's settings."""
    choices = "\n".join(
        f'    <Choice value="{name}" hint="{meaning}" hotkey="{name[1]}"/>' for name, meaning in CAMERA_CLASSES.items()
    )
    return (
        f'<View>\n  <Video name="{PLAYER}" value="${PLAYER}"/>\n'
        f'  <Choices name="{CONTROL}" toName="{PLAYER}" choice="multiple" showInline="true">\n{choices}\n'
        "  </Choices>\n</View>\n"
    )


def from_label_studio(content: Any) -> Labels:
    """Labels of an export, JSON or JSON-MIN.

    Raises:
        ConfigError: no list of tasks, or a class that is none of C1 to C6.
    """
    if not isinstance(content, list):
        raise ConfigError("Label Studio's export is no list of tasks: export as JSON or JSON-MIN")
    clips: dict[str, dict[str, Any]] = {}
    for task in content:
        data = task.get("data") or task
        fields = dict(data.get("droplet_fields") or {})
        key = str(data.get("droplet_key") or _file_name(str(data.get(PLAYER, ""))))
        if "droplet_key" not in data:
            fields["video"] = _file_name(str(data.get(PLAYER, "")))
        classes, regions = _answers(task, key)
        clips[key] = {**fields, "classes": classes}
        for first, last, told in regions:
            part = clips.setdefault(f"{key}@{first}-{last}", {"video": fields.get("video") or key, "classes": []})
            part |= {"start_frame": first, "end_frame": last, "classes": [*part["classes"], told]}
    return parse_labels({"clips": clips}, "Label Studio's export")


def _answers(task: Mapping[str, Any], key: str) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Classes of the whole clip, and (first frame, behind the last, class) of regions."""
    annotations = [one for one in task.get("annotations") or () if not one.get("was_cancelled")]
    if not annotations:  # JSON-MIN has the answer itself
        told = task.get(CONTROL) or []
        told = told.get("choices", []) if isinstance(told, Mapping) else told
        return [_class_of(one, key) for one in ([told] if isinstance(told, str) else told)], []
    classes: list[str] = []
    regions = []
    for result in annotations[-1].get("result") or ():
        value = result.get("value") or {}
        classes += [_class_of(one, key) for one in value.get("choices") or ()]
        for one in value.get("timelinelabels") or ():
            for span in value.get("ranges") or ():
                regions.append((int(span["start"]) - 1, int(span["end"]), _class_of(one, key)))
    return list(dict.fromkeys(classes)), regions


def _file_name(address: str) -> str:
    """The file of an address, less the eight digits that an upload puts before it."""
    name = unquote(address).rpartition("/")[2].rpartition("=")[2] or address
    return _UPLOADED.sub("", name)
