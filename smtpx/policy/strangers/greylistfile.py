"""
The file of the greylist: who was here before.

A triple is a client's network, a sender and a recipient.  One that is new has to wait,
and to come again: not before its C{delay} is over, and not after the C{window} in which
hosts come again.  From then on it is known, for its C{lifetime} since it was last seen.
A client is known as a whole once several of its triples have come again (C{clients}),
or because an operator says so.

How senders and recipients are told apart, L{smtpx.policy.strangers.addresses} says.

Rows are bounded.  Half of the room is for triples that are known and half for those
that have to wait, so that no flood of the one kind washes the other away.  Of each kind
the oldest go; but where those that wait are more than there is room for, and none of
them could have come again yet, those that come are let in (L{GreylistFile.isFull}).
No client fills it alone, and lets in all others: each has a share of the room, and what
it brings beyond that has to wait, and is not remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from .addresses import recipientName, senderName
from .interfaces import Standing, Triples
from .networks import Prefixes
from .sharedfile import Layout, SharedFile

LAYOUT = Layout(
    "the greylist",
    0x736D7467,
    1,
    """
CREATE TABLE triple(
    client TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    first REAL NOT NULL,
    last REAL NOT NULL,
    tries INTEGER NOT NULL,
    passed REAL,
    expires REAL NOT NULL,
    PRIMARY KEY(client, sender, recipient)
) WITHOUT ROWID;
CREATE INDEX seen ON triple(passed IS NULL, last);
CREATE TABLE client(
    client TEXT NOT NULL PRIMARY KEY,
    passed INTEGER NOT NULL,
    last REAL NOT NULL,
    allowed INTEGER NOT NULL,
    expires REAL
) WITHOUT ROWID;
CREATE INDEX lastly ON client(last)
""",
)

#: How far, in seconds, a clock may have been ahead when something was written.
_AHEAD_SECONDS = 3600.0

#: How often a client is counted to have come again, at most, in seconds: mail to many
#: recipients is one proof and not many.
COUNT_SECONDS = 3600.0

#: What was seen is written down anew when so much of its time is over.
_FRESH_SHARE = 0.02

#: How often it is tidied, in seconds: usually, and while there is no room.
_TIDY_SECONDS, _TIDY_FULL_SECONDS = 3600.0, 60.0

#: How many triples of one client may wait: so many, or a share of all that there is
#: room for.
_SHARE_LEAST, _SHARE_OF_ALL = 100, 50

#: How many delays a client may take to come again, where it has used up its share.
_PATIENCE_DELAYS = 12


@frozen
class GreylistTerms:
    """
    Who has to wait, and for how long; all in seconds.

    @ivar delay: how long a triple has to wait.
    @ivar window: until when it has to have come again.
    @ivar lifetime: how long it is known since it was last seen.
    @ivar clients: how often a client has to have come again to be known as a whole; 0:
        it never is.
    @ivar prefixes: what a client's network is.
    @ivar records: how many triples there is room for.
    """

    delay: float = 300.0
    window: float = 2 * 86400.0
    lifetime: float = 36 * 86400.0
    clients: int = 5
    prefixes: Prefixes = Prefixes()
    records: int = 200_000


@frozen
class KnownTriple:
    """
    A triple, as the file has it; moments are seconds since the epoch.

    @ivar first: when it was first seen.
    @ivar last: when it was last seen.
    @ivar tries: how often it came until it could pass.
    @ivar passed: when it could for the first time; L{None}: it has to wait.
    @ivar expires: until when it counts.
    """

    client: str
    sender: str
    recipient: str
    first: float
    last: float
    tries: int
    passed: float | None
    expires: float


@frozen
class KnownClient:
    """
    A client, as the file has it; moments are seconds since the epoch.

    @ivar passed: how often it has come again.
    @ivar last: when it was last seen.
    @ivar allowed: does an operator say that it has not to wait?
    @ivar expires: until when it counts; L{None}: for ever.
    """

    client: str
    passed: int
    last: float
    allowed: bool
    expires: float | None


class GreylistFile(SharedFile):
    """
    The open file.

    @ivar isFull: is there no room for those that come now?
    """

    def __init__(self, path: str, terms: GreylistTerms, *, make: bool = True) -> None:
        """
        Open it; see L{SharedFile} for what is raised.

        @param make: make it where there is none?
        """
        super().__init__(path, LAYOUT, make=make)
        self.isFull = False
        self._terms = terms
        #: How many triples were added since it was last tidied, and when that was.
        self._added = 0
        self._tidied = 0.0

    # --- asking ---------------------------------------------------------------------

    def ask(self, several: Iterable[Triples], now: float) -> list[Standing]:
        """
        May these clients send?  That they have asked is remembered.

        @param now: seconds since the epoch.
        """
        if self._isUntidy(now):
            self.tidy(now)
        # What is known well needs nothing to be written: mostly that is so.
        found = [self._glance(each, now) for each in several]
        unsure = [each for each, standing in found if standing is None]
        if not unsure:
            return [standing for _, standing in found if standing is not None]
        with self.transaction():
            told = iter([self._judge(each, now) for each in unsure])
        return [next(told) if one is None else one for _, one in found]

    def look(self, several: Iterable[Triples], now: float) -> list[Standing]:
        """
        The same, and nothing is remembered.

        @param now: seconds since the epoch.
        """
        return [_best(self._seen(each, now, False)) for each in several]

    def _glance(self, triples: Triples, now: float) -> tuple[Triples, Standing | None]:
        """What can be said without writing; L{None}: there is something to write."""
        client = self._terms.prefixes.network(triples.client)
        known = self._client(client, now)
        if known is not None:
            return triples, self._renewed(known, now)
        fresh = (1 - _FRESH_SHARE) * self._terms.lifetime
        for sender, recipient in _names(triples):
            found = self._triple(client, sender, recipient, now)
            if found is None or found.passed is None or found.expires - now < fresh:
                return triples, None
        return triples, Standing(True, "it was here before")

    def _renewed(self, known: KnownClient, now: float) -> Standing | None:
        """Of a client that is known; L{None}: its time is to be begun anew."""
        whole = "it is allowed" if known.allowed else "its client is known"
        if now - known.last < _FRESH_SHARE * self._terms.lifetime:
            return Standing(True, whole)
        return None

    def _judge(self, triples: Triples, now: float) -> Standing:
        """What the file says, and write down what is new; inside a transaction."""
        return _best(self._seen(triples, now, True))

    def _seen(self, triples: Triples, now: float, writes: bool) -> Iterator[Standing]:
        """What there is to say of each recipient."""
        client = self._terms.prefixes.network(triples.client)
        known = self._client(client, now)
        if known is not None:
            if writes:
                self._renew(known, now)
            yield Standing(
                True, "it is allowed" if known.allowed else "its client is known"
            )
            return
        for sender, recipient in _names(triples):
            found = self._triple(client, sender, recipient, now)
            if found is None:
                yield self._new(client, sender, recipient, now, writes)
            else:
                yield self._again(found, now, writes)

    def _new(
        self, client: str, sender: str, recipient: str, now: float, writes: bool
    ) -> Standing:
        """Somebody who was not here before."""
        terms = self._terms
        if not self._hasShare(client, now, writes):
            return Standing(False, "its client has too many that wait", terms.delay)
        if self.isFull:
            return Standing(True, "there is no room for it in the greylist")
        if writes:
            self._added += 1
            self.connection.execute(
                "INSERT OR REPLACE INTO triple VALUES(?, ?, ?, ?, ?, 1, NULL, ?)",
                (client, sender, recipient, now, now, now + terms.window),
            )
        return Standing(False, "it was not here before", terms.delay)

    def _hasShare(self, client: str, now: float, writes: bool) -> bool:
        """Is there room for one more of a client?  The oldest may have to go for it."""
        execute, terms = self.connection.execute, self._terms
        share = max(_SHARE_LEAST, terms.records // _SHARE_OF_ALL)
        ((number,),) = execute(
            "SELECT count(*) FROM triple WHERE client = ? AND passed IS NULL", (client,)
        ).fetchall()
        if number < share:
            return True
        if not writes:
            return False
        before = now - _PATIENCE_DELAYS * terms.delay
        return bool(
            execute(
                "DELETE FROM triple WHERE (client, sender, recipient) IN (SELECT"
                " client, sender, recipient FROM triple WHERE client = ? AND passed"
                " IS NULL AND first < ? ORDER BY last LIMIT 1)",
                (client, before),
            ).rowcount
        )

    def _again(self, found: KnownTriple, now: float, writes: bool) -> Standing:
        """Somebody who was."""
        terms, waited = self._terms, now - found.first
        known, expires = found.passed, now + terms.lifetime
        if known is None and waited < terms.delay:
            if writes:
                self._write(found, now, None, found.expires)
            return Standing(False, "it came again too early", terms.delay - waited)
        if known is not None:
            if writes:
                self._write(found, now, known, expires)
            return Standing(True, "it was here before")
        if writes:
            self._write(found, now, now, expires)
            self._count(found.client, now)
        return Standing(True, "it has come again", 0.0, waited)

    def _write(
        self, found: KnownTriple, now: float, passed: float | None, expires: float
    ) -> None:
        self.connection.execute(
            "UPDATE triple SET last = ?, tries = tries + ?, passed = ?, expires = ?"
            " WHERE client = ? AND sender = ? AND recipient = ?",
            (
                now,
                found.passed is None,
                passed,
                expires,
                found.client,
                found.sender,
                found.recipient,
            ),
        )

    def _count(self, client: str, now: float) -> None:
        """A client has shown that it comes again."""
        if not self._terms.clients:
            return
        self.connection.execute(
            "INSERT INTO client VALUES(?, 1, ?, 0, ?) ON CONFLICT(client) DO UPDATE"
            " SET passed = iif(expires <= ?2, 1, passed + 1), last = ?2, expires = ?3"
            " WHERE allowed = 0 AND (last <= ?4 OR last > ?5 OR expires <= ?2)",
            (
                client,
                now,
                now + self._terms.lifetime,
                now - COUNT_SECONDS,
                now + _AHEAD_SECONDS,
            ),
        )

    def _renew(self, known: KnownClient, now: float) -> None:
        if not known.allowed:
            self.connection.execute(
                "UPDATE client SET last = ?, expires = ? WHERE client = ?",
                (now, now + self._terms.lifetime, known.client),
            )

    def _client(self, client: str, now: float) -> KnownClient | None:
        """A client that need not wait; L{None}: it is not known as a whole."""
        row = self.connection.execute(
            "SELECT * FROM client WHERE client = ?", (client,)
        ).fetchone()
        if row is None:
            return None
        found = KnownClient(*row)
        if found.expires is not None and not _counts(found.last, found.expires, now):
            return None
        most = self._terms.clients
        return found if found.allowed or 0 < most <= found.passed else None

    def _triple(
        self, client: str, sender: str, recipient: str, now: float
    ) -> KnownTriple | None:
        row = self.connection.execute(
            "SELECT * FROM triple WHERE client = ? AND sender = ? AND recipient = ?",
            (client, sender, recipient),
        ).fetchone()
        if row is None:
            return None
        found = KnownTriple(*row)
        return found if _counts(found.first, found.expires, now) else None

    # --- looking after it -------------------------------------------------------------

    def _isUntidy(self, now: float) -> bool:
        """Is it time to tidy it?"""
        if self._added > max(100, self._terms.records // 100):
            return True
        every = _TIDY_FULL_SECONDS if self.isFull else _TIDY_SECONDS
        return not 0 <= now - self._tidied < every

    def tidy(self, now: float) -> int:
        """
        Remove what no longer counts, and what there is no room for.

        @param now: seconds since the epoch.
        @return: how many rows were removed.
        """
        execute, half = self.connection.execute, max(1, self._terms.records // 2)
        with self.transaction():
            removed = execute("DELETE FROM triple WHERE expires <= ?", (now,)).rowcount
            removed += execute("DELETE FROM client WHERE expires <= ?", (now,)).rowcount
            removed += self._trim(0, half, now)
            removed += self._trim(1, half, now - self._terms.delay)
            removed += execute(
                "DELETE FROM client WHERE client IN (SELECT client FROM client"
                " WHERE allowed = 0 ORDER BY last DESC LIMIT -1 OFFSET ?)",
                (half,),
            ).rowcount
            self.isFull = self._number(1) > half
        self._added, self._tidied = 0, now
        if removed:
            self.shrink()
        return removed

    def _number(self, waits: int) -> int:
        """How many triples there are that have to wait, or that have not."""
        ((number,),) = self.connection.execute(
            "SELECT count(*) FROM triple WHERE (passed IS NULL) = ?", (waits,)
        ).fetchall()
        return int(number)

    def _trim(self, waits: int, most: int, before: float) -> int:
        """Remove the oldest that there is no room for, of those seen before then."""
        over = self._number(waits) - most
        if over <= 0:
            return 0
        return self.connection.execute(
            "DELETE FROM triple WHERE (client, sender, recipient) IN (SELECT client,"
            " sender, recipient FROM triple WHERE (passed IS NULL) = ? AND first <= ?"
            " ORDER BY last LIMIT ?)",
            (waits, before, over),
        ).rowcount

    # --- for operators ----------------------------------------------------------------

    def triples(self) -> list[KnownTriple]:
        """All triples, those that were seen last in front."""
        found = self.connection.execute("SELECT * FROM triple ORDER BY last DESC")
        return [KnownTriple(*row) for row in found]

    def clients(self) -> list[KnownClient]:
        """All clients that have come again, those that were seen last in front."""
        found = self.connection.execute("SELECT * FROM client ORDER BY last DESC")
        return [
            KnownClient(client, passed, last, bool(allowed), expires)
            for client, passed, last, allowed, expires in found
        ]

    def allow(self, client: str, now: float, until: float | None) -> None:
        """
        Let a client in without its having to wait.

        @param client: its network.
        @param now: seconds since the epoch.
        @param until: until when, likewise; L{None}: for ever.
        """
        with self.transaction():
            self.connection.execute(
                "INSERT INTO client VALUES(?, 0, ?, 1, ?) ON CONFLICT(client)"
                " DO UPDATE SET allowed = 1, last = ?2, expires = ?3",
                (client, now, until),
            )

    def forget(self, client: str) -> int:
        """
        Forget a client, and its triples.

        @param client: its network.
        @return: how many rows that were.
        """
        with self.transaction():
            return sum(
                self.connection.execute(
                    f"DELETE FROM {table} WHERE client = ?", (client,)
                ).rowcount
                for table in ("client", "triple")
            )

    def forgetAddress(self, address: bytes) -> int:
        """
        Forget the triples of a sender or recipient.

        @return: how many rows that were.
        """
        with self.transaction():
            return self.connection.execute(
                "DELETE FROM triple WHERE sender = ? OR recipient = ?",
                (senderName(address), recipientName(address)),
            ).rowcount


def _best(several: Iterable[Standing]) -> Standing:
    """Of several, the one that may pass; if none may, the one that waits least."""
    return min(
        several,
        key=lambda one: (not one.passes, one.waitSeconds, -one.delayedSeconds),
    )


def _counts(since: float, expires: float, now: float) -> bool:
    """Is something from a time that makes sense, and not over?"""
    return since - _AHEAD_SECONDS <= now < expires


def _names(triples: Triples) -> Iterator[tuple[str, str]]:
    sender = senderName(triples.sender)
    for recipient in triples.recipients:
        yield sender, recipientName(recipient)


__all__ = [
    "COUNT_SECONDS",
    "LAYOUT",
    "GreylistFile",
    "GreylistTerms",
    "KnownClient",
    "KnownTriple",
]
