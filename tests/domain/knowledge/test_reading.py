"""Foreign files: what is in them is read along its structure, what is hostile or empty is refused with a way out."""

import io
import struct
import zipfile
import zlib
from contextlib import suppress

import papers
import pytest
from docx import Document
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.knowledge import chunking
from domain.knowledge.reading import docx, html, pdf, sandbox
from domain.knowledge.reading.refusal import Bounds, TooMuch, Unreadable

BOUNDS = Bounds(pages=50, characters=200_000, unpacked=20 << 20, memory=1024 << 20, seconds=60)


def silent(_done: int, _of: int) -> None:
    return None


def cut(blocks) -> list[tuple[str, str]]:
    return [(piece.heading, piece.text) for piece in chunking.pieces(blocks)]


def of_html(text: str) -> list[tuple[str, str]]:
    return cut(html.read(text.encode(), BOUNDS, silent))


# HTML


def test_html_is_read_along_its_headings_lists_and_tables():
    page = """<!doctype html><title>x</title><body><h1>Preise <b>2026</b></h1><p>Ein <i>Text</i>
    hier.<p>Noch einer.<ul><li>eins<li>zwei</ul>
    <table><tr><th>Tarif<th colspan=2>Preis<tr><td>S<td>9&nbsp;€<td>im Monat</table>
    <dl><dt>Wann?<dd>Um acht.</dl><h2>Mehr</h2>Text<br>weiter"""
    assert of_html(page) == [
        ("Preise 2026", "Ein Text hier.\n\nNoch einer.\n\n- eins\n- zwei"),
        ("Preise 2026 › S", "Tarif: S\nPreis: 9 €\nPreis: im Monat"),
        ("Preise 2026 › Wann?", "Um acht."),
        ("Preise 2026 › Mehr", "Text\n\nweiter"),
    ]


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>EVIL</script>",
        "<style>EVIL{}</style>",
        "<noscript>EVIL</noscript>",
        "<!-- EVIL -->",
        "<template><p>EVIL</p></template>",
        "<p style='display : none'>EVIL</p>",
        "<p style='VISIBILITY:hidden'>EVIL</p>",
        "<span style='font-size:0px'>EVIL</span>",
        "<span style='opacity:0'>EVIL</span>",
        "<div hidden><p>EVIL</p></div>",
        "<p aria-hidden=true>EVIL</p>",
        "<nav><a href=/>EVIL</a></nav>",
        "<svg><text>EVIL</text></svg>",
        "<form><label>EVIL</label></form>",
        "<iframe srcdoc='EVIL'>EVIL</iframe>",
        "<p title=EVIL></p>",
    ],
)
def test_what_readers_of_a_page_do_not_see_is_not_read(hidden):
    found = str(of_html(f"<p>davor</p>{hidden}danach"))
    assert "EVIL" not in found
    assert "davor" in found
    assert "danach" in found


@pytest.mark.parametrize(
    "data",
    [
        "<p>Größe</p>".encode(),
        b"\xef\xbb\xbf" + "<p>Größe</p>".encode(),
        "<meta charset=iso-8859-1><p>Größe</p>".encode("latin-1"),
        "<p>Größe</p>".encode("cp1252"),
        "<p>Größe</p>".encode("utf-16"),
        b"<meta charset=nonsense>" + "<p>Größe</p>".encode(),
    ],
)
def test_html_is_decoded_as_browsers_do(data):
    assert cut(html.read(data, BOUNDS, silent)) == [("", "Größe")]


def test_deeply_nested_html_ends():
    assert html.read(b"<div>" * 100_000 + b"x", BOUNDS, silent) is not None


def test_a_page_with_too_much_text_is_refused():
    with pytest.raises(Unreadable, match="200,000 characters"):
        html.read(b"<p>" + b"x" * 200_001, BOUNDS, silent)


@settings(max_examples=60)
@given(st.text("<>/=\"' abtrdhpli1&;#x", max_size=300))
def test_any_markup_can_be_read(text):
    with suppress(Unreadable):
        of_html(text)


# DOCX


def word(build) -> list[tuple[str, str]]:
    document = Document()
    build(document)
    return cut(docx.read(papers.docx(document), BOUNDS, silent))


def test_a_word_document_is_read_along_its_styles():
    def build(document):
        document.add_heading("Hausordnung", 1)
        document.add_heading("Duschen", 2)
        document.add_paragraph("Handtuch mitbringen.")
        document.add_paragraph("eins", style="List Bullet")
        document.add_paragraph("zwei", style="List Bullet")
        document.add_paragraph("Wann ist offen?")
        document.add_paragraph("Täglich ab acht Uhr.")
        table = document.add_table(2, 2)
        for cell, text in zip(
            (c for row in table.rows for c in row.cells), ["Tarif", "Preis", "S", "9 €"], strict=True
        ):
            cell.text = text

    assert word(build) == [
        ("Hausordnung › Duschen", "Handtuch mitbringen.\n\n- eins\n- zwei"),
        ("Hausordnung › Duschen › Wann ist offen?", "Täglich ab acht Uhr."),
        ("Hausordnung › Duschen › S", "Tarif: S\nPreis: 9 €"),
    ]


def test_tracked_insertions_count_and_deletions_and_hidden_runs_do_not():
    def build(document):
        body = document.add_paragraph("Preis: ")._p
        for tag, text, kind in (("w:ins", "19 €", "w:t"), ("w:del", "29 €", "w:delText")):
            change = parse_xml(
                f'<{tag} {nsdecls("w")} w:id="1" w:author="x"><w:r><{kind}>{text}</{kind}></w:r></{tag}>'
            )
            body.append(change)
        hidden = document.paragraphs[0].add_run(" GEHEIM")
        hidden._r.get_or_add_rPr().append(OxmlElement("w:vanish"))

    assert word(build) == [("", "Preis: 19 €")]


def test_an_outline_level_makes_a_heading():
    def build(document):
        properties = document.add_paragraph("Abschnitt")._p.get_or_add_pPr()
        level = OxmlElement("w:outlineLvl")
        level.set(qn("w:val"), "1")
        properties.append(level)
        document.add_paragraph("Text.")

    assert word(build) == [("Abschnitt", "Text.")]


def bomb(megabytes: int) -> bytes:
    return papers.docx_with("word/media/image1.xml", b" " * (megabytes << 20))


def overlapping() -> bytes:
    """A zip whose many entries all point at the same compressed bytes."""
    block = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = block.compress(b"0" * (4 << 20)) + block.flush()
    crc = zlib.crc32(b"0" * (4 << 20))
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, crc, len(body), 4 << 20, 1, 0) + b"a" + body
    central = b""
    for n in range(30):
        name = b"[Content_Types].xml" if not n else b"%d.xml" % n
        central += struct.pack(
            "<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, crc, len(body), 4 << 20, len(name), 0, 0, 0, 0, 0, 0
        ) + name  # fmt: skip
    return local + central + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 30, 30, len(central), len(local), 0)


ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY x SYSTEM "file:///etc/passwd">]><w:document
xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">
<w:body><w:p><w:r><w:t>&b;&x;</w:t></w:r></w:p></w:body></w:document>"""


def some_zip(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (bomb(21), "unpacks to more than 20 MiB"),
        (overlapping(), "unpacks to more than 20 MiB|damaged"),
        (papers.docx_with("word/document.xml", ENTITIES), "XML entities"),
        (papers.docx_with("word/document.xml", ENTITIES.decode().encode("utf-16")), "XML entities"),
        (papers.docx_with("word/document.xml", b"<broken"), "damaged"),
        (papers.docx()[:500], "damaged"),
        (b"PK\x03\x04nonsense", "damaged"),
        (some_zip("x.txt"), "no Word document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "protected by a password or in the old"),
        (
            papers.docx_with(
                "[Content_Types].xml",
                b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
                b'<Default Extension="rels" '
                b'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
                b'ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>',
            ),
            "template or holds macros",
        ),
    ],
    ids=["bomb", "overlapping", "entities", "utf16", "broken", "cut", "no zip", "other zip", "ole", "macros"],
)
def test_a_hostile_or_broken_word_document_is_refused(data, because):
    with pytest.raises(Unreadable, match=because):
        docx.read(data, BOUNDS, silent)


# PDF


def page(*lines: tuple[float, bool, float, str]) -> list[papers.Line]:
    return list(lines)


def test_a_pdf_is_read_along_sizes_and_gaps():
    data = papers.pdf(
        [
            page(
                (780, True, 20, "Preisliste"),
                (740, False, 11, "Unsere Beiträge gelten für alle Mit-"),
                (727, False, 11, "glieder im Haus."),
                (700, True, 11, "Studententarif"),
                (685, False, 11, "19 Euro im Monat."),
                (660, False, 11, "Wann ist offen?"),
                (635, False, 11, "Ab acht Uhr."),
            )
        ]
    )
    assert cut(pdf.read(data, BOUNDS, silent)) == [
        ("Preisliste", "Unsere Beiträge gelten für alle Mitglieder im Haus."),
        ("Preisliste › Studententarif", "19 Euro im Monat."),
        ("Preisliste › Studententarif › Wann ist offen?", "Ab acht Uhr."),
    ]


def test_lines_that_every_page_repeats_are_no_text():
    pages = [
        [
            (800, False, 11, "Studio Alpha"),
            *((700 - 14 * m, False, 11, f"Satz {chr(97 + n)}{m} hier.") for m in range(6)),
            (40, False, 11, f"Seite {n + 1} von 5"),
        ]
        for n in range(5)
    ]
    said = str(cut(pdf.read(papers.pdf(pages), BOUNDS, silent)))
    assert "Studio Alpha" not in said
    assert "Seite" not in said
    assert "Satz a0 hier." in said


def test_progress_is_told_page_by_page():
    told = []
    pdf.read(papers.pdf([page((700, False, 11, "a"))] * 3), BOUNDS, lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_pdf_that_only_forbids_changes_is_read():
    data = papers.locked(papers.pdf([page((700, False, 11, "Text"))]), "")
    assert cut(pdf.read(data, BOUNDS, silent)) == [("", "Text")]


def cyclic() -> bytes:
    return papers.joined([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"])


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (papers.locked(papers.pdf([page((700, False, 11, "x"))]), "secret"), "protected by a password"),
        (papers.pdf([page()] * 3), "no text on its 3 pages"),
        (papers.pdf([page((700, False, 11, "x"))] * 51), "51 pages, at most 50"),
        (cyclic(), "damaged|no text"),
        (b"hello", "no PDF"),
        (b"%PDF-1.7\nnonsense", "damaged"),
        (papers.pdf([page((700, False, 11, "x"))])[:300], "damaged|no text"),
    ],
    ids=["password", "scan", "pages", "cycle", "no pdf", "nonsense", "cut"],
)
def test_a_hostile_or_broken_pdf_is_refused(data, because):
    with pytest.raises(Unreadable, match=because):
        pdf.read(data, BOUNDS, silent)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.integers(9, 900), st.binary(min_size=1, max_size=12))
def test_a_pdf_that_was_damaged_anywhere_is_read_or_refused(place, noise):
    data = papers.pdf([page((700, False, 11, "Text der Seite"))])
    place %= len(data)
    with suppress(Unreadable):
        pdf.read(data[:place] + noise + data[place + len(noise) :], BOUNDS, silent)


# The process of its own


def test_the_process_reads_tells_and_refuses():
    told = []
    data = papers.pdf([page((700, False, 11, "a"))] * 2)
    assert cut(sandbox.read("pdf", data, BOUNDS, lambda done, of: told.append((done, of)))) == [("", "a\n\na")]
    assert told == [(1, 2), (2, 2)]
    with pytest.raises(Unreadable, match="no PDF"):
        sandbox.read("pdf", b"x", BOUNDS, silent)


def test_a_file_that_takes_too_much_time_ends_the_process_only():
    long = papers.pdf([page(*[(700, False, 11, "x")] * 200_000)])
    with pytest.raises(TooMuch):
        sandbox.read("pdf", long, Bounds(50, 10**9, 1 << 30, 1 << 30, 1), silent)


def test_a_file_that_takes_too_much_memory_ends_the_process_only():
    with pytest.raises(TooMuch):
        sandbox.read("html", b"<p>x</p>" * 3_000_000, Bounds(50, 10**9, 1 << 30, 200 << 20, 60), silent)


def test_the_process_has_no_secrets(monkeypatch):
    monkeypatch.setenv("ARIIA_SECRET_KEY", "x" * 40)
    seen = {}

    def start(command, **options):
        seen.update(options["env"])
        raise OSError

    monkeypatch.setattr(sandbox.subprocess, "Popen", start)
    with pytest.raises(OSError):  # noqa: PT011 - our own
        sandbox.read("pdf", b"", BOUNDS, silent)
    assert not any(name.startswith("ARIIA") for name in seen)
