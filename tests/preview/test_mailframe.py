"""The mail in its frame is the mail that is sent."""

from preview import mailframe
from preview.view import Claim

PAGE = (
    "<!DOCTYPE html><html><head><style>@media (prefers-color-scheme: dark) { b { } }</style>"
    '<meta name="color-scheme" content="light dark"></head><body style="margin:0">'
    '<div style="display:none">Nur 29 &amp; mehr</div><p>Nur 29 &amp; mehr</p></body></html>'
)


def test_only_the_head_differs_from_what_is_sent():
    dressed = mailframe.dress(PAGE, dark="none")
    assert dressed.partition("</head>")[2] == PAGE.partition("</head>")[2]


def test_links_open_beside_the_page():
    assert '<head><base target="_blank">' in mailframe.dress(PAGE, dark="none")


def test_a_claim_is_marked_where_it_can_be_seen():
    claim = Claim(3, "de", "Nur 29 & mehr", "price", ())
    dressed = mailframe.dress(PAGE, dark="none", claims=[claim])
    assert dressed.count("<mark") == 1
    assert "<p><mark" in dressed
    assert ">3</sup>" in dressed


def test_a_claim_that_the_mail_does_not_say_marks_nothing():
    assert "<mark" not in mailframe.dress(PAGE, dark="none", claims=[Claim(1, "de", "anders", "price", ())])
    assert "<mark" not in mailframe.dress(PAGE, dark="none", claims=[Claim(1, "de", "", "price", ())])


def test_a_claim_cannot_bring_markup():
    claim = Claim(1, "de", "<script>alert(1)</script>", "price", ())
    page = PAGE.replace("<p>Nur", "<p>&lt;script&gt;alert(1)&lt;/script&gt; Nur")
    assert "<script>" not in mailframe.dress(page, dark="forced", claims=[claim])


def test_remote_pictures_are_noticed():
    assert mailframe.has_remote_images('<img width="1" src="https://x.example/a.png">')
    assert not mailframe.has_remote_images(PAGE)
