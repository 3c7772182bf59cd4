"""
Tests for L{smtpx.mailauth.srs}.
"""

from __future__ import annotations

import hmac

from hypothesis import assume, given, settings, strategies as st
from srslib import SRS as Oracle
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.address import Mailbox, domainOf, parseMailbox
from smtpx.core.errors import Malformed, UsageError
from smtpx.mailauth.srs import (
    SRS,
    BadSRS,
    Fault,
    Style,
    Unfit,
    ageDays,
    dayStamp,
    isSRS,
)
from tests.core.test_address import hosts, locals_

DAY = 86400
#: A day in the middle of the 1024, and a moment of it.
NOW = 20_000 * DAY + 40_000.0

OURS = b"forward.example"
srs = SRS((b"tops3cret", b"older"))

senders = st.builds(Mailbox, locals_, hosts).map(Mailbox.render)
plainSenders = st.from_regex(
    rb"[a-z0-9]{1,20}([.+=_-][a-z0-9]{1,8})?@[a-z]{1,10}\.example", fullmatch=True
)


class RoundTripTests(SynchronousTestCase):
    """Who is rewritten is found again."""

    @given(senders, st.sampled_from([b"=", b"-", b"+"]), st.integers(4, 27))
    @settings(max_examples=100, deadline=None)
    def test_everySenderIsFoundAgain(
        self, sender: bytes, separator: bytes, length: int
    ) -> None:
        """
        Whatever sender there may be, the address leads back to him; but for those of
        whom none can be made.
        """
        made = SRS((b"secret",), Style(length, separator=separator))
        try:
            address = made.rewritten(sender, OURS, NOW)
        except Unfit:
            return
        assume(address != sender)
        parseMailbox(address, utf8=True)
        self.assertEqual(domainOf(address), OURS)
        found = parseMailbox(made.reversed(address, NOW), utf8=True)
        self.assertEqual(found.local, parseMailbox(sender, utf8=True).local)

    @given(plainSenders)
    @settings(max_examples=100, deadline=None)
    def test_aChainOfForwardersLeadsBackToTheFirst(self, sender: bytes) -> None:
        """
        The second forwarder and the third send back to the first, who knows the
        sender; the address does not grow from the second on.
        """
        first, second, third = (SRS((each,)) for each in (b"1", b"2", b"3"))
        one = first.rewritten(sender, b"one.test", NOW)
        try:
            two = second.rewritten(one, b"two.test", NOW)
        except Unfit:
            return
        three = third.rewritten(two, b"six.test", NOW)
        self.assertEqual(len(two), len(three))
        self.assertTrue(two.startswith(b"SRS1=") and three.startswith(b"SRS1="))
        self.assertEqual(third.reversed(three, NOW), one)
        self.assertEqual(second.reversed(two, NOW), one)
        self.assertEqual(first.reversed(one, NOW), sender)

    def test_relaysMayChangeTheCase(self) -> None:
        """
        A relay that writes addresses in capitals, or with the other two characters of
        base64, breaks nothing.
        """
        for number in range(40):
            address = srs.rewritten(b"ann%d@example.org" % number, OURS, NOW)
            for changed in (
                address.upper(),
                address.lower(),
                address.swapcase(),
                address.replace(b"+", b"-").replace(b"/", b"_"),
            ):
                found = srs.reversed(changed, NOW).lower()
                self.assertEqual(found, b"ann%d@example.org" % number)

    def test_quotedLocalParts(self) -> None:
        """
        What is quoted is written without its quotes, and quoted as a whole where that
        is needed; an address literal needs it.
        """
        for sender in (
            b'"a b"@example.org',
            b'"a@b"@example.org',
            b'"a\\"b\\\\c"@example.org',
            b"ann@[192.0.2.1]",
            b'""@example.org',
        ):
            address = srs.rewritten(sender, OURS, NOW)
            self.assertEqual(address[:1] == b'"', sender[:2] != b'""')
            self.assertEqual(srs.reversed(address, NOW), sender)

    def test_beyondASCII(self) -> None:
        """
        A local part beyond ASCII stays as it is; a domain is written in ASCII, so that
        the address may do without SMTPUTF8.
        """
        made = srs.rewritten("jörg@example.org".encode(), OURS, NOW)
        self.assertEqual(srs.reversed(made, NOW), "jörg@example.org".encode())
        made = srs.rewritten("ann@Bücher.example".encode(), OURS, NOW)
        self.assertTrue(made.isascii())
        self.assertEqual(srs.reversed(made, NOW), b"ann@xn--bcher-kva.example")


class WhoTests(SynchronousTestCase):
    """Who is rewritten, and as what."""

    def test_theNullSenderIsNobodyElse(self) -> None:
        """
        A report has no sender, and gets none.
        """
        self.assertEqual(srs.rewritten(b"", OURS, NOW), b"")

    def test_ourOwnIsNotWrapped(self) -> None:
        """
        An address at our own domain is not wrapped, least of all twice.
        """
        once = srs.rewritten(b"ann@example.org", OURS, NOW)
        self.assertEqual(srs.rewritten(once, OURS, NOW), once)
        self.assertEqual(srs.rewritten(once, OURS.upper(), NOW), once)

    def test_letterForLetterAsOthersDo(self) -> None:
        """
        The address is the one that postsrsd 1.10 makes.
        """
        # As postsrsd 1.10 of Debian 12 answered on 22 November 2026.
        then = 1_795_341_600.0
        for sender, address in (
            (
                b"SRS0=abcd=AB=x.org=bob@other.org",
                b"SRS1=qXkf=other.org==abcd=AB=x.org=bob",
            ),
            (
                b"SRS0-abcd=AB=x.org=bob@other.org",
                b"SRS1=+B5E=other.org=-abcd=AB=x.org=bob",
            ),
            (
                b"SRS1=abcd=f.org==abcd=AB=x.org=bob@other.org",
                b"SRS1=Myp4=f.org==abcd=AB=x.org=bob",
            ),
            (b"x=y@x.org", b"SRS0=wpW9=JL=x.org=x=y"),
        ):
            wanted = address + b"@fwd.example"
            self.assertEqual(srs.rewritten(sender, b"fwd.example", then), wanted)

    def test_theCaseOfTheDomainStays(self) -> None:
        """
        The sender is written in the case that he came in.
        """
        address = srs.rewritten(b"Ann@Example.ORG", OURS, NOW)
        self.assertTrue(address.endswith(b"=Example.ORG=Ann@forward.example"))
        self.assertEqual(srs.reversed(address, NOW), b"Ann@Example.ORG")

    def test_whatOnlyLooksLikeSRSIsWrappedAsAnyOther(self) -> None:
        """
        An address with the tag of SRS that would lead nowhere is a sender as any
        other.
        """
        for sender in (
            b"SRS1=foo@x.org",
            b"SRS1=a==b@x.org",
            b"SRS1=abcd=f.org=zz@x.org",
            b"SRS1=abcd=-x-==zz@x.org",
            b"SRS0=@x.org",
            b"SRS0@x.org",
            b"srs2=a@x.org",
        ):
            address = srs.rewritten(sender, OURS, NOW)
            self.assertEqual(address[:5], b"SRS0=")
            self.assertEqual(srs.reversed(address, NOW), sender)

    def test_thereMayBeNoRoom(self) -> None:
        """
        A local part has 64 octets at most, and a path 256; where an address would be
        longer, there is none.
        """
        fits = b"a" * 39 + b"@example.org"
        address = srs.rewritten(fits, OURS, NOW)
        self.assertEqual(len(address), 64 + 1 + len(OURS))
        self.assertRaises(Unfit, srs.rewritten, b"a" + fits, OURS, NOW)
        wide = b".".join([b"d" * 60] * 4)
        self.assertRaises(Unfit, srs.rewritten, b"ann@example.org", wide, NOW)

    def test_someDomainsCannotBeWritten(self) -> None:
        """
        A domain that has a C{=} in it, or no form in ASCII, is none for an address.
        """
        self.assertRaises(Unfit, srs.rewritten, b"a@[x-y:a=b]", OURS, NOW)
        odd = ("a@" + "ü" * 70 + ".example").encode()
        self.assertRaises(Unfit, srs.rewritten, odd, OURS, NOW)

    def test_isSRS(self) -> None:
        """
        An address of SRS is known by its tag, in whatever case.
        """
        for path in (b"SRS0=x@a", b"srs1+x@a", b'"SRS0-a b"@a'):
            self.assertTrue(isSRS(path), path)
        for path in (b"SRS0@a", b"SRS2=x@a", b"ann@a", b"postmaster"):
            self.assertFalse(isSRS(path), path)


class RefusalTests(SynchronousTestCase):
    """What leads nowhere."""

    def assertFault(
        self, fault: Fault, path: bytes, now: float = NOW, by: SRS = srs
    ) -> None:
        """It is bad, and for this reason."""
        error = self.assertRaises(BadSRS, by.reversed, path, now)
        self.assertEqual(error.fault, fault)

    def test_aCutAddressLeadsNowhere(self) -> None:
        """
        An address that was cut anywhere is nobody's.
        """
        for sender in (b"ann@example.org", b"SRS0=abcd=AB=x.org=bob@other.org"):
            address = srs.rewritten(sender, OURS, NOW)
            local = address.partition(b"@")[0]
            for end in range(1, len(local)):
                cut = local[:end] + b"@" + OURS
                self.assertRaises(BadSRS, srs.reversed, cut, NOW)

    @given(plainSenders, st.data())
    @settings(max_examples=100, deadline=None)
    def test_aChangedAddressLeadsNowhereElse(
        self, sender: bytes, data: st.DataObject
    ) -> None:
        """
        An address in which anything was changed does not lead to somebody else, with
        a signature that nobody guesses.
        """
        made = SRS((b"secret",), Style(27, 27))
        try:
            local = made.rewritten(sender, b"f.test", NOW).partition(b"@")[0]
        except Unfit:
            return
        at = data.draw(st.integers(0, len(local) - 1))
        octet = data.draw(st.sampled_from(b"abcXYZ09=+-_/."))
        changed = local[:at] + bytes([octet]) + local[at + 1 :] + b"@" + OURS
        try:
            found = made.reversed(changed, NOW)
        except BadSRS:
            return
        self.assertEqual(found.lower(), sender.lower())

    @given(st.binary(max_size=64))
    @settings(max_examples=100, deadline=None)
    def test_anythingIsAnAddressOrNone(self, text: bytes) -> None:
        """
        Whatever stands there, it is an address or a fault.
        """
        for tag in (b"", b"SRS0=", b"SRS1=", b"SRS0=a=AB=", b"SRS1=a=b="):
            self.assertRaises(BadSRS, srs.reversed, tag + text + b"@" + OURS, NOW)

    def test_theSignatureOfOthersIsNotOurs(self) -> None:
        """
        Who does not know the secret makes no addresses.
        """
        other = SRS((b"another",)).rewritten(b"ann@example.org", OURS, NOW)
        self.assertFault(Fault.HASH, other)
        other = SRS((b"another",)).rewritten(b"SRS0=a=AB=b=c@d", OURS, NOW)
        self.assertFault(Fault.HASH, other)

    def test_aShortSignatureIsNone(self) -> None:
        """
        Fewer characters than there have to be are no signature, however right; more
        than are written are one, and more than there are are not.
        """
        long = SRS((b"k",), Style(27)).rewritten(b"a@example.org", OURS, NOW)
        signed, rest = long[5:32], long[32:]
        style = Style(6, 5)
        for length in range(30):
            path = b"SRS0=" + (signed + b"xxx")[:length] + rest
            if 5 <= length <= 27:
                found = SRS((b"k",), style).reversed(path, NOW)
                self.assertEqual(found, b"a@example.org")
            else:
                self.assertFault(Fault.HASH, path, by=SRS((b"k",), style))

    def test_aStampIsTwoOfThirtyTwoCharacters(self) -> None:
        """
        Anything else is no day.
        """
        for stamp in (b"", b"A", b"ABC", b"A1", b"!A"):
            self.assertRaises(BadSRS, ageDays, stamp, NOW)

    def test_noMailbox(self) -> None:
        """
        What was signed but is no mailbox leads nowhere.
        """
        stamp = dayStamp(NOW)
        for host, user in ((b"", b"postmaster"), (b"a..b", b"ann")):
            signed = srs._signed(stamp, host, user)
            path = b"SRS0=" + b"=".join((signed, stamp, host, user)) + b"@" + OURS
            self.assertFault(Fault.FORM, path)


class AgeTests(SynchronousTestCase):
    """How long an address is good."""

    def test_fromTheFirstDayToTheLast(self) -> None:
        """
        An address is good for its first day and 21 more, also over the day on which
        the stamp begins again; a day ahead may be the clock of another machine.
        """
        for first in (20_000, 1024 * 19 - 10, 1024 * 20 - 1, 0):
            made = first * DAY + 5.0
            address = srs.rewritten(b"ann@example.org", OURS, made)
            for day, good in ((-2, False), (-1, True), (0, True), (21, True)):
                if first + day < 0:
                    continue
                self.assertAge(address, made + day * DAY, good)
            self.assertAge(address, made + 22 * DAY, False)
            self.assertAge(address, made + 1022 * DAY, False)

    def assertAge(self, address: bytes, now: float, good: bool) -> None:
        """Is it good at that time?"""
        if good:
            self.assertEqual(srs.reversed(address, now), b"ann@example.org")
            return
        error = self.assertRaises(BadSRS, srs.reversed, address, now)
        self.assertEqual(error.fault, Fault.AGE)

    def test_theStamp(self) -> None:
        """
        The day is counted from the epoch, modulo 1024.
        """
        self.assertEqual(dayStamp(0), b"AA")
        self.assertEqual(dayStamp(1023 * DAY), b"77")
        self.assertEqual(dayStamp(1024 * DAY), b"AA")
        self.assertEqual(ageDays(b"77", 1024 * DAY), 1)
        self.assertEqual(ageDays(b"aa", 1023 * DAY), 1023)


class SecretTests(SynchronousTestCase):
    """Several secrets, and bad ones."""

    def test_theFirstSignsAndAllVerify(self) -> None:
        """
        While secrets change, addresses made with the one before are good.
        """
        before = SRS((b"older",)).rewritten(b"ann@example.org", OURS, NOW)
        self.assertEqual(srs.reversed(before, NOW), b"ann@example.org")
        now = srs.rewritten(b"ann@example.org", OURS, NOW)
        only = SRS((b"tops3cret",))
        self.assertEqual(now, only.rewritten(b"ann@example.org", OURS, NOW))

    def test_noneIsNoUse(self) -> None:
        """
        Without a secret anybody could make addresses.
        """
        self.assertRaises(UsageError, SRS, ())
        self.assertRaises(UsageError, SRS, (b"a", b""))

    def test_secretsAreNotShown(self) -> None:
        """
        What is printed of it has no secret.
        """
        self.assertNotIn("tops3cret", repr(srs))

    def test_stylesThatCannotWork(self) -> None:
        """
        What could never be right is said at once.
        """
        for options in (
            {"hashLength": 28},
            {"hashMin": 5},
            {"hashMin": 0},
            {"maxAgeDays": 501},
            {"maxAgeDays": -1},
        ):
            self.assertRaises(UsageError, Style, **options)
        for separator in (b"", b"*", b"=-"):
            self.assertRaises(UsageError, Style, separator=separator)


class EximTests(SynchronousTestCase):
    """Addresses that Exim made."""

    def test_goodOnlyWhereTheOperatorSaysSo(self) -> None:
        """
        Exim signs sender and domain with HMAC-MD5, of which it writes four digits.
        """
        for sender in (b"Ann@Example.org", b'"a b"@example.org'):
            mailbox = parseMailbox(sender)
            digits = hmac.new(b"older", sender.lower(), "md5").hexdigest()[:4].encode()
            local = b"=".join(
                (b"SRS0", digits, dayStamp(NOW), mailbox.domain, mailbox.local)
            )
            path = Mailbox(local, OURS).render()
            self.assertRaises(BadSRS, srs.reversed, path, NOW)
            both = SRS(srs.secrets, Style(exim=True))
            self.assertEqual(both.reversed(path, NOW), sender)
            error = self.assertRaises(BadSRS, both.reversed, path, NOW + 22 * DAY)
            self.assertEqual(error.fault, Fault.AGE)
            ours = both.rewritten(b"ann@example.org", OURS, NOW)
            self.assertEqual(both.reversed(ours, NOW), b"ann@example.org")


class OracleTests(SynchronousTestCase):
    """Another's SRS, in Python."""

    @given(plainSenders)
    @settings(max_examples=100, deadline=None)
    def test_eachReversesWhatTheOtherMakes(self, sender: bytes) -> None:
        """
        srslib makes the same address, and each finds the sender in the other's.
        """
        oracle = Oracle("tops3cret")
        theirs = oracle.forward(sender.decode(), "f.test").encode()
        # It has the system's clock; the day is in what it says.
        now = _dayOf(theirs)
        ours = srs.rewritten(sender, b"f.test", now)
        self.assertEqual(ours, theirs)
        self.assertEqual(srs.reversed(theirs, now), sender)
        self.assertEqual(oracle.reverse(ours.decode()).encode(), sender)


def _dayOf(path: bytes) -> float:
    stamp = path.split(b"=")[2]
    return next(day * DAY for day in range(1024) if dayStamp(day * DAY) == stamp)


class ErrorTests(SynchronousTestCase):
    """What is raised."""

    def test_bothAreMalformed(self) -> None:
        """
        Whoever expects bad addresses need not know of SRS.
        """
        self.assertIsInstance(BadSRS(Fault.AGE), Malformed)
        self.assertIsInstance(Unfit("x"), Malformed)
