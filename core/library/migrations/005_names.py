"""Names that the owner gave, with the photos that show who they are; and what was said about search results."""

from sqlite_utils import Database


def apply(db: Database) -> None:
    # The table `names` is the trigram index of files' names.
    db.table("given_names").create(
        {
            "id": int,
            "name": str,
            "classes": str,  # JSON list of words: what kind of thing it is, in either language; often empty
            "created_at": float,
        },
        pk="id",
        not_null={"name", "classes", "created_at"},
    )
    db.execute("CREATE UNIQUE INDEX given_names_by_name ON given_names (name COLLATE NOCASE)")
    db.table("given_name_aliases").create(
        {"given": int, "alias": str},
        pk=("given", "alias"),
        foreign_keys=[("given", "given_names", "id")],
    )

    # On the photo and on no space, as every decision: whatever model looks at it, this is 豆豆.
    db.table("given_name_examples").create(
        {"given": int, "photo": int, "shows": int, "decided_at": float},
        pk=("given", "photo"),
        foreign_keys=[("given", "given_names", "id"), ("photo", "photos", "id")],
        not_null={"shows", "decided_at"},
    )
    db.table("given_name_examples").create_index(["photo"])
    # One round of examples, and what each photo was before it (null: nothing), so that it can be undone.
    db.table("given_name_rounds").create(
        {"id": int, "given": int, "decided_at": float},
        pk="id",
        not_null={"given", "decided_at"},
        foreign_keys=[("given", "given_names", "id")],
    )
    db.table("given_name_round_marks").create(
        {"round": int, "photo": int, "before": int},
        pk=("round", "photo"),
        foreign_keys=[("round", "given_name_rounds", "id"), ("photo", "photos", "id")],
    )

    # What a photo is to a question, by its words as they were understood: "this is it" (1), "this is not" (0).
    db.table("judgements").create(
        {
            "question": str,
            "unlike": str,  # JSON list of what must not be in the picture: with it the words alone say nothing
            "photo": int,
            "is_it": int,
            "decided_at": float,
        },
        pk=("question", "unlike", "photo"),
        foreign_keys=[("photo", "photos", "id")],
        not_null={"is_it", "decided_at"},
    )
    db.table("judgements").create_index(["photo"])
