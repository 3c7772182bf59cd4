"""
C{smtpx send}: sends a message by hand, and shows what happens.

It is a client for tests, like C{swaks}, made of what a server sends with: the same
connections, extensions, logins and TLS, the routes of a configuration with C{--route},
and an eyewitness in the place of a server's tracer.  So what it shows is what a
server's own client says.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack

from attrs import define, evolve, field, fields
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.address import domainOf
from ..core.envelope import Envelope
from ..core.errors import SMTPXError
from ..core.hooks import RoutePolicy
from ..core.interfaces import IExtension
from ..core.stapled import StapleWish
from ..dns.mailhosts import Unroutable
from ..extensions.authsettings import AuthSettings
from ..extensions.standard import standard
from ..net.addressing import Addressed, mailbox
from ..net.answers import Answerers
from ..net.mailer import ownName
from ..net.probing import Probed, Stop
from ..net.receipts import NotSent
from ..net.sending import Unreached, Way
from ..net.times import ClientTimes
from ..observe.eyewitness import Eyewitness
from ..observe.journey import Journey
from ..observe.trace import Direction, Flight
from ..sasl import Credentials
from ..sasl.values import TOKEN_OCTETS
from ..service.config import Configuration, readConfiguration
from ..service.extensions import findExtensions
from ..service.machine import Machine
from ..service.wiring.hops import readPassword
from ..service.wiring.tryout import (
    Leg,
    Protected,
    Tryout,
    byRoutes,
    loggingInBy,
    ofConfiguration,
    toDomains,
    toProtected,
    toServer,
    toSocket,
    trusting,
)
from ..tls.certificates import CertificateFiles
from ..tls.interfaces import IClientTLS
from .address import theMachine
from .console import CommandFailed, Console
from .sendcontent import Contents, senderOf, unsaid
from .sendline import SendLine, named
from .sendtold import (
    Live,
    Outcome,
    asJSON,
    columns,
    outcomesOf,
    picture,
    styleOf,
    toldError,
    toldOutcomes,
)
from .tlstold import toldProtection
from .waiting import wait

#: Where a password may be, that is in no file.
VARIABLE = "SMTPX_PASSWORD"

_log = Logger()


class SendOptions(SendLine):
    """The command line of C{smtpx send}."""

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: somebody does not have the message, or it could not be
            sent at all.
        """
        machine = theMachine()
        contents = Contents(self, console)
        try:
            login = credentialsOf(self, console)
            shown = Live(console) if not (self["quiet"] or self["json"]) else None
            sending = Sending(self, machine, contents, login, shown)
            wait(machine.reactor, sending.run())
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        finally:
            contents.close()
        tell(self, console, sending)


def credentialsOf(options: SendLine, console: Console) -> Credentials | None:
    """
    With what to log in.

    @return: L{None}: not at all, or as a route has it.
    @raise CommandFailed: a password is not to be had.
    @raise smtpx.core.errors.SMTPXError: it cannot be used.
    """
    if not options.logsIn:
        return None
    user = (options["user"] or "").encode("utf-8", "surrogateescape")
    if not options.needsPassword:
        return Credentials(user)
    token = options.file("token-file")
    if token is not None:
        return Credentials(user, token=readPassword(token, TOKEN_OCTETS + 3))
    file = options.file("password-file")
    if file is not None:
        return Credentials(user, readPassword(file))
    password = os.environ.get(VARIABLE)
    if password is None:
        password = _asked(options["user"], console)
    return Credentials(user, password.encode("utf-8", "surrogateescape"))


def _asked(user: str, console: Console) -> str:
    """
    Ask for a password.

    @raise CommandFailed: there is nobody to ask.
    """
    if not console.interactive:
        text = "there is no terminal to ask for a password; give it by"
        raise CommandFailed(f"{text} --password-file or {VARIABLE}")
    try:
        return console.secret(f"Password for {user}: ")
    except EOFError as error:
        raise CommandFailed("no password was given") from error


@define(eq=False)
class Sending:
    """
    The work of one command.

    @ivar outcomes: what became of recipients so far.
    @ivar problems: why it did not get further, in words.
    @ivar probed: what came of a probe; L{None}: it is none, or it came to nothing.
    @ivar journey: all that was seen; L{None}: it has not ended.
    @ivar protected: how the hosts were protected.
    """

    options: SendLine
    machine: Machine
    contents: Contents
    login: Credentials | None
    shown: Live | None
    outcomes: list[Outcome] = field(factory=list)
    problems: list[str] = field(factory=list)
    probed: Probed | None = None
    journey: Journey | None = None
    protected: list[Protected] = field(factory=list)

    async def run(self) -> None:
        """
        Send it.

        @raise CommandFailed: what is to be sent is no good.
        @raise smtpx.core.errors.SMTPXError: what is to be used for it is of no use.
        """
        async with AsyncExitStack() as stack:
            configuration = self._configuration()
            legs = self._legs(configuration, stack)
            live = self.shown
            witness = Eyewitness(
                self.machine.reactor.seconds,
                self.machine.now,
                (lambda sight: None) if live is None else live,
            )
            stop: Stop | None = self.options["quit-after"]
            for leg in legs:
                first = self._message(leg, 1)
                tryout = self._tryout(
                    configuration, witness, stop, first.envelope, leg.answers
                )
                try:
                    if stop is not None:
                        await self._probe(tryout, leg, first.envelope)
                    else:
                        await self._send(tryout, leg, first)
                finally:
                    await tryout.close()
                    self.protected += tryout.protected
            if live is not None:
                live.end()
            self.journey = witness.journey()

    async def _send(self, tryout: Tryout, leg: Leg, message: Addressed) -> None:
        count: int = self.options["count"]
        for number in range(1, count + 1):
            try:
                receipt = await tryout.send(leg, message)
            except NotSent as error:
                self.outcomes += outcomesOf(error.receipt, number)
                if isinstance(error.__cause__, Unreached | Unroutable):
                    # The others would not get any further.
                    self.problems.append(toldError(error))
                    return
            else:
                self.outcomes += outcomesOf(receipt, number)
            if number < count:
                message = self._message(leg, number + 1)

    async def _probe(self, tryout: Tryout, leg: Leg, envelope: Envelope) -> None:
        domain = domainOf(envelope.recipients[0].path)
        try:
            self.probed = await tryout.probe(leg, domain)
        except (Unreached, Unroutable) as error:
            self.problems.append(toldError(error))
            return
        settled = self.probed.settled
        if settled is not None:
            said = zip(leg.recipients, settled.outcomes, strict=True)
            self.outcomes += [Outcome(name, got) for name, (_, got) in said]

    # --- with what ------------------------------------------------------------------

    def _message(self, leg: Leg, number: int) -> Addressed:
        return self.contents.message(leg.recipients, number, self.machine.now())

    def _configuration(self) -> Configuration | None:
        if not self.options["route"]:
            return None
        return readConfiguration(self.options["config"], findExtensions())

    def _legs(
        self, configuration: Configuration | None, stack: AsyncExitStack
    ) -> list[Leg]:
        options, machine, login = self.options, self.machine, self.login
        recipients = dict.fromkeys(options.recipients)
        if configuration is not None:
            paths = {each: mailbox(each).render() for each in recipients}
            sender = senderOf(options)
            reverse = mailbox(sender).render() if sender else b""

            def adjust(way: Way) -> Way:
                return options.adjust(way, login)

            logsIn = login is None
            return byRoutes(
                machine, configuration, paths, reverse, adjust, logsIn, stack
            )
        asking = Way(RoutePolicy(staple=StapleWish.ASKED))
        way = options.adjust(asking, login)
        server, socket = options["server"], options.file("socket")
        if socket is not None:
            return [toSocket(list(recipients), socket, way)]
        if server is None:
            if options["explain-tls"]:
                trust = options.file("ca")
                return [toProtected(machine, list(recipients), way, trust, stack)]
            return [toDomains(machine, list(recipients), way)]
        return [toServer(machine, list(recipients), server.host, options.port, way)]

    def _tryout(
        self,
        configuration: Configuration | None,
        witness: Eyewitness,
        stop: Stop | None,
        envelope: Envelope,
        answers: Answerers,
    ) -> Tryout:
        name = ownName().decode("ascii")
        if configuration is not None:
            name = configuration.name or self.machine.name
        return Tryout(
            self.machine,
            name,
            self._extensions(configuration),
            self._trust(configuration),
            _times(self.options["timeout"]),
            witness,
            _trouble,
            stop,
            envelope,
            answers,
        )

    def _extensions(self, configuration: Configuration | None) -> Sequence[IExtension]:
        found: Sequence[IExtension] = standard(logsIn=True)
        if configuration is not None:
            found = ofConfiguration(configuration, findExtensions())
        options = self.options

        def change(settings: AuthSettings) -> AuthSettings:
            if options["mechanism"] is not None:
                name = options["mechanism"].name.decode("ascii")
                settings = evolve(settings, mechanisms=(name,))
            if options["unsafe-login"]:
                settings = evolve(settings, clear_text=True, unverified=True)
            return settings

        return loggingInBy(found, change)

    def _trust(self, configuration: Configuration | None) -> IClientTLS:
        """
        Whom we trust, and what we show.

        @raise smtpx.tls.certificates.CertificateError: a file is of no use.
        """
        shown = self.options.file("cert")
        files: CertificateFiles | None = None
        if shown is not None:
            files = CertificateFiles(shown, self.options.file("key"))
        return trusting(configuration, self.options.file("ca"), files)


def _times(most: int | None) -> ClientTimes:
    """
    How long is waited for what.

    @param most: so many seconds at most; L{None}: as a server does.
    """
    times = ClientTimes()
    if most is None:
        return times
    names = [each.name for each in fields(ClientTimes) if each.init]
    limits = {name: min(getattr(times, name), most) for name in names}
    return evolve(times, **limits)


def _trouble(owner: str, error: BaseException) -> None:
    """An exception came out of an extension."""
    _log.failure("Trouble in {owner}", Failure(error), owner=owner)


# --- what it says at the end ----------------------------------------------------------


def tell(options: SendLine, console: Console, sending: Sending) -> None:
    """
    Say what came of it.

    @raise CommandFailed: somebody does not have the message.
    """
    journey = sending.journey
    assert journey is not None, "it has ended"
    if options["json"]:
        console.say(asJSON(journey, sending.outcomes, sending.problems))
    else:
        if not options["quiet"]:
            style = styleOf(console, options["ascii"])
            for each in picture(journey, style, columns()):
                console.say(each)
            console.say("")
        if options["explain-tls"]:
            for protected in sending.protected:
                for each in toldProtection(protected):
                    console.say(each)
            console.say("")
        for each in unsaid(options, _envelopes(journey)):
            console.say(f"note: {each}")
        probed = options["quit-after"] is not None
        several = options["count"] > 1
        for each in toldOutcomes(sending.outcomes, several, probed):
            console.say(each)
        if probed and sending.probed is not None and not sending.outcomes:
            console.say(f"got as far as {options['quit-after'].value}")
    _judge(sending)


def _envelopes(journey: Journey) -> list[str]:
    """All MAIL and RCPT commands."""
    return [
        each
        for talk in journey.talks
        for step in talk.trace.steps
        if isinstance(step, Flight) and step.direction is Direction.CLIENT
        for each in step.lines
        if each.startswith(("MAIL ", "RCPT "))
    ]


def _judge(sending: Sending) -> None:
    """
    @raise CommandFailed: somebody does not have the message.
    """
    if sending.problems:
        raise CommandFailed("\n".join(sending.problems))
    lacking = [each.recipient for each in sending.outcomes if not each.accepted]
    if lacking:
        who = named(list(dict.fromkeys(lacking)))
        raise CommandFailed(f"not taken for {who}")


__all__ = ["SendOptions", "Sending", "VARIABLE", "credentialsOf", "tell"]
