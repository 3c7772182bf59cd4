"""
A real browser without a screen: Chromium, driven over a pipe by its own protocol
(C{--remote-debugging-pipe}: JSON with a NUL behind each).
"""

from __future__ import annotations

import json
import os
import selectors
import struct
import subprocess
import tempfile
import time
import zlib
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import define, field

from .running import removeFolder

#: How long the browser may take for anything.
PATIENCE_SECONDS = 120.0

_OPTIONS = (
    "--headless",
    "--remote-debugging-pipe",
    # It cannot be had as root, nor in many containers; the page is our own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    # Whatever asks for a name gets none: nothing of this leaves the machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def pixels(png: bytes) -> Iterator[bytes]:
    """
    The pixels of a picture (PNG, eight bits a sample, not interlaced), three
    octets each.
    """
    packed, at, width, size = b"", 8, 0, 0
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        chunk = png[at + 8 : at + 8 + length]
        at += 12 + length
        if kind == b"IHDR":
            width, _, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunk)
            assert (bits, interlaced) == (8, 0), chunk
            size = {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            packed += chunk
    plain = zlib.decompress(packed)
    above = bytearray(width * size)
    for start in range(0, len(plain), width * size + 1):
        row = bytearray(plain[start + 1 : start + 1 + width * size])
        _unfilter(plain[start], row, above, size)
        for left in range(0, len(row), size):
            yield bytes(row[left : left + 3])
        above = row


def _unfilter(kind: int, row: bytearray, above: bytearray, size: int) -> None:
    """Undo the filter of a row (PNG section 9.2)."""
    for place in range(len(row)):
        left = row[place - size] if place >= size else 0
        corner = above[place - size] if place >= size else 0
        up = above[place]
        nearest = min(
            (left, up, corner), key=lambda each: abs(left + up - corner - each)
        )
        more = (0, left, up, (left + up) // 2, nearest)[kind]
        row[place] = (row[place] + more) & 0xFF


@define
class Seen:
    """
    What a page did while it was loaded.

    @ivar requests: all addresses that it asked for.
    @ivar complaints: errors and warnings of the console.
    """

    requests: list[str] = field(factory=list)
    complaints: list[str] = field(factory=list)


class Browser:
    """One browser with one page."""

    def __init__(self, program: str, folder: Path) -> None:
        """
        Start it.

        @param program: where Chromium is.
        @param folder: for all that it writes.
        """
        theirs, self._out = os.pipe()
        self._in, answers = os.pipe()
        # Ended at once it would leave its socket there; the tests' own folder may be
        # too deep for one.
        self._folder = Path(tempfile.mkdtemp(prefix="smtpx-chromium-"))
        # It reads from descriptor 3 and writes to 4.
        command = f'exec "$0" "$@" 3<&{theirs} 4>&{answers}'
        words = [program, *_OPTIONS, f"--user-data-dir={folder}"]
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", command, *words],
            env={**os.environ, "TMPDIR": str(self._folder)},
            pass_fds=(theirs, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(answers)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._in, selectors.EVENT_READ)
        self._rest = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []
        self._session: str | None = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """
        Have it do something.

        @return: its answer.
        @raise AssertionError: it cannot, or takes too long.
        """
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        number = self._number
        found = self._await(lambda each: each.get("id") == number)
        assert "error" not in found, (method, found)
        answer: dict[str, Any] = found["result"]
        return answer

    def open(self, url: str, width: int = 1200, dark: bool = False) -> Seen:
        """
        Load a page.

        @param width: of the window, in pixels.
        @param dark: does its user like it dark?
        """
        size = {"width": width, "height": 800, "deviceScaleFactor": 1}
        self.ask("Emulation.setDeviceMetricsOverride", mobile=width < 500, **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self._events.clear()
        answer = self.ask("Page.navigate", url=url)
        assert "errorText" not in answer, answer
        self.loaded()
        # What a page does after it is there, such as asking for an icon.
        self.evaluate("new Promise(done => setTimeout(done, 200))")
        seen = Seen()
        for event in self._events:
            self._note(seen, event["method"], event["params"])
        return seen

    def _note(self, seen: Seen, method: str, told: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            seen.requests.append(told["request"]["url"])
        elif method == "Log.entryAdded":
            seen.complaints.append(told["entry"]["text"])
        elif method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            seen.complaints.append(str(told))

    def follow(self, selector: str) -> None:
        """
        Click on a link, and wait for the page that it leads to.

        @param selector: of CSS; its first element.
        """
        self._events.clear()
        self.evaluate(f"document.querySelector({selector!r}).click()")
        self.loaded()

    def forget(self) -> None:
        """What happened so far does not matter."""
        self._events.clear()

    def loaded(self) -> None:
        """Wait until a page was loaded, unless that has happened meanwhile."""

        def isLoad(each: dict[str, Any]) -> bool:
            return each.get("method") == "Page.loadEventFired"

        if not any(map(isLoad, self._events)):
            self._await(isLoad)

    def evaluate(self, expression: str) -> Any:
        """What JavaScript of ours comes to on the page."""
        answer = self.ask(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def colours(self, selector: str) -> Counter[bytes]:
        """
        How an element looks: each colour, and how many pixels have it.

        @param selector: of CSS; its first element.
        """
        box = self.evaluate(
            f"JSON.stringify(document.querySelector({selector!r})"
            ".getBoundingClientRect())"
        )
        clip = {key: json.loads(box)[key] for key in ("x", "y", "width", "height")}
        answer = self.ask("Page.captureScreenshot", clip=clip | {"scale": 1})
        return Counter(pixels(b64decode(answer["data"])))

    def close(self) -> None:
        """End it.  Does nothing if it has ended."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            self._selector.close()
            os.close(self._in)
            os.close(self._out)
            removeFolder(self._folder)

    def _await(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read until there is the message that is wanted; keep events."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            while b"\0" in self._rest:
                octets, _, self._rest = self._rest.partition(b"\0")
                message: dict[str, Any] = json.loads(octets)
                if "method" in message:
                    self._events.append(message)
                if wanted(message):
                    return message
            left = until - time.monotonic()
            assert left > 0, "the browser does not answer"
            if self._selector.select(left):
                piece = os.read(self._in, 1 << 20)
                assert piece, "the browser has ended"
                self._rest += piece
