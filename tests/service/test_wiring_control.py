"""
Tests for L{smtpx.service.wiring.control}: a server that is controlled.
"""

from __future__ import annotations

import grp
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from attrs import evolve

from smtpx.queue.interfaces import Done, Selection
from smtpx.service.check import check
from smtpx.service.control.protocol import ControlFactory
from smtpx.service.problems import ConfigurationError
from smtpx.service.wiring import controlEndpoint

from .made import FOUND, NOW, HouseTestCase, send

GROUP = grp.getgrgid(os.getegid()).gr_name


class ControlTests(HouseTestCase):
    """A server, its queue and its socket."""

    def setUp(self) -> None:
        """A path that is short enough."""
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.socket = Path(folder.name) / "c"

    def factory(self) -> ControlFactory:
        """What is behind the socket."""
        [(_, factory, _, _, _)] = self.site.reactor.unixServers
        assert isinstance(factory, ControlFactory)
        return factory

    def ask(self, do: str, **fields: object) -> Any:
        """Ask the server over its socket; the last that it says."""
        from .control.made import ROOT, Client

        factory = self.factory()
        factory.callerOf = lambda transport: ROOT
        client = Client(factory)
        return client.ask(do, **fields)[-1]

    def hold(self) -> str:
        """A server with a message on hold; its id."""
        self.start(
            control={"socket": str(self.socket)},
            route=[{"match": ["*"], "transport": "hold"}],
        )
        send(self.site.call(), b"x@localhost")
        [id] = self.site.spools[0].kept
        self.site.reactor.advance(1)
        return id

    def test_socket(self) -> None:
        """What is there can be seen, and ended, over the socket."""
        id = self.hold()
        said = self.ask("queue.count", selection={})
        self.assertEqual(said["done"]["found"], 1)
        said = self.ask("queue.remove", selection={"ids": [id]})
        self.assertEqual(said["done"], {"done": 1, "later": 0, "kept": 0})
        self.assertEqual(self.site.spools[0].kept, {})
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        self.assertIn(f"{id} removed by root\n", log)

    def test_program(self) -> None:
        """A program that the server is a part of does so without one."""
        id = self.hold()
        queue = self.service.queue
        page = self.successResultOf(queue.find(Selection(domains=("localhost",))))
        self.assertEqual([each.message.id for each in page.entries], [id])
        done = self.successResultOf(queue.remove(Selection(ids=(id,)), "the program"))
        self.assertEqual(done, Done(1))

    def test_none(self) -> None:
        """Where it is not wished, there is none, but a program has its queue."""
        self.start(control={"enabled": False})
        self.assertEqual(self.site.reactor.unixServers, [])
        self.assertEqual(self.successResultOf(self.service.queue.retry(Selection())), 0)

    def test_farewell(self) -> None:
        """At the end of the server everybody has to go."""
        self.hold()
        factory = self.factory()
        self.ask("queue.list")
        self.assertEqual(factory.clients, 1)
        [client] = factory._clients
        self.stop()
        self.assertTrue(client.transport.disconnecting)  # type: ignore[union-attr]  # it is there

    def test_longState(self) -> None:
        """A state folder with too long a path: there is a server without a socket."""
        deep = self.site.folder / ("x" * 100)
        self.start(state=str(deep))
        self.assertEqual(self.site.reactor.unixServers, [])

    def problems(self, **control: object) -> list[str]:
        """What a check says of the table."""
        configuration = self.site.read({"control": control})
        return [
            f"{'.'.join(map(str, each.path))}: {each.text}"
            for each in check(self.site.machine, configuration, FOUND)
        ]

    def test_check(self) -> None:
        """What cannot be is said before the start."""
        self.assertEqual(self.problems(socket=str(self.socket)), [])
        [long] = self.problems(socket="/" + "x" * 107)
        self.assertIn("control.socket: ", long)
        self.assertIn("a path of 108 octets is too long for a socket", long)
        [nowhere] = self.problems(socket="/nowhere/at/all/c")
        self.assertEqual(nowhere, "control.socket: there is no folder /nowhere/at/all")
        [nobody] = self.problems(socket=str(self.socket), group="nobody at all")
        self.assertEqual(nobody, 'control.group: there is no group "nobody at all"')
        self.assertEqual(self.problems(socket=str(self.socket), group=GROUP), [])
        self.assertEqual(self.problems(enabled=False), [])

    def test_notOurGroup(self) -> None:
        """A group that the server's user is not of."""
        self.patch(os, "geteuid", lambda: 54321)
        self.patch(os, "getegid", lambda: 54321)
        self.patch(os, "getgroups", list)
        [other] = self.problems(socket=str(self.socket), group=GROUP)
        self.assertIn(f'is not a member of the group "{GROUP}"', other)

    def test_group(self) -> None:
        """Where a group is let in, the file is its."""
        values = {"control": {"socket": str(self.socket), "group": GROUP}}
        endpoint = controlEndpoint(self.site.machine, self.site.read(values))
        assert endpoint is not None
        self.assertEqual(endpoint.group, os.getegid())
        self.assertEqual(evolve(endpoint, group=None).path, self.socket)

    def test_groupInTheStateFolder(self) -> None:
        """Where it cannot reach the socket, that is said."""
        error = self.assertRaises(
            ConfigurationError, self.site.read, {"control": {"group": "x"}}
        )
        self.assertIn("a group cannot reach a socket in the state folder", str(error))

    def test_json(self) -> None:
        """What is said can be read by any program."""
        self.hold()
        said = self.ask("queue.summary", selection={}, by="domain")
        self.assertEqual(json.loads(json.dumps(said)), said)
        self.assertLess(NOW, self.site.reactor.seconds())
