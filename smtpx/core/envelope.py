"""
Envelopes, recipients, and the stamps that extensions put on them.

A stamp is how a keyword survives the queue: a typed note on an envelope or a
recipient, owned by one extension, written to the spool as text and read back.
A stamp whose extension is not loaded is kept verbatim; a I{critical} one that
nobody knows keeps the whole message where it is.
"""

from __future__ import annotations

from collections.abc import Collection, Set
from typing import Any, Callable, Generic, Mapping, TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen(eq=False)
class Stamp(Generic[T]):
    """
    A named, typed, durable note on an envelope or recipient, owned by one
    extension.  The queue writes and reads stamps without knowing any of them.

    @ivar name: its name in the spool file; never reused for another meaning.
    @ivar dump: value to text, for the spool; L{None}: not for the spool, it
        ends with the transaction.
    @ivar load: text to value, the inverse of C{dump}; C{ValueError} where it
        cannot be read.
    @ivar critical: a relay that has no extension for this stamp must keep the
        envelope rather than send it on (compare X.509's critical bit).
    """

    name: str
    dump: Callable[[T], str] | None
    load: Callable[[str], T]
    critical: bool = False


#: What stands before the name of a critical stamp in the spool.
CRITICAL = "!"


class Stamps:
    """
    The stamps on one envelope or recipient.

    @ivar unknown: text of stamps whose extension is not loaded, by name,
        a critical one's name with its L{CRITICAL} mark; kept verbatim.
    """

    __slots__ = ("_values", "unknown")

    def __init__(self) -> None:
        self._values: dict[Stamp[Any], Any] = {}
        self.unknown: dict[str, str] = {}

    def __getitem__(self, stamp: Stamp[T]) -> T:
        found: T = self._values[stamp]
        return found

    def __setitem__(self, stamp: Stamp[T], value: T) -> None:
        self._values[stamp] = value

    def __delitem__(self, stamp: Stamp[T]) -> None:
        del self._values[stamp]

    def __contains__(self, stamp: Stamp[T]) -> bool:
        return stamp in self._values

    def __bool__(self) -> bool:
        return bool(self._values or self.unknown)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stamps):
            return NotImplemented
        return self._values == other._values and self.unknown == other.unknown

    def __repr__(self) -> str:
        named = {stamp.name: value for stamp, value in self._values.items()}
        return f"<Stamps {named | self.unknown}>"

    def get(self, stamp: Stamp[T]) -> T | None:
        """The stamp's value, or L{None} where it is not there."""
        found: T | None = self._values.get(stamp)
        return found

    def inherit(self, other: Stamps) -> None:
        """Take over those of C{other} that are not there."""
        self._values = other._values | self._values
        self.unknown = other.unknown | self.unknown

    def copy(self) -> Stamps:
        """The same stamps, to be changed on their own."""
        twin = Stamps.__new__(Stamps)
        twin._values = self._values.copy()
        twin.unknown = self.unknown.copy()
        return twin

    def dumped(self) -> dict[str, str]:
        """Every stamp that outlives the transaction, as text, for the spool."""
        # What was noted since goes before text that could not be read.
        out = self.unknown.copy()
        for stamp, value in self._values.items():
            if stamp.dump is not None:
                name = CRITICAL + stamp.name if stamp.critical else stamp.name
                out[name] = stamp.dump(value)
        return out

    def lasting(self) -> bool:
        """Is there one that outlives the transaction, so that L{dumped} has it?"""
        if self.unknown:
            return True
        for stamp in self._values:
            if stamp.dump is not None:
                return True
        return False

    def load(self, known: Mapping[str, Stamp[Any]], text: Mapping[str, str]) -> None:
        """
        Take in what L{dumped} gave.

        @param known: stamps by name, of the extensions that are loaded.
        @param text: what the spool has.  A name that is not known, and a value
            that its stamp cannot read, stays in C{unknown}.
        """
        for name, value in text.items():
            stamp = known.get(name.removeprefix(CRITICAL))
            if stamp is None:
                self.unknown[name] = value
                continue
            try:
                self._values[stamp] = stamp.load(value)
            except ValueError:
                self.unknown[name] = value

    def holding(self) -> tuple[str, ...]:
        """
        Names of critical stamps that nobody here knows: while there is one,
        the envelope is not to be sent on.
        """
        return tuple(n for n in self.unknown if n.startswith(CRITICAL))


class Stamped:
    """What extensions can put stamps on."""

    __slots__ = ("_stamps",)

    _stamps: Stamps | None

    @property
    def stamps(self) -> Stamps:
        """What extensions noted on it; made when first wanted."""
        found = self._stamps
        if found is None:
            found = self._stamps = Stamps()
        return found

    def stamp(self, stamp: Stamp[T]) -> T | None:
        """A stamp's value, or L{None}; makes no stamps where there are none."""
        # It is asked for some twenty times a message: without a call of ours.
        found: T | None = None
        if self._stamps is not None:
            found = self._stamps._values.get(stamp)
        return found

    def borne(self) -> Collection[Stamp[Any]]:
        """Which stamps are on it; makes none where there are none."""
        return () if self._stamps is None else self._stamps._values

    def dumpedStamps(self) -> dict[str, str]:
        """The stamps as text; makes none where there are none."""
        return {} if self._stamps is None else self._stamps.dumped()


class Recipient(Stamped):
    """
    One recipient of an envelope.

    @ivar path: the forward path's mailbox, as received, without a source route
        and without angle brackets.  C{postmaster} may stand without a domain.
    """

    __slots__ = ("path",)

    def __init__(self, path: bytes) -> None:
        self.path = path
        self._stamps = None

    def __repr__(self) -> str:
        return f"<Recipient {self.path!r}>"

    def redirected(self, path: bytes) -> Recipient:
        """
        Another recipient in the place of this one, with its stamps.

        @param path: the other's.
        """
        other = Recipient(path)
        if self._stamps is not None:
            other._stamps = self._stamps.copy()
        return other


class Envelope(Stamped):
    """
    What MAIL and RCPT said, and what extensions noted of it.

    @ivar sender: the reverse path's mailbox; C{b""} is the null sender.
    @ivar arrived: when MAIL was accepted, in seconds since the epoch.
    @ivar recipients: the recipients that were accepted, in order.
    @ivar octets: the size of the message so far, in octets, with CRLF line
        ends and without stuffed dots.
    """

    __slots__ = ("arrived", "octets", "recipients", "sender")

    def __init__(
        self,
        sender: bytes,
        arrived: float,
        recipients: list[Recipient] | None = None,
        octets: int = 0,
    ) -> None:
        self.sender = sender
        self.arrived = arrived
        self.recipients = [] if recipients is None else recipients
        self.octets = octets
        self._stamps = None

    def allBorne(self) -> Collection[Stamp[Any]]:
        """Which stamps are on it, and on its recipients; perhaps more than once."""
        found: Collection[Stamp[Any]] = ()
        if self._stamps is not None:
            found = self._stamps._values
        for each in self.recipients:
            if each._stamps is not None:
                found = [*found, *each._stamps._values]
        return found

    def isPlain(self, own: Set[Stamp[Any]], theirs: Set[Stamp[Any]]) -> bool:
        """
        Is there nothing on it that makes a difference?  Asked of each message that the
        queue begins with, however many it is for.

        @param own: stamps that make one on the envelope.
        @param theirs: stamps that make one on a recipient.
        @return: L{False}: there is one of those, or one that nobody here knows.
        """
        stamps = self._stamps
        if stamps is not None:
            if stamps.unknown or not own.isdisjoint(stamps._values):
                return False
        for each in self.recipients:
            stamps = each._stamps
            if stamps is not None:
                if stamps.unknown or not theirs.isdisjoint(stamps._values):
                    return False
        return True

    def addressedTo(self, recipients: list[Recipient]) -> Envelope:
        """The same to others; the stamps are the same ones."""
        other = Envelope(self.sender, self.arrived, recipients, self.octets)
        other._stamps = self._stamps
        return other

    def copied(self) -> Envelope:
        """The same to the same; its stamps are its own."""
        return self.copiedTo(self.recipients)

    def copiedTo(self, recipients: list[Recipient]) -> Envelope:
        """The same to others; its stamps are its own."""
        other = Envelope(self.sender, self.arrived, recipients, self.octets)
        if self._stamps is not None:
            other._stamps = self._stamps.copy()
        return other

    def noting(
        self, stamp: Stamp[T], value: T, recipients: list[Recipient], octets: int
    ) -> Envelope:
        """
        The same to others, with one stamp more; its stamps are its own.

        @param octets: the size of what they get.
        """
        other = Envelope(self.sender, self.arrived, recipients, octets)
        stamps = Stamps() if self._stamps is None else self._stamps.copy()
        stamps._values[stamp] = value
        other._stamps = stamps
        return other

    def unstamped(self) -> Envelope | None:
        """
        The same without stamps, recipients of its own and all; L{None}: on it or on
        one of them is a stamp that outlives the transaction.
        """
        if self._stamps is not None and self._stamps.lasting():
            return None
        recipients: list[Recipient] = []
        for each in self.recipients:
            if each._stamps is not None and each._stamps.lasting():
                return None
            recipients.append(Recipient(each.path))
        return Envelope(self.sender, self.arrived, recipients, self.octets)

    def __repr__(self) -> str:
        return f"<Envelope {self.sender!r} -> {self.recipients!r}>"


#: Anything an extension can stamp.
Bearer = Envelope | Recipient


def dumpFlag(flag: bool) -> str:
    """A flag as text for the spool."""
    return "yes" if flag else "no"


def loadFlag(text: str) -> bool:
    """
    The inverse of L{dumpFlag}.

    @raise ValueError: neither C{yes} nor C{no}.
    """
    if text not in ("yes", "no"):
        raise ValueError(text)
    return text == "yes"


def dumpOctets(octets: bytes) -> str:
    """Octets as text for the spool, one character an octet."""
    return octets.decode("latin-1")


def loadOctets(text: str) -> bytes:
    """
    The inverse of L{dumpOctets}.

    @raise ValueError: a character above U+00FF.
    """
    return text.encode("latin-1")
