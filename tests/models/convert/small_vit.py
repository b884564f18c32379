"""A small dual encoder as a model folder: a transformer over patches and one over tokens, written node by node."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from core.models.calibration import Calibration
from core.models.spec import ModelSpec, Preprocessing, TextInput, file_sha256

SIDE, PATCH, WIDE, INNER, OUT, LAYERS = 32, 8, 64, 256, 32, 3
WORDS = [
    "[UNK]",
    "[PAD]",
    *"abcdefghijklmnopqrstuvwxyz",
    *("##" + one for one in "abcdefghijklmnopqrstuvwxyz"),
]
OUTLIER = 50.0


class Graph:
    """Nodes and weights as they are added; each method gives the name of what it adds."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}
        self.dice = np.random.default_rng(seed)

    def node(self, kind: str, inputs: list[str], **how: object) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **how))
        return name

    def weight(self, name: str, value: np.ndarray) -> str:
        self.weights[name] = np.ascontiguousarray(value)
        return name

    def linear(self, name: str, source: str, k: int, n: int) -> str:
        matrix = self.weight(f"{name}.weight", self.dice.normal(0, k**-0.5, (k, n)).astype(np.float32))
        bias = self.weight(f"{name}.bias", self.dice.normal(0, 0.1, n).astype(np.float32))
        return self.node("Add", [self.node("MatMul", [source, matrix]), bias])

    def norm(self, name: str, source: str) -> str:
        gain = self.weight(f"{name}.gain", self.dice.uniform(0.5, 1.5, WIDE).astype(np.float32))
        bias = self.weight(f"{name}.shift", self.dice.normal(0, 0.1, WIDE).astype(np.float32))
        return self.node("LayerNormalization", [source, gain, bias], epsilon=1e-5)

    def block(self, name: str, source: str) -> str:
        """[n, t, WIDE] -> the same: one head of attention, and an MLP with GELU."""
        inner = self.norm(f"{name}.norm1", source)
        q, k, v = (self.linear(f"{name}.{one}", inner, WIDE, WIDE) for one in "qkv")
        scores = self.node("MatMul", [q, self.node("Transpose", [k], perm=[0, 2, 1])])
        eighth = self.weight("eighth", np.array(1 / 8, np.float32))
        shares = self.node("Softmax", [self.node("Mul", [scores, eighth])], axis=-1)
        mixed = self.linear(f"{name}.out", self.node("MatMul", [shares, v]), WIDE, WIDE)
        source = self.node("Add", [source, mixed])
        inner = self.linear(f"{name}.fc1", self.norm(f"{name}.norm2", source), WIDE, INNER)
        return self.node("Add", [source, self.linear(f"{name}.fc2", self.node("Gelu", [inner]), INNER, WIDE)])

    def end(self, source: str, inputs: list[onnx.ValueInfoProto], path: Path) -> None:
        """The mean over places, projected and L2-normalised, is `embedding`."""
        one = self.weight("place axis", np.array([1], np.int64))
        mean = self.node("ReduceMean", [source, one], keepdims=0)
        made = self.linear("projection", mean, WIDE, OUT)
        length = self.node("ReduceL2", [made, one], keepdims=1)
        self.nodes.append(helper.make_node("Div", [made, length], ["embedding"]))
        output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", OUT])
        weights = [numpy_helper.from_array(value, name) for name, value in self.weights.items()]
        graph = helper.make_graph(self.nodes, "tower", inputs, [output], weights)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def make(folder: Path, *, outliers: str = "") -> Path:
    """Write the folder.

    outliers  "": none; "norm": OUTLIER times in a few channels behind every layer norm, taken back by the next
              weights; "everywhere": also in the values of the attention and inside the MLP, where nothing takes
              them into the weights
    """
    folder.mkdir(parents=True)
    image = Graph(1)
    image_inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])]
    kernel = image.weight(
        "patches.weight", image.dice.normal(0, 0.05, (WIDE, 3, PATCH, PATCH)).astype(np.float32)
    )
    patches = image.node("Conv", ["pixels", kernel], strides=[PATCH, PATCH])
    flat = image.weight("flat", np.array([0, WIDE, -1], np.int64))
    source = image.node("Transpose", [image.node("Reshape", [patches, flat])], perm=[0, 2, 1])
    places = image.dice.normal(0, 0.3, (1, (SIDE // PATCH) ** 2, WIDE)).astype(np.float32)
    source = image.node("Add", [source, image.weight("places", places)])
    for i in range(LAYERS):
        source = image.block(f"layer{i}", source)
    if outliers:
        _give_outliers(image.weights, everywhere=outliers == "everywhere")
    image.end(source, image_inputs, folder / "image.onnx")

    text = Graph(2)
    whole = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "t"]) for name in ("ids", "mask")]
    table = text.weight("words", text.dice.normal(0, 1, (len(WORDS), WIDE)).astype(np.float32))
    found = text.node("Gather", [table, "ids"])
    last = text.weight("last axis", np.array([2], np.int64))
    mask = text.node("Unsqueeze", [text.node("Cast", ["mask"], to=TensorProto.FLOAT), last])
    source = text.block("layer0", text.node("Mul", [found, mask]))
    text.end(source, whole, folder / "text.onnx")
    _write_rest(folder)
    return folder


def _give_outliers(weights: dict[str, np.ndarray], *, everywhere: bool) -> None:
    for i in range(LAYERS):
        for norm, readers in (("norm1", "qkv"), ("norm2", ("fc1",))):
            for name in ("gain", "shift"):
                weights[f"layer{i}.{norm}.{name}"][:3] *= OUTLIER
            for reader in readers:
                weights[f"layer{i}.{reader}.weight"][:3] /= OUTLIER
        if everywhere:
            for name in ("v", "fc1"):
                for part in ("weight", "bias"):
                    weights[f"layer{i}.{name}.{part}"][..., :3] *= OUTLIER
            for name in ("out", "fc2"):
                weights[f"layer{i}.{name}.weight"][:3] /= OUTLIER


def _write_rest(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "card.md").write_text("# A small model\n", encoding="utf-8")
    (folder / "source").mkdir()
    (folder / "source" / "config.json").write_text("{}", encoding="utf-8")
    spec = ModelSpec(
        id="local:small",
        languages=("en",),
        width=OUT,
        context_length=16,
        logit_scale=10.0,
        preprocessing=Preprocessing("squash", SIDE, "bicubic", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        tokenizers=(TextInput("wordpiece", "tokenizer.json", "", 1),),
        pooling="mean",
        image_precision="fp32",
        text_precision="fp32",
        calibration=Calibration(scale=10.0),
        source="written for a test",
        licence="none",
        sha256={
            path.relative_to(folder).as_posix(): file_sha256(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    )
    (folder / "model.json").write_text(json.dumps(spec.as_json()), encoding="utf-8")


def pictures(count: int) -> np.ndarray:
    """Drawn squares [count, SIDE, SIDE, 3] uint8."""
    coarse = np.random.default_rng(3).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return coarse.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2)
