import sys, json
from pathlib import Path
import pytest
from playwright.sync_api import sync_playwright
from tests.preview import studio as studios
OUT=Path("/tmp/shots"); OUT.mkdir(exist_ok=True)
import datetime
def test_look(studio, site):
    token = studios.link(studio)
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox","--disable-gpu","--disable-quic","--no-first-run","--disable-background-networking","--disable-component-update","--disable-sync"])
        logs=[]
        for name,w,h,scheme,mobile in [("desk-light",1280,900,"light",0),("desk-dark",1280,900,"dark",0),("phone-light",360,780,"light",1),("phone-dark",360,780,"dark",1)]:
            c = b.new_context(viewport={"width":w,"height":h}, color_scheme=scheme, has_touch=bool(mobile), is_mobile=bool(mobile), device_scale_factor=1)
            pg = c.new_page(); pg.on("console", lambda m: logs.append(m.text)); pg.on("pageerror", lambda e: logs.append(str(e)))
            pg.goto(f"{site}/p/{token}", wait_until="networkidle")
            pg.screenshot(path=OUT/f"{name}.png"); pg.screenshot(path=OUT/f"{name}-full.png", full_page=True)
            c.close()
        print(logs); b.close()
