"""The demo's client against a real server on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from ariia.demo.client import Api, Browser, Link, Refused

PAGE = """<!doctype html><p>Freigabe</p>
<a href="?member=2">zweites <small>EN</small></a><iframe src="/rahmen/1"></iframe>
<form method="post" action="/freigabe"><input type="hidden" name="csrf" value="t&amp;k">
<input type="checkbox" name="nein"><input type="checkbox" name="ja" value="1" checked>
<input name="grau" value="1" disabled><button name="verb" value="reject" disabled>Nein</button>
<textarea name="notiz">gut so</textarea><button name="verb" value="approve">Freigeben</button></form>"""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""

    def _answer(self, status: int, body: str, media_type: str = "application/json", **headers: str) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        if self.path == "/seite":
            self._answer(200, PAGE, "text/html", Set_Cookie="gast=1; Path=/")
        elif self.path == "/danke":
            self._answer(200, f"<p>{self.headers['Cookie']}</p>", "text/html")
        elif self.path.startswith("/api/v1/viele"):
            second = "cursor=zwei" in self.path
            page = {"items": [3] if second else [1, 2], "next_cursor": None if second else "zwei"}
            self._answer(200, json.dumps(page))
        else:
            self._answer(404, json.dumps({"code": "not_found", "detail": "There is no such thing."}))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path == "/freigabe":
            self.server.seen = parse_qs(body.decode())  # type: ignore[attr-defined]
            self.send_response(303)
            self.send_header("Location", "/danke")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            answer = {"key": self.headers["Authorization"], "type": self.headers["Content-Type"], "body": body.decode()}
            self._answer(201, json.dumps(answer))


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_a_list_is_read_to_its_end(server: ThreadingHTTPServer) -> None:
    assert list(Api(url(server), "k").all("/viele")) == [1, 2, 3]


def test_a_refusal_carries_code_and_advice(server: ThreadingHTTPServer) -> None:
    with pytest.raises(Refused, match="404 not_found: There is no such thing"):
        Api(url(server), "k").get("/nichts")


def test_a_file_goes_up_with_its_fields_and_the_key(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    file = tmp_path / "mitglieder.csv"
    file.write_bytes("Vorname\r\nJörg\r\n".encode())
    answer = Api(url(server), "geheim").upload("/imports", file, media_type="text/csv", dry_run="true")
    assert answer["key"] == "Bearer geheim"
    assert answer["type"].startswith("multipart/form-data; boundary=")
    assert 'name="dry_run"\r\n\r\ntrue\r\n' in answer["body"]
    assert 'filename="mitglieder.csv"\r\nContent-Type: text/csv\r\n\r\nVorname\r\nJörg\r\n\r\n--' in answer["body"]


def test_a_form_is_sent_as_a_browser_would(server: ThreadingHTTPServer) -> None:
    browser = Browser()
    page = browser.open(f"{url(server)}/seite")
    (form,) = page.forms
    assert page.links == (Link(f"{url(server)}/seite?member=2", ("zweites", "EN")),)
    assert page.frames == (f"{url(server)}/rahmen/1",)
    assert form.buttons == (("verb", "approve"),)
    after = browser.submit(form, verb="approve", name="Katharina")
    assert server.seen == {  # type: ignore[attr-defined]
        "csrf": ["t&k"],
        "ja": ["1"],
        "notiz": ["gut so"],
        "verb": ["approve"],
        "name": ["Katharina"],
    }
    assert after.answer.url.endswith("/danke")
    assert "gast=1" in after.answer.text
