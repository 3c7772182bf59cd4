"""
Everything a peer can send is bounded; these are the bounds.

One value, made from the configuration, read by core and shell.  Defaults are
those of RFC 5321 section 4.5.3 where it has one, and what servers in the field
do where it has none.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class BareLines(Enum):
    """What becomes of a CR or LF that stands alone in DATA."""

    REFUSE = "refuse"
    NORMALISE = "normalise"


@frozen
class Bounds:
    """
    How much, how many, how long.

    @ivar messageOctets: the most octets of a message; L{None}: no limit.
    @ivar recipientsMax: the most recipients of a transaction.
    @ivar transactionsMax: the most MAIL commands of a session; L{None}: any.
    @ivar chunksMax: the most BDAT commands of a message.
    @ivar commandOctets: the longest command line, CRLF included.
    @ivar textLineOctets: the longest line of a message, CRLF included; L{None}:
        no limit, which is what RFC 5321 section 4.5.3.1.6 hopes for.
    @ivar headerOctets: the longest message header that is looked at for fields.
    @ivar earlyOctets: the most octets taken before the greeting.
    @ivar heldOctets: the most octets taken while a command is in work.
    @ivar errorsMax: the most commands answered with an error of syntax or
        sequence in a session.
    @ivar refusalsMax: the most recipients refused in a session.
    @ivar putOffMax: the most recipients put off (4yz) in a session, those above
        C{recipientsMax} among them.
    @ivar idleCommandsMax: the most commands that bring no mail forward (NOOP,
        RSET, VRFY, EHLO, ..., and any but RCPT that is refused) between two
        messages.
    @ivar discardedOctets: the most octets of refused chunks that are read and
        thrown away in a session (RFC 3030 section 4.2 wants them read).
    @ivar bareLines: what becomes of a bare CR or LF in DATA.
    @ivar commandSeconds: the longest wait for the next whole command (RFC 5321
        section 4.5.3.2.7), and for each line of an AUTH exchange.
    @ivar bodySeconds: the longest wait for the next C{bodyBlockOctets} of a
        body (section 4.5.3.2.5), and for what is left of it.
    @ivar bodyBlockOctets: see C{bodySeconds}.
    @ivar handshakeSeconds: the longest TLS handshake.
    @ivar answerSeconds: the longest a policy, a password check or a commit may
        take before the peer is told 451.
    @ivar closeSeconds: the longest a closed connection may linger with replies
        that the peer does not take.
    """

    messageOctets: int | None = 52_428_800
    recipientsMax: int = 1000
    transactionsMax: int | None = None
    chunksMax: int = 10_000
    commandOctets: int = 4096
    textLineOctets: int | None = None
    headerOctets: int = 1_048_576
    earlyOctets: int = 65_536
    heldOctets: int = 65_536
    errorsMax: int = 20
    refusalsMax: int = 100
    putOffMax: int = 1000
    idleCommandsMax: int = 100
    discardedOctets: int = 104_857_600
    bareLines: BareLines = BareLines.REFUSE
    commandSeconds: float = 300.0
    bodySeconds: float = 180.0
    bodyBlockOctets: int = 4096
    handshakeSeconds: float = 60.0
    answerSeconds: float = 300.0
    closeSeconds: float = 30.0
