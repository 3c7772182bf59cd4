"""
What the dialogues of L{tests.test_dialogues} and L{tests.test_client_dialogues} have
on their stage.
"""

from __future__ import annotations

import re
from typing import Any

from smtpx.core.hostlist import HostList
from smtpx.core.interfaces import IExtension
from smtpx.extensions.etrn import ETRN, Begun, StartQueue, State
from smtpx.extensions.futurerelease import FutureRelease
from smtpx.extensions.prdr import PRDR
from smtpx.extensions.requiretls import RequireTLS
from smtpx.extensions.rrvs import RRVS, KeptSince, Ownership
from smtpx.extensions.standard import STANDARD

#: The client's address.
CLIENT = b"192.0.2.7"


def optionsOf(name: str, script: dict[str, str]) -> dict[str, Any]:
    """
    The settings that a dialogue has for an extension.

    @param script: its own settings.
    """
    found: dict[str, Any] = {}
    for pair in script.get("options", "").split():
        owner, option, value = re.split("[.=]", pair)
        if owner == name:
            found[option] = int(value)
    if name in script.get("trusts", "").split():
        hosts = "prdrEnable" if name == PRDR.name else "hosts"
        found[hosts] = HostList.parse([CLIENT.decode()])
    return found


def configured(name: str, script: dict[str, str]) -> IExtension:
    """A standard extension, as a dialogue wants it."""
    extension = STANDARD[name]()
    options = optionsOf(name, script)
    if options:
        assert extension.settings is not None
        extension = extension.configured(extension.settings(**options))
    if isinstance(extension, FutureRelease) and script.get("role") == "submission":
        extension = extension.forSubmission()
    if isinstance(extension, RRVS) and "owners" in script:
        extension = RRVS(extension.options, asked=True)
    if isinstance(extension, ETRN) and "queue" in script:
        domains = [word.partition("=")[0] for word in script["queue"].split()]
        extension = ETRN(extension.options, kept=domains)
    if isinstance(extension, RequireTLS):
        honoured = script.get("relay") == "verified"
        extension = RequireTLS(extension.options, honoured=honoured)
    return extension


def ownership(question: KeptSince, owners: str) -> Ownership:
    """Has a mailbox had the same owner, as a dialogue has it?"""
    known = dict(word.split("=") for word in owners.split())
    return Ownership(known.get(question.path.decode(), "elsewhere"))


def begun(question: StartQueue, queue: str) -> Begun:
    """What becomes of a domain's mail, as a dialogue has it?"""
    known = dict(word.split("=") for word in queue.split())
    state, _, count = known[question.node].partition(":")
    return Begun(State[state.upper()], int(count or 0))


def matches(pattern: str, line: str) -> bool:
    """Is C{line} what C{pattern} describes?"""
    parts = [re.escape(part) for part in pattern.split("*")]
    return re.fullmatch(".*".join(parts), line) is not None
