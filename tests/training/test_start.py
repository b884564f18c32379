"""Training starts from the weights that ship: the heads of the starter's own towers go on learning."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (torch)")
pytest.importorskip("onnx", reason="needs the train extra (onnx)")

from core.models.convert.starter import weights  # noqa: E402
from core.models.encoder import Encoder  # noqa: E402
from core.models.preprocess import normalise  # noqa: E402
from core.models.registry import STARTER, model_folder  # noqa: E402
from core.models.tokenize import Tokenizer  # noqa: E402
from core.progress import CancelToken, silent  # noqa: E402
from core.training.arithmetic import Arithmetic  # noqa: E402
from core.training.loop import Settings, train  # noqa: E402
from core.training.loss import LogitScale, contrastive  # noqa: E402

CAPTIONS = ["a red wall", "一片绿色", "blue all over", "black"]
COLOURS = [(220, 20, 20), (20, 200, 20), (20, 20, 220), (0, 0, 0)]


def test_the_starters_heads_learn_four_new_pairs() -> None:
    folder = model_folder(STARTER, None)
    encoder = Encoder.open(folder, threads=2)
    image, text = weights.image_tower(folder), weights.text_tower(folder)
    pixels = np.stack([np.full((224, 224, 3), colour, np.uint8) for colour in COLOURS])
    with torch.no_grad():
        seen = image.lite(torch.from_numpy(normalise(pixels, encoder.spec.preprocessing)))
        feed = Tokenizer(folder, encoder.spec)(CAPTIONS)
        read = text.features(**{name: torch.from_numpy(array) for name, array in feed.items()})
    scale = LogitScale(encoder.spec.logit_scale)
    torch.manual_seed(0)

    class FourPairs:
        parts = (image.head, text.head)
        rates: ClassVar[dict[torch.nn.Module, float]] = {}

        def batches(self, epoch: int) -> range:
            return range(4)

        def learn(self, batch: int, arithmetic: Arithmetic) -> float:
            value = contrastive(image.head(seen), text.head(read), scale())
            arithmetic.backward(value)
            return float(value.detach())

        def validate(self) -> float:
            with torch.no_grad():
                return -float(contrastive(image.head(seen), text.head(read), scale()))

    # The starting point is what the shipped graphs give.
    shipped = encoder.encode_images(pixels) @ encoder.encode_texts(CAPTIONS).T
    with torch.no_grad():
        here = (image.eval().head(seen) @ text.eval().head(read).T).numpy()
    np.testing.assert_allclose(here, shipped, atol=2e-3)

    before = FourPairs().validate()
    settings = Settings(epochs=3, steps_an_epoch=4, learning_rate=1e-4, average=0.0, precision="fp32")
    outcome = train(FourPairs(), settings, silent, CancelToken())
    assert outcome.best > before
