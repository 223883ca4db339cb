"""The approver's walk through pages of our preview's shape, served on loopback."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ariia.demo import review
from ariia.demo.client import Browser

MEMBERS = [("Jörg Müller", "DE"), ("Chiara De Luca", "DE"), ("Emily O’Hara", "EN"), ("Okonkwo", "Vorname fehlt")]
DECIDE = """<form method="post" action="/p/t/decision"><input type="hidden" name="csrf" value="c">
<button name="decision" value="{0}">{0}</button><button name="decision" value="reject">nein</button></form>"""
CONFIRM = """<form method="post" action="/p/t/decision"><input type="hidden" name="csrf" value="c">
<input type="hidden" name="confirm" value="1"><input name="name" value="" required>
<button name="decision" value="approve">Ja</button></form>"""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""

    def _html(self, body: str, status: int = 200) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        member = int(parse_qs(parts.query).get("member", ["0"])[0])
        if parts.path == "/p/t/mail":
            self._html(f"<title>Hallo &amp; {MEMBERS[member][0]}</title>")
        elif parts.path == "/p/t":
            links = "".join(
                f'<a href="?l=de&amp;member={n}">{name} <small>{note}</small></a>'
                for n, (name, note) in enumerate(MEMBERS)
            )
            other = f'<a href="?l=en&amp;member={member}&amp;lang=de">English</a>'
            frame = f'<iframe src="/p/t/mail?member={member}"></iframe>'
            self._html(other + links + frame + DECIDE.format(self.server.verb))  # type: ignore[attr-defined]
        else:
            self._html("<p>weg</p>", 404)

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.posts.append(sent)  # type: ignore[attr-defined]
        self._html("<p>danke</p>" if "confirm" in sent else CONFIRM, self.server.status)  # type: ignore[attr-defined]


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.posts, made.status, made.verb = [], 200, "approve"  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def url(server: ThreadingHTTPServer, path: str = "/p/t") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}{path}"


def test_three_different_members_are_looked_at_and_kept(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    seen = review.as_members(Browser(), url(server), tmp_path)
    assert [look.who for look in seen] == ["Jörg Müller, DE", "Emily O’Hara, EN", "Okonkwo, Vorname fehlt"]
    assert [look.subject for look in seen] == ["Hallo & Jörg Müller", "Hallo & Emily O’Hara", "Hallo & Okonkwo"]
    assert all(look.file.is_file() and look.file.with_stem(f"{look.file.stem}-mail").is_file() for look in seen)
    assert server.posts == []  # type: ignore[attr-defined] # looking decides nothing


def test_approving_goes_through_the_confirmation_with_the_name(server: ThreadingHTTPServer) -> None:
    review.approve(Browser(), url(server), name="Miriam")
    first, second = server.posts  # type: ignore[attr-defined]
    assert first == {"csrf": ["c"], "decision": ["approve"]}
    assert second == {"csrf": ["c"], "confirm": ["1"], "name": ["Miriam"], "decision": ["approve"]}


def test_a_refusal_of_the_service_stops_the_demo(server: ThreadingHTTPServer) -> None:
    server.status = 409  # type: ignore[attr-defined]
    with pytest.raises(review.NotApproved, match="answered 409"):
        review.approve(Browser(), url(server), name="Miriam")


def test_a_page_without_the_button_stops_the_demo(server: ThreadingHTTPServer) -> None:
    server.verb = "comment"  # type: ignore[attr-defined]
    with pytest.raises(review.NotApproved, match="offers no way"):
        review.approve(Browser(), url(server), name="Miriam")


def test_a_link_that_is_over_stops_the_demo(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    with pytest.raises(review.NotApproved, match="answered 404"):
        review.as_members(Browser(), url(server, "/p/weg"), tmp_path)
