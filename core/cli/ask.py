"""`shiguang search` and `shiguang embed`."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import numpy as np

from core.app import decode_plan, open_library
from core.cli.output import Output
from core.models.encoder import Encoder
from core.models.registry import model_folder
from core.photos.single import decode_one
from core.progress import CancelToken
from core.search.query import Query

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    search = commands.add_parser("search", help="find photos by words in Chinese or English, or by a picture")
    search.add_argument("query", nargs="?", default="", metavar="QUERY")
    search.add_argument("--limit", type=int, default=50, metavar="N")
    search.add_argument("--all", action="store_true", help="do not end at the cut-off")
    search.add_argument("--image", metavar="FILE", help="find photos like this one")
    search.add_argument("--unlike", default="", metavar="TEXT", help="what must not be in the picture")
    search.add_argument("--filter", default="", metavar="EXPR", help='for instance "year:2019 camera:canon"')
    search.add_argument("--sort", choices=("relevance", "date"), default="relevance")
    search.add_argument("--exact", action="store_true", help="compare with every photo, without the index")
    search.set_defaults(run=run_search)
    embed = commands.add_parser(
        "embed", help="embeddings of pictures or texts, as the library would store them"
    )
    what = embed.add_mutually_exclusive_group(required=True)
    what.add_argument("--image", nargs="+", default=[], metavar="FILE")
    what.add_argument("--text", nargs="+", default=[], metavar="TEXT")
    embed.add_argument("--model", default="starter", metavar="ID")
    embed.add_argument("--provider", default="auto", metavar="NAME")
    embed.add_argument("--precision", choices=("fp32", "bf16", "fp16", "int8"), default=None)
    embed.set_defaults(run=run_embed)


def run_search(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    library = open_library(options.library, writable=False, verbose=options.verbose)
    try:
        query = Query(
            text=options.query,
            unlike=options.unlike,
            filters=options.filter,
            image=os.fsencode(os.path.abspath(options.image)) if options.image else None,
            limit=max(1, options.limit),
            everything=options.all,
            exact=options.exact,
            by_date=options.sort == "date",
        )
        answer = library.search(query)
        paths = library.first_paths([hit.photo for hit in answer.hits])
        for rank, hit in enumerate(answer.hits, 1):
            path = paths.get(hit.photo, "")
            output.result(
                {
                    "rank": rank,
                    "photo": hit.photo,
                    "path": path,
                    "score": round(hit.score, 6),
                    "relevance": round(hit.relevance, 4),
                    "band": hit.band,
                    "why": hit.why,
                },
                f"{rank:4}  {hit.relevance:4.0%}  {hit.band:9}  {path}",
            )
        summary = {
            "event": "summary",
            "read_as": answer.reading.as_json(),
            "hits": len(answer.hits),
            "answered": answer.answered,
            "ms": answer.ms,
        }
        output.result(summary)
        if not answer.hits:
            output.say("Nothing here looks right. `--all` shows the nearest.")
        return 0
    finally:
        library.close()


def run_embed(options: argparse.Namespace, output: Output, cancel: CancelToken) -> int:
    models = options.library / "models"
    encoder = Encoder.open(
        model_folder(options.model, models), provider=options.provider, precision=options.precision
    )
    try:
        if options.text:
            embeddings = encoder.encode_texts(options.text)
            for text, embedding in zip(options.text, embeddings, strict=True):
                _embedding(text, embedding.tolist(), options.model, output)
        plan = decode_plan(encoder.spec.preprocessing)
        for file in options.image:
            decoded = decode_one(os.fsencode(os.path.abspath(file)), plan)
            pixels = np.frombuffer(decoded.pixels, np.uint8).reshape(1, plan.side_px, plan.side_px, 3)
            cancel.check()
            _embedding(file, encoder.encode_images(pixels)[0].tolist(), options.model, output)
        return 0
    finally:
        encoder.close()


def _embedding(given: str, embedding: list[float], model: str, output: Output) -> None:
    value = {"input": given, "embedding": embedding, "width": len(embedding), "model": model}
    output.result(value, f"{given}: {len(embedding)} numbers, beginning {embedding[:4]}")
