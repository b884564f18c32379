"""The list of models, and what the registry says of those that are here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import ModelError, NotThere, WrongUse
from core.models.entries import entries, read_entries
from core.models.registry import (
    NEW,
    STARTER,
    entry,
    folder_name,
    known_model,
    known_models,
    listed,
    local_id,
    model_folder,
    remove_leftovers,
)
from core.models.runtime.measured import MEASURED_FILE, Measured, remember
from core.models.spec import LANGUAGES, ModelSpec
from core.resources import resource
from tests.made_models import make_model

CONTRACTS = Path(__file__).parents[2] / "docs" / "contracts.md"
LOCAL = "local:garden"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A library's `models/` with one imported model."""
    folder = tmp_path / "models"
    make_model(folder / folder_name(LOCAL), LOCAL, width=32, side=32, seed=1)
    return folder


@pytest.mark.parametrize("model_id", sorted(entries()))
def test_an_entry_says_what_a_person_and_the_import_need(model_id: str) -> None:
    one = entries()[model_id]
    assert one.name and one.licence and one.scores_from
    assert set(one.good_at) == set(LANGUAGES) and all(one.good_at.values())
    assert all(one.templates[language] for language in one.languages)
    assert all(0 < score <= 100 for score in one.scores.values())
    assert one.logit_scale is None or one.calibration is not None
    assert bool(one.sources) == (model_id != STARTER)
    for source in one.sources:
        assert bool(source.url) != bool(source.repo)
        assert all(name for names in source.names for name in names)


def test_every_id_of_the_contract_is_in_the_list() -> None:
    said = CONTRACTS.read_text(encoding="utf-8").split("## Model ids")[1].split("##")[0]
    ids = re.findall(r"`([a-z0-9-]+)`", said)
    assert len(ids) == 17
    assert [one for one in ids if one not in entries()] == []
    for family in ("siglip2-", "altclip"):
        assert any(one.startswith(family) for one in entries())


def test_the_addresses_of_openai_hold_their_checksums() -> None:
    for one in entries().values():
        if one.family == "clip":
            [source] = one.sources
            assert source.url.split("/")[-2] == source.sha256
            assert re.fullmatch("[0-9a-f]{64}", source.sha256)


def test_the_list_says_of_the_starter_what_its_spec_says() -> None:
    spec = ModelSpec.load(resource("models", STARTER))
    said = entries()[STARTER]
    assert (said.languages, said.width, said.context_length, said.pooling) == (
        spec.languages,
        spec.width,
        spec.context_length,
        spec.pooling,
    )
    assert said.preprocessing == spec.preprocessing
    assert said.bytes == pytest.approx(known_model(STARTER, None).bytes, rel=0.05)


@pytest.mark.parametrize(
    ("found", "put", "wrong"),
    [
        ("width = 512", "width = 0", "width 0"),
        ('mode = "crop"', 'mode = "cut"', "mode 'cut'"),
        ('languages = ["zh"]', 'languages = ["fr"]', "languages"),
        ('into = "text"', 'into = "../text"', "leads out of its folder"),
        ('family = "taiyi"', 'family = "tai"', "the family 'tai'"),
        ("parameters = 77_000_000", "weights = 77_000_000", "weights is not known"),
        ('id = "clip-rn101"', 'id = "clip-rn50"', "clip-rn50 is there twice"),
        ('"ImageNet top-1" = 59.6', '"ImageNet top-1" = "59.6"', "are not numbers"),
        ("[families.clip]", "[families.clip", "cannot be read"),
        ("[families.clip]", "[other]\n[families.clip]", "nothing else"),
    ],
)
def test_a_slip_in_the_list_is_named_with_file_and_value(
    tmp_path: Path, found: str, put: str, wrong: str
) -> None:
    text = resource("models.toml").read_text(encoding="utf-8")
    assert found in text
    path = tmp_path / "models.toml"
    path.write_text(text.replace(found, put, 1), encoding="utf-8")
    with pytest.raises(ModelError, match=re.escape(wrong)) as raised:
        read_entries(path)
    assert str(path) in str(raised.value)


def test_what_is_here_and_what_is_to_be_had_is_told_apart(models: Path) -> None:
    states = {one.id: one.state for one in listed(models)}
    assert {one for one, state in states.items() if state == "here"} == {STARTER, LOCAL}
    assert list(states)[: len(entries())] == list(entries())
    garden = known_model(LOCAL, models)
    assert (garden.width, garden.entry, garden.name) == (32, None, "garden")
    assert garden.bytes == sum(file.stat().st_size for file in (models / folder_name(LOCAL)).iterdir())
    assert known_model("cn-clip-vit-b-16", models).bytes == 753_000_000


def test_a_model_that_photos_are_encoded_with_is_building(models: Path) -> None:
    assert known_model(LOCAL, models, building=[LOCAL]).state == "building"


def test_without_a_library_the_starter_is_here() -> None:
    assert [one.id for one in listed(None) if one.state == "here"] == [STARTER]


def test_what_was_measured_is_told(models: Path) -> None:
    assert known_model(LOCAL, models).images_per_s is None
    spec = ModelSpec.load(model_folder(LOCAL, models))
    remember(models / MEASURED_FILE, spec.space_id, Measured("cpu", "cpu", None, 8, 42.4, 3.1))
    assert known_model(LOCAL, models).images_per_s == 42.4
    (models / MEASURED_FILE).write_text("{", encoding="utf-8")
    assert known_model(LOCAL, models).images_per_s is None


def test_a_model_whose_spec_does_not_read_is_still_listed(models: Path) -> None:
    (models / folder_name(LOCAL) / "model.json").write_text("{", encoding="utf-8")
    broken = known_model(LOCAL, models)
    assert (broken.state, broken.width, broken.licence) == ("here", None, None)


@pytest.mark.parametrize("model_id", ["nothing", "local:nothing", "../models", "", "local:../../etc", "a|b"])
def test_a_model_that_there_is_not_is_exit_4(models: Path, model_id: str) -> None:
    for ask in (known_model, model_folder):
        with pytest.raises(NotThere) as raised:
            ask(model_id, models)
        assert raised.value.exit_code == 4
        assert raised.value.what_to_do
    with pytest.raises(NotThere):
        entry(model_id)


def test_a_model_that_is_not_here_yet_says_how_to_get_it(models: Path) -> None:
    with pytest.raises(NotThere) as raised:
        model_folder("clip-vit-b-32", models)
    assert raised.value.what_to_do == "Get it: shiguang models get clip-vit-b-32"


@pytest.mark.parametrize("name", ["a", "Family_2019.v2", "9-lives", "x" * 64])
def test_a_good_name_becomes_a_local_id(models: Path, name: str) -> None:
    assert local_id(name, models) == f"local:{name}"


@pytest.mark.parametrize(
    "name", ["", ".hidden", "a/b", "a\\b", "..", "con:aux", "拾光", "a b", "x" * 65, "end."]
)
def test_a_name_that_cannot_be_is_refused(models: Path, name: str) -> None:
    with pytest.raises(WrongUse, match="cannot be a model's name"):
        local_id(name, models)


@pytest.mark.parametrize("name", ["garden", "GARDEN"])
def test_a_name_that_is_taken_is_refused_with_what_to_do(models: Path, name: str) -> None:
    with pytest.raises(WrongUse) as raised:
        local_id(name, models)
    assert "models drop" in raised.value.what_to_do


def test_what_a_stopped_installation_left_is_never_seen_and_goes(models: Path) -> None:
    make_model(models / f"{NEW}half", "local:half", width=32, side=32, seed=2)
    download = models / ".downloads" / "clip-vit-b-32"
    download.mkdir(parents=True)
    (download / "ViT-B-32.pt.partial").write_bytes(b"half")
    assert known_models(models) == [STARTER, LOCAL]
    remove_leftovers(models)
    assert not (models / f"{NEW}half").exists()
    assert (download / "ViT-B-32.pt.partial").exists()
