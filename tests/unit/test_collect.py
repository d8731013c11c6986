"""Collection: each fault has its state, nothing is fetched twice or lost, hosts are left in peace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from typer.testing import CliRunner

from dropletvideo.cli.__main__ import application
from dropletvideo.curate.collect import Manners, collect, plan
from dropletvideo.curate.download import Blocked, Downloads, Fetched, Gone, Unreachable, of_message
from dropletvideo.curate.items import item_of
from dropletvideo.curate.ledger import Ledger
from dropletvideo.curate.lists import read_list
from dropletvideo.errors import CatalogLocked, ConfigError, DropletError
from dropletvideo.tables.lock import locked


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now, self.slept = 100.0, []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


class Fake:
    """A downloader that follows a script: per url the faults of its calls in order, then success."""

    def __init__(self, **faults):
        self.faults, self.calls = {name: list(each) for name, each in faults.items()}, []

    def __call__(self, url, target):
        self.calls.append(url)
        name = url.rpartition("/")[2]
        left = self.faults.get(name)
        path = target.with_name(f"{target.name}.mp4")
        if left:
            path.write_bytes(b"half")
            raise left.pop(0)
        path.write_bytes(b"video " + name.encode())
        return Fetched(path, {"licence": "CC BY"} if name == "licensed" else {})


def listing(folder, *names, host="one.example"):
    path = folder / "list.jsonl"
    rows = [{"url": f"https://{host}/{name}", "start_frame": 0, "end_frame": 9, "caption": name} for name in names]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(folder, source, download, **manners):
    time = Time()
    done = collect([source], folder / "out", download, Manners(**manners), clock=time.clock, sleep=time.sleep)
    return done, time


def states(folder):
    entries = Ledger(folder / "out" / "ledger.jsonl").entries
    return {url.rpartition("/")[2]: entry["state"] for url, entry in entries.items()}


def clips(folder):
    return [json.loads(line) for line in (folder / "out" / "clips.jsonl").read_text().splitlines()]


def test_every_outcome_has_its_state_and_the_clips_are_those_that_came(tmp_path):
    source = listing(tmp_path, "fine", "away", "shut", "shaky", "down")
    down = [Unreachable("no route")] * 9
    fake = Fake(away=[Gone("404")], shut=[Blocked("sign in")], shaky=[Unreachable("reset")], down=down)
    done, _ = run(tmp_path, source, fake)
    assert states(tmp_path) == {"fine": "done", "away": "gone", "shut": "blocked", "shaky": "done", "down": "retry"}
    assert (done.done, done.gone, done.blocked, done.retry, done.left) == (2, 1, 1, 1, 0)
    assert fake.calls.count("https://one.example/down") == 3, "three attempts"
    assert [row["captions"]["caption"] for row in clips(tmp_path)] == ["fine", "shaky"]
    for row in clips(tmp_path):
        assert (tmp_path / "out" / row["path"]).read_bytes() == b"video " + row["captions"]["caption"].encode()
        assert (row["start_frame"], row["end_frame"], row["source"]) == (0, 9, "one.example")
    files = [path for path in (tmp_path / "out" / "videos").rglob("*") if path.is_file()]
    assert len(files) == 2, f"nothing half is left: {files}"


def test_a_second_run_tries_only_what_may_succeed_and_what_is_asked_for(tmp_path):
    source = listing(tmp_path, "fine", "away", "shut", "down")
    fake = Fake(away=[Gone("404")], shut=[Blocked("sign in")], down=[Unreachable("no route")] * 3)
    run(tmp_path, source, fake)
    fake.calls.clear()
    done, _ = run(tmp_path, source, fake)
    assert fake.calls == ["https://one.example/down"]
    assert (done.done, done.retry, done.tried, done.fetched) == (2, 0, 1, 1)
    fake.calls.clear()
    run(tmp_path, source, fake, again=("blocked",))
    assert fake.calls == ["https://one.example/shut"]


def test_a_file_that_was_lost_or_cut_short_is_fetched_again(tmp_path):
    source, fake = listing(tmp_path, "a", "b"), Fake()
    run(tmp_path, source, fake)
    first, second = ((tmp_path / "out" / row["path"]) for row in clips(tmp_path))
    first.unlink()
    second.write_bytes(b"v")
    fake.calls.clear()
    run(tmp_path, source, fake)
    assert len(fake.calls) == 2
    assert second.read_bytes() == b"video b"


def test_the_limit_counts_videos_and_the_next_run_goes_on(tmp_path):
    source, fake = listing(tmp_path, *"abcde"), Fake()
    done, _ = run(tmp_path, source, fake, limit=2)
    assert (done.done, done.left) == (2, 3)
    done, _ = run(tmp_path, source, fake, limit=2)
    assert (done.done, done.left) == (4, 1)
    assert len(set(fake.calls)) == len(fake.calls) == 4


def test_downloads_from_a_host_are_apart_and_failures_wait_longer(tmp_path):
    source = listing(tmp_path, "a", "b", "c")
    _, time = run(tmp_path, source, Fake(b=[Unreachable("reset"), Unreachable("reset")]), pause_seconds=2.0)
    assert time.slept == [2.0, 4.0, 8.0, 2.0]


def test_other_hosts_do_not_wait_for_each_other(tmp_path):
    rows = [{"url": f"https://{host}.example/v"} for host in ("a", "b", "c")]
    source = tmp_path / "list.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)))
    assert run(tmp_path, source, Fake())[1].slept == []


def test_a_wait_that_a_source_asks_for_is_kept_or_refused_when_long(tmp_path):
    source = listing(tmp_path, "soon", "late")
    fake = Fake(soon=[Blocked("429", retry_after=30.0)], late=[Blocked("429", retry_after=9000.0)])
    _, time = run(tmp_path, source, fake)
    assert states(tmp_path) == {"soon": "done", "late": "blocked"}
    assert time.slept[0] == 30.0


def test_a_host_that_keeps_refusing_is_left_alone(tmp_path):
    source = listing(tmp_path, *"abcdef")
    fake = Fake(**{name: [Blocked("sign in")] for name in "abcdef"})
    done, _ = run(tmp_path, source, fake)
    assert len(fake.calls) == 3
    assert (done.blocked, done.left, done.hosts_left_alone) == (3, 3, ["one.example"])


def test_a_full_disk_ends_the_run_and_keeps_what_was_done(tmp_path):
    source = listing(tmp_path, "a", "b", "c")
    with pytest.raises(DropletError, match="full"):
        run(tmp_path, source, Fake(b=[DropletError("disk full")]))
    assert states(tmp_path) == {"a": "done"}
    assert len(clips(tmp_path)) == 1


def test_what_the_source_says_of_the_licence_is_kept(tmp_path):
    source = listing(tmp_path, "licensed", "other")
    time = Time()
    collect([source], tmp_path / "out", Fake(), defaults={"licence": "asked"}, clock=time.clock, sleep=time.sleep)
    assert [row["licence"] for row in clips(tmp_path)] == ["CC BY", "asked"]


KILLED = """
import os, signal, sys
from pathlib import Path
from dropletvideo.curate import collect as work
from dropletvideo.curate.download import Fetched
def download(url, target):
    path = target.with_name(target.name + ".mp4")
    path.write_bytes(b"video")
    if url.endswith("b") and sys.argv[3] == "half":
        os.kill(os.getpid(), signal.SIGKILL)
    return Fetched(path)
if sys.argv[3] == "named":
    note = work.Ledger.note
    def killed(self, url, *rest, **more):
        if url.endswith("b"):
            os.kill(os.getpid(), signal.SIGKILL)
        note(self, url, *rest, **more)
    work.Ledger.note = killed
work.collect([sys.argv[1]], sys.argv[2], download, work.Manners(pause_seconds=0))
"""


@pytest.mark.parametrize(("moment", "fetched_again"), [("half", ["b", "c"]), ("named", ["c"])])
def test_a_killed_run_loses_nothing_and_fetches_nothing_twice(tmp_path, moment, fetched_again):
    source = listing(tmp_path, "a", "b", "c")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(source), str(tmp_path / "out"), moment]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert states(tmp_path) == {"a": "done"}
    fake = Fake()
    done, _ = run(tmp_path, source, fake)
    assert [url[-1] for url in fake.calls] == fetched_again
    assert done.done == len(clips(tmp_path)) == 3
    assert not list((tmp_path / "out").rglob(".partial*"))


def test_a_torn_line_of_the_ledger_costs_only_itself(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.note("x://a", "done", file="a")
    with ledger.path.open("ab") as file:
        file.write(b'{"url": "x://b", "sta')
    again = Ledger(ledger.path)
    assert again.state("x://b") is None
    again.note("x://c", "gone", reason="404")
    assert {url: entry["state"] for url, entry in Ledger(ledger.path).entries.items()} == {
        "x://a": "done",
        "x://c": "gone",
    }


def test_two_runs_on_one_folder_are_refused(tmp_path):
    source = listing(tmp_path, "a")
    with locked(tmp_path / "out"), pytest.raises(CatalogLocked):
        run(tmp_path, source, Fake())


def test_files_on_this_machine_are_taken_where_they_lie(tmp_path):
    (tmp_path / "here.mp4").write_bytes(b"v")
    source = tmp_path / "list.csv"
    source.write_text("path,caption\nhere.mp4,x\nmissing.mp4,y\n")
    fake = Fake()
    done, _ = run(tmp_path, source, fake)
    assert fake.calls == []
    assert (done.done, done.gone) == (1, 1)
    assert clips(tmp_path)[0]["path"] == str(tmp_path / "here.mp4")


def test_clips_read_back_as_the_rows_that_were_listed(tmp_path):
    source = tmp_path / "list.csv"
    source.write_text('url,fps,framestamp,quality_score\nhttps://www.youtube.com/watch?v=abc,25,"(5, 30)",4.5\n')
    run(tmp_path, source, Fake())
    (given,), (written,) = read_list(source), read_list(tmp_path / "out" / "clips.jsonl")
    assert written.path.startswith("videos/")
    assert Path(written.path).name.startswith("abc.")
    same = ("url", "video_id", "start_frame", "end_frame", "source_fps", "captions", "more")
    assert [getattr(written, name) for name in same] == [getattr(given, name) for name in same]


# --- the real downloader: a server on loopback, object storage in memory, yt-dlp's words


class Answers(BaseHTTPRequestHandler):
    hits: dict[str, int] = {}  # noqa: RUF012

    def do_GET(self):
        self.hits[self.path] = self.hits.get(self.path, 0) + 1
        body = b"0123456789" * 1000
        code = {"/gone.mp4": 404, "/shut.mp4": 403, "/busy.mp4": 429, "/ill.mp4": 500}.get(self.path, 200)
        if self.path == "/shaky.mp4" and self.hits[self.path] == 1:
            code = 503
        self.send_response(code)
        self.send_header("Content-Type", "text/html" if self.path == "/page.mp4" else "video/mp4")
        self.send_header("Content-Length", str(len(body)))
        if code == 429:
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(body[:5000] if self.path == "/short.mp4" else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    Answers.hits = {}
    served = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_address[1]}"
    served.shutdown()
    served.server_close()


def test_direct_addresses_over_http(tmp_path, server):
    names = ("fine", "gone", "shut", "ill", "shaky", "page", "short")
    source = tmp_path / "list.jsonl"
    source.write_text("\n".join(json.dumps({"url": f"{server}/{name}.mp4"}) for name in names))
    run(tmp_path, source, Downloads(), pause_seconds=0)
    assert states(tmp_path) == {
        "fine.mp4": "done",
        "gone.mp4": "gone",
        "shut.mp4": "blocked",
        "ill.mp4": "retry",
        "shaky.mp4": "done",
        "page.mp4": "blocked",
        "short.mp4": "retry",
    }
    assert Answers.hits["/ill.mp4"] == 3
    assert Answers.hits["/gone.mp4"] == 1
    first = tmp_path / "out" / clips(tmp_path)[0]["path"]
    assert first.read_bytes() == b"0123456789" * 1000


def test_a_busy_server_says_how_long_to_wait(tmp_path, server):
    with pytest.raises(Blocked) as caught:
        Downloads()(f"{server}/busy.mp4", tmp_path / "x")
    assert caught.value.retry_after == 7.0


def test_nobody_at_the_address_is_worth_another_attempt(tmp_path):
    with pytest.raises(Unreachable):
        Downloads()("http://127.0.0.1:9/x.mp4", tmp_path / "x")


def test_a_target_that_cannot_be_written_is_this_machines_fault(tmp_path, server, monkeypatch):
    def full(*args, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(DropletError, match="No space left") as caught:
        Downloads()(f"{server}/fine.mp4", tmp_path / "x")
    assert not isinstance(caught.value, Unreachable)


def test_object_storage_a_folder_of_videos_and_a_list_beside_its_files(tmp_path):
    for name in ("b/2.mp4", "b/1.mp4", "b/notes.txt"):
        with fsspec.open(f"memory://bucket/{name}", "wb") as file:
            file.write(name.encode())
    done, _ = run(tmp_path, "memory://bucket/b", Downloads())
    assert done.done == 2
    assert [(tmp_path / "out" / row["path"]).read_bytes() for row in clips(tmp_path)] == [b"b/1.mp4", b"b/2.mp4"]
    with fsspec.open("memory://bucket/list.csv", "w") as file:
        file.write("path,start_frame,end_frame\nb/1.mp4,0,5\nb/3.mp4,0,5\n")
    done, _ = run(tmp_path, "memory://bucket/list.csv", Downloads())
    assert (done.fetched, done.gone) == (0, 1), "1.mp4 is there already, 3.mp4 is nowhere"


def test_an_unknown_protocol_is_refused_with_the_next_step(tmp_path):
    with pytest.raises(ConfigError, match="nosuch"):
        Downloads()("nosuch://a/b.mp4", tmp_path / "x")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("ERROR: [youtube] abc: Video unavailable. This video has been removed by the uploader", Gone),
        ("ERROR: [youtube] abc: Private video. Sign in if you've been granted access to this video", Blocked),
        ("ERROR: [youtube] abc: Sign in to confirm you're not a bot", Blocked),
        ("ERROR: [youtube] abc: The uploader has not made this video available in your country", Blocked),
        ("ERROR: unable to download video data: HTTP Error 429: Too Many Requests", Blocked),
        ("ERROR: [generic] Unable to download webpage: timed out", Unreachable),
    ],
)
def test_what_the_words_of_yt_dlp_mean(words, kind):
    assert type(of_message(words)) is kind


def test_pages_go_through_yt_dlp_with_our_limits(tmp_path, monkeypatch):
    seen = {}

    class YoutubeDL:
        def __init__(self, options):
            seen.update(options)

        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

        def extract_info(self, url, download):
            Path(seen["outtmpl"] % {"ext": "webm"}).write_bytes(b"v")
            return {"license": "Creative Commons", "title": "A walk", "height": 480}

    module = types.SimpleNamespace(YoutubeDL=YoutubeDL, utils=types.SimpleNamespace(DownloadError=RuntimeError))
    monkeypatch.setitem(sys.modules, "yt_dlp", module)
    target = tmp_path / "50%.abc"
    found = Downloads(max_height=480, bytes_per_second=1000)("https://www.youtube.com/watch?v=abc", target)
    assert found.path == tmp_path / "50%.abc.webm"
    assert found.facts == {"licence": "Creative Commons", "title": "A walk", "height": 480}
    assert "[height<=480]" in seen["format"]
    assert seen["ratelimit"] == 1000


def test_pages_without_yt_dlp_are_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr("dropletvideo.curate.download.find_spec", lambda name: None)
    source = listing(tmp_path, "a")
    with pytest.raises(ConfigError, match=r"dropletvideo\[collect\]"):
        Downloads().check(plan([source], tmp_path / "out").ways)
    Downloads().check({"file": 1})


def test_the_command_plans_runs_and_tells_failures_by_its_exit_code(tmp_path, server):
    source = tmp_path / "list.jsonl"
    source.write_text("\n".join(json.dumps({"url": f"{server}/{name}.mp4"}) for name in ("fine", "gone")))
    line = ["collect", str(source), "--out", str(tmp_path / "out"), "--pause", "0", "--json"]
    planned = CliRunner().invoke(application, [*line, "--dry-run"])
    assert (planned.exit_code, json.loads(planned.stdout)["tried"]) == (0, 2)
    assert not (tmp_path / "out").exists()
    done = CliRunner().invoke(application, line)
    assert done.exit_code == 3
    summary = json.loads(done.stdout)
    assert (summary["done"], summary["gone"], summary["clips_written"]) == (1, 1, 1)
    (row,) = clips(tmp_path)
    assert item_of(row).url == f"{server}/fine.mp4"
