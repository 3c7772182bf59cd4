"""
Addresses as SMTP writes them (RFC 5321 sections 4.1.2 and 4.1.3, RFC 6531
section 3.3 for those beyond ASCII).

There are two ways in.  L{Mailbox} with L{parseMailbox} and L{parsePath} is the
grammar whole, as a value to compare and to write back.  L{reversePath},
L{forwardPath} and L{heloName} read the arguments of MAIL, RCPT and EHLO, which
is the hot path of a server: an ordinary address costs one regular expression,
and only what that does not know goes through the whole grammar.  Both accept
and refuse the same addresses.  L{domainOf} and L{localPartOf} take apart what
they returned, L{withoutTag} the local part.

The grammar::

    Reverse-path = Path / "<>"
    Path         = "<" [ A-d-l ":" ] Mailbox ">"
    A-d-l        = "@" Domain *( "," "@" Domain )
    Mailbox      = Local-part "@" ( Domain / address-literal )
    Local-part   = Dot-string / Quoted-string
    Dot-string   = Atom *("." Atom)
    Quoted-string = DQUOTE *( qtextSMTP / ( "\\" %d32-126 ) ) DQUOTE

What stands behind the C{@} is in L{smtpx.core.domain}.  A source route
(C{A-d-l}) is read and dropped, as RFC 5321 section 4.1.1.3 demands.  Sizes are
those of section 4.5.3.1; each has an error of its own.

Quirks, which are what we take although the grammar does not have it:

 - I{space behind the colon}: spaces between C{FROM:} or C{TO:} and the C{<}.
   RFC 5321 section 3.3 forbids them, old clients and many scripts send them.
 - I{underscore in EHLO}: C{_} in the name that a client gives itself, as Windows
   hosts do (section 4.1.2 forbids it).  It is refused everywhere else.
 - I{words behind the literal}: what follows an address literal in EHLO is
   ignored; section 4.1.1.1 advises servers to be prepared for it.

A regular expression here never backtracks over what it took: repetitions are
possessive, so that each costs time in proportion to its input.
"""

from __future__ import annotations

import re

from attrs import field, frozen

from .domain import LABEL, checkDomain, checkText, lowerDomain
from .errors import Malformed

#: RFC 5321 section 4.5.3.1.1, in octets, of the name without its quoting.
LOCAL_PART_OCTETS = 64
#: RFC 5321 section 4.5.3.1.3, in octets, with brackets and source route.
PATH_OCTETS = 256

_ATEXT = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]"

# What nearly every MAIL and RCPT looks like.  A domain of at most 63 octets
# needs no look at its labels' lengths.
_ORDINARY = (
    rb"(?=[^@>]{1,64}+@[^>]{1,63}+>)"
    + _ATEXT
    + rb"++(?>(?:\."
    + _ATEXT
    + rb"++)*)@"
    + LABEL
    + rb"(?>(?:\."
    + LABEL
    + rb")*)"
)
_REST = rb">(?: |\Z)((?>(?:[!-~]++(?>(?: [!-~]++)*))?))\Z"
_ordinaryReverse = re.compile(
    rb"(?i:FROM): *+<((?>(?:" + _ORDINARY + rb")?))" + _REST
).match
_ordinaryForward = re.compile(rb"(?i:TO): *+<(" + _ORDINARY + rb")" + _REST).match
_ordinaryHelo = re.compile(
    rb"(?=.{1,63}+\Z)[A-Za-z0-9]++(?>(?:[.-][A-Za-z0-9]++)*)\Z"
).match

_route = re.compile(rb'(@[^@,:<>"]*+(?>(?:,@[^@,:<>"]*+)*)):').match
_mailbox = re.compile(
    rb'("(?>(?:[^"\\]|\\[ -~])*)"|[^"@<>]*+)(?>(?:@(\[[^\[\]]*+\]|[^@<>\[\]"]*+))?)'
).match
_quoted = re.compile(rb'"(?>(?:[^"\\]|\\[ -~])*)"').match
_quotedPair = re.compile(rb"\\([ -~])")
_toQuote = re.compile(rb'(["\\])')
_dotString = re.compile(
    rb"%b++(?>(?:\.%b++)*)\Z" % ((_ATEXT[:-1] + rb"\x80-\xff]",) * 2)
).match
_literalAndWords = re.compile(rb"(\[[^\[\]]*+\]) ").match


@frozen(eq=False)
class Mailbox:
    """
    An address: whom, and at which host.

    Two mailboxes are equal if they are the same for SMTP, however they were
    quoted, and in whatever case their domain was written.  The case of a local
    part matters (RFC 5321 section 2.4), but for postmaster's (section 4.5.1).

    @ivar local: the local part, without quotes and backslashes.
    @ivar domain: a domain or an address literal, in the case it came in;
        empty only for C{postmaster} alone, as RCPT may have it.
    @raise Malformed: not to be written in the grammar, or too long.
    """

    local: bytes = field()
    domain: bytes = field()

    def __attrs_post_init__(self) -> None:
        """Check both halves."""
        _checkLocal(self.local)
        if self.domain or self.local.lower() != b"postmaster":
            checkDomain(self.domain)

    @property
    def key(self) -> tuple[bytes, bytes]:
        """What makes it this mailbox and no other."""
        local = self.local
        if local.lower() == b"postmaster":
            local = b"postmaster"
        return local, lowerDomain(self.domain)

    @property
    def utf8(self) -> bool:
        """Does it take SMTPUTF8 to send to it (RFC 6531)?"""
        return not (self.local.isascii() and self.domain.isascii())

    def __eq__(self, other: object) -> bool:
        """Is it the same mailbox?"""
        if not isinstance(other, Mailbox):
            return NotImplemented
        return self.key == other.key

    def __hash__(self) -> int:
        """Equal mailboxes have equal hashes."""
        return hash(self.key)

    def render(self) -> bytes:
        """
        Write it with the least quoting (RFC 5321 section 4.1.2), without
        brackets.
        """
        local = self.local
        if _dotString(local) is None:
            local = b'"' + _toQuote.sub(rb"\\\1", local) + b'"'
        return local + b"@" + self.domain if self.domain else local


def parseMailbox(octets: bytes, utf8: bool = False) -> Mailbox:
    """
    Read C{Mailbox}, which has neither brackets nor a source route.

    @param utf8: may it be beyond ASCII (RFC 6531 section 3.3)?
    @raise Malformed: not in the grammar, or too long.
    """
    checkText(octets, utf8)
    mailbox, end = _readMailbox(octets, 0)
    if end != len(octets):
        raise Malformed("bad character in the address")
    if not mailbox.domain:
        raise Malformed("address without a domain")
    return mailbox


def parsePath(
    octets: bytes, *, reverse: bool = False, utf8: bool = False
) -> Mailbox | None:
    """
    Read C{Reverse-path} or C{Forward-path}, brackets included; a source route
    is dropped.

    @param reverse: may it be C{<>}?  If it may not, it may be C{<postmaster>}.
    @param utf8: may it be beyond ASCII (RFC 6531 section 3.3)?
    @return: the mailbox; L{None}: it was C{<>}.
    @raise Malformed: not in the grammar, or too long.
    """
    checkText(octets, utf8)
    if reverse and octets == b"<>":
        return None
    mailbox, _, end = _readPath(octets, 0, reverse)
    if end != len(octets):
        raise Malformed("text behind the path")
    return mailbox


def reversePath(rest: bytes) -> tuple[bytes, bytes]:
    """
    Read the argument of MAIL (RFC 5321 section 4.1.1.2)::

        mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF

    An address beyond ASCII is taken where it is good UTF-8; whether it may be,
    is known only when the parameters behind it are read (RFC 6531 section 3.4).

    @param rest: what stands behind C{MAIL} and its space, without the CRLF.
    @return: the mailbox as received, without brackets and source route, empty
        for C{<>}; and the text of the parameters, empty if there are none.
    @raise Malformed: not in the grammar, or too long.
    """
    found = _ordinaryReverse(rest)
    if found is not None:
        return found[1], found[2]
    return _readArgument(rest, b"FROM:", True)


def forwardPath(rest: bytes) -> tuple[bytes, bytes]:
    """
    Read the argument of RCPT (RFC 5321 section 4.1.1.3)::

        rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" /
                    Forward-path ) [SP Rcpt-parameters] CRLF

    See L{reversePath} for addresses beyond ASCII.

    @param rest: what stands behind C{RCPT} and its space, without the CRLF.
    @return: the mailbox as received, without brackets and source route; and
        the text of the parameters, empty if there are none.
    @raise Malformed: not in the grammar, or too long.
    """
    found = _ordinaryForward(rest)
    if found is not None:
        return found[1], found[2]
    return _readArgument(rest, b"TO:", False)


def heloName(rest: bytes) -> bytes:
    """
    Read the argument of EHLO or HELO (RFC 5321 section 4.1.1.1)::

        ehlo = "EHLO" SP ( Domain / address-literal ) CRLF

    with the quirks I{underscore in EHLO} and I{words behind the literal}.  A
    client cannot know yet whether we take SMTPUTF8, so the name is ASCII (RFC
    6531 section 3.7.1).

    @param rest: what stands behind the verb and its space, without the CRLF.
    @return: the name as received.
    @raise Malformed: neither a domain nor an address literal.
    """
    if _ordinaryHelo(rest) is not None:
        return rest
    name = rest.rstrip(b" \t")
    checkText(name, False)
    literal = _literalAndWords(name)
    if literal is not None:
        name = literal[1]
    # Where "_" stands, a letter could: the rest of the grammar is kept.
    checkDomain(name if name[:1] == b"[" else name.replace(b"_", b"x"))
    return name


def domainOf(path: bytes) -> bytes:
    """
    The domain of a mailbox, in lower case, for looking it up.

    @param path: as L{reversePath} and L{forwardPath} return it.
    @return: what stands behind the C{@} that ends the local part; empty for
        the null path, and for C{postmaster} alone.
    """
    if path[:1] != b'"':
        # An unquoted local part has no "@", but a literal may: take the first.
        return lowerDomain(path.partition(b"@")[2])
    quoted = _quoted(path)
    return b"" if quoted is None else lowerDomain(path[quoted.end() + 1 :])


def localPartOf(path: bytes) -> bytes:
    """
    The local part of a mailbox, without its quoting, in the case it came in.

    @param path: as L{reversePath} and L{forwardPath} return it.
    """
    if path[:1] != b'"':
        return path.partition(b"@")[0]
    quoted = _quoted(path)
    return path if quoted is None else _unquote(quoted[0])


def withoutTag(local: bytes, separators: bytes) -> bytes:
    """
    The user's part of a local part (RFC 5233 section 1): C{ann} of C{ann+lists}.

    @param local: as L{localPartOf} returns it.
    @param separators: each octet of it separates; the first that is found does.
        Empty: there are no tags.
    @return: C{local} itself, where it has no tag, or nothing before it.
    """
    ends = [at for each in separators if (at := local.find(each, 1)) > 0]
    return local[: min(ends)] if ends else local


def _readArgument(rest: bytes, word: bytes, reverse: bool) -> tuple[bytes, bytes]:
    """
    Read the argument of MAIL or RCPT by the whole grammar.

    @param word: C{FROM:} or C{TO:}.
    """
    if rest[: len(word)].upper() != word:
        raise Malformed(f"wants {word.decode('ascii')}<address>")
    text = rest[len(word) :].strip(b" ").rstrip(b" \t")
    checkText(text, True)
    if reverse and text[:2] == b"<>":
        raw, end = b"", 2
    else:
        _, raw, end = _readPath(text, 0, reverse)
    parameters = text[end:]
    if parameters[:1] not in (b"", b" "):
        raise Malformed("wants a space behind the path")
    return raw, parameters.lstrip(b" ")


def _readPath(text: bytes, start: int, reverse: bool) -> tuple[Mailbox, bytes, int]:
    """
    Read a path with its brackets.

    @return: the mailbox, its octets as they stand there, and the offset behind
        the closing bracket.
    """
    if text[start : start + 1] != b"<":
        raise Malformed("wants < and > around the address")
    inside = start + 1
    route = _route(text, inside)
    if route is not None:
        inside = route.end()
    elif text[inside : inside + 1] == b"@":
        raise Malformed("bad source route")
    mailbox, end = _readMailbox(text, inside)
    if text[end : end + 1] != b">":
        raise Malformed("wants < and > around the address")
    if end + 1 - start > PATH_OCTETS:
        raise Malformed(f"path longer than {PATH_OCTETS} octets")
    if route is not None:
        for domain in route[1].split(b","):
            checkDomain(domain[1:])
    if not mailbox.domain and (reverse or text[inside:end].lower() != b"postmaster"):
        raise Malformed("address without a domain")
    return mailbox, text[inside:end], end + 1


def _readMailbox(text: bytes, start: int) -> tuple[Mailbox, int]:
    """
    Read a mailbox, which may be C{postmaster} without a domain.

    @return: the mailbox, and the offset behind it.
    """
    found = _mailbox(text, start)
    assert found is not None, "each part of the pattern may be empty"
    local, domain = found.groups()
    if local[:1] == b'"':
        local = _unquote(local)
    elif _dotString(local) is None:
        if text[start : start + 1] == b'"':
            raise Malformed("unbalanced quote in the address")
        raise Malformed("bad local part in the address")
    if domain is None:
        if local.lower() != b"postmaster":
            raise Malformed("address without a domain")
        domain = b""
    elif not domain:
        raise Malformed("address without a domain")
    return Mailbox(local, domain), found.end()


def _unquote(quoted: bytes) -> bytes:
    """The content of a quoted string."""
    return _quotedPair.sub(rb"\1", quoted[1:-1])


def _checkLocal(local: bytes) -> None:
    """
    Look at the content of a local part.

    @raise Malformed: it is too long, or has a character that not even quotes
        make possible.  Beyond ASCII these are the control characters U+0080 to
        U+009F: RFC 6531 section 3.3 wants none, and they break lines of logs.
    """
    if len(local) > LOCAL_PART_OCTETS:
        raise Malformed(f"local part longer than {LOCAL_PART_OCTETS} octets")
    checkText(local, True)
    if not local.isascii() and any("\x80" <= c <= "\x9f" for c in local.decode()):
        raise Malformed("control character in the argument")


__all__ = [
    "LOCAL_PART_OCTETS",
    "PATH_OCTETS",
    "Mailbox",
    "domainOf",
    "forwardPath",
    "heloName",
    "localPartOf",
    "parseMailbox",
    "parsePath",
    "reversePath",
    "withoutTag",
]
