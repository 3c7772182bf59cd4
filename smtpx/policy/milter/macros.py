"""
What macros say: facts of a session, as Sendmail and Postfix name them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from ...core.envelope import Envelope
from ...core.interfaces import IServerSession
from ...core.reply import Reply

#: For whom a name is not known, in Postfix's words.
_UNKNOWN = b"unknown"

#: By what messages go, unless they go nowhere.
_MAILER, _NOWHERE = b"smtp", b"error"


@frozen
class Facts:
    """
    What macros are about.

    @ivar envelope: the transaction; L{None}: there is none.
    @ivar recipient: of the command in work; L{None}: none is.
    @ivar refused: why that one was refused; L{None}: it was not.
    @ivar id: of the message in the spool; empty: it has none yet.
    @ivar fixed: macros that are always the same.
    """

    session: IServerSession
    fixed: Mapping[bytes, bytes]
    envelope: Envelope | None = None
    recipient: bytes | None = None
    refused: Reply | None = None
    id: str = ""

    def value(self, name: bytes) -> bytes | None:
        """The value of a macro; L{None}: it has none now."""
        found = self.fixed.get(name)
        if found is not None:
            return found
        read = _MACROS.get(name)
        return None if read is None else read(self)


def _text(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _number(number: int) -> bytes:
    return b"%d" % number


def _name(facts: Facts) -> bytes:
    return facts.session.peerName or _UNKNOWN


def place(session: IServerSession) -> bytes:
    """A client, as one that has no name is called."""
    return b"[%b]" % (session.peer or _UNKNOWN)


def _both(facts: Facts) -> bytes:
    name, where = facts.session.peerName, place(facts.session)
    return where if name is None else b"%b %b" % (name, where)


def _resolved(facts: Facts) -> bytes:
    session = facts.session
    if session.peerName is not None:
        return b"OK"
    return b"FAIL" if session.peerNameKnown else b"TEMP"


def _domain(path: bytes | None) -> bytes | None:
    return None if path is None else path.rpartition(b"@")[2]


def _sender(facts: Facts) -> bytes | None:
    return None if facts.envelope is None else facts.envelope.sender


def _mailer(facts: Facts) -> bytes | None:
    return None if facts.envelope is None else _MAILER


def _rcptAddress(facts: Facts) -> bytes | None:
    refused = facts.refused
    return facts.recipient if refused is None else b" ".join(refused.lines)


def _rcptHost(facts: Facts) -> bytes | None:
    refused = facts.refused
    if refused is None:
        return _domain(facts.recipient)
    return None if refused.status is None else b"%d.%d.%d" % refused.status


def _rcptMailer(facts: Facts) -> bytes | None:
    if facts.recipient is None:
        return None
    return _MAILER if facts.refused is None else _NOWHERE


def _recipients(facts: Facts) -> bytes | None:
    envelope = facts.envelope
    return None if envelope is None else _number(len(envelope.recipients))


def _octets(facts: Facts) -> bytes | None:
    return None if facts.envelope is None else _number(facts.envelope.octets)


def _verified(facts: Facts) -> bytes | None:
    secured = facts.session.secured
    if secured is None:
        return b"NONE"
    if secured.subject is None:
        return b"NO"
    return b"OK" if secured.verified else b"FAIL"


def _secured(read: Callable[[Facts], bytes | None]) -> Callable[[Facts], bytes | None]:
    return lambda facts: None if facts.session.secured is None else read(facts)


def _subject(facts: Facts) -> bytes | None:
    secured = facts.session.secured
    assert secured is not None
    return None if secured.subject is None else _text(secured.subject)


def _tls(name: str) -> Callable[[Facts], bytes | None]:
    return _secured(lambda facts: _text(str(getattr(facts.session.secured, name))))


def _protocol(facts: Facts) -> bytes:
    session = facts.session
    if not session.extended:
        return b"SMTP"
    secured, known = session.secured is not None, session.identity is not None
    return b"ESMTP" + b"S" * secured + b"A" * known


#: By name, as it goes over the wire.
_MACROS: Mapping[bytes, Callable[[Facts], bytes | None]] = {
    b"i": lambda facts: _text(facts.id) or None,
    b"j": lambda facts: facts.session.name,
    b"v": lambda facts: b"smtpx",
    b"_": _both,
    b"r": _protocol,
    b"s": lambda facts: facts.session.helo,
    b"f": _sender,
    b"{daemon_name}": lambda facts: facts.session.name,
    b"{daemon_addr}": lambda facts: facts.session.local or None,
    b"{daemon_port}": lambda facts: _number(facts.session.localPort),
    b"{if_name}": lambda facts: facts.session.name,
    b"{if_addr}": lambda facts: facts.session.local or None,
    b"{client_addr}": lambda facts: facts.session.peer or None,
    b"{client_name}": _name,
    b"{client_ptr}": _name,
    b"{client_port}": lambda facts: _number(facts.session.peerPort),
    b"{client_resolve}": _resolved,
    b"{tls_version}": _tls("version"),
    b"{cipher}": _tls("cipher"),
    b"{cipher_bits}": _tls("bits"),
    b"{cert_subject}": _secured(_subject),
    b"{verify}": _verified,
    b"{auth_type}": lambda facts: (
        _text((facts.session.mechanism or "").upper()) or None
    ),
    b"{auth_authen}": lambda facts: facts.session.identity,
    b"{mail_addr}": _sender,
    b"{mail_host}": lambda facts: _domain(_sender(facts)),
    b"{mail_mailer}": _mailer,
    b"{rcpt_addr}": _rcptAddress,
    b"{rcpt_host}": _rcptHost,
    b"{rcpt_mailer}": _rcptMailer,
    b"{nrcpts}": _recipients,
    b"{msg_size}": _octets,
}


__all__ = ["Facts", "place"]
