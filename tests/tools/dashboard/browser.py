"""Opens the dashboard in headless Chromium and uses it as a person would; prints what went wrong.

python browser.py URL CHROMIUM [SCREENSHOTS]
Talks to the browser through its DevTools protocol with the standard library alone. The database is the
one of support.h: five runs, one with a name that a careless page would execute and one that goes on
all the time, and three with tests of significance.
"""

import base64
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request


class WebSocket:
    def __init__(self, url):
        host, path = url.removeprefix("ws://").split("/", 1)
        name, port = host.split(":")
        self.socket = socket.create_connection((name, int(port)), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        assert b" 101 " in head, head

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        length = len(data)
        size = bytes([128 | length]) if length < 126 else bytes([254]) + struct.pack(">H", length) \
            if length < 65536 else bytes([255]) + struct.pack(">Q", length)
        self.socket.sendall(b"\x81" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def exactly(self, count):
        data = b""
        while len(data) < count:
            data += self.socket.recv(count - len(data))
        return data

    def receive(self):
        text = b""
        while True:
            first, second = self.exactly(2)
            length = second & 127
            if length == 126:
                length = struct.unpack(">H", self.exactly(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.exactly(8))[0]
            text += self.exactly(length)
            if first & 128:
                return text.decode()


class Browser:
    def __init__(self, program, folder):
        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0",
             f"--user-data-dir={folder}", "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = pathlib.Path(folder) / "DevToolsActivePort"
        for _ in range(600):
            if port_file.exists() and port_file.read_text().count("\n") >= 1:
                break
            time.sleep(0.1)
        port = port_file.read_text().split("\n")[0]
        pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
        page = next(one for one in pages if one["type"] == "page")
        self.socket, self.serial, self.complaints, self.requests = WebSocket(page["webSocketDebuggerUrl"]), 0, [], []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.serial += 1
        self.socket.send(json.dumps({"id": self.serial, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.receive())
            self.note(message)
            if message.get("id") == self.serial:
                assert "error" not in message, message
                return message["result"]

    def note(self, message):
        kind, about = message.get("method"), message.get("params", {})
        if kind == "Runtime.exceptionThrown" or (kind == "Log.entryAdded" and about["entry"]["level"] == "error") \
                or (kind == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning")):
            self.complaints.append(json.dumps(about)[:500])
        if kind == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])

    def run(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, (script, result)
        return result["result"].get("value")

    def wait(self, script, what):
        for _ in range(300):
            if self.run(script):
                return
            time.sleep(0.1)
        raise AssertionError(f"{what}: never came; the page says: {self.run('document.body.innerText')[:1500]}")

    def open(self, url, ready):
        self.call("Page.navigate", url=url)
        self.wait(f"document.body && document.body.dataset.ready === {json.dumps(ready)}", url)

    def go(self, fragment):
        self.run(f"location.hash = {json.dumps(fragment)}")
        self.wait(f"document.body.dataset.ready === {json.dumps(fragment)}", fragment)

    def press(self, key):
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key if len(key) == 1 else "")
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def click(self, selector):
        box = self.run(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
                       "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)

    def screenshot(self, path, width, height, dark):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.resize(width, height)
        time.sleep(1)  # The page is laid out anew.
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait()


def text(browser):
    return browser.run("document.getElementById('main').innerText")


def check(browser, url):
    browser.open(url, "#/")
    assert "5 runs: 2 done, 1 running, 1 failed, 1 pending" in text(browser), text(browser)
    rows = browser.run("document.querySelectorAll('#runs tbody tr').length")
    assert rows == 8, rows
    done = "[...document.querySelectorAll('#runs tbody tr')].find(r => r.dataset.run === 'done0001').innerText"
    assert "0.1250" in browser.run(done) and "0.2500" in browser.run(done), browser.run(done)
    assert "<script>window.hacked=1</script>" in text(browser), "the name is shown as it is"

    browser.press("/")
    for letter in "usgm":
        browser.press(letter)
    browser.wait("document.querySelectorAll('#runs tbody tr').length === 1", "the filter")
    browser.press("Escape")
    browser.run("(() => { const f = document.getElementById('filter'); f.value = ''; f.dispatchEvent(new Event('input')); })()")

    browser.press("j")
    browser.press("x")
    browser.press("j")
    browser.press("x")
    browser.wait("document.getElementById('compare').textContent === 'Compare 2 chosen'", "two chosen by keys")
    browser.click("#compare")
    browser.wait("location.hash === '#/compare/done0001,done0002' && document.body.dataset.ready === location.hash", "the comparison")
    assert "optimizer.name" in text(browser) and "usgm" in text(browser), text(browser)
    curves = browser.run("document.querySelectorAll('.chart').length")
    assert curves == 6, curves
    assert browser.run("document.querySelectorAll('.chart')[0].querySelectorAll('path.curve').length") == 2

    browser.press("1")
    browser.wait("document.body.dataset.ready === '#/'", "back by a key")
    browser.click("a.cell.failed")
    browser.wait("document.body.dataset.ready === '#/run/failed01'", "a click on the failed run")
    assert "bad <script>" in text(browser) and "abc123" in text(browser), text(browser)
    assert browser.run("window.hacked === undefined && document.querySelectorAll('main img, main script').length === 0")

    browser.go("#/run/done0001")
    browser.run("document.querySelector('.chart svg').focus()")
    browser.press("ArrowLeft")
    browser.wait("document.querySelector('.readout').textContent.startsWith('epoch')", "values by the arrow keys")
    browser.go("#/tables")
    assert "MovieLens-1M" in text(browser) and "0.2500" in text(browser), text(browser)
    browser.wait("document.querySelectorAll('main td sup').length === 3", "marks of significance")
    assert "paired permutation test" in text(browser), text(browser)
    browser.go("#/events")
    browser.go("#/run/none")
    assert "There is no such run." in text(browser)
    browser.press("?")
    browser.wait("document.getElementById('help').open", "the help")
    browser.click("#help button")
    check_refresh(browser)
    check_widths(browser)
    origin = url.split("?")[0].rstrip("/")
    outside = [one for one in browser.requests if not one.startswith((origin, "about:", "data:"))]
    assert not outside, outside
    assert not browser.complaints, browser.complaints


def refresh(browser):
    browser.run("window.drawnBefore = state.drawn")
    browser.wait("state.drawn && state.drawn !== window.drawnBefore", "the live run's progress")


def check_refresh(browser):
    """Whoever scrolls, reads or has the focus somewhere is not disturbed by a live sweep."""
    browser.resize(240, 900)
    browser.go("#/")
    table = "document.querySelector('#run-table .wide')"
    for focused in ("#runs th button", "#runs [data-run=running1] input", "#runs [data-run=running1] a"):
        browser.run(f"{table}.scrollLeft = 20; document.querySelector('{focused}').focus({{preventScroll: true}})")
        refresh(browser)
        assert browser.run(f"{table}.scrollLeft") == 20, (focused, browser.run(f"{table}.scrollLeft"))
        assert browser.run(f"document.activeElement === document.querySelector('{focused}')"), focused
    browser.resize(1280, 900)
    browser.go("#/run/running1")
    browser.run("document.querySelector('.chart svg').focus()")
    browser.press("ArrowLeft")
    kept = "[document.querySelector('.readout').textContent, document.querySelector('.cursor').getAttribute('visibility'), document.activeElement.tagName]"
    before, drawn = browser.run(kept), "document.querySelector('.chart path.curve').getAttribute('d')"
    curve = browser.run(drawn)
    refresh(browser)
    assert before[0].startswith("epoch") and before[1:] == ["visible", "svg"], before
    assert browser.run(kept) == before, (before, browser.run(kept))
    assert browser.run(drawn) != curve, "the curve grows"
    browser.press("ArrowRight")
    assert browser.run(kept)[0] != before[0], "and its values can still be read"


def check_widths(browser):
    """Long names hide no result."""
    browser.go("#/")
    wide = ("(() => { for (const run of state.overview.runs) run.model = '2Mamba4Rec (usgm, average=null, diameter=10.0, diameter_grows=false, lr=1000.0)';"
            "redrawTable(); const box = document.querySelector('#run-table .wide'); return box.scrollWidth - box.clientWidth; })()")
    assert browser.run(wide) <= 0, browser.run(wide)
    browser.resize(390, 844)
    right = "[...document.querySelectorAll('#runs th')].find(th => th.innerText === 'NDCG@10').getBoundingClientRect().right"
    assert browser.run(right) <= 390, browser.run(right)


def main():
    url, program = sys.argv[1:3]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(program, folder)
        try:
            if len(sys.argv) > 3:
                shots = pathlib.Path(sys.argv[3])
                shots.mkdir(parents=True, exist_ok=True)
                browser.open(url, "#/")
                for fragment in sys.argv[4:] or ["#/"]:
                    browser.go(fragment)
                    name = fragment.strip("#/").replace("/", "_").replace(",", "_") or "sweep"
                    for label, width, height, dark in (("wide", 1280, 900, False), ("dark", 1280, 900, True), ("phone", 390, 844, False)):
                        browser.screenshot(shots / f"{name}_{label}.png", width, height, dark)
            else:
                check(browser, url)
        finally:
            browser.close()
    print("ok")


main()
