"""Files as people upload them, made by hand: PDF from lines, DOCX from a zip."""

import io
import zipfile

from docx import Document
from pypdf import PdfReader, PdfWriter

Line = tuple[float, bool, float, str]  # y, bold, size, text


def pdf(pages: list[list[Line]]) -> bytes:
    """A PDF with one text line per entry; fonts are Helvetica and Helvetica-Bold."""
    fonts = "/F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> "
    fonts += "/F2 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>"
    kids = " ".join(f"{3 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode()]
    for n, lines in enumerate(pages):
        stream = b"\n".join(_line(*line) for line in lines)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {4 + 2 * n} 0 R "
            f"/Resources << /Font << {fonts} >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    return joined(objects)


def _line(y: float, bold: bool, size: float, text: str) -> bytes:
    words = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").encode("cp1252")
    return b"BT /F%d %g Tf 72 %g Td (%s) Tj ET" % (1 + bold, size, y, words)


def joined(objects: list[bytes]) -> bytes:
    """The objects, numbered from 1, as a PDF file."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, each in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, table))


def locked(data: bytes, password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def docx(document: object = None) -> bytes:
    out = io.BytesIO()
    (document or Document()).save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def docx_with(part: str, xml: bytes) -> bytes:
    """An ordinary DOCX in which one part is another one."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx())) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, xml if name == part else old.read(name))
        if part not in old.namelist():
            new.writestr(part, xml)
    return out.getvalue()
