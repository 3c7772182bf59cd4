"""
C{smtpx features}: what this installation can do, and what it lacks.
"""

from __future__ import annotations

import json

from attrs import asdict

from ..core.errors import SMTPXError
from ..service.extensions import findExtensions
from ..service.features import features, lines
from .console import CommandFailed, Console, ConsoleOptions


class FeaturesOptions(ConsoleOptions):
    """The command line of C{smtpx features}."""

    synopsis = "[options]"
    longdesc = (
        "Lists extensions, libraries and functions of OpenSSL, and of each whether it"
        " was found and what it is for.  What is missing is nothing that the server"
        " cannot do without."
    )
    optFlags = [
        ["json", None, "Print a list of JSON objects, for programs."],
    ]

    def run(self, console: Console) -> None:
        """
        Do it.

        @raise CommandFailed: two extensions have one name.
        """
        try:
            found = features(findExtensions())
        except SMTPXError as error:
            raise CommandFailed(str(error)) from error
        if self["json"]:
            console.say(json.dumps([asdict(each) for each in found], indent=1))
        else:
            console.say("\n".join(lines(found)))
