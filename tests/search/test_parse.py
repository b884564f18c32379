"""How questions are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import WrongUse
from core.library.names import Name
from core.search.parse import parse_filters, read
from core.search.query import Query


@pytest.mark.parametrize(
    ("text", "meaning", "unlike", "filters"),
    [
        ("猫在沙发上", "猫在沙发上", (), []),
        ("a cat on the sofa", "a cat on the sofa", (), []),
        ("2019年夏天 海边 没有人", "海边", ("人",), ["from 2019-06", "before 2019-09"]),
        ("summer 2019 beach", "beach", (), ["from 2019-06", "before 2019-09"]),
        ("winter 2020", "", (), ["from 2020-12", "before 2021-03"]),
        ("2010年11月的黄昏", "黄昏", (), ["from 2010-11", "before 2010-12"]),
        ("2019-07 party", "party", (), ["from 2019-07", "before 2019-08"]),
        ("December 2021", "", (), ["from 2021-12", "before 2022-01"]),
        ("cats without dogs 2021", "cats", ("dogs",), ["from 2021-01", "before 2022-01"]),
        ("beach -people", "beach", ("people",), []),
        ("不要狗的猫", "猫", ("狗",), []),
        ("2019-07-04", "", (), ["from 2019-07-04", "before 2019-07-04~"]),
        ("2019年7月4日 生日", "生日", (), ["from 2019-07-04", "before 2019-07-04~"]),
        ("2019年夏威夷", "夏威夷", (), ["from 2019-01", "before 2020-01"]),
        ("2018冬奥会", "冬奥会", (), ["from 2018-01", "before 2019-01"]),
        ("from 2018 to 2020", "", (), ["from 2018-01", "before 2021-01"]),
        ("2018年和2019年的照片", "照片", (), ["from 2018-01", "before 2020-01"]),
        ("before 2019", "", (), ["before 2019-01"]),
        ("2019年以前 猫", "猫", (), ["before 2019-01"]),
        ("after March 2019", "", (), ["from 2019-04"]),
        ("since 2015 dogs", "dogs", (), ["from 2015-01"]),
        ("1990年代", "1990年代", (), []),
        ("有没有猫", "有没有猫", (), []),
        ("除了猫还有狗", "除了猫还有狗", (), []),
        ("除了猫以外的动物", "动物", ("猫",), []),
        ("3000 people", "3000 people", (), []),
        ("IMG_2019_0001", "IMG_2019_0001", (), []),
        ("white t-shirt", "white t-shirt", (), []),
        ("2019年10月1日到7日", "", (), ["from 2019-10-01", "before 2019-10-07~"]),
        ("2019年9月28日到10月7日 海边", "海边", (), ["from 2019-09-28", "before 2019-10-07~"]),
        ("2019年7月到9月 海边", "海边", (), ["from 2019-07", "before 2019-10"]),
        ("July to September 2019", "", (), ["from 2019-07", "before 2019-10"]),
        ("2018-2020 beach", "beach", (), ["from 2018-01", "before 2021-01"]),
        ("2019.7-2019.9", "", (), ["from 2019-07", "before 2019-10"]),
        ("July 4, 2019 party", "party", (), ["from 2019-07-04", "before 2019-07-04~"]),
        ("4th of July 2019", "", (), ["from 2019-07-04", "before 2019-07-04~"]),
        ("２０１９年的猫", "猫", (), ["from 2019-01", "before 2020-01"]),
        ("2019年以後", "", (), ["from 2019-01"]),
        ("2019年之後的海邊", "海邊", (), ["from 2019-01"]),
        ("everything except 2019", "everything", (), ["outside 2019-01..2020-01"]),
        ("not 2019 dogs", "dogs", (), ["outside 2019-01..2020-01"]),
        ("without 2019", "", (), ["outside 2019-01..2020-01"]),
        ("除了2019年的海边", "海边", (), ["outside 2019-01..2020-01"]),
        ("2019年除外", "", (), ["outside 2019-01..2020-01"]),
        ("沒有人的海邊", "海邊", ("人",), []),
        ("没有人在海边", "在海边", ("人",), []),
        ("沒有狗", "", ("狗",), []),
        ("IMG_2018-2020", "IMG_2018-2020", (), []),
    ],
)
def test_certain_words_become_filters_and_the_rest_is_meaning(
    text: str, meaning: str, unlike: tuple[str, ...], filters: list[str]
) -> None:
    reading = read(Query(text))
    assert reading.meaning == meaning
    assert reading.unlike == unlike
    assert [f"{each.key} {each.value}" for each in reading.filters] == filters


def test_filters_are_written_as_key_and_value() -> None:
    found = parse_filters('year:2019 camera:"Canon EOS" folder:青岛')
    assert [(each.key, each.value) for each in found] == [
        ("from", "2019"), ("before", "2020"), ("camera", "Canon EOS"), ("folder", "青岛"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "expression",
    [
        "colour:red",
        "year:abc",
        "month:July",
        "rating:9",
        "favourite:maybe",
        "from:yesterday",
        "outside:2019",
        "just words",
        "camera:x and more",
    ],
)
def test_a_filter_that_is_none_is_refused_in_words(expression: str) -> None:
    with pytest.raises(WrongUse):
        parse_filters(expression)


def test_truth_is_read_as_the_command_line_reads_it() -> None:
    assert [each.value for each in parse_filters("favourite:true place:no")] == ["yes", "no"]


def test_asking_nothing_is_refused() -> None:
    for text in ("", "   ", "\n"):
        with pytest.raises(WrongUse, match="Nothing was asked"):
            read(Query(text))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        reading = read(Query(text))
    except WrongUse:
        return
    assert reading.meaning or reading.filters or reading.unlike


def test_a_year_is_one_chip() -> None:
    assert read(Query("dogs", filters="year:2019")).as_json()["filters"] == ["year:2019"]


DOUDOU = Name(1, "豆豆", ("狗", "dog"), ("Doudou",))


@pytest.mark.parametrize(
    ("text", "meaning", "names", "unlike"),
    [
        ("豆豆", "豆豆", ["豆豆"], ()),
        ("2019年 Doudou in the snow", "Doudou in the snow", ["豆豆"], ()),
        ("没有豆豆", "", [], ("豆豆",)),
        ("没有豆豆的雪地", "雪地", [], ("豆豆",)),
        ("不是豆豆的狗", "狗", [], ("豆豆",)),
        ("dogs, not doudou", "dogs", [], ("doudou",)),
        ("snow -豆豆", "snow", [], ("豆豆",)),
        ("a dog that is not a cat", "a dog that is not a cat", [], ()),
    ],
)
def test_names_are_read_as_names_also_where_they_are_not_wanted(
    text: str, meaning: str, names: list[str], unlike: tuple[str, ...]
) -> None:
    reading = read(Query(text), [DOUDOU])
    assert (reading.meaning, reading.as_json().get("names", []), reading.unlike) == (meaning, names, unlike)


def test_a_name_is_a_chip_before_the_filters() -> None:
    reading = read(Query("豆豆 2019"), [DOUDOU])
    assert reading.chips == ["豆豆", "2019"]
    assert reading.as_json()["filters"] == ["2019"]
