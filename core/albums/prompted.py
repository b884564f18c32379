"""An album's prior from its words: prompts in words that the model knows, and prompts with names of the owner's.

A prompt with a name is the sum of logits of its sentence and of the name (naive Bayes): linear in a photo's vector,
as an album's prior has to be, where a search takes the product of the probabilities. Marks teach the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.albums.backdrop import Backdrop
from core.albums.cutoff import STEEPNESS
from core.albums.names import Meant
from core.albums.probe import UNLIKE_SHARE, Embeddings, Prior, prior_of
from core.albums.prompts import Prompts
from core.library.albums import Album


def prior_of_prompts(album: Album, meant: Sequence[Meant], prompts: Prompts, backdrop: Backdrop) -> Prior:
    """The zero-shot part of an album. meant: its prompts, understood; prompts with names are averaged as logits."""
    unlike = prompts.direction(album.unlike)
    plain = [each.sentence for each in meant if not each.probes]
    named = [each for each in meant if each.probes]
    found = [_of_names(each, unlike, album.shift, prompts, backdrop) for each in named]
    if plain or not found:
        found.append(prior_of(prompts.direction(plain), unlike, backdrop, album.shift))
    if len(found) == 1:
        return found[0]
    return Prior(
        np.mean([each.weights for each in found], axis=0, dtype=np.float32),
        float(np.mean([each.offset for each in found])),
        float(np.mean([each.border for each in found])),
    )


def _of_names(
    meant: Meant, unlike: Embeddings | None, shift: float, prompts: Prompts, backdrop: Backdrop
) -> Prior:
    if meant.sentence:
        said = prior_of(prompts.direction([meant.sentence]), unlike, backdrop, shift)
    else:
        said = _without_words(unlike, shift, backdrop)
    weights, offset, border = said.weights, said.offset, said.border
    for probe in meant.probes:
        own = probe.prior(probe.odds(given_class=bool(meant.sentence)))
        weights, offset, border = weights + own.weights, offset + own.offset, border + own.border
    return Prior(np.asarray(weights, np.float32), offset, border)


def _without_words(unlike: Embeddings | None, shift: float, backdrop: Backdrop) -> Prior:
    """What is said beside the name alone: what is not to be seen, and the owner's slider."""
    weights = np.zeros(len(backdrop.mean), np.float32)
    offset = -STEEPNESS * shift
    if unlike is not None:
        weights = np.asarray(-STEEPNESS * UNLIKE_SHARE / backdrop.spread * unlike, np.float32)
        offset += STEEPNESS * UNLIKE_SHARE * backdrop.level / backdrop.spread
    return Prior(weights, offset, shift)
