"""From an album's words to a direction: each prompt in its language's templates, averaged, and all of them averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.evaluate.zeroshot import prompt_templates
from core.library import albums as records
from core.library.database import Database
from core.models.encoder import Encoder
from core.models.prompts import neutral_captions

Embeddings = npt.NDArray[np.float32]


class Prompts:
    """Embeddings of prompts in one space; sentences encoded once are kept in the library."""

    def __init__(self, database: Database, encoder: Encoder, space: str) -> None:
        self._database = database
        self._encoder = encoder
        self._space = space
        self._known: dict[str, Embeddings] = {}
        self._templates = {lang: prompt_templates(lang) for lang in ("en", "zh")}

    def directions(self, prompts: Sequence[str]) -> Embeddings:
        """[n, width], L2-normalised: each prompt's mean over the templates of its language.

        Source: Radford et al. 2021, 3.1.4 (ensembling over the embedding space).
        """
        sentences = [self._sentences(prompt) for prompt in prompts]
        self._encode([each for one in sentences for each in one])
        means = [np.mean([self._known[each] for each in one], axis=0) for one in sentences]
        return normalised(np.array(means, np.float32).reshape(len(prompts), -1))

    def direction(self, prompts: Sequence[str]) -> Embeddings | None:
        """[width], L2-normalised: the mean of all prompts' directions; None where there is no prompt."""
        if not prompts:
            return None
        return normalised(self.directions(prompts).mean(axis=0))

    def neutrals(self) -> Embeddings:
        """[k, width] of the neutral captions, which need no template."""
        captions = neutral_captions()
        self._encode(captions)
        return np.stack([self._known[each] for each in captions])

    def _sentences(self, prompt: str) -> list[str]:
        return [template.format(prompt) for template in self._templates[language(prompt)]]

    def _encode(self, sentences: Sequence[str]) -> None:
        missing = [each for each in dict.fromkeys(sentences) if each not in self._known]
        if not missing:
            return
        kept = records.kept_texts(self._database.reader(), self._space, missing)
        self._known |= {text: np.frombuffer(stored, np.float32) for text, stored in kept.items()}
        missing = [each for each in missing if each not in kept]
        if not missing:
            return
        new = dict(zip(missing, self._encoder.encode_texts(missing), strict=True))
        self._known |= new
        if self._database.is_writable:
            stored = {text: embedding.tobytes() for text, embedding in new.items()}
            self._database.write(lambda db: records.keep_texts(db, self._space, stored))


def language(text: str) -> str:
    """zh where there is a Chinese character, else en."""
    return "zh" if any("\u3400" <= letter <= "\u9fff" for letter in text) else "en"


def normalised(embeddings: Embeddings) -> Embeddings:
    """Scaled to length 1 along the last axis; a zero stays zero."""
    lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-12), np.float32)
