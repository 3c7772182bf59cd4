"""
C{smtpx policy}: what the rules of a configuration decide, and why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.python.usage import UsageError

from ..core.address import heloName, parseMailbox
from ..core.errors import Malformed, SMTPXError
from ..observe.harmless import visible
from ..policy.checkers import Opinion, State
from ..policy.dcc.answer import DCCResult
from ..policy.dcc.daemon import DCCDaemon
from ..policy.rules import MessageVerdict, SPFVerdict, Verdicts
from ..policy.rules.findings import (
    ARC_STATES,
    DMARC_STATUSES,
    OPINED,
    SPF_ALIASES,
    SPF_RESULTS,
    Opinions,
)
from ..service.config import readConfiguration
from ..service.extensions import findExtensions
from ..service.wiring.ruletest import Trial, Tried, tryRules
from .address import theMachine
from .console import CONFIG_HELP, CommandFailed, Console, ConsoleOptions
from .waiting import wait

#: What can be assumed, and of which words.
_ASSUMED = {
    "spf": SPF_RESULTS,
    "spf_guess": SPF_RESULTS,
    "dmarc_status": DMARC_STATUSES,
    "arc": ARC_STATES,
    "dkim": (),
    "malware": (),
    "spam": ("yes", "no"),
    "spam_score": (),
    "dcc_result": tuple(each.value for each in DCCResult),
}


class TestOptions(ConsoleOptions):
    """The command line of C{smtpx policy test}."""

    synopsis = "[options] --ip ADDRESS"
    longdesc = (
        "Asks the rules of the configuration of a client, an envelope and a message,"
        " as the server would, and tells of each stage which rule decided and why."
        "  Nothing is sent or kept.  What SPF, DKIM, ARC and DMARC come to is found"
        " out in the DNS, and checkers are asked what they think, unless --assume says"
        " it.  The exit status is 0 whatever is decided."
    )
    optParameters = [
        ["config", "c", None, CONFIG_HELP],
        ["ip", "i", None, "The address of the client."],
        ["name", "n", None, "Its host name; if not given, it is looked up if wanted."],
        ["helo", "H", None, "The name in EHLO; if not given, --name or localhost."],
        ["user", "u", None, "Who has logged in; if not given, nobody has."],
        ["sender", "s", "", "The mailbox in MAIL; if not given, the null sender."],
        ["message", "m", None, "A file with the message; without it, none comes."],
    ]
    optFlags = [
        ["tls", "t", "The session is under TLS."],
        ["json", None, "Print a JSON list of stages, for programs."],
    ]

    def __init__(self) -> None:
        """Nothing is said yet."""
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.recipients: list[str] = []
        self.assumed: dict[str, str] = {}

    def opt_recipient(self, mailbox: str) -> None:
        """A mailbox in RCPT; may be given several times."""
        self.recipients.append(mailbox)

    opt_r = opt_recipient

    def opt_assume(self, what: str) -> None:
        """What is found out, such as spf=fail or malware=X; of dkim, who has signed."""
        name, equals, word = what.partition("=")
        if not equals or name not in _ASSUMED:
            raise UsageError(f"expected one of {', '.join(_ASSUMED)} before a =")
        word = SPF_ALIASES.get(word, word)
        if _ASSUMED[name] and word not in _ASSUMED[name]:
            raise UsageError(f"{name} is one of {', '.join(_ASSUMED[name])}")
        if name == "spam_score":
            try:
                float(word)
            except ValueError:
                raise UsageError("spam_score is a number") from None
        self.assumed[name] = word

    def postOptions(self) -> None:
        """Do they make sense?"""
        if self["ip"] is None:
            raise UsageError("which client?  Give --ip")
        if self["helo"] is None:
            self["helo"] = self["name"] or "localhost"
        try:
            ip_address(self["ip"])
        except ValueError:
            raise UsageError(f'"{self["ip"]}" is no address') from None
        try:
            for each in filter(None, [self["sender"], *self.recipients]):
                parseMailbox(_octets(each), utf8=True)
            heloName(_octets(self["helo"]))
        except Malformed as error:
            raise UsageError(str(error)) from None

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: the configuration, or the message, is of no use.
        """
        machine = theMachine()
        found = findExtensions()
        try:
            configuration = readConfiguration(self["config"], found)
            trial = self._trial()
            tried = wait(
                machine.reactor, tryRules(machine, configuration, found, trial)
            )
        except (SMTPXError, OSError) as error:
            raise CommandFailed(str(error)) from error
        if self["json"]:
            console.say(json.dumps([_plain(each) for each in tried], indent=1))
            return
        for line in told(tried):
            console.say(line)
        ended = bool(tried) and tried[-1].told.refused
        if trial.message is None and configuration.policy.message and not ended:
            console.say("Rules of message are not asked: no --message was given")
        names = ", ".join(each.name for each in configuration.milters)
        if names:
            console.say(f"Milters are not asked here: {names}")

    def _trial(self) -> Trial:
        message = None
        if self["message"] is not None:
            octets = Path(self["message"]).read_bytes()
            message = re.sub(rb"\r?\n", b"\r\n", octets)
        name = self["name"]
        user = self["user"]
        return Trial(
            self["ip"].encode("ascii"),
            None if name is None else _octets(name).lower(),
            _octets(self["helo"]),
            None if user is None else _octets(user),
            bool(self["tls"]),
            _octets(self["sender"]),
            [_octets(each) for each in self.recipients],
            message,
            _verdicts(self.assumed) if self.assumed else None,
        )


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _verdicts(assumed: dict[str, str]) -> Verdicts:
    """What is assumed; of the rest, that nobody has looked."""
    spf = SPFVerdict(assumed.get("spf", ""), "assumed")
    guess = spf
    if "spf_guess" in assumed:
        guess = SPFVerdict(assumed["spf_guess"], "assumed", guessed=True)
    message = MessageVerdict(
        (assumed["dkim"],) if "dkim" in assumed else None,
        assumed.get("arc", ""),
        dmarcStatus=assumed.get("dmarc_status", "off"),
    )
    return Verdicts(
        lambda session, envelope: evolve(spf),
        lambda session, envelope: evolve(guess),
        lambda session, envelope: message,
        lambda session, envelope: _opinions(assumed),
    )


def _opinions(assumed: dict[str, str]) -> Opinions:
    """What is assumed of checkers."""
    found: dict[str, object] = {"spam": assumed.get("spam") == "yes"}
    if "malware" in assumed:
        found["malware_name"] = assumed["malware"]
    if "spam_score" in assumed:
        found["spam_score"] = float(assumed["spam_score"])
    others = {"assumed": Opinion(found=found, finds=OPINED - DCCDaemon.finds)}
    letter = assumed.get("dcc_result")
    return others if letter is None else {**others, "dcc": _dcc(letter)}


def _dcc(letter: str) -> Opinion:
    """What is assumed of DCC."""
    if letter == DCCResult.TEMPORARY.value:
        return Opinion(State.SLOW, finds=DCCDaemon.finds, why="assumed")
    return Opinion(found={"dcc_result": letter}, finds=DCCDaemon.finds)


def _plain(tried: Tried) -> dict[str, Any]:
    """A stage, for programs."""
    found: dict[str, Any] = {"stage": tried.told.stage.value}
    if tried.about:
        found["recipient"] = tried.about[1:-1]
    found["refused"] = tried.told.refused
    found["rules"] = [
        {
            "rule": each.name,
            "held": each.held,
            "action": each.action,
            "answer": each.answer,
            "log": each.log,
            "does": list(each.deeds),
            "conditions": [
                {"condition": one.name, "held": one.held, "saw": one.saw}
                for one in each.conditions
            ],
        }
        for each in tried.told.rules
    ]
    return found


_HELD = {True: "yes", False: "no", None: "cannot be told"}


#: The longest line, in characters: lists of what was seen may be long.
_LINE_MOST = 10_000


def told(tried: Sequence[Tried]) -> Iterator[str]:
    """
    What there is to say, line by line.  What clients, name servers and messages have
    said stands in it, and does nothing to a terminal.
    """
    return (visible(line, _LINE_MOST) for line in _told(tried))


def _told(tried: Sequence[Tried]) -> Iterator[str]:
    if not tried:
        yield "There is no rule that would be asked."
    for each in tried:
        stage = each.told.stage.value
        yield f"{stage} {each.about}".rstrip()
        decided = "no rule decides: it goes on"
        for rule in each.told.rules:
            yield f"  rule {rule.name}"
            for one in rule.conditions:
                yield f"    {one.name}: {_HELD[one.held]} ({one.saw})"
            if rule.action:
                yield f"    => {rule.action}"
                if rule.action != "continue":
                    decided = f"{rule.action}, by the rule {rule.name}"
            yield from (f"    does: {each}" for each in rule.deeds)
            if rule.answer:
                yield f"    to the client: {rule.answer}"
            if rule.log:
                yield f"    to the log: {rule.log}"
        yield f"  {decided}"


class PolicyOptions(ConsoleOptions):
    """The command line of C{smtpx policy}."""

    synopsis = ""
    longdesc = "Looks at the rules of a configuration."
    subCommands = [
        ["test", None, TestOptions, "Tell what rules decide, and why."],
    ]

    def postOptions(self) -> None:
        """There has to be a command."""
        if self.subCommand is None:
            raise UsageError("which command?  See 'smtpx policy --help'")

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: it could not be done.
        """
        self.subOptions.run(console)


__all__ = ["PolicyOptions", "TestOptions", "told"]
