"""
The events that a server tells of, declared: the catalogue of the log.

Each is an ordinary C{twisted.logger} event, a mapping, in which C{event} has the
name declared here; beside it are the fields declared here, and those that
Twisted wants (C{log_time}, C{log_level}, C{log_format}, C{log_namespace}).  Every
event of a session has C{session}, every event of a message C{message}, so the
story of either is one search.

Values come as they are: what a peer said is C{bytes}, numbers are numbers.  Only
observers (L{smtpx.observe.jsonlines}, L{smtpx.observe.mainlog}) make text of it,
and each knows how to make peers' octets harmless.  No event has credentials.

Names, fields and their meanings are stable: programs read them.  The manual's
page on the logs is checked against this module.
"""

from __future__ import annotations

from twisted.logger import LogLevel

from .alerting import ALERTED
from .authlog import AUTHENTICATION
from .event import CLIENT, MESSAGE, SESSION, TLS, WHOLE, Event
from .forwarding import SECRETS_KEPT, SECRETS_READ, SENDER_KEPT
from .lookingup import LOOKUP_BROKEN, LOOKUP_WORKS
from .milters import MILTER_AWAY, MILTER_DID
from .naming import REPEATED, RESUMED
from .opinions import NO_OPINION, OPINION
from .rulings import RULED, RULED_OUT

CONNECTED = Event(
    "session.connected",
    LogLevel.info,
    "{session}: connection from {address!r}:{port}",
    SESSION | CLIENT,
)

SECURED = Event(
    "session.secured",
    LogLevel.info,
    "{session}: {version} {cipher}, resumed: {resumed}",
    SESSION | CLIENT | TLS,
)

OVERRIDDEN = Event(
    "session.overridden",
    LogLevel.info,
    "{session}: {proxy!r}:{proxyPort} speaks for {address!r}:{port}",
    SESSION
    | {
        "address": "the client's address from now on, or ``unknown``",
        "port": "the client's port; 0: not known",
        "name": "the client's host name, if that was said",
        "local": "the address that the client connected to",
        "localPort": "the port that it connected to",
        "proxy": "the address of who said so (XCLIENT)",
        "proxyPort": "its port",
    },
)

AUTHENTICATED = Event(
    "session.authenticated",
    LogLevel.info,
    "{session}: {identity!r} logged in by {mechanism}",
    SESSION
    | CLIENT
    | {
        "mechanism": "the SASL mechanism, as registered",
        "identity": "who it is",
    },
)

LOGIN_FAILED = Event(
    "session.loginFailed",
    LogLevel.warn,
    "{session}: a login by {mechanism} from {address!r} failed",
    SESSION
    | CLIENT
    | {
        "mechanism": "the SASL mechanism, as registered",
        "identity": "who it said to be, if it got so far",
        "why": "why it failed, for the operator only",
    },
)

QUEUE_ASKED = Event(
    "queue.asked",
    LogLevel.info,
    "{session}: mail for {node} is wanted now: {answer}",
    SESSION
    | CLIENT
    | {
        "node": "the domain that was named (ETRN), with @ where those below it are"
        " meant as well",
        "answer": "what came of it: started, nothing, pending, counted, unable or"
        " too often",
        "count": "how many messages are tried now, if that is known",
    },
)

REFUSED = Event(
    "command.refused",
    LogLevel.info,
    "{session}: {command!r} from {address!r} refused: {code} {text!r}",
    SESSION
    | CLIENT
    | {
        "command": "the command, without what is secret in it",
        "sender": "the reverse path of the transaction, if one has begun",
        "identity": "who sent it, where somebody logged in",
        "mechanism": "the SASL mechanism of the login",
        "code": "the reply code",
        "status": "the enhanced status code",
        "text": "the text of the reply",
        "octets": "the size of the message, where it was refused after its body",
        "hasty": "what came where the client had to wait, if that is why",
        "pipelining": "``offered``, if the client knew then that it may pipeline",
    }
    | AUTHENTICATION
    | RULED_OUT
    | TLS,
)

ACCEPTED = Event(
    "message.accepted",
    LogLevel.info,
    "{session}: {message} from {sender!r} for {recipients!r}, {octets} octets",
    SESSION
    | MESSAGE
    | CLIENT
    | WHOLE
    | {
        "protocol": "as in the Received field (RFC 3848), in lower case",
        "seconds": "how long it took, from MAIL to the disk",
        "messageID": "the field Message-ID, without its angle brackets",
        "messageIDMade": "true: the client sent none, and we made it",
        "title": "the field Subject, if the main log is to show it",
        "pipelining": "PIPELINING (RFC 2920): offered, or used",
        "early": "PIPECONNECT: offered, or used",
        "fastOpen": "of the first message of a connection, TFO: it was opened fast;"
        " TFO*: by a packet with something in it (RFC 7413)",
        "identity": "who sent it, where somebody logged in",
        "mechanism": "the SASL mechanism of the login",
        "submitter": "who submitted it, as the parameter AUTH of MAIL says",
        "fields": "what extensions say of it, by the name it has in the main log",
    }
    | AUTHENTICATION
    | TLS,
)

_ERROR = {
    "owner": "the extension, room or transport that it came out of",
    "error": "the exception in one line",
    "traceback": "where it came from",
}

SESSION_TROUBLE = Event(
    "session.trouble",
    LogLevel.error,
    "{session}: an exception came out of {owner}: {traceback}",
    SESSION | _ERROR,
)

CLOSED = Event(
    "session.closed",
    LogLevel.info,
    "{session}: closed: {why}",
    SESSION
    | CLIENT
    | {
        "ending": "quit, lost, lost in transaction, lost in body, handshake, timeout,"
        " timeout in body, refused or shutdown",
        "why": "what the transport says of it",
        "seconds": "how long the connection was there",
        "transactions": "how many MAIL commands there were",
        "early": "did it talk before the greeting: ``offered`` (PIPECONNECT, at some"
        " time before) or ``stranger``; absent: it did not",
    },
)

TURNED_AWAY = Event(
    "connection.turnedAway",
    LogLevel.info,
    "A connection from {address!r}:{port} was not let in: {code} {text!r}",
    {
        "address": "where it came from",
        "port": "and its port; 0: not known",
        "code": "the reply code that it was to hear",
        "status": "the enhanced status code",
        "text": "the text of the reply",
        "omitted": "how many before it were not told of, for they were too many;"
        " absent: none",
    },
)

PROXY_REFUSED = Event(
    "proxy.refused",
    LogLevel.warn,
    "A connection from {address!r}:{port} was ended: {why}",
    {
        "address": "the address that the connection came from, a proxy's or not",
        "port": "and its port; 0: not known",
        "local": "our address of the connection",
        "localPort": "our port of it",
        "why": "what is wrong with the PROXY header, or that none was expected",
    },
)

_RECIPIENT = MESSAGE | {
    "recipient": "the forward path",
    "original": "the address that the client gave, where an alias led from there",
    "route": "the entry of the configuration that says where it goes",
    "transport": "the name of what takes it there",
    "sender": "the reverse path; empty: the null sender",
    "octets": "the size of the message",
    "text": "what the transport says of it; may be empty",
    "seconds": "how long it has been since the message was accepted",
}

_HOST = {
    "srs": "the sender that the host was told in place of the reverse path, where it is"
    " rewritten",
    "host": "the name of the host that was talked to, or tried; absent, with all that"
    " is the host's: there was none",
    "address": "its address",
    "port": "its port",
    "socket": "in place of a host: the path of the UNIX socket that it went to",
    "source": "our address of the connection, if it came about",
    "sourcePort": "our port of it",
    "fastOpen": "TFO: the connection was opened fast; TFO*: its first packet had"
    " something in it (RFC 7413)",
    "reused": "true: the connection had been used for another message",
    "code": "the code of the reply that settled it, if there was one",
    "status": "its enhanced status code",
    "reply": "the whole reply, as over the wire; lines end with CRLF but the last",
    "version": TLS["version"],
    "cipher": TLS["cipher"],
    "bits": TLS["bits"],
    "resumed": TLS["resumed"],
    "resumption": TLS["resumption"],
    "verified": "was the host's certificate good?",
    "dane": "true: it was good by a TLSA record (RFC 7672)",
    "proof": "by what it was good, if it was",
    "problem": "what is wrong with the host's certificate, if anything is",
    "ocsp": "what OCSP said of the host's certificate: Exim's number; absent: nobody"
    " asked",
    "ocspProblem": "why that is not that it is good, if it is not",
    "subject": "the subject of the host's certificate",
    "serverName": "the name that we asked for (SNI), if we did",
    "onConnect": TLS["onConnect"],
    "demands": "who asked for what of TLS with the host, and why, each in words, where"
    " anybody did, and there was a session",
    "fields": "what extensions say of it, by the name it has in the main log",
}
_TOOK = {"took": "how long the attempt took, in seconds"}
_CAUSE = {
    "cause": "at what it failed: ``other``, ``local``, ``dns``, ``connect``, ``lost``,"
    " ``tls``, ``login``, ``session``, ``sender``, ``recipient``, ``content``,"
    " ``unfit`` (the host would not do for the message, and was not asked),"
    " ``early`` (the host is known to be in trouble, and was not tried), ``expired``"
    " or ``operator``",
}

DELIVERED = Event(
    "message.delivered",
    LogLevel.info,
    "{message}: delivered to {recipient!r} by {transport}",
    _RECIPIENT
    | _TOOK
    | {"further": "true: another recipient had it in the same transaction, before"}
    | _HOST,
)

DEFERRED = Event(
    "message.deferred",
    LogLevel.info,
    "{message}: not yet delivered to {recipient!r}: {text!r}",
    _RECIPIENT
    | _CAUSE
    | {"due": "when it is tried again, in seconds since the epoch"}
    | _TOOK
    | _HOST,
)

FAILED = Event(
    "message.failed",
    LogLevel.info,
    "{message}: cannot be delivered to {recipient!r}: {text!r}",
    _RECIPIENT | _CAUSE | _TOOK | _HOST,
)

REPORTED = Event(
    "message.reported",
    LogLevel.info,
    "{message}: its sender is told what became of it, by {report}",
    MESSAGE
    | {
        "report": "the id of the delivery report, which is a message of its own",
        "recipient": "to whom it goes",
        "octets": "the size of the report",
        "messageID": "its field Message-ID, without the angle brackets",
        "title": "its field Subject",
    },
)

HELD = Event(
    "message.held",
    LogLevel.info,
    "{message}: on hold: {reason}",
    MESSAGE | {"reason": "why", "by": "the operator who put it on hold, if it was one"},
)

STUCK = Event(
    "message.stuck",
    LogLevel.error,
    "{message}: on hold until somebody releases it: {reason}",
    MESSAGE | {"reason": "why"},
)

COMPOSED = Event(
    "message.composed",
    LogLevel.info,
    "{message}: made here: {what}",
    MESSAGE | {"what": "what it is"} | WHOLE,
)

IMPORTED = Event(
    "message.imported",
    LogLevel.info,
    "{message}: taken from {source}",
    MESSAGE
    | {
        "source": "where it was: a file without the end of its name",
        **WHOLE,
        "hold": "why it is on hold; empty: it is not",
    },
)

IMPORT_REFUSED = Event(
    "import.refused",
    LogLevel.error,
    "Not taken from {source}: {why}",
    {
        "source": "a file without the end of its name, or the folder as a whole",
        "why": "what is wrong with it",
    },
)

_BY = {"by": "who did it: the name of a user, or of a program"}

RELEASED = Event(
    "message.released",
    LogLevel.info,
    "{message}: taken off hold by {by}",
    MESSAGE | _BY,
)

CANCELLED = Event(
    "message.cancelled",
    LogLevel.info,
    "{message}: given up by {by}",
    MESSAGE | _BY,
)

REMOVED = Event(
    "message.removed",
    LogLevel.info,
    "{message}: removed by {by}",
    MESSAGE | _BY,
)

COMPLETED = Event(
    "message.completed",
    LogLevel.info,
    "{message}: completed",
    MESSAGE | {"seconds": _RECIPIENT["seconds"]},
)

DELIVERY_TROUBLE = Event(
    "delivery.trouble",
    LogLevel.error,
    "{message}: an exception came out of {owner}: {traceback}",
    MESSAGE | _ERROR,
)

ALIASES_READ = Event(
    "aliases.read",
    LogLevel.info,
    "The aliases were read again; there are {aliases} now",
    {"aliases": "how many there are"},
)

ALIASES_KEPT = Event(
    "aliases.kept",
    LogLevel.error,
    "The aliases stay as they were: {why}",
    {"why": "what is wrong with the new ones: a line a problem, with file and line"},
)

ALIAS_BROKEN = Event(
    "alias.broken",
    LogLevel.error,
    "{file}: mail for {alias} cannot be taken: {why}",
    {
        "alias": "the alias, as it stands in the file",
        "file": "the file that it stands in",
        "line": "the line; absent: it is not from a file",
        "why": "what is wrong with it",
    },
)

RECIPIENTS_READ = Event(
    "recipients.read",
    LogLevel.info,
    "{file}: the recipients of relayed domains are as they are there now",
    {"file": "the list"},
)

RECIPIENTS_KEPT = Event(
    "recipients.kept",
    LogLevel.error,
    "The recipients of relayed domains stay as they were: {why}",
    {"why": "what is wrong with the list: a line a problem, with file and line"},
)

OWNERS_READ = Event(
    "owners.read",
    LogLevel.info,
    "{file}: since when mailboxes have their owners is as it is there now",
    {"file": "the list"},
)

OWNERS_KEPT = Event(
    "owners.kept",
    LogLevel.error,
    "Since when mailboxes have their owners stays as it was: {why}",
    {"why": "what is wrong with the list: a line a problem, with file and line"},
)

RECIPIENT_UNSURE = Event(
    "recipient.unsure",
    LogLevel.warn,
    "Nobody can tell whether there is a recipient {recipient!r}: {why}",
    {
        "recipient": "an address at a domain that is relayed",
        "why": "what is wrong with what knows the recipients",
    },
)

#: All of them.
CATALOGUE = (
    CONNECTED,
    SECURED,
    OVERRIDDEN,
    AUTHENTICATED,
    QUEUE_ASKED,
    LOGIN_FAILED,
    REFUSED,
    ACCEPTED,
    REPEATED,
    RESUMED,
    RULED,
    OPINION,
    NO_OPINION,
    SESSION_TROUBLE,
    CLOSED,
    TURNED_AWAY,
    PROXY_REFUSED,
    DELIVERED,
    DEFERRED,
    FAILED,
    REPORTED,
    HELD,
    STUCK,
    COMPOSED,
    IMPORTED,
    IMPORT_REFUSED,
    RELEASED,
    CANCELLED,
    REMOVED,
    COMPLETED,
    DELIVERY_TROUBLE,
    ALIASES_READ,
    ALIASES_KEPT,
    ALIAS_BROKEN,
    RECIPIENTS_READ,
    RECIPIENTS_KEPT,
    OWNERS_READ,
    OWNERS_KEPT,
    RECIPIENT_UNSURE,
    SENDER_KEPT,
    SECRETS_READ,
    SECRETS_KEPT,
    LOOKUP_BROKEN,
    LOOKUP_WORKS,
    ALERTED,
    MILTER_DID,
    MILTER_AWAY,
)
