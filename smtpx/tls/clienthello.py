"""
Just enough of a ClientHello (RFC 8446 section 4.1.2) to see what it says of sessions:
which ticket keys it names, whether it offers a session, and whether it wants a ticket.

The octets come from whoever connects.  Every length is checked, nothing but names of
keys is kept, and what is not understood says nothing; OpenSSL, which reads the same
octets afterwards, is the one to refuse them.
"""

from __future__ import annotations

from attrs import frozen

#: How much is waited for, in octets.  A ClientHello with a key share that withstands
#: quantum computers and one ticket has about 2 kB.
HELLO_OCTETS_MOST = 16_384

#: The octets of a ticket that name its key: OpenSSL's layout, as RFC 5077 section 4
#: recommends it.
NAME_OCTETS = 16

#: How many names are looked at; a client has one ticket, or two.
_NAMES_MOST = 8

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4

#: Extensions: RFC 5077 section 3.2, RFC 8446 section 4.2.
_SESSION_TICKET, _PRE_SHARED_KEY, _KEY_EXCHANGE_MODES = 35, 41, 45

#: RFC 8446 section 4.2.9.
_PSK_DHE_KE = 1


@frozen
class Wishes:
    """
    What a client wants to do with sessions.

    @ivar names: those of the keys of the tickets that it offers, in its order.
    @ivar asks: does it take tickets?
    @ivar offers: does it offer a session?
    """

    names: tuple[bytes, ...] = ()
    asks: bool = False
    offers: bool = False


class Scan:
    """
    Finds the ClientHello in octets as they come.  It costs the same however they are
    cut.

    @ivar raw: all that came, to be read again by OpenSSL.
    @ivar wishes: what the client wants; L{None}: more has to come.
    """

    def __init__(self) -> None:
        self.raw = bytearray()
        self.wishes: Wishes | None = None
        #: The handshake messages, without the headers of records; and where in "raw"
        #: the next record begins.
        self._hello = bytearray()
        self._next = 0

    def feed(self, octets: bytes) -> bool:
        """
        More has come.

        @return: is all known, because the ClientHello is whole, is none, or is too
            long to wait for?
        """
        self.raw += octets
        if self.wishes is None and self._advance():
            self.wishes = self._wishes()
            self._hello.clear()
        return self.wishes is not None

    def _advance(self) -> bool:
        """Take off what records there are; is there nothing to wait for?"""
        raw = self.raw
        while len(raw) > self._next:
            if raw[self._next] != _HANDSHAKE:
                return True
            if len(raw) < self._next + _RECORD_HEADER:
                break
            begin = self._next + _RECORD_HEADER
            end = begin + _number(raw, begin - 2)
            if len(raw) < end:
                break
            self._hello += raw[begin:end]
            self._next = end
            if self._isWhole:
                return True
        return len(raw) > HELLO_OCTETS_MOST

    @property
    def _isWhole(self) -> bool:
        hello = self._hello
        if hello and hello[0] != _CLIENT_HELLO:
            return True
        return len(hello) >= _MESSAGE_HEADER and len(hello) >= self._end

    @property
    def _end(self) -> int:
        """Where the message ends."""
        return _MESSAGE_HEADER + int.from_bytes(self._hello[1:_MESSAGE_HEADER], "big")

    def _wishes(self) -> Wishes:
        hello = self._hello
        whole = self._isWhole and hello[:1] == bytes([_CLIENT_HELLO])
        if not whole:
            return Wishes()
        try:
            return wishesOf(bytes(hello[_MESSAGE_HEADER : self._end]))
        except IndexError:
            return Wishes()


def wishesOf(hello: bytes) -> Wishes:
    """
    Read a ClientHello.

    @param hello: without the header of the message.
    @raise IndexError: it is not in order.
    """
    # Version and random; then session_id, cipher_suites, compression_methods.
    at = 34
    at += 1 + hello[at]
    at += 2 + _number(hello, at)
    at += 1 + hello[at]
    names: list[bytes] = []
    asks = offers = False
    if at == len(hello):
        return Wishes()
    end = at + 2 + _number(hello, at)
    at += 2
    if end > len(hello):
        raise IndexError
    while at < end:
        kind, size = _number(hello, at), _number(hello, at + 2)
        value = hello[at + 4 : at + 4 + size]
        at += 4 + size
        if at > end:
            raise IndexError
        if kind == _SESSION_TICKET:
            asks, offers = True, offers or bool(value)
            names.append(value[:NAME_OCTETS])
        elif kind == _KEY_EXCHANGE_MODES:
            asks = asks or _PSK_DHE_KE in value[1:]
        elif kind == _PRE_SHARED_KEY:
            offers = True
            names += _identities(value)
    whole = [name for name in names if len(name) == NAME_OCTETS]
    return Wishes(tuple(whole[:_NAMES_MOST]), asks, offers)


def _identities(value: bytes) -> list[bytes]:
    """
    The names in C{OfferedPsks} (RFC 8446 section 4.2.11).

    @raise IndexError: it is not in order.
    """
    names: list[bytes] = []
    at, end = 2, 2 + _number(value, 0)
    if end > len(value):
        raise IndexError
    while at < end and len(names) < _NAMES_MOST:
        size = _number(value, at)
        names.append(value[at + 2 : at + 2 + min(size, NAME_OCTETS)])
        # The identity, and how old it is said to be.
        at += 2 + size + 4
    return names


def _number(octets: bytes | bytearray, at: int) -> int:
    """
    Two octets as a number.

    @raise IndexError: they are not there.
    """
    return octets[at] << 8 | octets[at + 1]


__all__ = ["HELLO_OCTETS_MOST", "NAME_OCTETS", "Scan", "Wishes", "wishesOf"]
