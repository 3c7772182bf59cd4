"""
Tests for L{smtpx.tls.terms}.
"""

from __future__ import annotations

from pathlib import Path

from OpenSSL import SSL
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.hooks import TLSOptions
from smtpx.core.tlsterms import USUAL, TLSTerms
from smtpx.tls import openssl, terms
from smtpx.tls.client import ClientTLS
from smtpx.tls.contexts import ServerTLS
from smtpx.tls.terms import (
    GROUPS,
    BadTerms,
    checkTerms,
    giveCiphers,
    giveGroups,
    giveSignatures,
    giveSuites,
    problemOf,
    usualGroups,
)

from .joined import AUTHORITY, NOW, Wrapped, accepting, issue, shake, store

P256 = TLSTerms(groups="P-256")


class UsualGroupsTests(SynchronousTestCase):
    """The groups of the key exchange where nobody says which."""

    def met(self, server: str | None, client: str | None) -> str | None:
        """
        The group on which both agree.

        @param server: the groups of a server; L{None}: the usual ones.
        @param client: those of a client, likewise.
        @return: L{None}: they do not.
        """
        files = store(Path(self.mktemp()), *issue("a.example"))
        clock = Clock()
        clock.advance(NOW.timestamp())
        tls = ServerTLS((files,), clock=clock)
        ours = ClientTLS((AUTHORITY.certificate,))
        options = TLSOptions(b"a.example", terms=TLSTerms(groups=client))
        creator = ours.creator(options)
        connection = creator.clientConnectionForTLS(Wrapped().asProtocol())
        connection.set_connect_state()
        wanted = TLSOptions(terms=TLSTerms("TLSv1.3", groups=server))
        peer = accepting(tls, wanted)
        try:
            shake(peer, connection)
        except SSL.Error:
            return None
        return openssl.groupName(connection)

    def test_noFiniteFields(self) -> None:
        """
        Finite fields (RFC 7919) are neither taken nor offered by either side, unless
        they are asked for.
        """
        self.assertIsNone(self.met(None, "ffdhe2048:ffdhe3072"))
        self.assertIsNone(self.met("ffdhe2048:ffdhe3072", None))
        self.assertEqual(self.met("ffdhe2048", "ffdhe2048"), "ffdhe2048")

    def test_othersAreAsBefore(self) -> None:
        """What else OpenSSL has by itself is offered and taken."""
        for group in ("X25519", "P-256", "X448", "P-384", "P-521"):
            for names in ((None, group), (group, None)):
                self.assertIsNotNone(self.met(*names), (group, names))

    def test_anyOpenSSL(self) -> None:
        """
        Every OpenSSL has one of the lists, the first that it knows; where it cannot be
        told, it has its own.
        """
        context = SSL.Context(SSL.TLS_METHOD)
        told: list[bytes] = []
        for answer, count in ((False, len(GROUPS)), (None, 1), (True, 1)):
            told.clear()

            def give(
                context: SSL.Context, names: bytes, answer: bool | None = answer
            ) -> bool | None:
                told.append(names)
                return answer

            self.patch(terms, "setGroups", give)
            usualGroups(context)
            self.assertEqual([*map(bytes.decode, told)], list(GROUPS[:count]))


class WordsTests(SynchronousTestCase):
    """What may be said."""

    def test_good(self) -> None:
        """
        What OpenSSL knows is taken.
        """
        for give, text in (
            (giveGroups, "X25519:P-256"),
            (giveSignatures, "ed25519:RSA+SHA256:rsa_pss_rsae_sha256"),
            (giveSuites, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"),
            (giveCiphers, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"),
        ):
            self.assertEqual(problemOf(give, text), None, text)

    def test_unknown(self) -> None:
        """
        What it does not know is refused, and named.
        """
        for give, text, wrong in (
            (giveGroups, "X25518", "OpenSSL knows no groups 'X25518'"),
            (
                giveSignatures,
                "rot13",
                "OpenSSL knows no signature algorithms 'rot13'",
            ),
            (giveSuites, "TLS_ROT13", "OpenSSL knows no TLS 1.3 suites 'TLS_ROT13'"),
            (giveCiphers, "ROT13", "OpenSSL knows no TLS 1.2 suites 'ROT13'"),
        ):
            self.assertEqual(problemOf(give, text), wrong)

    def test_noList(self) -> None:
        """
        What cannot be a list is not shown to OpenSSL.
        """
        for text in ("", "X25519 P-256", "X25519\0", "é", "X25519:" * 200):
            wrong = problemOf(giveGroups, text)
            self.assertEqual(wrong, 'expected names with ":" between them', text)

    def test_open(self) -> None:
        """
        Suites without encryption, or with strangers, and a lower security level, are
        refused.
        """
        level = "a list of suites sets no security level"
        self.assertEqual(problemOf(giveCiphers, "ALL:@SECLEVEL=0"), level)
        for text in ("aNULL:ECDHE+AESGCM", "eNULL:ECDHE+AESGCM", "NULL-SHA256"):
            self.assertIsNot(problemOf(giveCiphers, text), None, text)

    def test_openOnceTheyAreThere(self) -> None:
        """
        Such a suite is refused by its name, should OpenSSL offer it.
        """
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        error = self.assertRaises(
            BadTerms, giveCiphers, context, "aNULL:ECDHE+AESGCM:@STRENGTH"[:18]
        )
        self.assertIn("protects nothing", str(error))

    def test_version(self) -> None:
        """
        A version that is not spoken is refused.
        """
        self.assertRaises(BadTerms, checkTerms, TLSTerms(minimum="TLSv1.1"))

    def test_usual(self) -> None:
        """
        Terms that say nothing are always kept.
        """
        checkTerms(USUAL)

    def test_noBinding(self) -> None:
        """
        Where OpenSSL cannot be told, the terms are not taken for kept.
        """
        self.patch(openssl, "_setGroups", None)
        wrong = problemOf(giveGroups, "X25519")
        self.assertEqual(wrong, "this build of OpenSSL cannot be told of groups")


class HandshakeTests(SynchronousTestCase):
    """What they do."""

    def setUp(self) -> None:
        """Make a server."""
        clock = Clock()
        clock.advance(NOW.timestamp())
        files = store(Path(self.mktemp()), *issue("here.example"))
        self.server = ServerTLS((files,), clock=clock)
        self.client = ClientTLS((AUTHORITY.certificate,))

    def handshake(self, ours: TLSTerms, theirs: TLSTerms) -> tuple[str, str, str]:
        """
        Do one.

        @return: version, suite and group.
        """
        server = accepting(self.server, TLSOptions(terms=ours))
        options = TLSOptions(serverName=b"here.example", verified=True, terms=theirs)
        creator = self.client.creator(options)
        client = creator.clientConnectionForTLS(Wrapped().asProtocol())
        client.set_connect_state()
        shake(server, client)
        info = self.client.info(client, options)
        self.assertEqual(info.group, self.server.info(server).group)
        return info.version, info.cipher, info.group

    def test_groups(self) -> None:
        """
        Either side decides which groups there are.
        """
        for ours, theirs in ((P256, USUAL), (USUAL, P256), (P256, P256)):
            group = self.handshake(ours, theirs)[2]
            self.assertIn(group.lower(), ("secp256r1", "prime256v1", "p-256"))

    def test_suites(self) -> None:
        """
        Suites of both versions are set by themselves.
        """
        terms = TLSTerms(suites="TLS_AES_128_GCM_SHA256")
        self.assertEqual(self.handshake(terms, USUAL)[1], "TLS_AES_128_GCM_SHA256")

    def test_nothingInCommon(self) -> None:
        """
        Where there is no group that both have, the handshake fails.
        """
        self.assertRaises(SSL.Error, self.handshake, P256, TLSTerms(groups="X25519"))

    def test_minimum(self) -> None:
        """
        The oldest version is the terms', not the room's.
        """
        old = SSL.Context(SSL.TLS_CLIENT_METHOD)
        old.set_max_proto_version(SSL.TLS1_2_VERSION)
        for minimum, good in ((None, True), ("TLSv1.3", False)):
            terms = TLSTerms(minimum=minimum)
            server = accepting(self.server, TLSOptions(terms=terms))
            client = SSL.Connection(old, None)
            client.set_connect_state()
            if good:
                shake(server, client)
            else:
                self.assertRaises(SSL.Error, shake, server, client)

    def test_signatures(self) -> None:
        """
        A server whose certificate cannot be signed with does not get through.
        """
        terms = TLSTerms(signatures="ed25519")
        self.assertRaises(SSL.Error, self.handshake, USUAL, terms)
