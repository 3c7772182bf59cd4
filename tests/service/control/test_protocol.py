"""
Tests for L{smtpx.service.control.protocol}.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from smtpx.service.control.exchange import Exchange
from smtpx.service.control.protocol import CLIENTS, IDLE_SECONDS, Caller, callerOf
from smtpx.service.control.wire import PROTOCOL, REQUEST_OCTETS, smtpxVersion

from .made import Client, ControlCase

ASK = b'{"id": "x", "do": "queue.count"}\n'


class GreetingTests(ControlCase):
    """Who may come in."""

    def test_hello(self) -> None:
        """The server says who it is, and of which version."""
        [hello] = Client(self.factory()).heard()
        self.assertEqual(
            hello,
            {
                "smtpx": smtpxVersion(),
                "protocol": PROTOCOL,
                "name": "mx.example.org",
                "pid": os.getpid(),
            },
        )

    def refused(self, caller: Caller, shared: bool = False) -> Mapping[str, object]:
        """Somebody is not let in; why."""
        client = Client(self.factory(caller, shared))
        [hello] = client.heard()
        self.assertTrue(client.pipe.disconnecting)
        self.assertEqual(hello["protocol"], PROTOCOL)
        client.send(ASK)
        self.assertEqual(client.heard(), [])
        error: Mapping[str, object] = hello["error"]
        return error

    def test_rights(self) -> None:
        """Root may, and the user that we run as; somebody else hears who may."""
        stranger = Caller(os.geteuid() + 54321)
        for caller in (Caller(0), Caller(os.geteuid()), Caller(None)):
            self.assertNotIn("error", Client(self.factory(caller)).heard()[0])
        error = self.refused(stranger)
        self.assertEqual(error["kind"], "rights")
        us = pwd.getpwuid(os.geteuid()).pw_name
        self.assertIn(f"be root or {us}", str(error["text"]))
        self.assertIn(str(os.geteuid() + 54321), str(error["text"]))

    def test_group(self) -> None:
        """Where a group is let in, the file's mode has seen to it."""
        stranger = Caller(os.geteuid() + 54321)
        self.assertNotIn("error", Client(self.factory(stranger, True)).heard()[0])

    def test_tooMany(self) -> None:
        """There are only so many at once."""
        factory = self.factory()
        clients = [Client(factory) for _ in range(CLIENTS)]
        self.assertEqual(factory.clients, CLIENTS)
        [hello] = Client(factory).heard()[-1:]
        self.assertEqual(hello["error"]["kind"], "busy")
        clients[0].protocol.connectionLost()
        self.assertNotIn("error", Client(factory).heard()[0])

    def test_names(self) -> None:
        """The system knows who it is; where it does not, nobody does."""
        self.assertEqual(Caller(0).name, "root")
        self.assertEqual(Caller(987654).name, "987654")
        self.assertEqual(Caller(None).name, "somebody")
        self.assertEqual(callerOf(object()), Caller(None))


class RequestTests(ControlCase):
    """Requests and answers."""

    def setUp(self) -> None:
        """Somebody is in."""
        super().setUp()
        self.verbs["test"] = self.test
        self.asked_: list[Exchange] = []
        self.answer: Deferred[None] | None = None
        self.cancelled = 0
        self.server = self.factory()
        self.client = Client(self.server)
        self.client.heard()

    async def test(self, exchange: Exchange) -> Mapping[str, object]:
        """Answer as the test wishes."""
        self.asked_.append(exchange)

        def cancel(answer: Deferred[None]) -> None:
            self.cancelled += 1

        self.answer = Deferred(cancel)
        await self.answer
        return {"who": exchange.by}

    def finish(self) -> None:
        """Answer now."""
        assert self.answer is not None
        answer, self.answer = self.answer, None
        answer.callback(None)

    def test_answered(self) -> None:
        """Parts, and an end, by the name of the request."""
        id = self.put()
        part, done = self.client.ask("queue.list")
        self.assertEqual((part["id"], part["part"]["message"]), (1, id))
        self.assertEqual(done, {"id": 1, "done": {"found": 1}})

    def test_by(self) -> None:
        """Who asks is known."""
        self.client.ask("test")
        self.finish()
        self.assertEqual(self.client.heard(), [{"id": 1, "done": {"who": "root"}}])

    def test_anyCut(self) -> None:
        """It does not matter how requests are cut."""
        for at in range(len(ASK)):
            client = Client(self.server)
            client.heard()
            client.send(ASK[:at])
            client.send(ASK[at:])
            [done] = client.heard()
            self.assertEqual(done["id"], "x")
            client.protocol.connectionLost()

    def test_oneAfterTheOther(self) -> None:
        """Requests have their turn."""
        self.client.send(b'{"do": "test"}\n' + ASK + b'{"do": "test", "id": 5}\n')
        self.assertEqual((self.client.heard(), len(self.asked_)), ([], 1))
        self.finish()
        first, second = self.client.heard()
        self.assertEqual((first["id"], second["id"]), (None, "x"))
        self.assertEqual(len(self.asked_), 2)
        self.finish()
        self.assertEqual([each["id"] for each in self.client.heard()], [5])

    def test_tooManyRequests(self) -> None:
        """Who does not wait for answers is put out."""
        self.client.send(b'{"do": "test"}\n')
        self.client.send(ASK * 100)
        [error] = self.client.heard()
        self.assertEqual(error["error"]["kind"], "request")
        self.assertTrue(self.client.pipe.disconnecting)

    def test_bad(self) -> None:
        """What is no request has an error, and the next is answered."""
        for line, kind in (
            (b"x", "request"),
            (b"[]", "request"),
            (b"{}", "unknown"),
            (b'{"do": 5}', "unknown"),
            (b'{"do": "queue.eat"}', "unknown"),
            (b'{"do": "queue.list", "id": []}', "request"),
            (b'{"do": "queue.list", "selection": 5}', "request"),
        ):
            self.client.send(line + b"\n")
            [said] = self.client.heard()
            self.assertEqual(said["error"]["kind"], kind, line)
        self.client.send(ASK)
        self.assertIn("done", self.client.heard()[0])

    def test_tooLong(self) -> None:
        """A request that does not end is the end."""
        self.client.send(b"x" * (REQUEST_OCTETS + 10))
        [error] = self.client.heard()
        self.assertIn(str(REQUEST_OCTETS), error["error"]["text"])
        self.assertTrue(self.client.pipe.disconnecting)

    def test_failed(self) -> None:
        """Where the world fails, that is said."""
        self.put()
        self.spool.broken = True
        [error] = self.client.ask("queue.retry", selection={})
        self.assertEqual(error["error"]["kind"], "failed")

    def test_broken(self) -> None:
        """Where something of ours is broken, the log has it, not the client."""

        async def broken(exchange: Exchange) -> Mapping[str, object]:
            raise RuntimeError("secret")

        self.verbs["broken"] = broken
        [error] = self.client.ask("broken")
        self.assertEqual(error["error"]["kind"], "broken")
        self.assertNotIn("secret", json.dumps(error))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    # --- clients that are slow, or go ------------------------------------------

    def test_slow(self) -> None:
        """A client that does not read is waited for, and holds up nobody."""
        for _ in range(3):
            self.put()
        self.client.protocol.pauseProducing()
        self.assertEqual(len(self.client.ask("queue.list")), 1)
        [_, *rest] = Client(self.server).ask("queue.list")
        self.assertEqual(len(rest), 4)
        self.client.protocol.resumeProducing()
        self.assertEqual(len(self.client.heard()), 3)
        self.client.protocol.resumeProducing()

    def test_tooSlow(self) -> None:
        """But not for ever."""
        self.put()
        self.client.protocol.pauseProducing()
        self.client.protocol.pauseProducing()
        self.client.ask("queue.list")
        self.clock.advance(IDLE_SECONDS)
        self.assertTrue(self.client.pipe.aborted)

    def test_idle(self) -> None:
        """Who says nothing for long is put out, who waits for an answer is not."""
        self.clock.advance(IDLE_SECONDS - 1)
        self.client.ask("test")
        self.clock.advance(2 * IDLE_SECONDS)
        self.assertFalse(self.client.pipe.aborted)
        self.finish()
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertFalse(self.client.pipe.aborted)
        self.clock.advance(1)
        self.assertTrue(self.client.pipe.aborted)

    def lose(self) -> None:
        """The connection is gone."""
        self.client.protocol.connectionLost(Failure(ConnectionDone()))

    def test_gone(self) -> None:
        """What nobody waits for any more is cancelled, and what waits is not begun."""
        self.client.send(b'{"do": "test"}\n' * 2)
        self.lose()
        self.assertEqual((self.cancelled, len(self.asked_)), (1, 1))
        self.assertEqual(self.client.heard(), [])
        self.assertEqual(self.server.clients, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_goneWhileItIsSlow(self) -> None:
        """So is what waits for a slow client."""
        self.put()
        self.put()
        self.client.protocol.pauseProducing()
        self.client.ask("queue.list")
        self.lose()
        self.assertEqual(self.client.heard(), [])

    def test_halfClosed(self) -> None:
        """Who says that this was all has his answers."""
        self.client.send(b'{"do": "test", "id": 7}\n' + ASK)
        self.client.protocol.readConnectionLost()
        self.assertFalse(self.client.pipe.disconnecting)
        self.finish()
        self.assertEqual([each["id"] for each in self.client.heard()], [7, "x"])
        self.assertTrue(self.client.pipe.disconnecting)

    def test_halfClosedAtOnce(self) -> None:
        """Who has nothing to say may go."""
        self.client.protocol.readConnectionLost()
        self.assertTrue(self.client.pipe.disconnecting)
        other = Client(self.server)
        other.protocol.writeConnectionLost()
        self.assertTrue(other.pipe.disconnecting)

    def test_progress(self) -> None:
        """How far it is, is told now and then, as long as somebody reads."""
        self.client.ask("test")
        [exchange] = self.asked_
        for _ in range(5):
            exchange.progress({"done": 1})
            self.clock.advance(0.25)
        self.assertEqual(self.client.heard(), [{"id": 1, "progress": {"done": 1}}] * 2)
        self.client.protocol.pauseProducing()
        self.clock.advance(1)
        exchange.progress({"done": 2})
        self.assertEqual(self.client.heard(), [])

    def test_shutDown(self) -> None:
        """At the end of the server, everybody has to go."""
        self.client.ask("test")
        self.server.shutDown()
        self.assertTrue(self.client.pipe.disconnecting)
        self.lose()
        self.assertEqual(self.cancelled, 1)

    def test_credentials(self) -> None:
        """Where the system does not say who it is, the file's mode decides."""
        self.patch(socket, "SO_PEERCRED", None)
        self.assertEqual(callerOf(self.client.pipe), Caller(None))
