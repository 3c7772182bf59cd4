"""
The configuration, as one value: what can stand in the TOML file.

Everything has a default, and an empty file is the first start without
configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import Attribute, evolve, field, frozen

from ..core.asked import Asks
from ..core.domain import checkDomain
from ..core.interfaces import IExtension
from .extensiontable import Extensions, ExtensionsKind
from .kinds import IKind, StandardOutput, durationInSeconds
from .problems import KeyPath, Problem
from .rulekind import ruleKinds
from .schema import Table
from .tables import (
    DKIM,
    DMARC,
    DNS,
    HTTP,
    TLS,
    AliasOptions,
    AuthenticationOptions,
    BMIOptions,
    Checker,
    Control,
    DCCTable,
    DNSListOptions,
    GreylistOptions,
    ImportFolder,
    Limits,
    Listener,
    ListenerTLS,
    Local,
    Log,
    LookupEntry,
    MilterEntry,
    Peers,
    Policy,
    Queue,
    RateOptions,
    Relay,
    Reports,
    RetryEntry,
    RouteEntry,
    Sending,
    SendmailOptions,
    SPFOptions,
    SRSOptions,
    SubmissionRules,
    TLSReports,
    Trace,
    Users,
)
from .toml import UNNAMED, Document, readDocument
from .walker import readSettings


def isHostName(text: str) -> bool:
    """Can a server call itself so?"""
    try:
        checkDomain(text.encode("ascii"))
    except ValueError:
        return False
    return not text.startswith("[")


def _hostName(
    instance: object, attribute: Attribute[str | None], value: str | None
) -> None:
    if value is not None and not isHostName(value):
        raise ValueError(
            f'expected a host name such as mail.example.org, got "{value}"'
        )


#: Where an empty configuration listens.
FIRST_LISTENERS = (
    Listener(2525, "127.0.0.1"),
    Listener(4650, "127.0.0.1", tls=ListenerTLS.IMPLICIT),
)


#: The most processes that one server has.
WORKERS_MAX = 64


def _workers(instance: object, attribute: Attribute[int], value: int) -> None:
    if not 1 <= value <= WORKERS_MAX:
        raise ValueError(f"expected an integer from 1 to {WORKERS_MAX}, got {value}")


def _isNobody(key: bytes) -> bool:
    return False


@frozen
class Configuration:
    """Everything that can be configured."""

    name: str | None = field(
        default=None,
        validator=_hostName,
        metadata={
            "help": "What the server calls itself: a host name that has its address"
            " in the DNS.  If not given: the machine's name."
        },
    )
    state: Path = field(
        default=Path("smtpx-state"),
        metadata={
            "help": "The folder for everything that the server keeps: spool, users,"
            " certificates made here, logs, and the Maildir of the first start."
        },
    )
    user: str | None = field(
        default=None,
        metadata={
            "help": "Whom ``twistd`` becomes once the ports are bound, if it was"
            " started as root: the name of a user.  ``twistd --uid`` wins."
        },
    )
    group: str | None = field(
        default=None,
        metadata={
            "help": "The first group of that user, by name; the others are those that"
            " the system's list of groups has.  If not given: the user's own."
            "  ``twistd --gid`` wins."
        },
    )
    workers: int = field(
        default=1,
        validator=_workers,
        metadata={
            "help": "How many processes take and deliver mail, from 1 to 64.  With one,"
            " ``twistd`` has no other process; with more, its own takes no mail, but"
            " looks after the others.  More than there are processors is of no use."
        },
    )
    workerSilentSeconds: float = field(
        default=60.0,
        metadata={
            "kind": durationInSeconds(False, 2),
            "help": "With several workers: one whose process has done nothing at all"
            " for so long, not even looked whether there is something to do, hangs; it"
            " is ended, and another begins in its place.  How long a client or a host"
            " takes has nothing to do with it.",
        },
    )
    pythonPath: tuple[Path, ...] = field(
        default=(),
        metadata={"help": "Folders with Python modules that are named in this file."},
    )
    listeners: tuple[Listener, ...] = field(
        default=FIRST_LISTENERS,
        metadata={
            "option": "listener",
            "help": "Without any: 127.0.0.1:2525 with STARTTLS, and 127.0.0.1:4650 with"
            " implicit TLS.",
        },
    )
    tls: TLS = field(factory=TLS)
    limits: Limits = field(factory=Limits)
    local: Local = field(factory=Local)
    aliases: AliasOptions = field(factory=AliasOptions)
    routes: tuple[RouteEntry, ...] | None = field(
        default=None,
        metadata={
            "option": "route",
            "help": "Without any: everything that is local goes into the Maildir in the"
            " state folder; and where somebody may send elsewhere (there is a listener"
            " of the role ``submission``, or the table ``relay`` names who may), the"
            " rest goes to the hosts of its domain.  Mail for ``relay.domains`` goes to"
            " theirs, and reports on it to those of its senders.",
        },
    )
    sending: Sending = field(factory=Sending)
    queue: Queue = field(factory=Queue)
    retries: tuple[RetryEntry, ...] = field(
        default=(),
        metadata={
            "option": "retry",
            "help": "Without any, and for errors that none is for:"
            " ``15 min until 2 h``, ``1 h * 1.5 until 16 h``, ``6 h``; sooner after"
            " errors that mostly pass soon.",
        },
    )
    reports: Reports = field(factory=Reports)
    tlsReports: TLSReports = field(
        factory=TLSReports, metadata={"option": "tls_reports"}
    )
    relay: Relay = field(factory=Relay)
    srs: SRSOptions = field(factory=SRSOptions)
    peers: Peers = field(factory=Peers)
    users: Users = field(factory=Users)
    submission: SubmissionRules = field(factory=SubmissionRules)
    sendmail: SendmailOptions = field(factory=SendmailOptions)
    imports: tuple[ImportFolder, ...] = field(
        default=(), metadata={"option": "import", "help": "Without any: none."}
    )
    lookups: tuple[LookupEntry, ...] = field(
        default=(), metadata={"option": "lookup", "help": "Without any: none."}
    )
    policy: Policy = field(factory=Policy)
    greylist: GreylistOptions = field(factory=GreylistOptions)
    checkers: tuple[Checker, ...] = field(
        default=(), metadata={"option": "checker", "help": "Without any: none."}
    )
    rates: RateOptions = field(factory=RateOptions)
    milters: tuple[MilterEntry, ...] = field(
        default=(), metadata={"option": "milter", "help": "Without any: none."}
    )
    dcc: DCCTable = field(factory=DCCTable)
    bmi: BMIOptions = field(factory=BMIOptions)
    authentication: AuthenticationOptions = field(factory=AuthenticationOptions)
    spf: SPFOptions = field(factory=SPFOptions)
    dkim: DKIM = field(factory=DKIM)
    dmarc: DMARC = field(factory=DMARC)
    dns: DNS = field(factory=DNS)
    dnsLists: DNSListOptions = field(
        factory=DNSListOptions, metadata={"option": "dns_lists"}
    )
    log: Log = field(factory=Log)
    trace: Trace = field(factory=Trace)
    http: HTTP = field(factory=HTTP)
    control: Control = field(factory=Control)
    extensions: Extensions = field(factory=Extensions)
    document: Document = field(
        factory=lambda: Document(UNNAMED, Path.cwd(), {}),
        eq=False,
        repr=False,
        metadata={"option": None},
    )
    asks: Asks | None = field(
        default=None, eq=False, repr=False, metadata={"option": None}
    )

    @property
    def listAsks(self) -> Asks:
        """
        Who answers for look-ups in lists that are asked at once; where lists are only
        looked at, nobody is in one.
        """
        if self.asks is not None:
            return self.asks
        return {each.name: _isNobody for each in self.lookups if each.kind.prompt}

    def problem(self, path: KeyPath, text: str) -> Problem:
        """Something that is wrong with a value, with its place in the file."""
        return self.document.problem(path, text)

    @property
    def usersFile(self) -> Path:
        """The file that C{smtpx passwd} writes."""
        return self.users.file or self.state / "users"

    @property
    def mainLog(self) -> Path | StandardOutput:
        """Where the main log is."""
        return self.log.main or self.state / "main.log"

    @property
    def traceFolder(self) -> Path:
        """Where traces are kept."""
        return self.trace.folder or self.state / "trace"

    @property
    def peersFile(self) -> Path:
        """Where it is kept what is known of the hosts that we talk to."""
        return self.peers.file or self.state / "peers.sqlite"

    @property
    def greylistFile(self) -> Path:
        """Where it is kept who was here before."""
        return self.greylist.file or self.state / "greylist.sqlite"

    @property
    def ratesFile(self) -> Path:
        """Where it is kept who does how much."""
        return self.rates.file or self.state / "rates.sqlite"

    @property
    def tlsReportsFile(self) -> Path:
        """Where it is kept what domains are to be told of TLS."""
        return self.state / "tls-reports.sqlite"

    @property
    def dmarcReportsFile(self) -> Path:
        """Where it is kept what owners of domains are to be told by DMARC."""
        return self.state / "dmarc-reports.sqlite"

    @property
    def dropFolder(self) -> Path:
        """Where users of this machine put their mail."""
        return self.sendmail.folder or self.state / "drop"

    @property
    def controlSocket(self) -> Path:
        """Where commands reach the server."""
        return self.control.socket or self.state / "control"

    @property
    def workersFolder(self) -> Path:
        """Where workers reach each other, if there are several."""
        return self.state / "workers"

    @property
    def importsFile(self) -> Path:
        """Where it is kept which messages of other servers were taken in."""
        return self.state / "imports.sqlite"

    @property
    def maildir(self) -> Path:
        """Where mail goes that no route has a path for."""
        return self.state / "Maildir"


#: What a program or a command may give: a mapping of the same form as the file,
#: the file, or L{None}, which is an empty one.
Source = Mapping[str, object] | Path | str | None


def readConfiguration(source: Source, found: Mapping[str, IExtension]) -> Configuration:
    """
    Read a configuration.

    @param found: the extensions that there are, by name.
    @raise ConfigurationError: with all that is wrong.
    """
    return configurationOf(documentOf(source), found)


def configurationOf(
    document: Document, found: Mapping[str, IExtension]
) -> Configuration:
    """
    See what a document says.

    @param found: the extensions that there are, by name.
    @raise ConfigurationError: with all that is wrong.
    """
    kinds: dict[str, IKind] = {
        "extensions": ExtensionsKind(found),
        "policy": Table.of(Policy, **ruleKinds(found)),
    }
    read = readSettings(document, Configuration, **kinds)
    return evolve(read, state=document.folder / read.state, document=document)


def documentOf(source: Source) -> Document:
    """
    What a source says, not yet checked.

    @raise ConfigurationError: it cannot be read.
    """
    if isinstance(source, str | Path):
        return readDocument(Path(source))
    return Document(UNNAMED, Path.cwd(), source or {})
