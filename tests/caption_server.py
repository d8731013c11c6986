"""A real HTTP server on loopback that speaks chat completions and can be told to misbehave, request by request."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PARTS = {
    "short": "A red boat crosses a quiet bay under a low evening sun.",
    "dense": (
        "A small red boat with a white cabin crosses a quiet bay from the left edge to the middle of the view. Its "
        "bow cuts a thin wake that spreads behind it. Low hills covered with pines close the bay, and the evening sun "
        "lays an orange stripe on the water. Gulls circle above the mast, then settle on the roof of the cabin while "
        "the hills grow darker."
    ),
    "main_object": (
        "The red boat has a white cabin, a short mast and a blue stripe along its hull; it glides steadily from the "
        "left edge to the middle."
    ),
    "background": (
        "A calm bay at dusk, pine-covered hills on the far shore, an orange stripe of sunlight on the water and a "
        "clear sky turning violet."
    ),
    "camera": "From a low pier the camera watches at eye level and holds its place for the whole time.",
    "style": "Filmed in natural light with warm colours, soft contrast and a calm mood.",
    "caption": (
        "The video opens on a quiet bay in the last light of the day, its surface smooth as glass and striped with "
        "orange where the low sun meets it. A small red boat with a white cabin comes in at the left edge, its bow "
        "pushing up a thin curl of foam. Behind it a wake spreads slowly in two lines that reach the stones of the "
        "shore. Gulls wheel above the short mast, one after another dropping down to settle on the roof. The camera "
        "stands on a low pier at eye level and keeps the whole bay in view, so that the vessel grows a little as it "
        "nears the middle. On the far side hills thick with pines turn from green to grey, and the sky above them "
        "passes from pale yellow into violet. Nobody is seen on deck; only a rope swings from the rail in time with "
        "the swell. By the end the last gull has found its place, the water has lost its shine, and the scene rests "
        "in a soft and even dusk."
    ),
}
USAGE = {"prompt_tokens": 1200, "completion_tokens": 300}


def completion(text, finish="stop", usage=USAGE):
    body = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}]}
    return {**body, "usage": usage} if usage else body


def good(**changed):
    return completion(json.dumps({**PARTS, **changed}))


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.take(self, body)

    def do_GET(self):
        self.server.strayed.append((self.path, dict(self.headers)))
        self.send(200, b"{}")

    def send(self, status, content, headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class CaptionServer(ThreadingHTTPServer):
    """`script(number, body)` says what request `number` (from 0) gets; see `take` for what it may return."""

    daemon_threads = True

    def __init__(self, script, delay=0.0):
        super().__init__(("127.0.0.1", 0), _Answering)
        self.script, self.delay = script, delay
        self.bodies, self.headers, self.times, self.strayed = [], [], [], []
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def text(self, number):
        """The words of a request."""
        return next(part["text"] for part in self.bodies[number]["messages"][0]["content"] if part["type"] == "text")

    def take(self, request, body):
        with self.lock:
            number = len(self.bodies)
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
            self.times.append(time.monotonic())
        time.sleep(self.delay)
        what = self.script(number, body)
        if isinstance(what, dict):
            return request.send(200, json.dumps(what).encode())
        kind, *more = what
        if kind == "status":
            status, headers, said = more
            return request.send(status, json.dumps({"error": {"message": said}}).encode(), headers)
        if kind == "raw":
            return request.send(200, more[0])
        if kind == "truncated":
            request.close_connection = True
            return request.send(200, json.dumps(good()).encode()[:200], length=5000)
        if kind == "drip":
            request.send(200, b"", length=1000)
            for _ in range(60):
                request.wfile.write(b" ")
                request.wfile.flush()
                time.sleep(0.05)
        if kind == "slow":
            time.sleep(more[0])
        request.close_connection = True
        return None

    def handle_error(self, request, client_address):
        """Clients that hang up are part of the play."""


@contextmanager
def serving(script, delay=0.0):
    """A server under way; `script` may also be a list, whose last entry is repeated."""
    play = script if callable(script) else lambda number, _body: script[min(number, len(script) - 1)]
    server = CaptionServer(play, delay)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
