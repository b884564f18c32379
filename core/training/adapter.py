"""A residual adapter on both towers' cached vectors: minutes, and no photo is decoded.

What was said about photos moves embeddings a little; what was not spoken of is held where it was. In the spirit
of CLIP-Adapter (Gao et al. 2021) and Tip-Adapter (Zhang et al. 2022): the towers stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from torch import Tensor, nn

from core.progress import CancelToken, Report
from core.training import loss
from core.training.arithmetic import Arithmetic
from core.training.general import General, normalised
from core.training.loop import Outcome, Point, Settings, train
from core.training.sayings import Table

Floats = npt.NDArray[np.float32]

# Few enough that 30 captions are not learned by heart, enough for 80 subjects at once; 256 gained nothing.
HIDDEN = 128
# Embeddings have entries of about 1 / sqrt(d): without a factor GELU would hardly bend.
STEEP = 4.0
# What moving words and photos that nobody spoke of costs beside the loss, in units of the logit scale. Of 1, 4, 8
# and 16 it is the least that leaves Flickr8k's recall@10 within a point or two while photos held out still gain.
HOLD = 8.0
# Photos in one step: their embeddings are rows of a matrix, and all fit.
AT_ONCE = 2_048
# Of every pair of photo and text in a batch, forward and back: measured.
LOSS_BYTES = 36
SETTINGS = Settings(
    epochs=20,
    steps_an_epoch=5,
    learning_rate=3e-3,
    warm_up=0.2,
    average=0.0,
    precision="fp32",
    weight_decay=0.01,
)


@dataclass(frozen=True, slots=True)
class Residual:
    """x -> x + up @ gelu(down @ x + down_bias) + up_bias, L2-normalised: what an adapter has become.

    down [hidden, d], down_bias [hidden], up [d, hidden], up_bias [d], all float32
    """

    down: Floats
    down_bias: Floats
    up: Floats
    up_bias: Floats

    def __call__(self, rows: Floats) -> Floats:
        """[n, d] float32 -> [n, d] float32, as the graphs compute it."""
        inner = torch.from_numpy(rows @ self.down.T + self.down_bias)
        moved = rows + F.gelu(inner).numpy() @ self.up.T + self.up_bias
        return normalised(np.asarray(moved, np.float32))

    def at(self, strength: float) -> Residual:
        """The same way, gone only so far: 0 leaves all where it is."""
        return Residual(
            self.down, self.down_bias, np.float32(strength) * self.up, np.float32(strength) * self.up_bias
        )


class Adapter(nn.Module):
    """A `Residual` that can be trained. It begins as no change at all."""

    def __init__(self, width: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.down = nn.Linear(width, hidden)
        self.up = nn.Linear(hidden, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, rows: Tensor) -> Tensor:
        return F.normalize(rows + self.up(F.gelu(STEEP * self.down(rows))), dim=1)

    def residual(self) -> Residual:
        down, bias, up, up_bias = (one.detach().numpy().astype(np.float32) for one in self.parameters())
        return Residual(np.float32(STEEP) * down, np.float32(STEEP) * bias, up, up_bias)


@dataclass(frozen=True, slots=True)
class Adapted:
    """Both sides of what was learned; `image` is None where photos stay where they are."""

    image: Residual | None
    text: Residual

    def photos(self, rows: Floats) -> Floats:
        return rows if self.image is None else self.image(rows)

    def texts(self, rows: Floats) -> Floats:
        return self.text(rows)

    def at(self, strength: float) -> Adapted:
        return Adapted(None if self.image is None else self.image.at(strength), self.text.at(strength))


class Adapting:
    """The objective: texts near the photos they are true of, all else where it was.

    photos [n, d] and texts [m, d]: the cached vectors of `table`'s photos and texts
    others [k, d]: photos that nobody spoke of, k may be 0
    """

    def __init__(
        self,
        table: Table,
        photos: Floats,
        texts: Floats,
        others: Floats,
        general: General,
        scale: float,
        *,
        both: bool,
    ) -> None:
        self._photos, self._texts = torch.from_numpy(photos), torch.from_numpy(texts)
        self._true, self._rejected = torch.from_numpy(table.true), torch.from_numpy(table.rejected)
        self._columns = [torch.from_numpy(table.texts_in(lang)) for lang in ("en", "zh")]
        self._words = torch.from_numpy(general.holding.embeddings)
        stand_ins = general.holding.as_photos(general.gap)
        self._held = torch.from_numpy(np.concatenate([stand_ins, others]))
        self._scale = torch.tensor(scale)
        self.image = Adapter(photos.shape[1]) if both else None
        self.text = Adapter(photos.shape[1])

    @staticmethod
    def bytes_of(photos: int, texts: int) -> int:
        """What a step takes beside the vectors: the loss's matrices of a batch's photos by all texts."""
        return LOSS_BYTES * min(photos, AT_ONCE) * texts

    @property
    def parts(self) -> Sequence[nn.Module]:
        return [self.text] if self.image is None else [self.image, self.text]

    @property
    def rates(self) -> dict[nn.Module, float]:
        return {}

    def batches(self, epoch: int) -> list[Tensor]:
        rows = len(self._photos)
        # All photos are one batch until there are very many: then each step draws its own.
        return [torch.randperm(rows)[:AT_ONCE] for _ in range(SETTINGS.steps_an_epoch)]

    def learn(self, rows: Tensor, arithmetic: Arithmetic) -> float:
        with arithmetic.autocast():
            value = self._loss(rows)
        arithmetic.backward(value)
        return float(value.detach())

    def validate(self) -> float:
        """Nothing to choose by: the photos that judge are the gate's. The last weights count."""
        return 0.0

    def adapted(self) -> Adapted:
        return Adapted(None if self.image is None else self.image.residual(), self.text.residual())

    def _loss(self, rows: Tensor) -> Tensor:
        photos = self._photos[rows] if self.image is None else self.image(self._photos[rows])
        total = torch.zeros(())
        languages = 0
        for columns in self._columns:
            true = self._true[rows][:, columns]
            if true.any():
                texts = self.text(self._texts[columns])
                rejected = self._rejected[rows][:, columns]
                total = total + loss.contrastive_among(photos, texts, self._scale, true, rejected)
                languages += 1
        held = loss.imitation(self.text(self._words), self._words)
        if self.image is not None:
            held = held + loss.imitation(self.image(self._held), self._held)
        return total / max(1, languages) + HOLD * self._scale * held


def adapt(
    objective: Adapting,
    settings: Settings,
    report: Report,
    cancel: CancelToken,
    watch: Callable[[Point], None] = lambda point: None,
) -> tuple[Adapted, Outcome]:
    """Train the adapter; what it became at full strength. Raises Diverged or Cancelled."""
    threads = torch.get_num_threads()
    # The matrices are small: a second thread saves a third of the time on an idle machine and costs ten times it
    # on a busy one, where threads wait for each other at every product.
    torch.set_num_threads(1)
    try:
        outcome = train(objective, settings, report, cancel, watch=watch)
    finally:
        torch.set_num_threads(threads)
    return objective.adapted(), outcome
