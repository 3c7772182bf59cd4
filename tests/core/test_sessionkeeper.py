"""
Tests for L{smtpx.core.sessionkeeper}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import Ready, Trouble
from smtpx.core.hooks import TLSInfo, TLSOptions
from smtpx.core.interfaces import IClientBuilder, IClientSession
from smtpx.core.tlssession import Resumption, TLSSession
from smtpx.testing.client import ScriptedPeer, client

from .made import MadeClient

OLD = TLSSession(b"old", 100.0)
NEW = TLSSession(b"new", 200.0)


class KeepingTests(SynchronousTestCase):
    """Sessions are handed on once EHLO is answered under TLS."""

    def setUp(self) -> None:
        """Nothing was kept yet."""
        self.kept: list[tuple[TLSOptions, TLSInfo | None, TLSSession | None]] = []

    def peer(self, taken: TLSSession | None) -> ScriptedPeer:
        """
        A peer whose connection begins with TLS.

        @param taken: the session, once it is taken.
        """

        def tune(session: IClientSession, options: TLSOptions) -> TLSOptions:
            return evolve(options, tickets=True, session=OLD)

        def keep(
            options: TLSOptions, info: TLSInfo | None, session: TLSSession | None
        ) -> None:
            self.kept.append((options, info, session))

        def register(builder: IClientBuilder) -> None:
            builder.tls(tune)
            builder.ticket(keep)

        core = client([MadeClient(register)])
        core.tlsOptions()
        core.secured = TLSInfo()
        core.sessions.take = lambda info: taken
        return ScriptedPeer(core)

    def test_keptBehindEHLO(self) -> None:
        """
        Nothing is taken at the greeting; at the answer to EHLO it is, with the
        options of the handshake; and only once.
        """
        peer = self.peer(NEW)
        peer.start()
        peer.say(b"220 hello\r\n")
        self.assertEqual(self.kept, [])
        peer.say(b"250 peer.example\r\n")
        self.assertEqual(peer.events, [Ready()])
        [(options, info, session)] = self.kept
        self.assertEqual((options.session, session), (OLD, NEW))
        assert info is not None
        self.assertEqual(info.resumption, Resumption.SUPPORTED | Resumption.TICKET)
        self.assertIs(peer.connection.secured, info)
        self.assertIsNone(peer.connection.sessions.take)

    def test_sameSessionIsNoNewTicket(self) -> None:
        """TLS 1.2 may resume a session without a new ticket; it is kept on."""
        peer = self.peer(OLD)
        peer.open()
        self.assertEqual(
            [(info, session) for _, info, session in self.kept], [(TLSInfo(), OLD)]
        )

    def test_nothingToKeep(self) -> None:
        """Without a session, or without TLS, nothing is handed on."""
        peer = self.peer(None)
        peer.open()
        self.assertEqual(peer.events, [Ready()])
        core = client()
        core.sessions.take = lambda info: NEW
        ScriptedPeer(core).open()
        self.assertEqual(self.kept, [])

    def test_cameToNothing(self) -> None:
        """
        Where the connection is lost before EHLO was answered, the keeper is told once
        that there is no session; behind that answer, not any more.
        """
        for said, told in ((b"220 hello\r\n", 1), (b"220 a\r\n250 b\r\n", 0)):
            self.kept.clear()
            peer = self.peer(NEW if not told else None)
            peer.start()
            peer.say(said)
            self.kept.clear()
            peer.lost()
            peer.lost()
            self.assertEqual(
                [(info, session) for _, info, session in self.kept],
                [(None, None)] * told,
            )
            self.assertIsNone(peer.connection.sessions.take)

    def test_givenBack(self) -> None:
        """
        A session that is not offered after all is handed back once, and the one that
        the handshake gives is a new one.
        """
        peer = self.peer(NEW)
        sessions = peer.connection.sessions
        sessions.giveBack()
        sessions.giveBack()
        [(_, info, session)] = self.kept
        self.assertEqual((info, session), (None, OLD))
        peer.start()
        peer.say(b"220 hello\r\n")
        peer.say(b"250 peer.example\r\n")
        [_, (options, _, session)] = self.kept
        self.assertEqual((options.session, session), (None, NEW))
        sessions.giveBack()
        self.assertEqual(len(self.kept), 2)

    def test_troubleOfAKeeper(self) -> None:
        """A store that fails is told of, and the mail goes on."""
        error = ValueError()

        def fail(*told: object) -> None:
            raise error

        core = client([MadeClient(lambda builder: builder.ticket(fail))])
        core.tlsOptions()
        core.secured = TLSInfo()
        core.sessions.take = lambda info: NEW
        peer = ScriptedPeer(core)
        peer.open()
        self.assertEqual(peer.events, [Trouble("made", error), Ready()])
