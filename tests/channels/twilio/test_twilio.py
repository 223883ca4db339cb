"""Messages through Twilio's library over real HTTP, its codes, its signatures."""

import asyncio
import base64
import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from channels.base import FailureKind, Scope, SendFailed, Taken, TextParcel
from channels.sms import adapter as sms
from channels.twilio import client, errors, signature, webhook
from channels.twilio.settings import Account, BadAccount
from channels.whatsapp import adapter as whatsapp
from kernel import clock
from tests.fakes.http_provider import Fault
from tests.fakes.twilio import SID, TOKEN, FakeTwilio

NUMBER = "+4915112345678"


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio() as running:
        yield running


def account(twilio: FakeTwilio, **fields: object) -> Account:
    about = {"sid": SID, "token": TOKEN, "sender": "+4930111222", "base_url": twilio.url, "timeout": 5,
             "reports_to": "https://a.example/hooks/twilio/p/status"}  # fmt: skip
    return Account(**(about | fields))  # type: ignore[arg-type]


def parcel(**fields: object) -> TextParcel:
    about = {"reference": "id", "to": NUMBER, "body": "Hallo Jörg", "report_to": "tok", "valid_seconds": 14_400}
    return TextParcel(**(about | fields))  # type: ignore[arg-type]


def send(twilio: FakeTwilio, sent: TextParcel | None = None, channel: object = sms, **fields: object) -> Taken:
    async def go() -> Taken:
        door = channel.door(account(twilio, **fields))  # type: ignore[attr-defined]
        before = len(twilio.requests)

        async def mark() -> None:
            assert len(twilio.requests) == before

        try:
            return await door.send(sent or parcel(), mark)
        finally:
            await door.close()

    return asyncio.run(go())


def refused(twilio: FakeTwilio, **fields: object) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        send(twilio, **fields)  # type: ignore[arg-type]
    return caught.value


def test_a_text_goes_out_with_its_way_back(twilio):
    taken = send(twilio)
    assert (taken.provider_id, taken.segments) == ("SM" + f"{1:032x}", 1)
    assert twilio.messages[0]["to"] == NUMBER
    assert twilio.callbacks[taken.provider_id] == "https://a.example/hooks/twilio/p/status/tok#rc=5&rp=all"


def test_a_whatsapp_template_goes_with_its_variables(twilio):
    template = parcel(body="", template="HX" + "a" * 32, variables={"1": "Jörg", "2": "29,00 €"})
    send(twilio, template, whatsapp)
    message = twilio.messages[0]
    assert (message["to"], message["from"]) == (f"whatsapp:{NUMBER}", "whatsapp:+4930111222")
    assert message["variables"] == '{"1": "J\\u00f6rg", "2": "29,00 \\u20ac"}'


def test_a_messaging_service_stands_in_the_place_of_a_number(twilio):
    send(twilio, sender="MG" + "b" * 32)
    assert b"MessagingServiceSid=MG" in twilio.requests[0].body
    assert b"From=" not in twilio.requests[0].body


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(429, {"code": 20429, "message": "Too Many Requests", "status": 429}), FailureKind.THROTTLE),
        (Fault(500, {"code": None, "message": "x", "status": 500}), FailureKind.AMBIGUOUS),
        (Fault(503, {}), FailureKind.AMBIGUOUS),
        (Fault(drop_after=True), FailureKind.AMBIGUOUS),
        (Fault(delay=2), FailureKind.AMBIGUOUS),
        (Fault(401, {"code": 20003, "message": "x", "status": 401}), FailureKind.PERMANENT_CONFIG),
        (Fault(400, {"code": 21408, "message": "x", "status": 400}), FailureKind.PERMANENT_CONFIG),
        (Fault(400, {"code": 21617, "message": "x", "status": 400}), FailureKind.PERMANENT_CONTENT),
        (Fault(400, {"code": 63016, "message": "x", "status": 400}), FailureKind.PERMANENT_CONTENT),
        (Fault(400, {"code": 21614, "message": "x", "status": 400}), FailureKind.PERMANENT_RECIPIENT),
        (Fault(400, {"code": 30007, "message": "x", "status": 400}), FailureKind.SENDER_FAULT),
        (Fault(400, {"code": 63049, "message": "x", "status": 400}), FailureKind.PROVIDER_DECLINE),
        (Fault(400, {"code": 30003, "message": "x", "status": 400}), FailureKind.TRANSIENT),
        (Fault(400, {"code": 99999, "message": "x", "status": 400}), FailureKind.TRANSIENT),
    ],
)
def test_each_code_has_its_meaning(twilio, fault, kind):
    twilio.faults.append(fault)
    assert refused(twilio, timeout=1 if fault.delay else 60).kind is kind
    assert len(twilio.requests) == 1  # never a second request by itself


def test_3xx_is_not_success(twilio):
    twilio.faults.append(Fault(302, {"sid": "SM" + "0" * 32, "status": "queued"}, {"Location": twilio.url}))
    assert refused(twilio).kind is FailureKind.PERMANENT_CONFIG
    assert twilio.messages == []


def test_limits_say_whom_they_slow_down(twilio):
    twilio.faults.append(Fault(400, {"code": 63018, "message": "x", "status": 400}))
    found = refused(twilio)
    assert (found.scope, found.retry_after) == (Scope.SENDER, 60)


def test_who_said_stop_to_the_provider_is_not_asked_again(twilio):
    twilio.opted_out.add(NUMBER)
    found = refused(twilio)
    assert (found.kind, found.code, found.retryable) == (FailureKind.OPTOUT, "21610", False)


def test_nobody_there_is_surely_not_sent():
    with FakeTwilio() as gone:
        pass
    with pytest.raises(SendFailed) as caught:
        send(gone)
    assert (caught.value.kind, caught.value.phase) == (FailureKind.TRANSIENT, "connect")


def test_what_was_sent_can_be_looked_up(twilio):
    send(twilio)

    async def check() -> str:
        door = sms.door(account(twilio))
        try:
            return await door.check()
        finally:
            await door.close()

    assert asyncio.run(check()) == "Studio"
    found, complete = client.look(account(twilio), "", NUMBER, clock.now() - timedelta(hours=1))
    assert ([(one.sid, one.status, one.body) for one in found], complete) == (
        [("SM" + f"{1:032x}", "queued", "Hallo Jörg")], True,
    )  # fmt: skip
    assert client.look(account(twilio), "", NUMBER, clock.now() + timedelta(hours=1)) == ([], True)
    assert client.look(account(twilio), "whatsapp:", NUMBER, clock.now() - timedelta(hours=1)) == ([], True)
    assert client.status_of(account(twilio), "SM" + f"{1:032x}").status == "queued"
    with pytest.raises(SendFailed, match="20404"):
        client.status_of(account(twilio), "SM" + f"{2:032x}")


@pytest.mark.parametrize("fields", [{"sid": "AC123"}, {"sid": "X" * 34}, {"token": ""}, {"sender": ""}])
def test_what_is_no_account_is_refused(twilio, fields):
    with pytest.raises(BadAccount) as caught:
        account(twilio, **fields)
    assert TOKEN not in str(caught.value)


def test_every_row_of_the_table_is_known_by_its_page():
    rows = errors.table()
    assert len({row.code for row in rows}) == len(rows)
    assert all(row.words and row.page.startswith("https://www.twilio.com/docs/") for row in rows)
    of = {row.code: row.meaning.kind for row in rows}
    groups = {
        FailureKind.THROTTLE: (20429, 63017, 63018, 63038, 60728),
        FailureKind.PERMANENT_CONFIG: (20003, 21408, 21612, 30034, 63020),
        FailureKind.OPTOUT: (21610, 30640),
        FailureKind.PERMANENT_CONTENT: (21617, 63021, 63016),
        FailureKind.TRANSIENT: (30001, 30003, 30008, 30610),
        FailureKind.PERMANENT_RECIPIENT: (21211, 21614, 30005, 30006, 63003, 63024),
        FailureKind.SENDER_FAULT: (30007, 30450),
        FailureKind.PROVIDER_DECLINE: (63032, 63049),
    }
    assert {code: of[code] for codes in groups.values() for code in codes} == {
        code: kind for kind, codes in groups.items() for code in codes
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, FailureKind.THROTTLE), (500, FailureKind.AMBIGUOUS), (599, FailureKind.AMBIGUOUS),
     (302, FailureKind.PERMANENT_CONFIG), (401, FailureKind.PERMANENT_CONFIG), (404, FailureKind.PERMANENT_CONFIG),
     (400, FailureKind.TRANSIENT), (418, FailureKind.TRANSIENT)],
)  # fmt: skip
def test_an_answer_without_a_known_code_is_read_by_its_status(status, kind):
    assert errors.meaning_of(None, status).kind is kind
    assert errors.meaning_of(12_345, status).kind is kind


def test_a_handshake_that_fails_is_surely_not_sent(twilio):
    found = refused(twilio, base_url=twilio.url.replace("http://", "https://"))
    assert (found.kind, found.phase) == (FailureKind.TRANSIENT, "connect")
    assert twilio.messages == []


def test_a_slow_answer_holds_up_neither_other_doors_nor_the_loops_own_threads(twilio):
    slow, ours, answer = 12, account(twilio), threading.Event()
    twilio.faults.extend(Fault(until=answer) for _ in range(slow))

    def all_have_asked() -> bool:
        deadline = time.monotonic() + 20
        while len(twilio.requests) < slow and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(twilio.requests) == slow

    async def go() -> bool:
        doors = [sms.door(ours) for _ in range(slow)]
        sending = [asyncio.ensure_future(door.send(parcel())) for door in doors]
        try:
            return await asyncio.wait_for(asyncio.to_thread(all_have_asked), 60)  # while none has its answer
        finally:
            answer.set()
            await asyncio.gather(*sending)
            for door in doors:
                await door.close()

    assert asyncio.run(go())


def test_what_mark_raises_passes_through_and_nothing_is_sent(twilio):
    class NotNow(Exception):  # noqa: N818 - an answer
        pass

    async def go() -> None:
        async def mark() -> None:
            raise NotNow

        door = sms.door(account(twilio))
        try:
            await door.send(parcel(), mark)
        finally:
            await door.close()

    with pytest.raises(NotNow):
        asyncio.run(go())
    assert twilio.requests == []


def test_neither_numbers_nor_texts_nor_tokens_are_logged(twilio, caplog):
    with caplog.at_level(logging.DEBUG):
        send(twilio)
        twilio.faults.append(Fault(400, {"code": 21614, "message": "x", "status": 400}))
        refused(twilio)
    for secret in (NUMBER, NUMBER[1:], "Hallo", TOKEN):
        assert secret not in caplog.text


VECTOR = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309",
          "To": "+18005551212"}  # fmt: skip
PLACE = "mycompany.com/myapp.php?foo=1&bar=2"


@pytest.mark.parametrize(
    ("url", "given"),
    [
        (f"https://{PLACE}", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (f"https://{PLACE.replace('.com', '.com:1234')}", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (f"http://{PLACE.replace('.com', '.com:1234')}", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        (f"https://{PLACE.replace('.com', '.com:1234')}", "CYn1h0gLBdNxDGkKJg6hYohgeD8="),
        (f"https://{PLACE}", "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (f"http://{PLACE}", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        (f"https://user:pass@{PLACE}", "CukzLTc1tT5dXEDIHm/tKBanW10="),
        (f"https://user@{PLACE}", "2YRLlVAflCqxaNicjMpJcSTgzSs="),
        (f"https://user:pass@{PLACE}", "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
        (f"https://{PLACE.replace('myc', 'MyC')}", "g9IN/x4Cft2g517EjYvEvM/W7LU="),
        (f"https://{PLACE.replace('mycompany.com', 'MyCompany.com:1234')}", "PCqOZm8cnu/L6+u5i5fuEd+Iac4="),
    ],
)
def test_the_signatures_are_the_published_ones(url, given):
    """The vectors of the provider's own libraries, with the token 12345; the library agrees on each."""
    body, kind = urlencode(VECTOR).encode(), "application/x-www-form-urlencoded"
    assert signature.is_authentic("12345", url, given, body, kind)
    assert not signature.is_authentic("12345", url, given[:-2] + "A=", body, kind)
    assert not signature.is_authentic("12346", url, given, body, kind)


def test_published_signatures_of_repeated_fields_and_json():
    repeated = b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234"
    form = "application/x-www-form-urlencoded; charset=UTF-8"
    assert signature.is_authentic("12345", f"https://{PLACE}", "IK+Dwps556ElfBT0I3Rgjkr1wJU=", repeated, form)
    body = b'{"property": "value", "boolean": true}'
    digest = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    url = f"https://{PLACE}&bodySHA256={digest}"
    assert signature.is_authentic("12345", url, "a9nBmqA0ju/hNViExpshrM61xv4=", body, "application/json")
    assert not signature.is_authentic("12345", url, "a9nBmqA0ju/hNViExpshrM61xv4=", body + b" ", "application/json")
    bare = f"https://mycompany.com/myapp.php?bodySHA256={digest}"
    assert signature.is_authentic("12345", bare, "y77kIzt2vzLz71DgmJGsen2scGs=", body, "application/json")
    unbound = signature.sign("12345", f"https://{PLACE}", ())
    assert not signature.is_authentic("12345", f"https://{PLACE}", unbound, body, "application/json")


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=12)), max_size=8), st.sampled_from(
    ["https://a.example/x", "http://a.example:8080/x?y=1", "https://u:p@a.example/?q=%20"]))  # fmt: skip
def test_the_providers_own_library_agrees(pairs, url):
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)

    class Form(dict):
        def getall(self, name: str) -> list[str]:
            return self[name]

    assert signature.sign("tok", url, pairs) == RequestValidator("tok").compute_signature(url, Form(fields))


def test_the_signature_is_the_documented_one():
    url = "https://example.com/myapp.php?foo=1&bar=2"
    fields = {"Digits": "1234", "To": "+18005551212", "From": "+14158675310", "Caller": "+14158675310",
              "CallSid": "CA1234567890ABCDE"}  # fmt: skip
    assert signature.sign("12345", url, list(fields.items())) == "L/OH5YylLD5NRKLltdqwSvS0BnU="


def test_blank_and_repeated_fields_count():
    url, pairs = "https://a.example/x", [("A", ""), ("B", "1"), ("B", "2"), ("B", "1")]
    given = signature.sign("tok", url, pairs)
    body = urlencode(pairs).encode()
    assert signature.is_authentic("tok", url, given, body, "application/x-www-form-urlencoded")
    assert not signature.is_authentic("tok", url, given, b"B=1&B=2", "application/x-www-form-urlencoded")


def test_a_json_body_is_bound_by_its_hash():
    body = b'{"a": 1}'
    url = f"https://a.example/x?bodySHA256={hashlib.sha256(body).hexdigest()}"
    given = signature.sign("tok", url, ())
    assert signature.is_authentic("tok", url, given, body, "application/json")
    assert not signature.is_authentic("tok", url, given, b'{"a": 2}', "application/json")


@given(st.dictionaries(st.text("abcXY", min_size=1), st.text(max_size=10), max_size=5), st.integers(0, 10_000))
def test_a_changed_request_is_never_authentic(fields, where):
    url = "https://a.example/hooks/twilio/p/inbound"
    given = signature.sign("tok", url, list(fields.items()))
    body = urlencode(fields).encode()
    kind = "application/x-www-form-urlencoded"
    assert signature.is_authentic("tok", url, given, body, kind)
    text = url + "".join(name + value for name, value in sorted(fields.items()))
    again = base64.b64encode(hmac.new(b"tok", text.encode(), hashlib.sha1).digest()).decode()
    assert again == given
    assert not signature.is_authentic("tok", url + "x", given, body, kind)
    assert not signature.is_authentic("other", url, given, body, kind)
    assert not signature.is_authentic("tok", url, given, body + b"&zz=1", kind)
    changed = bytearray(base64.b64decode(given))
    changed[where % len(changed)] ^= 1 + where % 255
    assert not signature.is_authentic("tok", url, base64.b64encode(changed).decode(), body, kind)
    assert not signature.is_authentic("tok", url, None, body, kind)


def test_receipts_are_read():
    def of(**fields: str) -> webhook.Receipt | None:
        return webhook.receipt({"MessageSid": "SM" + "1" * 32, **fields})

    assert of(MessageStatus="delivered").state == "delivered"
    assert of(MessageStatus="queued").state is None
    blocked = of(MessageStatus="undelivered", ErrorCode="21610")
    assert (blocked.state, blocked.opted_out, blocked.refused) == ("bounced", True, False)
    gone = of(MessageStatus="undelivered", ErrorCode="30005")
    assert (gone.state, gone.refused) == ("bounced", True)
    assert of(MessageStatus="failed", ErrorCode="30008").state == "failed"
    assert of() is None
    assert webhook.receipt({}) is None


def test_inbound_messages_are_read():
    found = webhook.inbound(
        webhook.fields_of(b"From=whatsapp%3A%2B49151&To=whatsapp%3A%2B4930&Body=Stopp&MessageSid=SM" + b"9" * 32)
    )
    assert (found.channel, found.sender, found.recipient, found.text) == ("whatsapp", "+49151", "+4930", "Stopp")
    assert webhook.inbound({"From": "+49151"}) is None
