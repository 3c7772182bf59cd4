"""
The kinds of records, and what each has for a value.

A L{Kind} knows how to write a value down and how to read it again; a L{Shelf} is the
view of one kind that its user has.  Values are JSON, so that an operator can read the
file with any tool.  Octets stand as the UTF-8 that they mostly are; what is none
stands as the lone surrogates of PEP 383, and comes back as it was.

What is read may have been damaged, or written by whoever can write to the file, so
every value is looked at; one that is not in order is as good as none.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from attrs import asdict, fields, frozen

from ..core.flaw import Flaw
from ..core.hooks import Hello
from ..core.stapled import Stapled
from ..core.tlssession import TLSSession
from .interfaces import HostTrouble, IPeerKnowledge, Record

T = TypeVar("T")

#: What a value is shown as: words, and numbers, texts or lists of texts.  Names that
#: end in C{_at} are seconds since the epoch.
Facts = Mapping[str, object]

#: The longest text of an error that is kept, in characters.
_TEXT_MAX = 500


@frozen
class Kind(Generic[T]):
    """
    A kind of records.

    @ivar name: what it is called in the file and by C{smtpx peer}.
    @ivar version: of the form that C{dump} writes; it is raised where older code
        would misread a new one.
    @ivar dump: writes a value down.
    @ivar load: reads it again, in the form of any version up to this one;
        L{ValueError}, L{TypeError} or L{LookupError}: it is not in order.
    @ivar facts: what of a value may be shown to an operator.
    """

    name: str
    version: int
    dump: Callable[[T], bytes]
    load: Callable[[int, bytes], T]
    facts: Callable[[T], Facts]

    def read(self, record: Record) -> T | None:
        """
        The value of a record.

        @return: L{None}: it cannot be read.
        """
        if record.version > self.version:
            return None
        try:
            return self.load(record.version, record.value)
        except (ValueError, TypeError, LookupError, RecursionError):
            return None


class Shelf(Generic[T]):
    """What is known of one kind, as values."""

    def __init__(self, knowledge: IPeerKnowledge, kind: Kind[T]) -> None:
        self._knowledge = knowledge
        self._kind = kind

    def recall(self, name: bytes) -> T | None:
        """
        What is known.

        @return: L{None}: nothing.
        """
        kind = self._kind
        record = self._knowledge.recall(kind.name, name, kind.version)
        return None if record is None else kind.read(record)

    def remember(self, name: bytes, value: T, now: float, expires: float) -> None:
        """
        Keep a value.

        @param now: seconds since the epoch.
        @param expires: from when on it does not count, likewise.
        """
        kind = self._kind
        record = Record(kind.version, kind.dump(value), now, expires)
        self._knowledge.remember(kind.name, name, record)

    def forget(self, name: bytes) -> None:
        """Keep nothing."""
        self._knowledge.forget(self._kind.name, name)

    def names(self) -> Sequence[bytes]:
        """The names under which something is kept, which may have expired."""
        return self._knowledge.names(self._kind.name)


# --- hosts in trouble ----------------------------------------------------------


def _dumpTrouble(trouble: HostTrouble) -> bytes:
    return _written(
        {
            "first": trouble.first,
            "last": trouble.last,
            "due": trouble.due,
            "failures": trouble.failures,
            "text": trouble.text[:_TEXT_MAX],
        }
    )


def _loadTrouble(version: int, value: bytes) -> HostTrouble:
    read = _Fields(value)
    return HostTrouble(
        read.seconds("first"),
        read.seconds("last"),
        read.seconds("due"),
        read.number("failures"),
        read.text("text"),
    )


def _troubleFacts(trouble: HostTrouble) -> Facts:
    return {
        "failures": trouble.failures,
        "first_at": trouble.first,
        "last_at": trouble.last,
        "due_at": trouble.due,
        "error": trouble.text,
    }


#: Hosts and domains that could not be reached.
RETRY = Kind("retry", 1, _dumpTrouble, _loadTrouble, _troubleFacts)


# --- answers to EHLO -------------------------------------------------------------


@frozen
class HelloHistory:
    """
    What a host answered to EHLO, and how far it can be relied on.

    @ivar hello: its last answer; L{None}: it is not one to build on.
    @ivar since: since when it has been the same, in seconds since the epoch.
    @ivar changes: how often in a row it was another one.
    @ivar failures: how often in a row it was not as expected, and had to be given up.
    @ivar quiet: until then nothing is forecast, likewise; 0: it may be at once.
    @ivar first: when there was an answer for the first time, likewise.
    @ivar last: when it was last written down, likewise.
    @ivar successes: how often it was as expected, all in all.
    @ivar misses: how often it was not and had to be given up, all in all.
    """

    hello: Hello | None
    since: float
    changes: int = 0
    failures: int = 0
    quiet: float = 0.0
    first: float = 0.0
    last: float = 0.0
    successes: int = 0
    misses: int = 0


def _dumpHello(history: HelloHistory) -> bytes:
    hello = history.hello
    return _written(
        {
            "name": None if hello is None else _text(hello.name),
            "keywords": [
                _text(word) if rest is None else f"{_text(word)} {_text(rest)}"
                for word, rest in (() if hello is None else hello.keywords)
            ],
            "since": history.since,
            "changes": history.changes,
            "failures": history.failures,
            "quiet": history.quiet,
            "first": history.first,
            "last": history.last,
            "successes": history.successes,
            "misses": history.misses,
        }
    )


def _loadHello(version: int, value: bytes) -> HelloHistory:
    if version < 2:
        # It says neither how old it is nor how often it was right: ask anew.
        raise ValueError("of an earlier form")
    read = _Fields(value)
    return HelloHistory(
        None if read.isNone("name") else Hello(read.octets("name"), _keywords(read)),
        read.seconds("since"),
        read.number("changes"),
        read.number("failures"),
        read.seconds("quiet"),
        read.seconds("first"),
        read.seconds("last"),
        read.number("successes"),
        read.number("misses"),
    )


def _keywords(read: _Fields) -> tuple[tuple[bytes, bytes | None], ...]:
    found = []
    for line in read.lines("keywords"):
        word, space, rest = line.partition(b" ")
        found.append((word, rest if space else None))
    return tuple(found)


def _helloFacts(history: HelloHistory) -> Facts:
    facts: dict[str, object] = {}
    if history.hello is not None:
        facts["name"] = _text(history.hello.name)
        facts["keywords"] = [
            _text(word if rest is None else word + b" " + rest)
            for word, rest in history.hello.keywords
        ]
    facts["since_at"] = history.since
    facts["first_at"] = history.first
    facts["as_expected"] = history.successes
    facts["otherwise"] = history.misses
    if history.failures:
        facts["otherwise_in_a_row"] = history.failures
    if history.quiet:
        facts["not_used_until_at"] = history.quiet
    return facts


#: What hosts answered to EHLO.
EHLO = Kind("ehlo", 2, _dumpHello, _loadHello, _helloFacts)

# --- policies of domains -----------------------------------------------------------


@frozen
class KnownPolicy:
    """
    What a domain asks of the connections to its mail hosts (RFC 8461).

    @ivar identity: of the policy, as the DNS had it when it was fetched.
    @ivar mode: C{enforce}, C{testing} or C{none}.
    @ivar maxAge: how long it is good from when it was fetched, in seconds.
    @ivar mx: the patterns of its mail hosts.
    @ivar fetched: when it was, in seconds since the epoch.
    @ivar asked: about when somebody last wanted to know it, likewise.
    """

    identity: bytes
    mode: str
    maxAge: int
    mx: tuple[bytes, ...]
    fetched: float
    asked: float


def _dumpPolicy(policy: KnownPolicy) -> bytes:
    return _written(
        {
            "id": _text(policy.identity),
            "mode": policy.mode,
            "max_age": policy.maxAge,
            "mx": [_text(each) for each in policy.mx],
            "fetched": policy.fetched,
            "asked": policy.asked,
        }
    )


def _loadPolicy(version: int, value: bytes) -> KnownPolicy:
    read = _Fields(value)
    return KnownPolicy(
        read.octets("id"),
        read.text("mode"),
        read.number("max_age"),
        tuple(read.lines("mx")),
        read.seconds("fetched"),
        read.seconds("asked"),
    )


def _policyFacts(policy: KnownPolicy) -> Facts:
    return {
        "id": _text(policy.identity),
        "mode": policy.mode,
        "mx": [_text(each) for each in policy.mx],
        "max_age": policy.maxAge,
        "fetched_at": policy.fetched,
    }


#: Policies of MTA-STS, by domain.
POLICY = Kind("mta-sts", 1, _dumpPolicy, _loadPolicy, _policyFacts)

# --- hosts that offer CHUNKING ----------------------------------------------------


@frozen
class ChunkTrouble:
    """
    A host that stalled or went away in the middle of chunks.

    @ivar last: when it did so the last time, in seconds since the epoch.
    @ivar failures: how often it did so in a row.
    @ivar quiet: until then it is sent none, likewise; 0: it may be at once.
    """

    last: float
    failures: int
    quiet: float = 0.0


def _dumpChunkTrouble(trouble: ChunkTrouble) -> bytes:
    return _written(
        {"last": trouble.last, "failures": trouble.failures, "quiet": trouble.quiet}
    )


def _loadChunkTrouble(version: int, value: bytes) -> ChunkTrouble:
    read = _Fields(value)
    return ChunkTrouble(
        read.seconds("last"), read.number("failures"), read.seconds("quiet")
    )


def _chunkTroubleFacts(trouble: ChunkTrouble) -> Facts:
    facts: dict[str, object] = {"failures": trouble.failures, "last_at": trouble.last}
    if trouble.quiet:
        facts["not_used_until_at"] = trouble.quiet
    return facts


#: Hosts that offer CHUNKING, and perhaps cannot do it.
CHUNKS = Kind("chunking", 1, _dumpChunkTrouble, _loadChunkTrouble, _chunkTroubleFacts)

# --- TLS sessions ------------------------------------------------------------------

#: How many sessions a record holds.
SESSIONS_MOST = 4

_Sessions = tuple[TLSSession, ...]


def _dumpSessions(sessions: _Sessions) -> bytes:
    return _written([_sessionFields(each) for each in sessions])


def _sessionFields(session: TLSSession) -> dict[str, object]:
    found = asdict(session)
    found["octets"] = b64encode(session.octets).decode("ascii")
    found["trust"] = session.trust.hex()
    found["flaw"] = None if session.flaw is None else session.flaw.name
    return found


def _loadSessions(version: int, value: bytes) -> _Sessions:
    found = json.loads(value)
    if type(found) is not list or len(found) > SESSIONS_MOST:
        raise ValueError("sessions")
    return tuple(map(_session, found))


#: What each field may be; the rest is for TLS itself to judge.
_SESSION_TYPES: dict[str, tuple[type, ...]] = {
    "expires": (int, float),
    "began": (int, float),
    "version": (str,),
    "verified": (bool,),
    "dane": (bool,),
    "proof": (str, type(None)),
    "problem": (str, type(None)),
    "stapled": (int,),
    "stapleEnds": (int, float, type(None)),
}


def _session(found: dict[str, object]) -> TLSSession:
    """
    Read a session.

    @raise ValueError: it is not in order; likewise L{TypeError} and L{LookupError}.
    """
    if set(found) != {each.name for each in fields(TLSSession)}:
        raise ValueError("a session of another form")
    if any(type(found[name]) not in types for name, types in _SESSION_TYPES.items()):
        raise TypeError("a session of another form")
    octets, trust, flaw = (found[name] for name in ("octets", "trust", "flaw"))
    if found["stapled"] not in tuple(Stapled):
        raise ValueError("a session of another form")
    rest = {name: found[name] for name in _SESSION_TYPES}
    return TLSSession(
        octets=b64decode(str(octets), validate=True),
        trust=bytes.fromhex(str(trust)),
        flaw=None if flaw is None else Flaw[str(flaw)],
        **rest,  # type: ignore[arg-type]  # looked at above
    )


def _sessionFacts(sessions: _Sessions) -> Facts:
    newest = sessions[-1] if sessions else None
    facts: dict[str, object] = {"sessions": len(sessions)}
    if newest is not None:
        facts |= {"tls": newest.version, "verified": newest.verified}
        if newest.proof is not None:
            facts["proof"] = newest.proof
        facts["ends_at"] = newest.expires
    return facts


#: TLS sessions of servers.
SESSION = Kind("session", 1, _dumpSessions, _loadSessions, _sessionFacts)

#: When networks of clients were offered PIPECONNECT, in seconds since the epoch.
OFFER = Kind[float](
    "offered",
    1,
    lambda at: _written({"at": at}),
    lambda version, value: _Fields(value).seconds("at"),
    lambda at: {"last_at": at},
)

#: The kinds that this smtpx can read, by name.
KINDS: Mapping[str, Kind[Any]] = {
    kind.name: kind for kind in (EHLO, RETRY, POLICY, CHUNKS, SESSION, OFFER)
}


# --- forms -------------------------------------------------------------------------


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _written(found: object) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode("ascii")


class _Fields:
    """
    The fields of a value that was written down.  All methods raise L{ValueError},
    L{TypeError} or L{LookupError} where it is not in order.
    """

    def __init__(self, value: bytes) -> None:
        self._fields = json.loads(value)

    def isNone(self, name: str) -> bool:
        """Does it stand there that there is nothing?"""
        return self._fields[name] is None

    def seconds(self, name: str) -> float:
        """A moment."""
        found = self._fields[name]
        # NaN compares with nothing.
        if type(found) not in (int, float) or not 0 <= found < 1e12:
            raise ValueError(name)
        return float(found)

    def number(self, name: str) -> int:
        """How often something was."""
        found = self._fields[name]
        if type(found) is not int or found < 0:
            raise ValueError(name)
        return found

    def text(self, name: str) -> str:
        """Words."""
        found = self._fields[name]
        if type(found) is not str:
            raise ValueError(name)
        return found

    def octets(self, name: str) -> bytes:
        """Octets."""
        return self.text(name).encode("utf-8", "surrogateescape")

    def lines(self, name: str) -> list[bytes]:
        """A list of octets."""
        found = self._fields[name]
        if type(found) is not list or any(type(each) is not str for each in found):
            raise ValueError(name)
        return [each.encode("utf-8", "surrogateescape") for each in found]
