"""Downloads from a server with the hub's layout: what comes is whole and right, or nothing is taken for it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import DiskFull, ModelError, NotThere, WrongUse
from core.models.entries import Entry, Source, entries
from core.models.fetch import HUB, Route, Unreachable, fetch, route_of
from core.progress import Cancelled, CancelToken, Progress, silent
from tests.models.fetch.local_hub import COMMIT, LocalHub, proxying, serving, wait_for
from tests.small_disk import run_on_a_small_disk

REPO = "people/model"
WEIGHTS = np.random.default_rng(7).bytes(300_000)
CONFIG = b'{"model_type": "clip"}'


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with serving(LocalHub(files={REPO: {"config.json": CONFIG, "weights.bin": WEIGHTS}})) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def route(hub: LocalHub, **more: object) -> Route:
    given = {"mirror": hub.url, "first_wait_s": 0.01, "timeout_s": 5.0, "attempts": 4, **more}
    return Route(**given)  # type: ignore[arg-type]


def an_entry(*sources: Source) -> Entry:
    given = sources or (Source(repo=REPO, files=(("config.json",), ("model.safetensors", "weights.bin"))),)
    return replace(entries()["cn-clip-vit-b-16"], sources=given, bytes=400_000)


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


WHOLE = {"config.json": CONFIG, "weights.bin": WEIGHTS}


def test_every_file_comes_whole_with_bytes_speed_and_end(hub: LocalHub, tmp_path: Path) -> None:
    said: list[Progress] = []
    path = fetch(an_entry(), tmp_path / "to", route(hub), said.append, CancelToken())
    assert path == tmp_path / "to"
    assert files_below(path) == WHOLE
    total = len(CONFIG) + len(WEIGHTS)
    assert (said[-1].done, said[-1].total, said[-1].unit) == (total, total, "byte")
    assert [one.done for one in said] == sorted(one.done for one in said)


def test_files_are_asked_for_at_the_commit_of_the_list_and_the_best_choice_that_is_there(
    hub: LocalHub, tmp_path: Path
) -> None:
    hub.files[REPO]["model.safetensors"] = WEIGHTS
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    gets = [path for method, path, _ in hub.asked if method == "GET"]
    assert gets[1:] == [f"/{REPO}/resolve/{COMMIT}/{name}" for name in ("config.json", "model.safetensors")]


def test_nothing_but_the_programs_name_is_told(hub: LocalHub, tmp_path: Path) -> None:
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert {agent.split("/")[0] for agent in hub.agents} == {"shiguang"}
    assert hub.sent_headers == {"host", "accept", "accept-encoding", "user-agent"}


def test_what_is_here_already_is_not_fetched_again(hub: LocalHub, tmp_path: Path) -> None:
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    hub.asked.clear()
    said: list[Progress] = []
    fetch(an_entry(), tmp_path, route(hub), said.append, CancelToken())
    assert hub.contents_sent() == []
    assert said[-1].done == said[-1].total


def test_a_connection_that_breaks_at_half_goes_on_from_there(hub: LocalHub, tmp_path: Path) -> None:
    hub.break_at = [len(CONFIG), 150_000]
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert files_below(tmp_path) == WHOLE
    assert hub.contents_sent() == ["", "", "bytes=150000-"]


def test_a_connection_that_always_breaks_is_given_up_and_the_next_call_goes_on(
    hub: LocalHub, tmp_path: Path
) -> None:
    hub.break_at = [len(CONFIG), 150_000, 0, 0, 0]
    with pytest.raises(Unreachable, match="broke after 150,000 of 300,000 bytes") as raised:
        fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert raised.value.exit_code == 4
    assert "weights.bin" not in files_below(tmp_path)
    hub.asked.clear()
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert hub.contents_sent() == ["bytes=150000-"]
    assert files_below(tmp_path) == WHOLE


def test_wrong_bytes_are_refused_and_thrown_away(hub: LocalHub, tmp_path: Path) -> None:
    hub.wrong_bytes = True
    with pytest.raises(ModelError, match="checksum") as raised:
        fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert raised.value.exit_code == 2
    assert files_below(tmp_path) == {}


def test_wrong_bytes_of_an_earlier_call_cost_a_fresh_download_and_no_more(
    hub: LocalHub, tmp_path: Path
) -> None:
    hub.break_at = [len(CONFIG), 150_000, 0, 0, 0]
    with pytest.raises(Unreachable):
        fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    partial = tmp_path / "weights.bin.partial"
    partial.write_bytes(bytes(100) + partial.read_bytes()[100:])
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert files_below(tmp_path) == WHOLE


def test_a_damaged_file_that_was_whole_is_fetched_again(hub: LocalHub, tmp_path: Path) -> None:
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    (tmp_path / "weights.bin").write_bytes(bytes(len(WEIGHTS)))
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert files_below(tmp_path) == WHOLE


def test_a_small_file_is_held_against_its_git_blob_id(hub: LocalHub, tmp_path: Path) -> None:
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    (tmp_path / "config.json").write_bytes(CONFIG.swapcase())
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert files_below(tmp_path) == WHOLE


@pytest.mark.parametrize("lists", [True, False])
def test_a_file_that_is_not_there_is_named(hub: LocalHub, tmp_path: Path, lists: bool) -> None:
    hub.lists = lists
    del hub.files[REPO]["weights.bin"]
    with pytest.raises(NotThere, match=r"weights\.bin") as raised:
        fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert not isinstance(raised.value, Unreachable)
    assert hub.contents_sent() == []


def test_a_mirror_without_lists_is_asked_for_headers(hub: LocalHub, tmp_path: Path) -> None:
    hub.lists = False
    said: list[Progress] = []
    fetch(an_entry(), tmp_path, route(hub), said.append, CancelToken())
    assert files_below(tmp_path) == WHOLE
    assert said[-1].total == len(CONFIG) + len(WEIGHTS)
    hub.wrong_bytes = True
    with pytest.raises(ModelError):
        fetch(an_entry(), tmp_path / "again", route(hub), silent, CancelToken())


def test_a_server_that_is_down_for_a_moment_is_asked_again(hub: LocalHub, tmp_path: Path) -> None:
    hub.errors = [500, 503]
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert files_below(tmp_path) == WHOLE


def test_a_server_that_stays_down_is_given_up(hub: LocalHub, tmp_path: Path) -> None:
    hub.errors = [500] * 9
    with pytest.raises(Unreachable, match="500"):
        fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert len(hub.contents_sent()) == 4


@pytest.mark.parametrize("status", [401, 403, 410])
def test_a_refusal_is_not_asked_again(hub: LocalHub, tmp_path: Path, status: int) -> None:
    hub.errors = [status]
    with pytest.raises(NotThere, match=str(status)):
        fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert len(hub.contents_sent()) == 1


def stopped_after_the_first_byte(hub: LocalHub, folder: Path) -> bool:
    """Whether a download that waits for its second byte ends as cancelled within five seconds."""
    # One byte, then nothing for an hour: only shutting the connection ends the wait.
    hub.trickle_s = 3600
    cancel = CancelToken()
    ended: list[BaseException] = []

    def work() -> None:
        try:
            fetch(an_entry(), folder, route(hub, timeout_s=60.0), silent, cancel)
        except Cancelled as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(hub.trickling)
    cancel.cancel()
    thread.join(timeout=5)
    hub.trickle_s = 0
    return not thread.is_alive() and len(ended) == 1


def test_a_slow_download_stops_at_once_and_goes_on_later(hub: LocalHub, tmp_path: Path) -> None:
    assert stopped_after_the_first_byte(hub, tmp_path)
    assert not (tmp_path / "config.json").exists()
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert files_below(tmp_path) == WHOLE


@pytest.fixture
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of 127.0.0.1, made here and believed by nobody else."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("certificate")
    key, pem = folder / "key.pem", folder / "certificate.pem"
    asked = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        [openssl, *asked.split(), "-keyout", str(key), "-out", str(pem)], check=True, capture_output=True
    )
    pem.write_bytes(pem.read_bytes() + key.read_bytes())
    return pem


class TestOverHttps:
    @pytest.fixture
    def hub(self, certificate: Path) -> Iterator[LocalHub]:
        with serving(LocalHub(files={REPO: dict(WHOLE)}), certificate) as running:
            yield running

    def test_a_certificate_that_nobody_vouches_for_is_refused(self, hub: LocalHub, tmp_path: Path) -> None:
        with pytest.raises(Unreachable, match="certificate"):
            fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
        assert files_below(tmp_path) == {}

    def test_files_come_whole_and_a_slow_download_stops_at_once(
        self, hub: LocalHub, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        hub.break_at = [len(CONFIG), 150_000]
        fetch(an_entry(), tmp_path / "whole", route(hub), silent, CancelToken())
        assert files_below(tmp_path / "whole") == WHOLE
        assert stopped_after_the_first_byte(hub, tmp_path / "stopped")

    def test_a_redirect_never_leads_from_https_to_http(
        self, hub: LocalHub, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        hub.redirects_to = hub.url.replace("https:", "http:") + "/moved{path}"
        with pytest.raises(NotThere, match="stay on https"):
            fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())


def test_a_server_without_ranges_sends_the_whole_again(hub: LocalHub, tmp_path: Path) -> None:
    hub.ranges = False
    hub.break_at = [len(CONFIG), 150_000]
    said: list[Progress] = []
    fetch(an_entry(), tmp_path, route(hub), said.append, CancelToken())
    assert files_below(tmp_path) == WHOLE
    assert said[-1].done == said[-1].total


def test_a_redirect_is_followed(hub: LocalHub, tmp_path: Path) -> None:
    hub.redirects_to = "/moved{path}"
    hub.break_at = [len(CONFIG), 150_000]
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert files_below(tmp_path) == WHOLE


@pytest.mark.parametrize("to", ["file:///etc/hostname", "ftp://127.0.0.1/x", "{path}"])
def test_a_redirect_out_of_the_web_or_in_a_circle_is_refused(hub: LocalHub, tmp_path: Path, to: str) -> None:
    hub.redirects_to = to
    with pytest.raises(NotThere):
        fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert files_below(tmp_path) == {}


@pytest.mark.parametrize("etags", [True, False])
def test_a_file_that_changed_between_two_calls_is_begun_anew(
    hub: LocalHub, tmp_path: Path, etags: bool
) -> None:
    hub.etags = etags
    hub.break_at = [len(CONFIG), 150_000, 0, 0, 0]
    with pytest.raises(Unreachable):
        fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    changed = bytes(reversed(WEIGHTS))
    hub.files[REPO]["weights.bin"] = changed
    hub.asked.clear()
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert files_below(tmp_path) == {"config.json": CONFIG, "weights.bin": changed}
    # The list's sha256 is another, so nothing of the old file is even asked for.
    assert hub.contents_sent() == [""]


def test_another_etag_alone_begins_a_plain_file_anew(hub: LocalHub, tmp_path: Path) -> None:
    plain = an_entry(Source(url=f"{hub.url}/{REPO}/resolve/main/weights.bin"))
    hub.break_at = [100_000, 0, 0, 0]
    with pytest.raises(Unreachable):
        fetch(plain, tmp_path, route(hub), silent, CancelToken())
    hub.etag_suffix = "-2"
    hub.asked.clear()
    path = fetch(plain, tmp_path, route(hub), silent, CancelToken())
    assert path.read_bytes() == WEIGHTS
    assert hub.contents_sent() == ["bytes=100000-"]


def test_a_plain_address_is_held_against_the_published_checksum(hub: LocalHub, tmp_path: Path) -> None:
    url = f"{hub.url}/{REPO}/resolve/main/weights.bin"
    good = an_entry(Source(url=url, sha256=hub.sha256(REPO, "weights.bin")))
    assert fetch(good, tmp_path / "a", route(hub), silent, CancelToken()) == tmp_path / "a" / "weights.bin"
    bad = an_entry(Source(url=url, sha256="0" * 64))
    with pytest.raises(ModelError):
        fetch(bad, tmp_path / "b", route(hub), silent, CancelToken())
    assert files_below(tmp_path / "b") == {}


@pytest.mark.parametrize("off_by", [-1000, 1000])
def test_a_wrong_content_length_does_no_harm(hub: LocalHub, tmp_path: Path, off_by: int) -> None:
    hub.lengths_off_by = [0, off_by]
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert files_below(tmp_path) == WHOLE


def test_an_answer_in_chunks_is_taken(hub: LocalHub, tmp_path: Path) -> None:
    hub.chunked = True
    fetch(an_entry(), tmp_path, route(hub), silent, CancelToken())
    assert files_below(tmp_path) == WHOLE


def test_a_full_disk_is_said_before_the_first_byte(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: little)
    with pytest.raises(DiskFull, match=r"needs 0\.0 GB|needs 1\.\d GB") as raised:
        fetch(an_entry(), tmp_path, route(hub), silent, CancelToken(), room_bytes=1_000_000_000)
    assert raised.value.exit_code == 3
    assert hub.contents_sent() == []
    assert files_below(tmp_path) == {}


# Runs in a name space of its own, on a file system of 200 kB; the answer of the program is its exit code.
ON_A_SMALL_DISK = """
import sys, shutil
from pathlib import Path
from core.errors import DiskFull
from core.models.fetch import Meter, Route, Wanted, download
from core.progress import CancelToken, silent
url, folder, mirror = sys.argv[1:]
try:
    download(Wanted(url, "weights.bin"), Path(folder), Route(mirror, "none"), Meter(silent, "", None), CancelToken())
except DiskFull:
    kept = (Path(folder) / "weights.bin.partial").stat().st_size
    sys.exit(3 if 0 < kept < 300_000 and not (Path(folder) / "weights.bin").exists() else 5)
"""


def test_a_disk_that_fills_while_bytes_come_is_said_and_what_came_is_kept(
    hub: LocalHub, tmp_path: Path
) -> None:
    url = f"{hub.url}/{REPO}/resolve/main/weights.bin"
    assert run_on_a_small_disk(tmp_path, ON_A_SMALL_DISK, url, str(tmp_path), hub.url) == 3


def test_two_sources_lie_in_their_folders(hub: LocalHub, tmp_path: Path) -> None:
    hub.files["people/text"] = {"vocab.txt": b"a\nb\n"}
    both = an_entry(
        Source(repo="people/text", files=(("vocab.txt",),), into="text"),
        Source(repo=REPO, files=(("config.json",),), into="image"),
    )
    assert fetch(both, tmp_path, route(hub), silent, CancelToken()) == tmp_path
    assert files_below(tmp_path) == {"text/vocab.txt": b"a\nb\n", "image/config.json": CONFIG}


def test_the_proxy_of_the_environment_is_used(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(hub) as (address, seen):
        monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@{address}")
        fetch(an_entry(), tmp_path, route(hub, mirror="http://hub.invalid"), silent, CancelToken())
    assert files_below(tmp_path) == WHOLE
    assert {where.split("/")[2] for where, _ in seen} == {"hub.invalid"}
    assert {word for _, word in seen} == {"Basic bWU6c2VjcmV0"}


def test_the_proxy_of_the_settings_goes_before_that_of_the_environment(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with proxying(hub) as (address, seen):
        given = route(hub, mirror="http://hub.invalid", proxy=f"http://{address}")
        fetch(an_entry(), tmp_path, given, silent, CancelToken())
        assert seen
    fetch(an_entry(), tmp_path / "direct", route(hub, proxy="none"), silent, CancelToken())
    assert files_below(tmp_path / "direct") == WHOLE


def test_an_address_of_https_is_asked_through_a_tunnel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        asked: list[bytes] = []

        def answer() -> None:
            client, _ = proxy.accept()
            with client:
                asked.append(client.recv(4096))
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with pytest.raises(Unreachable, match="403"):
            fetch(an_entry(), tmp_path, Route(attempts=1, timeout_s=5), silent, CancelToken())
        thread.join()
    assert asked[0].startswith(b"CONNECT huggingface.co:443 HTTP/1.")


def test_a_proxy_that_is_none_of_ours_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(WrongUse, match="socks5"):
        fetch(an_entry(), tmp_path, Route(attempts=1), silent, CancelToken())


def test_offline_says_which_files_to_put_where(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    closed = Route(mirror=f"http://127.0.0.1:{port}", attempts=2, first_wait_s=0.01)
    with pytest.raises(Unreachable) as raised:
        fetch(entries()["taiyi-clip-102m"], tmp_path / "here", closed, silent, CancelToken())
    advice = raised.value.what_to_do
    assert str(tmp_path / "here") in advice
    assert (
        f"text/vocab.txt  from {closed.mirror}/IDEA-CCNL/Taiyi-CLIP-Roberta-102M-Chinese/resolve/main/vocab.txt"
        in advice
    )
    assert "or image/pytorch_model.bin" in advice
    assert f'shiguang models import "{tmp_path / "here"}" --as taiyi-clip-102m' in advice
    assert not (tmp_path / "here").exists()


def test_the_mirror_of_the_settings_goes_before_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert route_of("auto", "auto").mirror == HUB
    monkeypatch.setenv("HF_ENDPOINT", "https://hf-mirror.com/")
    assert route_of("auto", "auto").mirror == "https://hf-mirror.com"
    assert route_of("https://mirror.example/hub/", "auto").mirror == "https://mirror.example/hub"


@pytest.mark.parametrize(
    ("mirror", "proxy"), [("file:///tmp", "auto"), ("auto", "10.0.0.1:3128"), ("hub", "auto")]
)
def test_what_is_no_address_is_refused(mirror: str, proxy: str) -> None:
    with pytest.raises(WrongUse):
        route_of(mirror, proxy)
