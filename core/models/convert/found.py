"""What an import found: a model in torch, with everything that its folder will say of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import Tokenizer

from core.errors import ModelError
from core.models.convert.checkpoints import Weights, read_weights
from core.models.convert.original import Original, is_original, read_config, read_original
from core.models.convert.source import Towers
from core.models.convert.vocabularies import (
    chinese_vocabulary,
    openai_tokenizer,
    with_straight_quotes,
    wordpiece_tokenizer,
)
from core.models.spec import TOKENIZER_FILE, Preprocessing, TextInput

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
NO_TOKENIZER = (
    "Its texts could not be read as it was trained to. Put tokenizer.json beside it, as it was published."
)


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model read from its original layout.

    family          for people: "OpenAI CLIP", "Chinese-CLIP", ...
    weights         under transformers' names, in the dtypes they were stored in
    tokenizer       as it will be saved; `text` says how it is used
    context_length  longest text in ids, start and end marks included
    """

    family: str
    languages: tuple[str, ...]
    towers: Towers
    weights: Weights
    preprocessing: Preprocessing
    tokenizer: Tokenizer
    text: TextInput
    pooling: str
    context_length: int

    def check_vocabulary(self, path: Path) -> FoundModel:
        """This model. Raises ModelError when its tokenizer can give an id that its text tower does not know."""
        known = int(self.towers.text_plan.config["vocab_size"])
        last = max(self.tokenizer.get_vocab().values(), default=-1)
        if last >= known:
            raise ModelError(
                f"{path}: the tokenizer has {last + 1:,} ids, but the text tower knows {known:,}",
                what_to_do=NO_TOKENIZER,
            )
        return self


def found_checkpoint(path: Path, config: Path | None) -> FoundModel:
    """The model in a checkpoint of openai/CLIP or Chinese-CLIP.

    config  its hyper-parameters; None: `<stem>.config.json` beside it, where there is one
    Raises ModelError.
    """
    beside = path.with_name(path.stem + ".config.json")
    given = config or (beside if beside.is_file() else None)
    weights = read_weights(path)
    if not is_original(weights):
        raise ModelError(
            f"{path} is a checkpoint, but of none of the known layouts (openai/CLIP, Chinese-CLIP)",
            what_to_do="For a Hugging Face model give its folder, with config.json and the tokenizer in it.",
        )
    original = read_original(weights, path, read_config(given) if given else {})
    found = _chinese(original) if original.family == "chinese-clip" else _openai(original, path)
    return found.check_vocabulary(path)


def _openai(original: Original, path: Path) -> FoundModel:
    tokenizer = openai_tokenizer()
    size = tokenizer.get_vocab_size()
    # The end mark is the last id: a table of another size was trained on another vocabulary.
    if original.vocabulary != size:
        raise ModelError(
            f"{path} has no tokenizer: its text tower knows {original.vocabulary:,} ids, OpenAI's vocabulary has "
            f"{size:,}",
            what_to_do=NO_TOKENIZER,
        )
    return FoundModel(
        family="OpenAI CLIP",
        languages=("en",),
        towers=original.towers,
        weights=original.weights,
        preprocessing=Preprocessing("crop", original.size_px, "bicubic", CLIP_MEAN, CLIP_STD),
        tokenizer=tokenizer,
        text=TextInput("bpe", TOKENIZER_FILE, "", 0, cleaning="openai"),
        pooling="eos",
        context_length=original.context_length,
    )


def _chinese(original: Original) -> FoundModel:
    # The reference knows one vocabulary; a shorter table of words was trained on its beginning.
    vocabulary = chinese_vocabulary()[: original.vocabulary]
    return FoundModel(
        family="Chinese-CLIP",
        languages=("zh",),
        towers=original.towers,
        weights=original.weights,
        preprocessing=Preprocessing("squash", original.size_px, "bicubic", CLIP_MEAN, CLIP_STD),
        tokenizer=with_straight_quotes(wordpiece_tokenizer(vocabulary)),
        text=TextInput("wordpiece", TOKENIZER_FILE, "", 0, cleaning="chinese-clip"),
        pooling="cls",
        context_length=original.context_length,
    )


def as_entry_says(
    found: FoundModel, width: int, preprocessing: Preprocessing, context_length: int, path: Path
) -> FoundModel:
    """`found` with the preprocessing and the context length of the list of models.

    Raises ModelError when the list speaks of another size: then these are not the files of that model.
    """
    if found.towers.width != width or found.preprocessing.size_px != preprocessing.size_px:
        raise ModelError(
            f"{path} is not the model that was asked for: its embedding has {found.towers.width} numbers and its "
            f"pictures {found.preprocessing.size_px} px, where {width} and {preprocessing.size_px} are expected"
        )
    return replace(found, preprocessing=preprocessing, context_length=context_length)
