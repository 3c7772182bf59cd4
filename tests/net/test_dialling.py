"""
Tests for L{smtpx.net.dialling}.
"""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import Error as TLSError
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.dialling import Dial, Dialling, Unanswered, arranged, explained
from smtpx.net.sending import Family, Way
from smtpx.net.times import ClientTimes

from .network import SILENT, Got, Network, watched

FOUR = [b"192.0.2.1", b"192.0.2.2", b"192.0.2.3"]
SIX = [b"2001:db8::1", b"2001:db8::2"]


class ArrangedTests(SynchronousTestCase):
    """
    In which order addresses are tried (RFC 8305 section 4).
    """

    def test_kindsAlternate(self) -> None:
        """IPv6 first, if nothing else is preferred; orders within a kind stay."""
        self.assertEqual(
            arranged([*FOUR, *SIX], Way()),
            [SIX[0], FOUR[0], SIX[1], FOUR[1], FOUR[2]],
        )

    def test_preferred(self) -> None:
        """The other way round."""
        way = Way(prefer=Family.IPV4)
        self.assertEqual(arranged([*SIX, *FOUR[:1]], way), [FOUR[0], *SIX])

    def test_socket(self) -> None:
        """A UNIX socket is of no kind."""
        self.assertEqual(arranged([b"/run/x"], Way(only=Family.IPV6)), [b"/run/x"])

    def test_only(self) -> None:
        """One kind only, and there may be none of it."""
        self.assertEqual(arranged([*SIX, *FOUR], Way(only=Family.IPV4)), FOUR)
        self.assertEqual(arranged(FOUR, Way(only=Family.IPV6)), [])


class DiallingTests(SynchronousTestCase):
    """
    Connecting.
    """

    def setUp(self) -> None:
        """Nobody answers, nobody refuses."""
        self.network = Network()
        self.built: list[bytes] = []
        self.told: list[tuple[bytes, Dial, str]] = []
        self.factory = Factory.forProtocol(Protocol)

    def there(self, *addresses: bytes, what: Any = None) -> None:
        """Somebody is at these."""
        for address in addresses:
            host = address.decode("ascii")
            self.network.hosts[host, 25] = what or self.factory

    def dial(self, addresses: list[bytes], way: Way = Way()) -> Any:  # noqa: B008
        """Connect."""

        def build(address: bytes) -> Protocol:
            self.built.append(address)
            return Protocol()

        times = ClientTimes(connectSeconds=10)

        def told(address: bytes, what: Dial, why: str) -> None:
            self.told.append((address, what, why))

        return Dialling(self.network, addresses, 25, way, times, build, told).begin()

    def test_first(self) -> None:
        """The first one that answers is taken, and no other is tried."""
        self.there(*FOUR)
        got = watched(self.dial(FOUR))
        self.network.run(5)
        self.assertEqual((got.fired, self.built), (1, [FOUR[0]]))
        self.assertEqual(len(self.network.dialled), 1)
        self.assertEqual(self.network.getDelayedCalls(), [])

    def test_socket(self) -> None:
        """A UNIX socket is connected to by its path."""
        self.network.hosts["/run/x", 0] = self.factory
        got = watched(self.dial([b"/run/x"]))
        self.network.run()
        self.assertEqual((got.fired, self.built), (1, [b"/run/x"]))
        got = watched(self.dial([b"/run/y"]))
        self.network.run()
        self.assertEqual(str(got.error), "Connection refused")

    def test_refused(self) -> None:
        """The next one follows at once."""
        self.there(FOUR[1])
        watched(self.dial(FOUR))
        self.network.run()
        self.assertEqual(self.built, [FOUR[1]])
        self.assertEqual(self.network.seconds(), 0)

    def test_slow(self) -> None:
        """
        Behind one that does not answer, the next is tried after 250 ms; the slow one
        is given up.
        """
        self.there(*SIX, what=SILENT)
        self.there(FOUR[0])
        watched(self.dial([*SIX, FOUR[0]]))
        self.network.run(1)
        times = [round(at, 2) for _, at, _ in self.network.dialled]
        self.assertEqual(times, [0, 0.25, 0.5])
        self.assertEqual(self.built, [FOUR[0]])
        self.assertEqual(self.network.getDelayedCalls(), [])

    def test_slowIsFirstAfterAll(self) -> None:
        """The first that answers counts, whenever it was begun."""
        self.there(*FOUR[:2])
        self.network.delays = {"192.0.2.1": 0.4, "192.0.2.2": 5.0}
        got = watched(self.dial(FOUR[:2]))
        self.network.run(10)
        self.assertEqual((got.fired, self.built), (1, [FOUR[0]]))
        self.assertEqual(len(self.network.links), 1)

    def test_twoAtATime(self) -> None:
        """Of two that answer in one moment, one is closed again."""
        self.there(*FOUR[:2])
        self.network.delays = {"192.0.2.1": 0.5, "192.0.2.2": 0.25}
        watched(self.dial(FOUR[:2]))
        self.network.advance(0.25)
        self.network.advance(0.25)
        self.assertEqual(len(self.built), 1)

    def test_nobody(self) -> None:
        """Each address has its reason."""
        self.there(FOUR[0], what=SILENT)
        got = watched(self.dial(FOUR[:2]))
        self.network.run(11)
        error = got.error
        self.assertIsInstance(error, Unanswered)
        self.assertEqual(
            str(error), "192.0.2.2: Connection refused; 192.0.2.1: Connection timed out"
        )
        self.assertEqual(error.address, FOUR[1])

    def test_lookingOn(self) -> None:
        """Who looks on is told what became of each address."""
        self.there(SIX[0], what=SILENT)
        self.there(FOUR[1])
        watched(self.dial([SIX[0], FOUR[0], FOUR[1]]))
        self.network.run(1)
        self.assertEqual(
            self.told,
            [
                (SIX[0], Dial.BEGUN, ""),
                (FOUR[0], Dial.BEGUN, ""),
                (FOUR[0], Dial.FAILED, "Connection refused"),
                (FOUR[1], Dial.BEGUN, ""),
                (SIX[0], Dial.GIVEN_UP, ""),
                (FOUR[1], Dial.ANSWERED, ""),
            ],
        )

    def test_noAddress(self) -> None:
        """There may be none."""
        error = watched(self.dial([])).error
        self.assertEqual(str(error), "no address of a kind that is tried")

    def test_sources(self) -> None:
        """Each kind has its own source address."""
        way = Way(sourceIPv4=b"198.51.100.1", sourceIPv6=b"2001:db8::5")
        watched(self.dial([SIX[0], FOUR[0]], way))
        self.network.run()
        sources = [source for _, _, source in self.network.dialled]
        self.assertEqual(sources, [("2001:db8::5", 0), ("198.51.100.1", 0)])

    def test_cancelled(self) -> None:
        """All attempts are given up."""
        self.there(*FOUR, what=SILENT)
        dialling = self.dial(FOUR)
        got: Got = watched(dialling)
        self.network.run(0.3)
        dialling.cancel()
        self.network.run()
        self.assertIsInstance(got.error, CancelledError)
        self.assertEqual(self.network.getDelayedCalls(), [])
        self.assertEqual(self.built, [])


class ExplainedTests(SynchronousTestCase):
    """
    Why a connection ended, in words.
    """

    def test_openSSL(self) -> None:
        """OpenSSL's reasons, without the rest."""
        error = TLSError([("SSL routines", "", "wrong version number")])
        self.assertEqual(explained(Failure(error)), "wrong version number")
        self.assertEqual(explained(Failure(TLSError())), "no reason")
        self.assertEqual(explained(Failure(TLSError("odd"))), "no reason")

    def test_others(self) -> None:
        """Twisted's own words."""
        text = explained(Failure(ConnectionDone()))
        self.assertEqual(text, "Connection was closed cleanly.")
