"""Models of a published size with random weights, in torch: to measure speed and parity where no model is at hand.

The configuration is that of OFA-Sys/chinese-clip-vit-base-patch16 (Yang et al. 2022). Its speed means something,
its answers do not. So that parity means something too, the weights are not transformers' initial ones (with those
all pictures get nearly one embedding, and no rounding would be seen): linear layers are drawn as wide as trained
ones are, and the projections leave out the direction that all pictures (all texts) share, so that embeddings lie
around zero and the lists of a search depend on what differs.

Outliers, 50 times, in every layer:
  layer-norm   six channels behind each layer norm (gain up, the next matrices' rows down: the same function)
  everywhere   those, and one value channel of each head (value up, output matrix down: the same function), and six
               of the MLP's inner channels (first matrix up, second down: another function, as an activation lies
               between)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import nn
from transformers import ChineseCLIPConfig, ChineseCLIPModel

from core.models.calibration import Calibration
from core.models.prompts import neutral_captions
from core.models.spec import ModelSpec, Preprocessing, TextInput, file_sha256

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SIZES = ("vit-b-16",)
OUTLIERS = ("", "layer-norm", "everywhere")
OUTLIER = 50.0
OUTLIER_CHANNELS = 6


class ImageTower(nn.Module):
    def __init__(self, model: ChineseCLIPModel) -> None:
        super().__init__()
        self.vision, self.projection = model.vision_model, model.visual_projection

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """[n, 3, 224, 224] -> [n, 512], L2-normalised."""
        pooled = self.vision(pixel_values=pixels).pooler_output
        return nn.functional.normalize(self.projection(pooled), dim=-1)


class TextTower(nn.Module):
    def __init__(self, model: ChineseCLIPModel) -> None:
        super().__init__()
        self.text, self.projection = model.text_model, model.text_projection

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """[n, t], [n, t] -> [n, 512], L2-normalised; [CLS] pooling."""
        hidden = self.text(input_ids=ids, attention_mask=mask)[0][:, 0]
        return nn.functional.normalize(self.projection(hidden), dim=-1)


def drawn(count: int, size: int = 224) -> torch.Tensor:
    """Pictures of coloured patches at several scales, [count, 3, size, size] about -2..2."""
    dice = torch.Generator().manual_seed(1)
    total = torch.zeros(count, 3, size, size)
    for cells in (2, 4, 8, 16, 56):
        coarse = torch.randn(count, 3, cells, cells, generator=dice)
        total += nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    return total / 2


def model_of(outliers: str = "") -> ChineseCLIPModel:
    """The torch model, seeded."""
    torch.manual_seed(0)
    config = ChineseCLIPConfig(vision_config={"patch_size": 16})
    # Plain products and softmax in the graph, as every runtime knows how to fuse them.
    config._attn_implementation = "eager"
    model: ChineseCLIPModel = ChineseCLIPModel(config)
    model.train(False)
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if isinstance(module, nn.LayerNorm):
                nn.init.uniform_(module.weight, 0.5, 1.5)
            if name.endswith("patch_embedding"):
                nn.init.normal_(module.weight, std=0.05)
            if name.endswith("word_embeddings"):
                nn.init.normal_(module.weight, std=0.1)
        if outliers:
            _give_outliers(model, everywhere=outliers == "everywhere")
        pooled = model.vision_model(pixel_values=drawn(64)).pooler_output
        _leave_out(model.visual_projection, pooled.mean(0))
        read = tokenizer().encode_batch(neutral_captions())
        hidden = [model.text_model(input_ids=torch.tensor([one.ids]))[0][0, 0] for one in read]
        _leave_out(model.text_projection, torch.stack(hidden).mean(0))
    return model


def _leave_out(projection: nn.Linear, direction: torch.Tensor) -> None:
    """The projection gives nothing for `direction`."""
    unit = direction / direction.norm()
    projection.weight -= torch.outer(projection.weight @ unit, unit)


def _give_outliers(model: ChineseCLIPModel, *, everywhere: bool) -> None:
    for layer in model.vision_model.encoder.layers:
        attention, mlp = layer.self_attn, layer.mlp
        readers = [attention.q_proj, attention.k_proj, attention.v_proj]
        for norm, reading in ((layer.layer_norm1, readers), (layer.layer_norm2, [mlp.fc1])):
            chosen = torch.randperm(norm.weight.numel())[:OUTLIER_CHANNELS]
            norm.weight[chosen] *= OUTLIER
            norm.bias[chosen] *= OUTLIER
            for each in reading:
                each.weight[:, chosen] /= OUTLIER
        if everywhere:
            values = torch.arange(0, attention.v_proj.out_features, 64)
            attention.v_proj.weight[values] *= OUTLIER
            attention.v_proj.bias[values] *= OUTLIER
            attention.out_proj.weight[:, values] /= OUTLIER
            inner = torch.randperm(mlp.fc1.out_features)[:OUTLIER_CHANNELS]
            mlp.fc1.weight[inner] *= OUTLIER
            mlp.fc2.weight[:, inner] /= OUTLIER


def export(
    tower: nn.Module, inputs: dict[str, torch.Tensor], dynamic: Mapping[str, object], path: Path
) -> None:
    """One tower as ONNX, its weights in the one file, its output named `embedding`."""
    with torch.no_grad():
        torch.onnx.export(
            tower, tuple(inputs.values()), path, input_names=list(inputs), output_names=["unit"],
            dynamic_shapes=dict(dynamic), dynamo=True, external_data=False, verbose=False,
        )  # fmt: skip
    model = onnx.load(path)
    # The exporter has given the name `embedding` to something inside already.
    new = {"embedding": "embedding inside", "unit": "embedding"}
    for node in model.graph.node:
        node.input[:] = [new.get(each, each) for each in node.input]
        node.output[:] = [new.get(each, each) for each in node.output]
    for value in (*model.graph.output, *model.graph.initializer, *model.graph.value_info):
        value.name = new.get(value.name, value.name)
    onnx.save(model, path)


def make_folder(folder: Path, outliers: str = "") -> ChineseCLIPModel:
    """Write the model folder, fp32, and give the torch model that it was made from."""
    folder.mkdir(parents=True, exist_ok=True)
    model = model_of(outliers)
    n = torch.export.Dim("n", min=1, max=64)
    t = torch.export.Dim("t", min=2, max=52)
    ids = torch.ones(2, 8, dtype=torch.int64)
    export(ImageTower(model).eval(), {"pixels": drawn(2)}, {"pixels": {0: n}}, folder / "image.onnx")
    both = {"ids": {0: n, 1: t}, "mask": {0: n, 1: t}}
    # Two tensors: one given twice is taken for one input.
    export(TextTower(model).eval(), {"ids": ids, "mask": ids.clone()}, both, folder / "text.onnx")
    tokenizer().save(str(folder / "tokenizer.json"))
    files = {name: file_sha256(folder / name) for name in ("image.onnx", "text.onnx", "tokenizer.json")}
    spec = ModelSpec(
        id="measured", languages=("zh",), width=512, context_length=52, logit_scale=100.0,
        preprocessing=Preprocessing("squash", 224, "bicubic", MEAN, STD),
        tokenizers=(TextInput("wordpiece", "tokenizer.json", "", 1),), pooling="cls", image_precision="fp32", text_precision="fp32",
        calibration=Calibration(scale=100.0), source="random weights", licence="none", sha256=files,
    )  # fmt: skip
    (folder / "model.json").write_text(json.dumps(spec.as_json(), indent=1), encoding="utf-8")
    return model


def tokenizer() -> Tokenizer:
    """A token for each letter, and for each Chinese character of the common range."""
    letters = [chr(code) for code in (*range(33, 127), *range(0x4E00, 0x9000))]
    words = ["[UNK]", "[PAD]", *letters, *("##" + each for each in letters[:94])]
    made = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.enable_truncation(52)
    return made


def pictures(count: int, size: int = 224) -> np.ndarray:
    """Drawn pictures as squares [count, size, size, 3] uint8, where no photos are at hand."""
    floats = drawn(count, size).numpy().transpose(0, 2, 3, 1) * 50 + 128
    squares: np.ndarray = np.clip(floats, 0, 255).astype(np.uint8)
    return squares
