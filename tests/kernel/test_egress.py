"""No call that a tenant asks for reaches this machine or a private network, however the address is written."""

import datetime as dt
import ipaddress
import itertools
import socket
import ssl
import threading
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from domain.webhooks.post import post
from kernel import egress
from kernel.egress import Blocked, Guard, Unreachable, is_public
from kernel.settings import Settings

INSIDE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1",
    "100.100.100.200", "100.127.255.254", "169.254.169.254", "169.254.170.2", "169.254.0.1", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255",
    "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "168.63.129.16", "::", "::1", "::2", "::127.0.0.1", "::7f00:1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1", "2001:10::1", "2002:7f00:1::",
    "2002:a9fe:a9fe::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1", "fe80::1", "febf::1",
    "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "172.32.0.1"]

# Forms of 127.0.0.1 and its neighbours that one parser or another reads.
WRITTEN = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0x0.0x0.0x1", "0177.0.0.1",
    "0177.0x0.1", "017700000001", "00000177.1", "0", "0.0.0.0", "localhost", "localhost.", "LOCALHOST", "LocalHost.",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "ｌｏｃａｌｈｏｓｔ",
    "127.0.0.1.", "3232235521", "0xa9fea9fe", "169.254.169.254", "0251.0376.0251.0376", "2852039166", "127.127.127.127",
    "127.0.0.1%2f", "[fe80::1%25lo]", "[::1%lo]",
]  # fmt: skip
NAMES = [
    "127.0.0.1.nip.io", "7f000001.nip.io", "app-127-0-0-1.sslip.io", "localtest.me", "lvh.me", "spoofed.example",
    "metadata.google.internal", "metadata", "instance-data", "kubernetes.default.svc", "host.docker.internal",
    "internal.studio.example", "xn--mnchen-3ya.example",
]  # fmt: skip


class Canary:
    """A listener on loopback, on both families, that counts who comes."""

    def __init__(self) -> None:
        self.count = 0
        self._four = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._four.getsockname()[1]
        self._listeners = [self._four]
        with suppress(OSError):  # a machine without IPv6
            self._listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for listener in self._listeners:
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.count += 1
            with connection:
                connection.recv(4_096)
                connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@pytest.fixture(scope="module")
def canary():
    made = Canary()
    yield made
    made.close()


def guard(canary: Canary, answer: str | None = None, **more) -> Guard:
    """Everything is open but the address: the canary's port and http are allowed."""
    resolve = egress.look_up if answer is None else lambda _host, _port: [answer]
    return Guard(frozenset({"http", "https"}), frozenset({canary.port, 443, 80}), **({"resolve": resolve} | more))


def payloads(port: int) -> list[tuple[str, str | None]]:
    """URL, and the answer of the name server for it; None asks the system's."""
    written = [(f"{scheme}://{host}:{port}/", None) for host in WRITTEN for scheme in ("http", "https")]
    named = [
        (f"http://{name}:{port}/", address)
        for name, address in itertools.product(NAMES, ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1"])
    ]
    tricks = [
        f"http://example.org@127.0.0.1:{port}/", f"http://user:pass@localhost:{port}/",
        f"http://127.0.0.1:{port}\\@example.org/", f"http://example.org\\@127.0.0.1:{port}/",
        f"http://127.0.0.1:{port}#@example.org/", f"http:///127.0.0.1:{port}/", f"http:127.0.0.1:{port}",
        f"//127.0.0.1:{port}/", f"http://127.0.0.1:{port}\t/", f"http://127.0.0.1\r\n:{port}/", f"\x00http://[::1]:{port}/",
        f" http://127.0.0.1:{port}/", f"http://127.0.0.1 :{port}/", f"http://[::1:{port}/", "file:///etc/passwd",
        f"gopher://127.0.0.1:{port}/_x", f"ftp://127.0.0.1:{port}/", f"dict://127.0.0.1:{port}/", "javascript:alert(1)",
        f"http://127.0.0.1:{port}:80/", f"http://:{port}/", "http://", "", f"http://[127.0.0.1]:{port}/",
        f"http://127.0.0.1:0{port}0000/", f"http://%31%32%37.0.0.1:{port}/", f"http://127.0.0.1%00.example:{port}/",
        f"http://\u202e127.0.0.1:{port}/", f"http://127.0.0.1\u200b:{port}/", f"jar:http://127.0.0.1:{port}!/",
        f"http://localhost\u3002:{port}/", f"http://ｌocalhost:{port}/", f"http://0x7f.1:{port}?a=b",
    ]  # fmt: skip
    direct = [(f"http://{f'[{address}]' if ':' in address else address}:{port}/", None) for address in INSIDE]
    return written + named + [(url, None) for url in tricks] + direct


def test_more_than_two_hundred_payloads_make_no_connection(canary):
    before, tried, answers = canary.count, 0, []
    for url, answer in payloads(canary.port):
        tried += 1
        got = post(url, {}, b"{}", guard(canary, answer), seconds=2)
        if got.status is not None:
            answers.append(url)
    assert tried > 200
    assert answers == []
    assert canary.count == before


def test_the_canary_would_have_seen_a_connection(canary):
    before = canary.count
    allowed = guard(canary, networks=(ipaddress.ip_network("127.0.0.0/8"),))
    assert post(f"http://127.0.0.1:{canary.port}/", {}, b"{}", allowed).status == 204
    assert canary.count == before + 1


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused_also_behind_a_name(canary, address):
    assert not is_public(ipaddress.ip_address(address))
    made = guard(canary, address)
    with pytest.raises(Blocked):
        made.connect(made.read("https://hooks.example/"), 1)


@pytest.mark.parametrize("address", OUTSIDE)
def test_a_public_address_is_public(address):
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_ipv6_is_never_public(address):
    number = int(address)
    for base in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::"):
        assert not is_public(ipaddress.IPv6Address(int(ipaddress.IPv6Address(base)) + number))
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) | number << 80))


@given(st.ip_addresses())
def test_what_python_calls_not_global_is_never_public(address):
    if not address.is_global:
        assert not is_public(address)


def test_one_inside_address_among_public_ones_refuses_the_name(canary):
    made = guard(canary, resolve=lambda _host, _port: ["93.184.216.34", "127.0.0.1"])
    with pytest.raises(Blocked):
        made.connect(made.read("https://hooks.example/"), 1)


def test_a_name_that_changes_between_look_and_use_is_asked_once(canary):
    asked = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["192.0.2.1"] if len(asked) == 1 else ["127.0.0.1"]

    made = guard(canary, networks=(ipaddress.ip_network("192.0.2.0/24"),), resolve=rebinding)
    before = canary.count
    target = made.read(f"http://rebind.example:{canary.port}/")
    with pytest.raises((Unreachable, OSError)):
        made.connect(target, 0.3)
    assert asked == ["rebind.example"]
    with pytest.raises(Blocked):
        made.connect(target, 0.3)
    assert canary.count == before


def test_a_redirect_to_the_metadata_address_is_an_answer_and_not_followed():
    canary = Canary()
    listener = socket.create_server(("127.0.0.1", 0))

    def redirect() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4_096)
            connection.sendall(
                b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/latest/meta-data\r\nContent-Length: 0\r\n\r\n"
                % canary.port
            )

    threading.Thread(target=redirect, daemon=True).start()
    allowed = Guard(frozenset({"http"}), networks=(ipaddress.ip_network("127.0.0.0/8"),))
    answer = post(f"http://127.0.0.1:{listener.getsockname()[1]}/", {}, b"{}", allowed)
    listener.close()
    assert answer.status == 302
    assert canary.count == 0
    canary.close()


def test_proxy_variables_are_not_read(canary, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    before = canary.count
    answer = post("http://hooks.example/", {}, b"{}", guard(canary, "10.0.0.1"), seconds=1)
    assert "not public" in answer.problem
    assert canary.count == before


def test_production_takes_https_on_two_ports_and_development_http_too():
    production = egress.get_guard(Settings(environment="development").model_copy(update={"environment": "production"}))
    development = egress.get_guard(Settings(environment="development"))
    for url in ("http://hooks.example/", "https://hooks.example:22/", "https://hooks.example:80/"):
        with pytest.raises(Blocked):
            production.read(url)
    for url in ("https://hooks.example/a?b=c", "https://hooks.example:8443/"):
        assert production.read(url).url == url
    assert development.read("http://hooks.example/").url == "http://hooks.example/"
    with pytest.raises(Blocked):
        development.read("http://hooks.example:6379/")


def test_exceptions_of_the_operator_are_places_or_networks_and_nothing_beside_them():
    networks, places = egress.parse_exceptions("10.1.0.0/16, hooks.lan:9000,[::1]:8080")
    made = Guard(frozenset({"http"}), networks=networks, places=places, resolve=lambda _h, _p: ["10.2.0.1"])
    assert [str(a) for a in made.addresses(made.read("http://hooks.lan:9000/"))] == ["10.2.0.1"]
    assert made.read("http://[::1]:8080/").authority == "[::1]:8080"
    for url in ("http://hooks.lan:9001/", "http://other.lan:9000/"):
        with pytest.raises(Blocked):
            made.addresses(made.read(url))
    inside = Guard(frozenset({"http"}), networks=networks, resolve=lambda _h, _p: ["10.1.2.3"])
    assert inside.addresses(inside.read("http://anything.lan:1234/"))
    for wrong in ("hooks.lan", "10.0.0.1", "host:port"):
        with pytest.raises(ValueError, match="ARIIA_EGRESS_ALLOW"):
            egress.parse_exceptions(wrong)


def test_an_international_name_is_written_as_dns_knows_it():
    target = Guard().read("https://Hooks.München.EXAMPLE./x")
    assert target.url == "https://hooks.xn--mnchen-3ya.example/x"


def test_a_name_without_an_address_may_be_tried_again(canary):
    with pytest.raises(Unreachable):
        made = guard(canary, resolve=lambda _h, _p: [])
        made.connect(made.read("https://hooks.example/"), 1)
    with pytest.raises(Unreachable):
        egress.look_up("name.invalid", 443)


def certificate(folder, name: str) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(paths[0]), str(paths[1])


@pytest.mark.parametrize(("name", "trusted", "works"), [
    ("hooks.example", True, True), ("other.example", True, False), ("hooks.example", False, False),
])  # fmt: skip
def test_tls_is_checked_against_the_name_while_the_address_is_the_judged_one(
    tmp_path, monkeypatch, name, trusted, works
):
    chain, key = certificate(tmp_path, name)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    named, heard = [], []
    context.sni_callback = lambda _sock, asked, _context: named.append(asked)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        raw, _ = listener.accept()
        try:
            with context.wrap_socket(raw, server_side=True) as secured:
                heard.append(secured.recv(4_096))
                secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except OSError:
            raw.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    made = Guard(networks=(ipaddress.ip_network("127.0.0.0/8"),), resolve=lambda _h, _p: ["127.0.0.1"])
    answer = post(f"https://hooks.example:{port}/x", {}, b"{}", made, seconds=60)
    thread.join(60)
    listener.close()
    assert named == ["hooks.example"]
    assert (answer.status == 200) is works
    assert bool(heard) is works
    if works:
        assert f"Host: hooks.example:{port}".encode() in heard[0]
    else:
        assert "SSLCertVerificationError" in answer.problem
