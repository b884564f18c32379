"""Dates as cameras, phones and programs write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.photos.dates import from_mtime, from_name, from_tag


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("2018:07:16 17:52:21", None, "2018-07-16T17:52:21"),
        ("2018:07:16 17:52:21", "+08:00", "2018-07-16T17:52:21+08:00"),
        ("2018:07:16 17:52:21", "nonsense", "2018-07-16T17:52:21"),
        ("2018-07-16 17:52:21", None, "2018-07-16T17:52:21"),
        ("2013-07-05T03:18:27Z", None, "2013-07-05T03:18:27+00:00"),
        ("2020-05-04T18:39:11.123-0400", None, "2020-05-04T18:39:11-04:00"),
        ("2020-05-04T18:39", None, "2020-05-04T18:39:00"),
        ("2020-05-04", None, "2020-05-04T00:00:00"),
        ("0000:00:00 00:00:00", None, None),
        ("2019:02:30 10:00:00", None, None),
        ("2019:02:20 24:00:00", None, None),
        ("9999:01:01 00:00:00", None, None),
        ("    :  :     :  :  ", None, None),
        ("", None, None),
        (None, "+08:00", None),
    ],
)
def test_a_tag_gives_a_date_or_nothing(text: str | None, offset: str | None, expected: str | None) -> None:
    assert from_tag(text, offset) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_20180716_175221.jpg", "2018-07-16T17:52:21"),
        ("IMG20180716175221.jpg", "2018-07-16T17:52:21"),
        ("PXL_20210304_104233123.jpg", "2021-03-04T10:42:33"),
        ("2011-04-02 18.30.10.jpg", "2011-04-02T18:30:10"),
        ("20170224_103015.jpg", "2017-02-24T10:30:15"),
        ("Screenshot_20210304_104233_微信.png", "2021-03-04T10:42:33"),
        ("Screenshot_2021-03-04-10-42-33.png", "2021-03-04T10:42:33"),
        ("Screenshot 2023-05-02 at 09.15.41.png", "2023-05-02T09:15:41"),
        ("Screenshot 2023-05-02 at 9.15.41 PM.png", "2023-05-02T21:15:41"),
        ("截屏 2022-11-11 上午10.42.33.png", "2022-11-11T10:42:33"),
        ("截屏2022-11-11 下午2.05.09.png", "2022-11-11T14:05:09"),
        ("微信图片_20180716180001.jpg", "2018-07-16T18:00:01"),
        ("IMG-20190101-WA0001.jpg", "2019-01-01T00:00:00"),
        ("PANO_20220814.jpg", "2022-08-14T00:00:00"),
        ("2019年3月5日.jpg", None),
        ("2019年03月05日.jpg", "2019-03-05T00:00:00"),
        ("IMG_0912.JPG", None),
        ("DSC_20001399.jpg", None),
        ("order 8201912312.jpg", None),
        ("1234567890123456789.jpg", None),
        ("20191340_101010.jpg", None),
    ],
)
def test_a_name_gives_a_date_or_nothing(name: str, expected: str | None) -> None:
    assert from_name(name) == expected


def test_a_messengers_name_holds_the_moment_it_was_saved() -> None:
    assert from_name("mmexport1603801234567.jpg") == from_mtime(1603801234_000_000_000)


@given(st.text())
def test_any_text_gives_a_date_or_nothing(text: str) -> None:
    for found in (from_tag(text), from_name(text)):
        assert found is None or len(found) in (19, 25)
