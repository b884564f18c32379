"""A model folder with an adapter built into its graphs: search and indexing need to know nothing of it.

The adapter follows the tower's own normalised embedding as a few more nodes, in every form that is kept, so the
towers stay bit for bit what they were. `source/` is left out: it holds the towers without the adapter.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.errors import ModelError
from core.models.agreement import LIMITS, cosines
from core.models.calibration import Calibration
from core.models.encoder import Encoder
from core.models.prompts import neutral_captions
from core.models.spec import IMAGE_FILE, SPEC_FILE, TEXT_FILE, ModelSpec, file_sha256
from core.training.adapter import Adapted, Residual

EMBEDDING = "embedding"
# As core/models/convert/source.py has it, whose import would load transformers: three seconds for a word.
SOURCE_FOLDER = "source"
CARD_FILE = "card.md"
# Names that no exporter gives.
PREFIX = "adapter."


def write_adapted(
    base: Path, new: Path, model_id: str, adapted: Adapted, calibration: Calibration, told: str
) -> ModelSpec:
    """Fill the folder `new` with the model in `base` and its adapter; the spec.

    calibration  of the adapted model
    told  a paragraph for the model's card: what it was trained on and what that reached
    Raises ModelError when a graph is not one that can be continued or does not give what it should, or what writing raises.
    """
    spec = ModelSpec.load(base)
    sides = {IMAGE_FILE: adapted.image, TEXT_FILE: adapted.text}
    for name in spec.sha256:
        path = PurePosixPath(name)
        if path.parts[0] == SOURCE_FOLDER:
            continue
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        residual = sides.get(path.name)
        if residual is not None:
            append(base / name, new / name, residual)
        elif name == CARD_FILE:
            card = (base / name).read_text(encoding="utf-8").rstrip()
            (new / name).write_text(f"{card}\n\n## Trained further\n\n{told}\n", encoding="utf-8")
        else:
            _link(base / name, new / name)
    hashes = {name: file_sha256(new / name) for name in spec.sha256 if (new / name).is_file()}
    source = f"{spec.source}; trained further in this library"
    spec = replace(spec, id=model_id, calibration=calibration, source=source, sha256=hashes)
    text = json.dumps(spec.as_json(), ensure_ascii=False, indent=2) + "\n"
    (new / SPEC_FILE).write_text(text, encoding="utf-8", newline="\n")
    _must_agree(base, new, adapted)
    return spec


def append(graph: Path, target: Path, residual: Residual) -> None:
    """Write the tower at `graph` to `target` with `residual` behind its embedding.

    Weights in files beside the graph stay there by name: put those files beside `target`, too.
    """
    try:
        model = onnx.load(graph, load_external_data=False)
    except Exception as error:
        raise ModelError(f"{graph} is not an ONNX graph that can be read: {error}") from error
    if [output.name for output in model.graph.output] != [EMBEDDING]:
        raise ModelError(f"{graph} has no single output {EMBEDDING!r} that an adapter could follow")
    before = PREFIX + EMBEDDING
    for node in model.graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == EMBEDDING:
                    names[i] = before
    model.graph.initializer.extend(_initialisers(residual))
    model.graph.node.extend(_nodes(before))
    target.write_bytes(model.SerializeToString(deterministic=True))


def _initialisers(residual: Residual) -> list[Any]:
    values = {
        "down": np.ascontiguousarray(residual.down.T),
        "down_bias": residual.down_bias,
        "up": np.ascontiguousarray(residual.up.T),
        "up_bias": residual.up_bias,
        "root": np.float32(math.sqrt(0.5)),
        "half": np.float32(0.5),
        "one": np.float32(1),
        "floor": np.float32(1e-12),
    }
    arrays = [
        numpy_helper.from_array(np.asarray(value, np.float32), PREFIX + name)
        for name, value in values.items()
    ]
    return [*arrays, helper.make_tensor(PREFIX + "axis", TensorProto.INT64, [1], [1])]


def _nodes(before: str) -> list[Any]:
    """GELU by the error function and the length by a sum: operators that every opset since 13 has."""
    steps = (
        ("MatMul", (before, "down"), "y0"),
        ("Add", ("y0", "down_bias"), "y1"),
        ("Mul", ("y1", "root"), "y2"),
        ("Erf", ("y2",), "y3"),
        ("Add", ("y3", "one"), "y4"),
        ("Mul", ("y1", "y4"), "y5"),
        ("Mul", ("y5", "half"), "y6"),
        ("MatMul", ("y6", "up"), "y7"),
        ("Add", ("y7", "up_bias"), "y8"),
        ("Add", (before, "y8"), "y9"),
        ("Mul", ("y9", "y9"), "y10"),
        ("ReduceSum", ("y10", "axis"), "y11"),
        ("Sqrt", ("y11",), "y12"),
        ("Max", ("y12", "floor"), "y13"),
        ("Div", ("y9", "y13"), EMBEDDING),
    )

    def named(name: str) -> str:
        return name if name in (before, EMBEDDING) else PREFIX + name

    return [
        helper.make_node(op, [named(one) for one in inputs], [named(output)], name=PREFIX + op + output)
        for op, inputs, output in steps
    ]


def _must_agree(base: Path, new: Path, adapted: Adapted) -> None:
    """The new graphs give what the adapter gives on the old ones' embeddings."""
    old, made = Encoder.open(base), Encoder.open(new)
    try:
        texts = neutral_captions()
        side = old.spec.preprocessing.size_px
        squares = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), np.uint8)
        for tower, expected, found in (
            ("text", adapted.texts(old.encode_texts(texts)), made.encode_texts(texts)),
            ("image", adapted.photos(old.encode_images(squares)), made.encode_images(squares)),
        ):
            agreement = cosines(expected, found)
            if agreement.cosine_min < LIMITS["fp32"].cosine:
                raise ModelError(f"the {tower} tower with its adapter gives something else: {agreement}")
    finally:
        old.close()
        made.close()


def _link(source: Path, target: Path) -> None:
    """The same file under another name where the disk can, else a copy: weights may have gigabytes."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
