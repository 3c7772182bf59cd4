"""
What an event is; L{smtpx.observe.events} has all that there are.
"""

from __future__ import annotations

from attrs import field, frozen
from constantly import NamedConstant

#: What every event of a session has.
SESSION = {"session": "the session's id"}
#: What every event of a message has.
MESSAGE = {"message": "the message's id in the spool"}
#: What every event of a message has that has come, as a whole.
WHOLE = {
    "sender": "the reverse path; empty: the null sender",
    "recipients": "to whom it goes",
    "octets": "the size of the message",
}
#: Who the client is.
CLIENT = {
    "address": "the client's address",
    "port": "the client's port; 0: not known",
    "name": "the client's host name, if it was verified",
    "helo": "what the client called itself",
    "user": "the user of this machine who is the client, if it came over no connection",
    "proxy": "the address of the proxy that has brought the client, if one has",
    "local": "our address of the connection",
    "localPort": "our port of it",
}
#: What a handshake has come to.
TLS = {
    "version": "the version of TLS, as OpenSSL spells it; absent: in the clear",
    "cipher": "the cipher suite, as OpenSSL spells it",
    "bits": "the strength of the cipher",
    "resumed": "was it a TLS session from before?",
    "resumption": "what it had to do with such: Exim's bits; absent: nothing was asked"
    " for",
    "verified": "was the client's certificate good?",
    "problem": "what is wrong with the client's certificate, if anything is",
    "ocsp": "what it was told by OCSP of our certificate: Exim's number; absent: it did"
    " not ask",
    "subject": "the subject of the client's certificate, if it sent one",
    "serverName": "the name that the client asked for (SNI), if it did",
    "onConnect": "did TLS begin with the connection (RFC 8314)?",
}


# Those who publish look up by it who listens.
@frozen(eq=False)
class Event:
    """
    One kind of event.

    @ivar name: its name, C{subject.participle}.
    @ivar level: how much it matters.
    @ivar format: how Twisted's own text log shows it.
    @ivar fields: what it carries, and what that means.
    """

    name: str
    level: NamedConstant
    format: str
    fields: dict[str, str] = field(factory=dict)


__all__ = ["Event"]
