"""
The commands that the core itself has (RFC 5321 section 4.1.1).

Each is a function of the connection and of what stands behind the verb.  What
can be answered at once is answered at once, with a reply; only what has to wait
(a policy that asks the world) goes on later.  Extensions bring the other verbs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, cast

from .address import forwardPath, heloName, reversePath
from .claims import ownerOf
from .dialogue import Ask, Dotted, ServerDialogue, Verdict
from .effects import PENDING, MayReceive, MaySend, Pending
from .envelope import Bearer, Envelope, Recipient
from .errors import HookTrouble, Malformed
from .hooks import Stage, Verb, Where
from .reply import (
    BAD_ARGUMENT,
    BAD_SEQUENCE,
    BYE,
    NOT_IMPLEMENTED,
    OK,
    UNKNOWN_PARAMETER,
    Reply,
    reply,
)
from .reviews import better, review
from .standing import Standing

if TYPE_CHECKING:
    from .server import ServerConnection

#: What a verb's function may give back; L{None}: the answer comes later, or
#: has been written already.
Outcome = Reply | ServerDialogue | None

# A member is looked up at its class by a function of Enum's, each time.
_MAIL, _RCPT, _SETTLED = Stage.MAIL, Stage.RCPT, Standing.SETTLED

GO_AHEAD = Reply(354, None, (b"End data with <CR><LF>.<CR><LF>",))
_TOO_MANY_TRANSACTIONS = reply(451, "4.5.3", b"Too many transactions")
_TOO_MANY_RECIPIENTS = reply(452, "4.5.3", b"Too many recipients")
_UTF8_SENDER = reply(550, "5.6.7", b"Non-ASCII address needs SMTPUTF8")
_UTF8_RECIPIENT = reply(553, "5.6.7", b"Non-ASCII address needs SMTPUTF8")
_CANNOT_VERIFY = reply(
    252, "2.5.0", b"Cannot VRFY user, but will accept message and attempt delivery"
)


def _malformed(bad: Malformed, status: str) -> Reply:
    return reply(501, status, str(bad).encode("ascii", "replace"))


def ehlo(session: ServerConnection, rest: bytes) -> Outcome:
    """EHLO (section 4.1.1.1): begin anew, and say what we can do."""
    try:
        name = heloName(rest)
    except Malformed as bad:
        return _malformed(bad, "5.5.4")
    session.introduce(name, extended=True)
    profile = session.profile
    try:
        return profile.hello(
            [advertise(session) for _, advertise in profile.capabilities]
        )
    except Exception:
        session.introduce(None, extended=False)
        raise


def helo(session: ServerConnection, rest: bytes) -> Outcome:
    """HELO (section 4.1.1.1): one plain line, no extensions."""
    try:
        name = heloName(rest)
    except Malformed as bad:
        return _malformed(bad, "5.5.4")
    session.introduce(name, extended=False)
    return Reply(250, None, (session.profile.name,))


# --- MAIL ---------------------------------------------------------------------


def mail(session: ServerConnection, rest: bytes) -> Outcome:
    """MAIL (section 4.1.1.2)."""
    if session.helo is None or session.envelope is not None:
        return BAD_SEQUENCE
    profile = session.profile
    # RFC 9422 section 4.1: a MAIL that fails counts as well.
    session.transactions += 1
    limit = profile.bounds.transactionsMax
    if limit is not None and session.transactions > limit:
        return _TOO_MANY_TRANSACTIONS
    try:
        sender, parameters = reversePath(rest)
    except Malformed as bad:
        return _malformed(bad, "5.1.7")
    return begin(session, sender, parameters)


def begin(session: ServerConnection, sender: bytes, parameters: bytes) -> Outcome:
    """
    MAIL, once it is understood: is there anything against a transaction?

    @param parameters: what stands behind the path.
    """
    clock = session.profile.clock
    # Of a time to the microsecond it takes a fifth of the time to write it down.
    envelope = Envelope(sender, int(clock() * 1e6 + 0.5) / 1e6)
    try:
        if parameters:
            refusal = receive(session, Where.MAIL, parameters, envelope)
            if refusal is not None:
                session.reset()
                return refusal
        if not session.utf8Addresses and not sender.isascii():
            session.reset()
            return _UTF8_SENDER
        return _permit(session, envelope)
    except Exception:
        session.reset()
        raise


def _permit(session: ServerConnection, envelope: Envelope) -> Outcome:
    session.envelope = envelope
    verdict: Reply | None | Verdict = None
    if not session.plain.mail or session.stamped(envelope):
        checks = session.profile.reviews[_MAIL]
        verdict = review(session, checks, None) if checks else None
    if verdict is not None:
        if not isinstance(verdict, Reply):
            return _mailReviewed(session, envelope, verdict)
        if verdict.refuses:
            session.reset()
            return verdict
    if session.standing is _SETTLED:
        return verdict or OK
    direct = session.direct
    if direct is None:
        answer = session.port.ask(MaySend(session, envelope))
    else:
        answer = direct.maySend(session, envelope)
    if answer is None and verdict is None:
        return OK
    if answer is PENDING:
        session.later(lambda said: _mailed(session, verdict, said))
        return None
    return _mailed(session, verdict, answer)


def _mailReviewed(
    session: ServerConnection, envelope: Envelope, review: Verdict
) -> ServerDialogue:
    try:
        verdict = yield from review
        if verdict is not None and verdict.refuses:
            session.reset()
            return verdict
        if session.standing is _SETTLED:
            return verdict or OK
        answer = yield Ask(MaySend(session, envelope))
    except Exception:
        session.reset()
        raise
    return _mailed(session, verdict, answer)


def _mailed(
    session: ServerConnection, verdict: Reply | None, answer: Reply | None
) -> Reply:
    if answer is not None and answer.refuses:
        session.reset()
        return answer
    return better(verdict, answer) or OK


# --- RCPT ---------------------------------------------------------------------


def rcpt(session: ServerConnection, rest: bytes) -> Outcome:
    """RCPT (section 4.1.1.3)."""
    envelope = session.envelope
    if envelope is None:
        return BAD_SEQUENCE
    try:
        path, parameters = forwardPath(rest)
    except Malformed as bad:
        return _malformed(bad, "5.1.3")
    profile = session.profile
    if len(envelope.recipients) >= profile.bounds.recipientsMax:
        # Not 552: section 4.5.3.1.10.
        return _TOO_MANY_RECIPIENTS
    recipient = Recipient(path)
    if parameters:
        refusal = receive(session, Where.RCPT, parameters, recipient)
        if refusal is not None:
            return refusal
    if not session.utf8Addresses and not path.isascii():
        return _UTF8_RECIPIENT
    checks = profile.reviews[_RCPT]
    verdict = review(session, checks, recipient) if checks else None
    if verdict is not None:
        if not isinstance(verdict, Reply):
            return _rcptReviewed(session, envelope, recipient, verdict)
        if verdict.refuses:
            return verdict
    direct = session.direct
    if direct is None:
        answer = session.port.ask(MayReceive(session, envelope, recipient))
    else:
        answer = direct.mayReceive(session, envelope, recipient)
    return judged(session, recipient, verdict, answer)


def judged(
    session: ServerConnection,
    recipient: Recipient,
    verdict: Reply | None,
    answer: Reply | None | Pending,
) -> Outcome:
    """
    RCPT, once the policy was asked.

    @param verdict: what stands in for the usual reply, if nobody objects.
    @param answer: what the policy says.
    """
    if answer is PENDING:
        session.later(lambda said: _rcpted(session, recipient, verdict, said))
        return None
    return _rcpted(session, recipient, verdict, answer)


def _rcptReviewed(
    session: ServerConnection,
    envelope: Envelope,
    recipient: Recipient,
    review: Verdict,
) -> ServerDialogue:
    verdict = yield from review
    if verdict is not None and verdict.refuses:
        return verdict
    answer = yield Ask(MayReceive(session, envelope, recipient))
    return _rcpted(session, recipient, verdict, answer)


def _rcpted(
    session: ServerConnection,
    recipient: Recipient,
    verdict: Reply | None,
    answer: Reply | None,
) -> Reply:
    if answer is not None and answer.refuses:
        return answer
    envelope = session.envelope
    assert envelope is not None
    envelope.recipients.append(recipient)
    return answer or verdict or OK


# --- parameters of MAIL and RCPT ----------------------------------------------


def receive(
    session: ServerConnection, where: Where, text: bytes, bearer: Bearer
) -> Reply | None:
    """
    Let extensions read the parameters of a command (section 4.1.1.11).

    @param text: what stands behind the path.
    @return: a refusal, or L{None}.
    """
    if not session.extended:
        return UNKNOWN_PARAMETER
    parameters = session.profile.parameters
    seen: set[bytes] = set()
    for word in text.split():
        keyword, equals, raw = word.partition(b"=")
        keyword = keyword.upper()
        value = raw if equals else None
        parameter = parameters.get((where, keyword, None))
        if parameter is None:
            upper = None if value is None else value.upper()
            parameter = parameters.get((where, keyword, upper))
        if parameter is None:
            return UNKNOWN_PARAMETER
        if keyword in seen:
            return BAD_ARGUMENT
        seen.add(keyword)
        try:
            parsed = parameter.grammar.parse(value)
        except Malformed as bad:
            text = str(bad).encode("ascii", "replace")
            return reply(501, "5.5.4", keyword + b": " + text)
        except Exception as error:
            raise HookTrouble(ownerOf(parameter.receive)) from error
        refusal = parameter.receive(session, bearer, parsed)
        if refusal is not None:
            return refusal
    return None


# --- DATA ---------------------------------------------------------------------


def data(session: ServerConnection, rest: bytes) -> Outcome:
    """DATA (section 4.1.1.4)."""
    if rest:
        return BAD_ARGUMENT
    opened = session.tryOpen()
    if opened is None:
        session.takeDotted(GO_AHEAD)
        return None
    if type(opened) is Reply:
        return opened
    return opening(session, cast(Verdict, opened))


def opening(session: ServerConnection, opens: Verdict) -> ServerDialogue:
    """
    DATA, once it is known that the body cannot begin at once.

    @param opens: begins it, or refuses.
    """
    refusal = yield from opens
    if refusal is not None:
        return refusal
    yield Dotted(GO_AHEAD)
    closed = session.tryClose()
    if closed is None or isinstance(closed, Reply | tuple):
        return closed
    return (yield from closed)


# --- the rest -----------------------------------------------------------------


def rset(session: ServerConnection, rest: bytes) -> Outcome:
    """RSET (section 4.1.1.5)."""
    if rest:
        return BAD_ARGUMENT
    session.reset()
    return OK


def noop(session: ServerConnection, rest: bytes) -> Outcome:
    """NOOP (section 4.1.1.9); an argument is ignored."""
    return OK


def quit(session: ServerConnection, rest: bytes) -> Outcome:
    """QUIT (section 4.1.1.10)."""
    if rest:
        return BAD_ARGUMENT
    session.reset()
    return BYE


def vrfy(session: ServerConnection, rest: bytes) -> Outcome:
    """
    VRFY (section 4.1.1.6).  It is always 252: who is here is told at RCPT, to
    those who send (section 7.3).
    """
    name, _, last = rest.rpartition(b" ")
    known = (Where.VRFY, last.upper(), None) in session.profile.parameters
    if name and known and session.extended:
        return _CANNOT_VERIFY
    if not rest:
        return BAD_ARGUMENT
    return _CANNOT_VERIFY if rest.isascii() else _UTF8_SENDER


def expn(session: ServerConnection, rest: bytes) -> Outcome:
    """EXPN (section 4.1.1.7): not done, and so not in the EHLO response."""
    return NOT_IMPLEMENTED


def help(session: ServerConnection, rest: bytes) -> Outcome:
    """HELP (section 4.1.1.8): the commands, or the syntax of one."""
    table = session.profile.table
    if not rest:
        words = b" ".join(sorted(table))
        return reply(214, "2.0.0", b"Commands:", words)
    verb = table.get(rest.strip().upper())
    if verb is None:
        return reply(504, "5.5.4", b"No help on that")
    return reply(214, "2.0.0", verb.help or verb.name)


def _verb(
    name: bytes,
    run: Callable[[Any, bytes], Outcome],
    syntax: bytes,
    *,
    alone: bool = False,
    last: bool = False,
    progress: bool = False,
    between: bool = False,
) -> Verb:
    return Verb(name, run, alone, last, progress, False, syntax, False, between)


#: The core's verbs.  No extension allows anything behind HELO, which offers
#: none, nor behind DATA before its 354 (RFC 2920 section 3.1).
VERBS = (
    _verb(b"EHLO", ehlo, b"EHLO <domain or address literal>", last=True),
    _verb(b"HELO", helo, b"HELO <domain>", alone=True),
    _verb(b"MAIL", mail, b"MAIL FROM:<sender> [parameters]", progress=True),
    _verb(b"RCPT", rcpt, b"RCPT TO:<recipient> [parameters]", progress=True),
    _verb(b"DATA", data, b"DATA", alone=True, progress=True),
    _verb(b"RSET", rset, b"RSET", between=True),
    _verb(b"NOOP", noop, b"NOOP [anything]", between=True),
    _verb(b"QUIT", quit, b"QUIT", between=True),
    _verb(b"VRFY", vrfy, b"VRFY <name>"),
    _verb(b"EXPN", expn, b"EXPN <list>"),
    _verb(b"HELP", help, b"HELP [command]"),
)

#: Those of LMTP, which has one verb by which a client says who it is, with all that
#: EHLO does (RFC 2033 section 4.1).
LMTP_VERBS = (
    _verb(b"LHLO", ehlo, b"LHLO <domain or address literal>", last=True),
    *VERBS[2:],
)
