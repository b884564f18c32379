"""A model folder of Chinese-CLIP ViT-B/16's real size with random weights, to measure indexing with it.

    .venv/bin/python -m tests.benchmarks.vit_b_16 FOLDER

The configuration is that of OFA-Sys/chinese-clip-vit-base-patch16 (Yang et al. 2022); needs the `train` extra.
Only its speed means something.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import onnx
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from transformers import ChineseCLIPConfig, ChineseCLIPModel

from core.models.calibration import Calibration
from core.models.spec import ModelSpec, Preprocessing, TextInput, file_sha256

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class ImageTower(torch.nn.Module):
    def __init__(self, model: ChineseCLIPModel) -> None:
        super().__init__()
        self.vision, self.projection = model.vision_model, model.visual_projection

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """[n, 3, 224, 224] -> [n, 512], L2-normalised."""
        pooled = self.vision(pixel_values=pixels).pooler_output
        return torch.nn.functional.normalize(self.projection(pooled), dim=-1)


class TextTower(torch.nn.Module):
    def __init__(self, model: ChineseCLIPModel) -> None:
        super().__init__()
        self.text, self.projection = model.text_model, model.text_projection

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """[n, t], [n, t] -> [n, 512], L2-normalised; [CLS] pooling."""
        hidden = self.text(input_ids=ids, attention_mask=mask)[0][:, 0]
        return torch.nn.functional.normalize(self.projection(hidden), dim=-1)


def rename_output(path: Path) -> None:
    """`unit` becomes `embedding`; the exporter has given that name to something inside already."""
    model = onnx.load(path)
    new = {"embedding": "embedding inside", "unit": "embedding"}
    for node in model.graph.node:
        node.input[:] = [new.get(each, each) for each in node.input]
        node.output[:] = [new.get(each, each) for each in node.output]
    for value in (*model.graph.output, *model.graph.initializer, *model.graph.value_info):
        value.name = new.get(value.name, value.name)
    onnx.save(model, path)


def make(folder: Path) -> None:
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    config = ChineseCLIPConfig(vision_config={"patch_size": 16})
    config.vision_config._attn_implementation = config.text_config._attn_implementation = "eager"
    model = ChineseCLIPModel(config).eval()
    n = torch.export.Dim("n", min=1, max=64)
    t = torch.export.Dim("t", min=2, max=52)
    image, text = (
        (torch.zeros(2, 3, 224, 224),),
        (torch.ones(2, 8, dtype=torch.int64), torch.ones(2, 8, dtype=torch.int64)),
    )
    with torch.no_grad():
        torch.onnx.export(ImageTower(model), image, folder / "image.onnx", input_names=["pixels"], output_names=["unit"],
                          dynamic_shapes={"pixels": {0: n}}, dynamo=True, external_data=False)  # fmt: skip
        torch.onnx.export(TextTower(model), text, folder / "text.onnx", input_names=["ids", "mask"], output_names=["unit"],
                          dynamic_shapes={"ids": {0: n, 1: t}, "mask": {0: n, 1: t}}, dynamo=True, external_data=False)  # fmt: skip
    for name in ("image.onnx", "text.onnx"):
        rename_output(folder / name)
    Tokenizer(WordPiece({"[UNK]": 0, "[PAD]": 1}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
    files = {name: file_sha256(folder / name) for name in ("image.onnx", "text.onnx", "tokenizer.json")}
    spec = ModelSpec(
        id="measured", languages=("zh",), width=512, context_length=52, logit_scale=100.0,
        preprocessing=Preprocessing("squash", 224, "bicubic", MEAN, STD),
        tokenizers=(TextInput("wordpiece", "tokenizer.json", "", 1),), pooling="cls", image_precision="fp32", text_precision="fp32",
        calibration=Calibration(scale=100.0), source="random weights", licence="none", sha256=files,
    )  # fmt: skip
    (folder / "model.json").write_text(json.dumps(spec.as_json(), indent=1), encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
