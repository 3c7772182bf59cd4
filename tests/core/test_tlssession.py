"""
Tests for L{smtpx.core.tlssession}, and for what the client's core does with sessions.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.effects import Ready, Trouble
from smtpx.core.hooks import TLSInfo, TLSOptions
from smtpx.core.interfaces import IClientBuilder, IClientSession
from smtpx.core.tlssession import RESUMPTION_WORDS, Resumption, TLSSession
from smtpx.testing.client import ScriptedPeer, client

from .made import MadeClient

OLD = TLSSession(b"old", 100.0)
NEW = TLSSession(b"new", 200.0)


class ResumptionTests(SynchronousTestCase):
    """The five bits of a handshake, and their words."""

    def test_numbersAreExims(self) -> None:
        """Values that configurations for Exim know have the words that they expect."""
        for value, words in (
            (0x00, "no session asked for or offered"),
            (0x03, "ticket asked for, none given"),
            (0x07, "session offered, not used, no ticket given"),
            (0x09, "ticket to be had, not asked for"),
            (0x0B, "new ticket given"),
            (0x0D, "session offered, not used"),
            (0x0F, "session offered, not used, new ticket given"),
            (0x17, "session resumed"),
            (0x1D, "session resumed"),
            (0x1F, "session resumed, new ticket given"),
            (0x11, "session resumed without being asked for"),
        ):
            self.assertEqual(Resumption(value).words, words)
            self.assertEqual(RESUMPTION_WORDS[value], words)

    def test_secretsAreNotShown(self) -> None:
        """A session that comes into a log by accident shows nothing that opens it."""
        self.assertNotIn("secret", repr(TLSSession(b"secret", 0.0)))


class KeepingTests(SynchronousTestCase):
    """Sessions are handed on once EHLO is answered under TLS."""

    def setUp(self) -> None:
        """Nothing was kept yet."""
        self.kept: list[tuple[TLSOptions, TLSInfo, TLSSession]] = []

    def peer(self, taken: TLSSession | None) -> ScriptedPeer:
        """
        A peer whose connection begins with TLS.

        @param taken: the session, once it is taken.
        """

        def tune(session: IClientSession, options: TLSOptions) -> TLSOptions:
            return evolve(options, tickets=True, session=OLD)

        def keep(options: TLSOptions, info: TLSInfo, session: TLSSession) -> None:
            self.kept.append((options, info, session))

        def register(builder: IClientBuilder) -> None:
            builder.tls(tune)
            builder.ticket(keep)

        core = client([MadeClient(register)])
        core.tlsOptions()
        core.secured = TLSInfo()
        core.takeSession = lambda info: taken
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
        self.assertEqual(info.resumption, Resumption.SUPPORTED | Resumption.TICKET)
        self.assertIs(peer.connection.secured, info)
        self.assertIsNone(peer.connection.takeSession)

    def test_sameSessionIsNoNewTicket(self) -> None:
        """TLS 1.2 may resume a session without a new ticket; it is kept on."""
        peer = self.peer(OLD)
        peer.open()
        self.assertEqual(
            [(info.resumption, session) for _, info, session in self.kept],
            [(Resumption.SUPPORTED, OLD)],
        )

    def test_nothingToKeep(self) -> None:
        """Without a session, or without TLS, nothing is handed on."""
        peer = self.peer(None)
        peer.open()
        self.assertEqual(peer.events, [Ready()])
        core = client()
        core.takeSession = lambda info: NEW
        ScriptedPeer(core).open()
        self.assertEqual(self.kept, [])

    def test_troubleOfAKeeper(self) -> None:
        """A store that fails is told of, and the mail goes on."""
        error = ValueError()

        def fail(options: TLSOptions, info: TLSInfo, session: TLSSession) -> None:
            raise error

        core = client([MadeClient(lambda builder: builder.ticket(fail))])
        core.secured = TLSInfo()
        core.takeSession = lambda info: NEW
        peer = ScriptedPeer(core)
        peer.open()
        self.assertEqual(peer.events, [Trouble("made", error), Ready()])
