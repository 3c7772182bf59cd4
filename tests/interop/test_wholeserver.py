"""
A server of two workers, seen as one: real processes, Prometheus's own tool, and a real
browser.
"""

from __future__ import annotations

import json
import os
import re
import signal
import smtplib
from http.client import HTTPException
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.request import urlopen

from .browser import Browser
from .cases import InteropTestCase, findPeer
from .running import RunningServer, freePort, removeFolder, waitFor

_ACCEPTED = 'smtpx_messages_accepted_total{protocol="esmtp"}'


class WholeServerTests(InteropTestCase):
    """What is seen of a server of several processes."""

    def start(self, more: str = "") -> RunningServer:
        """
        A server of two workers, with a site.

        @param more: tables of its configuration.
        """
        # It is to be where it was when the worker that has it is started again.
        self.httpPort = freePort()
        site = f"[http]\nport = {self.httpPort}\n{more}"
        # The paths of the workers' sockets are to be short.
        folder = Path(mkdtemp(prefix="smtpx-"))
        self.addCleanup(removeFolder, folder)
        return self.serve(site, workers=2, folder=folder)

    def get(self, path: str) -> str:
        """Ask the site."""
        url = f"http://127.0.0.1:{self.httpPort}/{path}"
        with urlopen(url, timeout=20) as answer:
            text: str = answer.read().decode("utf-8")
        return text

    def value(self, name: str) -> float | None:
        """A value of the metrics; L{None}: there is none, or nobody is there."""
        try:
            text = self.get("metrics")
        except (OSError, HTTPException):
            return None
        found = re.search(rf"^{re.escape(name)} (.+)$", text, re.MULTILINE)
        return None if found is None else float(found[1])

    @property
    def workers(self) -> dict[int, dict[str, Any]]:
        """What the page says of the workers."""
        found = json.loads(self.get("status.json"))["workers"]
        return {each["number"]: each for each in found}

    def send(self, server: RunningServer, count: int) -> None:
        """Send messages, a connection for each, so that both workers get some."""
        for number in range(count):
            with smtplib.SMTP("localhost", server.port, timeout=20) as client:
                text = f"Subject: {number}\r\n\r\nhello\r\n"
                client.sendmail("ann@client.example", ["bob@localhost"], text)

    def kill(self, number: int) -> None:
        """Kill a worker, and wait until there is another."""
        before = self.workers[number]
        os.kill(before["pid"], signal.SIGKILL)

        def again() -> bool:
            starts = f'smtpx_worker_starts_total{{worker="{number}"}}'
            isThere = self.value("smtpx_workers_answered") == 2
            return isThere and self.value(starts) == before["starts"] + 1

        waitFor(again, f"worker {number} is there again")

    def test_totals(self) -> None:
        """
        Totals are what was sent, whichever worker took it, and stay that when one is
        killed, even the one that has the site.
        """
        server = self.start()
        self.send(server, 20)
        self.assertEqual(self.value(_ACCEPTED), 20)
        for number in (2, 1):
            self.kill(number)
            self.assertEqual(self.value(_ACCEPTED), 20 + 10 * (2 - number))
            self.send(server, 10)
            self.assertEqual(self.value(_ACCEPTED), 30 + 10 * (2 - number))
        server.delivered(40)
        waitFor(lambda: self.value("smtpx_spool_messages") == 0, "all have left")
        ended = 'smtpx_sessions_ended_total{ending="quit"}'
        waitFor(lambda: self.value(ended) == 40, "all have gone")

    def test_processes(self) -> None:
        """What all processes of the server take is told, each by what it is."""
        self.start()
        for process in ("1", "2", "zygote", "supervisor"):
            name = f'process_resident_memory_bytes{{worker="{process}"}}'
            size = self.value(name)
            assert size is not None, process
            self.assertGreater(size, 10 << 20)

    def test_hung(self) -> None:
        """Of a worker that hangs the counts stand, and it is said that it is away."""
        server = self.start()
        self.send(server, 10)
        self.assertEqual(self.value(_ACCEPTED), 10)
        pid = self.workers[2]["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            self.assertEqual(self.value(_ACCEPTED), 10)
            self.assertEqual(self.value("smtpx_workers_answered"), 1)
            said = self.get("ready")
            self.assertEqual(said, "ready\nWorker 2: It does not answer.\n")
        finally:
            os.kill(pid, signal.SIGCONT)
        waitFor(lambda: self.value("smtpx_workers_answered") == 2, "it is back")
        self.assertEqual(self.get("ready"), "ready\n")

    def test_promtool(self) -> None:
        """Prometheus's own tool has nothing against what is put together."""
        promtool = findPeer("promtool", "promtool")
        server = self.start()
        self.send(server, 4)
        self.kill(2)
        text = self.get("metrics").encode("utf-8")
        self.assertEqual(self.run_([promtool, "check", "metrics"], text), "")

    def test_page(self) -> None:
        """The page has sessions of both workers, who they are, and their traces."""
        program = findPeer("chromium", "chromium")
        server = self.start('[trace]\nhosts = ["127.0.0.1"]\n')
        self.send(server, 20)
        clients = []
        for number in range(12):
            client = smtplib.SMTP("localhost", server.port, f"c{number}", timeout=20)
            self.addCleanup(client.close)
            client.ehlo()
            clients.append(client)
        holders = {each["worker"] for each in self.sessions}
        self.assertEqual(holders, {1, 2})
        browser = Browser(program, Path(self.mktemp()).absolute())
        self.closing(browser.close)
        url = f"http://127.0.0.1:{self.httpPort}/"
        for width in (360, 1200):
            seen = browser.open(url, width=width)
            found = browser.evaluate("document.documentElement.scrollWidth")
            self.assertEqual(found, width)
        self.assertEqual(seen.complaints, [])
        text = re.sub(r"\s+", " ", browser.evaluate("document.body.innerText"))
        self.assertIn("2 workers", text)
        for each in self.workers.values():
            self.assertRegex(text, rf"{each['number']} takes mail {each['pid']} ")
        for number in range(12):
            self.assertRegex(
                text, rf" c{number} \d+ (?:s|min) no TLS 0 waits for a command [12] "
            )
        self.traces(browser, url)

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """The sessions that the page tells of."""
        found: list[dict[str, Any]] = json.loads(self.get("status.json"))["sessions"]
        return found

    def traces(self, browser: Browser, url: str) -> None:
        """The list has traces of both workers, and each can be looked at."""
        browser.open(url + "traces")
        rows = browser.evaluate(
            "[...document.querySelectorAll('tbody tr')].map(each =>"
            " [each.querySelector('a').href, each.lastChild.innerText])"
        )
        self.assertEqual(len(rows), 20)
        self.assertEqual({worker for _, worker in rows}, {"1", "2"})
        for wanted in ("1", "2"):
            link = next(link for link, worker in rows if worker == wanted)
            browser.open(link)
            said = browser.evaluate("document.body.innerText")
            self.assertIn("MAIL FROM:<ann@client.example>", said)
