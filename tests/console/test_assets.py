"""Assets, tokens, catalogue and templates keep their promises without Node and without a browser."""

import gzip
import json
import os
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from api import pages
from ariia import assets
from preview import brand

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "console" / "assets"
TEMPLATES = sorted([*ROOT.glob("console/templates/**/*.html"), *ROOT.glob("preview/templates/**/*.html")])
STYLES = sorted((ASSETS / "css").glob("*.css"))
SCRIPTS = sorted((ASSETS / "ts").glob("*.ts"))
TEXTS = ("text", "text-2", "text-3")
MEANINGS = ("ok", "warn", "bad", "info", "ai")


def tokens() -> list[dict[str, str]]:
    """The colours of `tokens.css`, light and dark."""
    found = re.findall(r"--([a-z0-9-]+): light-dark\((#\w{6}), (#\w{6})\)", (ASSETS / "css/tokens.css").read_text())
    return [{name: pair[n] for name, *pair in found} for n in (0, 1)]


@pytest.mark.parametrize("theme", [0, 1])
def test_every_pair_of_colours_can_be_read(theme):
    colour = tokens()[theme]
    pairs = [(text, ground) for text in TEXTS for ground in ("bg", "surface", "surface-2")]
    pairs += [(name, ground) for name in MEANINGS for ground in ("surface", f"{name}-soft")]
    pairs += [("text", f"{name}-soft") for name in MEANINGS]
    pairs += [("brand", "surface"), ("brand-strong", "brand-soft"), ("on-brand", "brand"), ("on-ok", "ok")]
    weak = [
        (a, b, round(brand.contrast(colour[a], colour[b]), 2))
        for a, b in pairs
        if brand.contrast(colour[a], colour[b]) < 4.5
    ]
    assert weak == []
    controls = [("line-strong", ground) for ground in ("bg", "surface", "surface-2")]
    controls += [("focus", ground) for ground in ("bg", "surface", "surface-2")]
    controls += [(name, "surface-3") for name in ("brand", "warn", "bad")]
    assert [pair for pair in controls if brand.contrast(colour[pair[0]], colour[pair[1]]) < 3.0] == []


def test_colours_live_in_the_tokens():
    """Frames of devices are the exception: they do not follow the theme."""
    for path in STYLES:
        if path.name in {"tokens.css", "preview.css"}:
            continue
        literal = [c for c in re.findall(r"#[0-9a-fA-F]{3,6}\b", path.read_text()) if c not in {"#fff", "#3a4855"}]
        assert literal == [], path.name


def test_styles_are_logical_so_that_right_to_left_stays_possible():
    physical = re.compile(
        r"^\s*(?:margin|padding|border)-(?:left|right|top|bottom)|^\s*(?:left|right|top|bottom|width|height):",
        re.MULTILINE,
    )
    assert [path.name for path in STYLES if physical.search(path.read_text())] == []


def test_the_lock_file_names_no_place_to_download_from():
    lock = (ASSETS / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "://" not in lock
    packages = json.loads(lock)["packages"]
    assert all("integrity" in entry for name, entry in packages.items() if name)


def test_versions_are_exact():
    package = json.loads((ASSETS / "package.json").read_text())
    versions = {**package["dependencies"], **package["devDependencies"]}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
    assert "omit-lockfile-registry-resolved=true" in (ASSETS / ".npmrc").read_text()


def test_every_shipped_package_has_its_licence():
    text = (ROOT / "THIRD_PARTY.md").read_text()
    assert "@fontsource-variable/inter" in text
    assert "lucide-static" in text
    assert "SIL OPEN FONT LICENSE" in text


def test_every_icon_is_in_the_sprite_and_every_symbol_is_used():
    names = set((ASSETS / "icons.txt").read_text().split())
    text = "\n".join(path.read_text() for path in TEMPLATES)
    quoted = set(re.findall(r'"([a-z0-9-]+)"', text))
    called = set(re.findall(r'icon\("([a-z0-9-]+)"', text)) | set(re.findall(r'note\("\w+", "([a-z0-9-]+)"', text))
    assert called <= names
    assert names - quoted == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_script_no_style_and_no_handler(path):
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert "<style" not in text
    assert not re.search(r"\son[a-z]+=", text)
    assert "|safe" not in text.replace(" ", "")
    assert "srcdoc" not in text
    assert "://" not in text


def test_scripts_write_text_never_markup():
    for path in SCRIPTS:
        text = path.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://", text), (
            path.name
        )


def messages() -> set[object]:
    found = set()
    options = {"**.html": {"silent": "false", "extensions": "jinja2.ext.do"}}
    for folder in ("console/templates", "preview/templates"):
        for row in extract_from_dir(ROOT / folder, [("**.html", "jinja2.ext:babel_extract")], options):
            found.add(row[2])
    return found


def test_the_catalogue_is_complete_and_holds_nothing_else():
    with (ROOT / "api/locale/de.po").open("rb") as file:
        catalogue = read_po(file, locale="de", abort_invalid=True)
    entries = {entry.id: entry for entry in catalogue if entry.id}
    assert set(entries) == messages()
    for entry in entries.values():
        assert not entry.fuzzy
        strings = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        assert all(strings), entry.id
        ids = entry.id if isinstance(entry.id, tuple) else (entry.id,)
        holes = set(re.findall(r"%\((\w+)\)s", " ".join(ids)))
        assert set(re.findall(r"%\((\w+)\)s", " ".join(strings))) == holes, entry.id
        assert '"' not in " ".join(strings), entry.id
    assert list(catalogue.check()) == []


def test_templates_and_scripts_hold_no_german():
    german = re.compile(r"[äöüßÄÖÜ„“]|\b(?:und|nicht|oder|bitte|Freigabe|Abmelden)\b")
    for path in [*TEMPLATES, *SCRIPTS]:
        assert not german.search(path.read_text()), path.name


def test_plural_and_placeholders_work_in_both_languages():
    one, many = "person gets this e-mail", "people get this e-mail"
    assert pages.catalogue("de").ngettext(one, many, 1) == "Person bekommt diese E-Mail"
    assert pages.catalogue("de").ngettext(one, many, 2) == "Personen bekommen diese E-Mail"
    assert pages.catalogue("en").ngettext(one, many, 2) == many


def test_a_build_is_fresh_until_a_source_is_newer(tmp_path):
    for part in ("css", "ts", "dist"):
        (tmp_path / part).mkdir()
    lock, script, manifest = tmp_path / "package-lock.json", tmp_path / "ts/app.ts", tmp_path / "dist/manifest.json"
    for path in (lock, script):
        path.write_text("{}")
    assert not assets.fresh(tmp_path)
    manifest.write_text("{}")
    for path, when in ((lock, 100), (script, 100), (manifest, 200)):
        os.utime(path, (when, when))
    assert assets.fresh(tmp_path)
    os.utime(script, (300, 300))
    assert not assets.fresh(tmp_path)
    os.utime(script, (100, 100))
    os.utime(lock, (300, 300))
    assert not assets.fresh(tmp_path)


def test_a_node_that_is_too_old_or_without_npm_is_not_used(tmp_path, monkeypatch):
    for name, text in (("node", "echo v18.2.0"), ("npm", "true")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert assets.node_on_path() is None
    (tmp_path / "node").write_text("#!/bin/sh\necho v20.12.1\n")
    assert assets.node_on_path() == str(tmp_path / "node")
    (tmp_path / "npm").unlink()
    assert assets.node_on_path() is None


def test_a_build_that_fails_says_what_failed(tmp_path, monkeypatch):
    (tmp_path / "css").mkdir()
    (tmp_path / "ts").mkdir()
    (tmp_path / "package-lock.json").write_text("{}")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in (("node", "echo v22.0.0"), ("npm", "echo 'the lock is broken' >&2; exit 1")):
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/bin:/usr/bin")
    said: list[str] = []
    assert assets.build(said.append, tmp_path) == 1
    assert "the lock is broken" in "\n".join(said)


def test_what_a_page_loads_is_small():
    manifest = ASSETS / "dist" / "manifest.json"
    if not manifest.exists():
        pytest.skip("assets are not built: ./dev assets")
    names = json.loads(manifest.read_text())
    size = {key: len(gzip.compress((ASSETS / "dist" / name).read_bytes())) for key, name in names.items()}
    assert size["ts/app.ts"] <= 20_000
    assert size["css/app.css"] <= 15_000
    assert set(names) == {"icons.svg", "ts/app.ts", "css/app.css"}
