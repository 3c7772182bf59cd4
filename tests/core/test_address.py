"""
Tests for L{smtpx.core.address}.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core import address
from smtpx.core.address import (
    Mailbox,
    domainOf,
    forwardPath,
    heloName,
    localPartOf,
    parseMailbox,
    parsePath,
    reversePath,
)
from smtpx.core.domain import DOMAIN_OCTETS
from smtpx.core.errors import Malformed

ATEXT = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~"
)
FRENCH = "éàüøñ日本語"

labels = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", fullmatch=True)
domains = st.lists(labels, min_size=1, max_size=6).map(
    lambda parts: ".".join(parts)[:DOMAIN_OCTETS].rstrip(".-").encode()
)
uLabels = st.text(FRENCH + "abc", min_size=1, max_size=9)
uDomains = st.lists(uLabels, min_size=1, max_size=4).map(lambda p: ".".join(p).encode())
literals = st.one_of(
    st.ip_addresses(v=4).map(lambda ip: f"[{ip}]".encode()),
    st.ip_addresses(v=6).map(lambda ip: f"[IPv6:{ip.exploded}]".encode()),
    st.from_regex(rb"\[x-[a-z0-9]{1,5}:[!-Z^-~]{1,20}\]", fullmatch=True),
)
hosts = st.one_of(domains, uDomains, literals)
locals_ = st.text(
    st.one_of(
        st.characters(min_codepoint=32, max_codepoint=126), st.sampled_from(FRENCH)
    ),
    max_size=16,
).map(str.encode)
mailboxes = st.builds(Mailbox, locals_, hosts)


class MailboxTests(SynchronousTestCase):
    """A mailbox as a value."""

    @given(mailboxes)
    @settings(max_examples=100, deadline=None)
    def test_whatIsWrittenIsReadBack(self, mailbox: Mailbox) -> None:
        """
        Every mailbox that can be made is written so that the same is read.
        """
        found = parseMailbox(mailbox.render(), utf8=True)
        self.assertEqual((found.local, found.domain), (mailbox.local, mailbox.domain))

    @given(mailboxes)
    @settings(max_examples=60, deadline=None)
    def test_cutMailboxIsReadOrMalformed(self, mailbox: Mailbox) -> None:
        """
        A mailbox cut anywhere is a shorter mailbox or malformed, never whole.
        """
        octets = mailbox.render()
        for at in range(len(octets)):
            try:
                found = parseMailbox(octets[:at], utf8=True)
            except Malformed:
                continue
            self.assertEqual(found.local, mailbox.local)
            self.assertTrue(mailbox.domain.startswith(found.domain))

    def test_quotingIsMinimal(self) -> None:
        """
        Quotes are written only where the local part needs them.
        """
        for octets, rendered in (
            (b'"plain"@a.example', b"plain@a.example"),
            (b'"a\\.b"@a.example', b"a.b@a.example"),
            (b'"a b"@a.example', b'"a b"@a.example'),
            (b'"a\\ b"@a.example', b'"a b"@a.example'),
            (b'"a\\"\\\\b"@a.example', b'"a\\"\\\\b"@a.example'),
            (b'"Joe\\,Smith"@a.example', b'"Joe,Smith"@a.example'),
            (b'".a"@a.example', b'".a"@a.example'),
            (b'""@a.example', b'""@a.example'),
        ):
            self.assertEqual(parseMailbox(octets).render(), rendered)

    def test_quotedFormsAreEqual(self) -> None:
        """
        RFC 5321 section 4.1.2: all quoted forms are equivalent, and the domain's
        case does not matter; the local part's does.
        """
        plain = Mailbox(b"a b", b"Host.Example")
        self.assertEqual(plain, parseMailbox(b'"a\\ b"@host.example'))
        self.assertEqual(hash(plain), hash(parseMailbox(b'"a b"@HOST.EXAMPLE')))
        self.assertNotEqual(plain, Mailbox(b"A b", b"host.example"))
        self.assertNotEqual(plain, "a b")
        self.assertEqual(
            Mailbox(b"Postmaster", b"a.example"), Mailbox(b"postmaster", b"A.example")
        )
        self.assertEqual(
            Mailbox(b"a", "ÉTÉ.example".encode()), Mailbox(b"a", "été.example".encode())
        )

    def test_utf8TellsWhatNeedsTheExtension(self) -> None:
        """
        Only a mailbox beyond ASCII needs SMTPUTF8.
        """
        self.assertFalse(Mailbox(b"a", b"xn--bcher-kva.example").utf8)
        self.assertTrue(Mailbox("é".encode(), b"a.example").utf8)
        self.assertTrue(Mailbox(b"a", "bücher.example".encode()).utf8)

    def test_impossibleMailboxCannotBeMade(self) -> None:
        """
        What cannot be written in the grammar is not a mailbox.
        """
        for local, domain in (
            (b"a\r\nb", b"a.example"),
            (b"a\0", b"a.example"),
            (b"\xff", b"a.example"),
            ("\x85".encode(), b"a.example"),
            (b"a", b""),
            (b"a", b"a..example"),
            (b"a", b"b\xff.example"),
        ):
            self.assertRaises(Malformed, Mailbox, local, domain)


class GrammarTests(SynchronousTestCase):
    """The grammar of RFC 5321 sections 4.1.2 and 4.1.3, good and bad."""

    def good(self, *octets: bytes) -> None:
        """Each is a mailbox, for the grammar and for MAIL and RCPT."""
        for one in octets:
            parseMailbox(one, utf8=True)
            self.assertEqual(reversePath(b"FROM:<" + one + b">"), (one, b""))
            self.assertEqual(forwardPath(b"TO:<" + one + b"> X=1"), (one, b"X=1"))

    def bad(self, *octets: bytes) -> None:
        """None is one, for either."""
        for one in octets:
            self.assertRaises(Malformed, parseMailbox, one, utf8=True)
            self.assertRaises(Malformed, reversePath, b"FROM:<" + one + b">")
            self.assertRaises(Malformed, forwardPath, b"TO:<" + one + b">")

    def test_localParts(self) -> None:
        """
        A local part is a dot-string or a quoted string.
        """
        self.good(b"a@b", b"first.last@b", ATEXT.encode()[:64] + b"@b")
        self.good(b"x" + ATEXT.encode()[62:] + b"@b", '"é"@c'.encode())
        self.good(b'"a>b"@c', b'"a@b"@c', b'"<a:b,c>"@d', b'"\\""@c', b'" "@c')
        self.good(b'"\\ \\~"@c')
        self.assertRaises(Malformed, parseMailbox, b"")
        self.bad(b"a", b"@b", b".a@b", b"a.@b", b"a..b@c", b"a b@c", b"a(b)@c")
        self.bad(b'a"b@c', b'"a"b@c', b'a"b"@c', b'"a@c', b'"a\\"@c', b'"a"')
        self.bad(b'"a\\\x01"@b', '"\\é"@b'.encode(), b'"a\xff"@b', b"a@b@c", b"<a@b>")

    def test_domains(self) -> None:
        """
        The domain is checked as L{smtpx.core.domain} does, and nothing may
        stand behind it.
        """
        self.good(b"a@b.c", b'a@[x-y:z"@<>,;:(]', "a@例え.jp".encode())
        self.bad(b"a@", b"a@b_c.d", b"a@[1.2.3]", b"a@[1.2.3.4]b", b"a@1.2.3.4]")
        self.bad(b"a@b c", b"a@b,c", b"a@[x:y z]", b"a@[x:y[]", b"a@\xc3.x")

    def test_internationalLocalParts(self) -> None:
        """
        RFC 6531 section 3.3: UTF-8 in local parts, quoted or not.
        """
        self.good("é@b".encode(), '"é à"@b'.encode(), "日.本@b".encode())
        self.bad("\x85@b".encode(), b"\xed\xa0\x80@b", b"\xc0\xaf@b", b"\xff@b")

    def test_internationalAddressNeedsTheExtension(self) -> None:
        """
        Where SMTPUTF8 is not in force, UTF-8 is malformed.
        """
        self.assertRaises(Malformed, parseMailbox, "é@b".encode())
        self.assertRaises(Malformed, parsePath, "<é@b>".encode())


class PathTests(SynchronousTestCase):
    """Paths with their brackets."""

    def test_sourceRouteIsReadAndDropped(self) -> None:
        """
        RFC 5321 section 4.1.1.3: C{<@a,@b:user@d>} is for C{user@d}.
        """
        self.assertEqual(parsePath(b"<@a,@b:user@d>"), Mailbox(b"user", b"d"))
        self.assertEqual(reversePath(b"FROM:<@a,@b:user@d>"), (b"user@d", b""))
        self.assertEqual(forwardPath(b"TO:<@a:user@d> X"), (b"user@d", b"X"))

    def test_badSourceRouteIsMalformed(self) -> None:
        """
        A source route has its own grammar, which is held.
        """
        for path in (
            b"<@a>",
            b"<@a,@b>",
            b"<@a,b:c@d>",
            b"<@a:@b:c@d>",
            b"<@:c@d>",
            b"<@a,:c@d>",
            b"<@a_b:c@d>",
            b"<@a:>",
            b"<:c@d>",
        ):
            self.assertRaises(Malformed, parsePath, path)

    def test_nullPathIsForReversePathsOnly(self) -> None:
        """
        C{<>} is a sender and never a recipient.
        """
        self.assertIs(parsePath(b"<>", reverse=True), None)
        self.assertEqual(reversePath(b"FROM:<>"), (b"", b""))
        self.assertEqual(reversePath(b"FROM:<> SIZE=9"), (b"", b"SIZE=9"))
        self.assertEqual(reversePath(b"FROM:<>  "), (b"", b""))
        self.assertRaises(Malformed, parsePath, b"<>")
        self.assertRaises(Malformed, forwardPath, b"TO:<>")

    def test_postmasterNeedsNoDomainAsRecipient(self) -> None:
        """
        RFC 5321 section 4.1.1.3: C{<Postmaster>}, in any case, is a recipient.
        """
        self.assertEqual(forwardPath(b"TO:<Postmaster>"), (b"Postmaster", b""))
        self.assertEqual(forwardPath(b"TO:<POSTMASTER> X"), (b"POSTMASTER", b"X"))
        self.assertEqual(forwardPath(b"to:<postMaster@b>"), (b"postMaster@b", b""))
        found = parsePath(b"<PostMaster>")
        self.assertEqual(found, Mailbox(b"postmaster", b""))
        assert found is not None
        self.assertEqual(found.render(), b"PostMaster")
        for path in (b"<postmaster>", b"<postmaster@>"):
            self.assertRaises(Malformed, parsePath, path, reverse=True)
            self.assertRaises(Malformed, reversePath, b"FROM:" + path)
        self.assertRaises(Malformed, parsePath, b'<"postmaster">')
        self.assertRaises(Malformed, parsePath, b"<webmaster>")
        self.assertRaises(Malformed, parseMailbox, b"postmaster")

    def test_bracketsAreWanted(self) -> None:
        """
        A path stands in brackets, one of each, with nothing behind.
        """
        for path in (b"", b"a@b", b"<a@b", b"a@b>", b"<<a@b>>", b"<a@b>c", b"<a@b>>"):
            self.assertRaises(Malformed, parsePath, path)
            self.assertRaises(Malformed, reversePath, b"FROM:" + path)

    def test_eachLimitHasItsOwnMessage(self) -> None:
        """
        RFC 5321 section 4.5.3.1: what is too long is told apart.
        """
        label = b"x" * 63
        longest = b".".join((label, label, label, label))
        self.assertEqual(len(longest), DOMAIN_OCTETS)
        parseMailbox(b"l" * 64 + b"@" + longest)
        fits = b"l" * 64 + b"@" + b"d" * 59 + b"." + label + b"." + label + b".y"
        self.assertEqual(len(fits), 254)
        parsePath(b"<" + fits + b">")
        self.assertEqual(reversePath(b"FROM:<" + fits + b">"), (fits, b""))
        for octets, message in (
            (b"l" * 65 + b"@b", "local part longer than 64 octets"),
            (b'"' + b"l " * 33 + b'"@b', "local part longer than 64 octets"),
            (b"l@d." + longest, "domain longer than 255 octets"),
            (b"l@" + label + b"x", "label of a domain longer than 63 octets"),
            (b"l" + fits, "local part longer than 64 octets"),
            (fits + b"z", "path longer than 256 octets"),
            (b"@a:" + fits, "path longer than 256 octets"),
        ):
            error = self.assertRaises(Malformed, reversePath, b"FROM:<" + octets + b">")
            self.assertEqual(str(error), message)

    def test_quotingDoesNotCountAsLength(self) -> None:
        """
        The 64 octets are the name's, not those of its quoting.
        """
        quoted = b'"' + b"\\a" * 64 + b'"@b'
        self.assertEqual(parseMailbox(quoted).local, b"a" * 64)


class ArgumentTests(SynchronousTestCase):
    """The arguments of MAIL and RCPT."""

    def test_rfcExamples(self) -> None:
        """
        The examples of RFC 5321 sections 3.3, 4.1.1.3 and appendix D.
        """
        self.assertEqual(reversePath(b"FROM:<Smith@bar.com>"), (b"Smith@bar.com", b""))
        self.assertEqual(
            reversePath(b"FROM:<userx@y.foo.org>"), (b"userx@y.foo.org", b"")
        )
        self.assertEqual(
            forwardPath(b"TO:<@hosta.int,@jkl.org:userc@d.bar.org>"),
            (b"userc@d.bar.org", b""),
        )

    def test_parametersAreHandedOn(self) -> None:
        """
        What stands behind the path comes back as it is, without white space at
        its ends.
        """
        for rest, parameters in (
            (b"FROM:<a@b> SIZE=1 BODY=8BITMIME", b"SIZE=1 BODY=8BITMIME"),
            (b"FROM:<a@b>   SIZE=1", b"SIZE=1"),
            (b"FROM:<a@b> SIZE=1 \t ", b"SIZE=1"),
            (b"FROM:<a@b> A  B", b"A  B"),
            (b"FROM:<a@b> X=" + "é".encode(), b"X=" + "é".encode()),
        ):
            self.assertEqual(reversePath(rest), (b"a@b", parameters))

    def test_trailingWhiteSpaceIsTolerated(self) -> None:
        """
        RFC 5321 section 4.1.1: white space before the line end is no error.
        """
        for tail in (b" ", b"\t", b"  \t "):
            self.assertEqual(reversePath(b"FROM:<a@b>" + tail), (b"a@b", b""))
            self.assertEqual(forwardPath(b"TO:<a@b>" + tail), (b"a@b", b""))

    def test_wordIsTakenInAnyCase(self) -> None:
        """
        C{FROM:} and C{TO:} are words like any other.
        """
        self.assertEqual(reversePath(b"from:<a@b>"), (b"a@b", b""))
        self.assertEqual(reversePath(b'From:<"a"@b>'), (b'"a"@b', b""))
        self.assertEqual(forwardPath(b"to:<a@b>"), (b"a@b", b""))

    def test_spaceBehindColonIsTaken(self) -> None:
        """
        The quirk I{space behind the colon}: old clients send it.
        """
        self.assertEqual(reversePath(b"FROM:  <a@b> X"), (b"a@b", b"X"))
        self.assertEqual(reversePath(b"FROM: <>"), (b"", b""))
        self.assertEqual(forwardPath(b'TO: <"a b"@c>'), (b'"a b"@c', b""))

    def test_otherSpacesAreMalformed(self) -> None:
        """
        No other white space than that quirk's is taken.
        """
        for rest in (
            b" FROM:<a@b>",
            b"FROM :<a@b>",
            b"FROM:\t<a@b>",
            b"FROM:< a@b>",
            b"FROM:<a@b >",
            b"FROM:<a@b>SIZE=1",
            b"FROM:<a@b>\tSIZE=1",
        ):
            self.assertRaises(Malformed, reversePath, rest)

    def test_wrongWordIsMalformed(self) -> None:
        """
        MAIL wants C{FROM:}, and RCPT C{TO:}; the error says so.
        """
        error = self.assertRaises(Malformed, reversePath, b"TO:<a@b>")
        self.assertEqual(str(error), "wants FROM:<address>")
        error = self.assertRaises(Malformed, forwardPath, b"")
        self.assertEqual(str(error), "wants TO:<address>")

    def test_bareLineEndsAndNULAreMalformed(self) -> None:
        """
        No control character gets through, wherever it stands.
        """
        whole = b'FROM:<@r:"a b"@c> SIZE=1'
        for octet in (b"\r", b"\n", b"\0", b"\x7f", b"\x1b"):
            for at in range(len(whole) + 1):
                self.assertRaises(
                    Malformed, reversePath, whole[:at] + octet + whole[at:]
                )

    def test_badUTF8InParametersIsMalformed(self) -> None:
        """
        UTF-8 that is none is refused in the parameters too.
        """
        self.assertRaises(Malformed, reversePath, b"FROM:<a@b> X=\xff")

    @given(mailboxes, st.sampled_from([b"", b" SIZE=1", b" A=b C"]))
    @settings(max_examples=100, deadline=None)
    def test_shortWayAndWholeGrammarAgree(
        self, mailbox: Mailbox, parameters: bytes
    ) -> None:
        """
        An ordinary address comes out of the regular expression as it does out
        of the grammar.
        """
        rest = b"FROM:<" + mailbox.render() + b">" + parameters
        try:
            expected: object = address._readArgument(rest, b"FROM:", True)
        except Malformed as error:
            expected = str(error)
        try:
            found: object = reversePath(rest)
        except Malformed as error:
            found = str(error)
        self.assertEqual(found, expected)

    def test_cutArgumentIsMalformed(self) -> None:
        """
        Cut at any offset before its closing bracket, an argument is malformed.
        """
        whole = b'FROM:<@r,@s:"a\\" b"@[IPv6:2001:db8::1]> SIZE=1'
        for at in range(whole.index(b"> ") + 1):
            self.assertRaises(Malformed, reversePath, whole[:at])


class PartsTests(SynchronousTestCase):
    """Taking apart what MAIL and RCPT returned."""

    def test_parts(self) -> None:
        """
        The domain in lower case, the local part without quoting.
        """
        for path, local, domain in (
            (b"", b"", b""),
            (b"Postmaster", b"Postmaster", b""),
            (b"Jo@Example.COM", b"Jo", b"example.com"),
            (b'"a@b"@C', b"a@b", b"c"),
            (b'"a\\"@\\\\"@C', b'a"@\\', b"c"),
            (b'a@[x-Y:"@"]', b"a", b'[x-y:"@"]'),
            (b"a@[IPv6:::FFFF]", b"a", b"[ipv6:::ffff]"),
            ("é@ÜBER.x".encode(), "é".encode(), "über.x".encode()),
            (b'"open', b'"open', b""),
            (b"a@\xff", b"a", b"\xff"),
        ):
            self.assertEqual((localPartOf(path), domainOf(path)), (local, domain))

    @given(mailboxes)
    @settings(max_examples=60, deadline=None)
    def test_partsAreThoseOfTheMailbox(self, mailbox: Mailbox) -> None:
        """
        The parts of the octets are the parts of the value.
        """
        self.assertEqual(localPartOf(mailbox.render()), mailbox.local)
        self.assertEqual(domainOf(mailbox.render()), mailbox.key[1])


class HeloTests(SynchronousTestCase):
    """The argument of EHLO and HELO."""

    def test_goodNames(self) -> None:
        """
        Domains and address literals are names, white space behind them is not.
        """
        for name in (
            b"localhost",
            b"Mail.Example.com",
            b"192.0.2.1",
            b"a--b.example",
            b"x" * 63 + b".example",
            b"[192.0.2.1]",
            b"[IPv6:2001:db8::1]",
        ):
            self.assertEqual(heloName(name), name)
            self.assertEqual(heloName(name + b" \t"), name)

    def test_underscoreIsTaken(self) -> None:
        """
        The quirk I{underscore in EHLO}: Windows hosts have such names.
        """
        for name in (b"WIN_PC", b"_x.example", b"my_host_.example"):
            self.assertEqual(heloName(name), name)

    def test_wordsBehindLiteralAreIgnored(self) -> None:
        """
        The quirk I{words behind the literal} of RFC 5321 section 4.1.1.1.
        """
        self.assertEqual(heloName(b"[192.0.2.1] my laptop"), b"[192.0.2.1]")

    def test_badNames(self) -> None:
        """
        Anything else is malformed.
        """
        bad = [b"a..b", b".a", b"a.", b"-a", b"a-.b", b"a@b", b"<a>", b"x" * 64]
        bad += [b"", b" ", b"a b", b" a", b"a\0b", b"a\r\nMAIL", "é.example".encode()]
        bad += [b"[", b"[]", b"[192.0.2.300]", b"[192_0.2.1]", b"[192.0.2.1]x"]
        for name in (*bad, b".".join([b"x" * 63] * 5)):
            self.assertRaises(Malformed, heloName, name)
