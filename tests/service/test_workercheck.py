"""
Tests for L{smtpx.service.workercheck}.
"""

from __future__ import annotations

import select
from pathlib import Path

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock

from smtpx.service.machine import Machine, processors
from smtpx.service.workercheck import checkWorkers, workerCautions

from .test_routes import RouteTestCase

_ENDPOINTS = """\
workers = {count}
[[listener]]
port = 25
[[listener]]
endpoint = "unix:/run/smtp.sock"
[[listener]]
endpoint = "systemd:domain=INET:index=0"
[[listener]]
endpoint = "tcp6:2525"
[[listener]]
endpoint = "ssl:4650"
[[listener]]
endpoint = "haproxy:tcp:2526"
"""


class WorkerTests(RouteTestCase):
    """What several workers cannot have."""

    def told(self, text: str) -> list[str]:
        """What is wrong, where the state folder is not in the depths of a test's."""
        configuration = self.read(text)
        if "state" not in configuration.document.values:
            configuration = evolve(configuration, state=Path("/state"))
        return [str(each) for each in checkWorkers(configuration)]

    def test_endpoints(self) -> None:
        """Several can accept at sockets, but not at whatever there is in Twisted."""
        first, second = self.told(_ENDPOINTS.format(count=2))
        why = (
            "several workers cannot share such an endpoint; it can be one of tcp,"
            " tcp6, unix, systemd"
        )
        self.assertIn(f":11: listener[4].endpoint: {why}", first)
        self.assertIn(f":13: listener[5].endpoint: {why}", second)
        self.assertEqual(self.told(_ENDPOINTS.format(count=1)), [])

    def test_statusPage(self) -> None:
        """The status page is no worker's but the leading one's."""
        page = '[http]\nendpoint = "systemd:domain=INET:index=1"\n'
        [told] = self.told(f"workers = 2\n{page}")
        self.assertIn(":3: http.endpoint: with several workers, the status page", told)
        self.assertEqual(self.told(page), [])
        self.assertEqual(self.told("workers = 2\n[http]\nport = 8025\n"), [])

    def test_deepState(self) -> None:
        """The workers have to reach each other, by sockets whose paths are short."""
        state = "/" + "x" * 96
        for count, expected in ((9, 0), (10, 1), (1, 0)):
            found = self.told(f'workers = {count}\nstate = "{state}"\n')
            self.assertEqual(len(found), expected)
        [told] = self.told(f'state = "{state}"\nworkers = 64\n')
        self.assertIn(f":1: state: {state}/workers/64: a path of 108 octets", told)
        self.assertIn("give a shorter path as state", told)

    def test_otherSystems(self) -> None:
        """Without epoll there can be one only, as everywhere."""
        self.patch(select, "epoll", None)
        del select.epoll
        [told] = self.told("workers = 2")
        self.assertIn(":1: workers: this system can have one only", told)
        self.assertEqual(self.told(""), [])

    def test_bounds(self) -> None:
        """There are 1 to 64."""
        for count in (0, 65):
            [told] = self.faults(f"workers = {count}")
            wanted = f":1: workers: expected an integer from 1 to 64, got {count}"
            self.assertEqual(told, wanted)
        self.assertEqual(self.read("workers = 64").workers, 64)


class CautionTests(RouteTestCase):
    """What is of no use."""

    def told(self, count: int, there: int) -> list[str]:
        """What there is to know of so many workers, with so many processors."""
        machine = evolve(Machine(MemoryReactorClock()), processors=lambda: there)
        found = workerCautions(machine, self.read(f"workers = {count}"))
        return [str(each) for each in found]

    def test_more(self) -> None:
        """More workers than processors are of no use."""
        [told] = self.told(3, 2)
        self.assertIn(":1: workers: 3 are more than there are processors", told)
        self.assertIn("with 2 processors", told)
        [told] = self.told(2, 1)
        self.assertIn("with one processor,", told)

    def test_enough(self) -> None:
        """One for each processor is well; and so is one, whatever there is."""
        self.assertEqual(self.told(2, 2) + self.told(2, 8) + self.told(1, 1), [])

    def test_processors(self) -> None:
        """There is one at least."""
        self.assertGreaterEqual(processors(), 1)
