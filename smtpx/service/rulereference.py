"""
The reference page of rules, made of what reads them.

C{python -m smtpx.service.rulereference > doc/reference/rules.rst} writes it; a test
sees that the page in the repository is the one that this makes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

from ..policy.rules import CONTROLS, KINDS, VARIABLES
from ..policy.rules.kinds import Takes
from ..policy.rules.rated import RateTerms
from ..policy.rules.stages import RuleStage, spelled
from .rulekind import OPTIONS, standardWords
from .schema import Option, optionsOf

_SENTENCE = re.compile(r"(?<=\.)\s+(?=[A-Z`])")

INTRODUCTION = """\
.. Made by ``python -m smtpx.service.rulereference``; change the classes, not this page.

Rules
=====

A rule is a table in the configuration, under the name of the stage at which it is \
asked:

.. code-block:: toml

   [[policy.rcpt]]
   spf = ["fail"]
   domains = ["example.org"]
   action = "reject"
   message = "$spf_smtp_comment"

All conditions of a rule have to hold; a rule without any always holds.
The rules of a stage are asked in the order of the file, and the first that decides \
does so for all.
:doc:`/explanation/rules` says when each stage is, and what is decided elsewhere.

``twistd smtpx --config smtpx.toml --check`` finds what is wrong with rules, and \
``smtpx policy test`` shows what they decide.

Stages
------
"""

_STAGES = {
    RuleStage.CONNECT: "A client has connected, and was not greeted yet.",
    RuleStage.HELO: "It says who it is: ``EHLO``, ``HELO``, ``LHLO``.",
    RuleStage.AUTH: "It is about to log in: ``AUTH``.",
    RuleStage.MAIL: "It names the sender: ``MAIL``.",
    RuleStage.RCPT: "It names a recipient: ``RCPT``; asked of each.",
    RuleStage.DATA: "The recipients are known, and the message is about to come:"
    " ``DATA``, or the first ``BDAT``.",
    RuleStage.MESSAGE: "The message is there, and was not taken yet; asked once.",
}

_ACTIONS = {
    "accept": "Nothing is said against it at this stage: the rules that stand below"
    " are not asked.  Whatever refuses besides rules still does.",
    "reject": "It is refused for good (5yz).",
    "defer": "It is refused for now (4yz), and the client is to come again.",
    "discard": "The client is told 250, and nobody gets it: at ``rcpt`` this"
    " recipient, elsewhere the whole message, or at ``data`` and ``message`` the"
    " ``only_recipients`` of it.  The log tells of it.  From ``mail`` on.",
    "hold": "The message is taken, and stays in the queue, on hold, until an operator"
    " releases it (``smtpx queue release``).  From ``mail`` on.",
    "quarantine": "The same for what may do harm: it is kept apart from what is on hold"
    " for other reasons, and is released only by its id, or with ``--state"
    " quarantined``.  From ``mail`` on.",
    "continue": "Nothing is decided, and the next rule is asked; for rules that switch"
    " something on, add a field, or write a line in the log.",
}

_TAKES = {
    Takes.LIST: "a list of strings",
    Takes.FLAG: "``true`` or ``false``",
    Takes.OCTETS: 'a number of octets, or a size such as ``"10 MiB"``',
    Takes.NUMBER: "a number",
    Takes.RATE: "a table with the options of a rate, below",
    Takes.FIELDS: "a table of lists of strings, each under a name",
    Takes.LOOKUPS: 'a table such as ``{ in = "relaydomains", key = "$domain" }``, or a'
    " list of such, which all have to hold",
}

LISTS = """\
Lists
.....

In each list the first item that matches decides.
One with ``!`` in front says no; ``*`` matches everything.
Where no item matches, the answer is no, or yes if the last item has a ``!``: \
``["!pass"]`` is every result but ``pass``.
"""


OWN = """\
Variables of one's own
......................

What rules have ``set`` is a variable as well.
``$acl_c_NAME`` is the connection's, and can be set and had from ``connect`` on; \
``$acl_m_NAME`` is the message's, from ``mail`` on.
``acl_c0`` to ``acl_c9`` and ``acl_m0`` to ``acl_m9`` are such names, too.
One that was not set is empty; one that no rule sets, at that stage or before, is an \
error.
"""


RATES = """\
Rates
.....

``rate`` takes a table that says how much of what is too much (:doc:`/howto/rates`):

.. code-block:: toml

   [[policy.rcpt]]
   rate = { per = "user", recipients = 200, seconds = "1 h" }
   action = "defer"
   message = "You have written to $sender_rate people in $sender_rate_period"

The rate is a moving average, as with Exim's ``ratelimit``.
From the limit on it is too much.
An average fades from the first moment on, so that 200 an hour is reached with some \
more than 200; with ``mode = "fixed"`` the two hundredth in an hour is the first that \
is too many.
A message, a recipient or a connection counts once, however many rules ask.
"""


def _option(option: Option) -> str:
    """An option of a rate."""
    return re.sub(r"(\w)$", r"\1.", option.help.strip())


def page() -> str:
    """The whole page."""
    known = standardWords()
    return "\n".join(
        [
            INTRODUCTION,
            *_entries((f"policy.{each.value}", _STAGES[each]) for each in RuleStage),
            "Options\n-------\n",
            *_entries((name, help) for name, (_, help) in OPTIONS.items()),
            "Actions\n-------\n",
            *_entries(_ACTIONS.items()),
            "Conditions\n----------\n",
            *_entries(_conditions()),
            "Conditions of extensions\n........................\n",
            "These are ``true`` or ``false``, and known from ``helo`` on: "
            + _names(sorted(known.conditions))
            + ".\n",
            RATES,
            *_entries((each.name, _option(each)) for each in optionsOf(RateTerms)),
            LISTS,
            "Controls\n--------\n",
            *_entries(
                (name, f"{each.help}  {_when(each.stages)}")
                for name, each in CONTROLS.items()
            ),
            "Extensions bring, from ``mail`` on: "
            + _names(sorted(known.controls.keys() - CONTROLS.keys()))
            + ".\n",
            "Variables\n---------\n",
            "``$name`` or ``${name}`` stands for its value, ``$$`` for a dollar.\n"
            "A value is cut at 512 characters, and what cannot be printed becomes"
            " ``?``.\n",
            *_entries(
                (f"${name}", f"{each.help}  {_when(each.stages)}")
                for name, each in VARIABLES.items()
            ),
            "Extensions bring, from ``helo`` on: "
            + _names(f"${each}" for each in sorted(known.variables.keys() - VARIABLES))
            + ".\n",
            OWN,
        ]
    )


def _conditions() -> Iterator[tuple[str, str]]:
    for name, each in KINDS.items():
        text = f"{each.help}  Takes {_TAKES[each.takes]}.  {_when(each.stages)}"
        if each.status is not None and each.method:
            text += f"  A refusal has the code ``{each.status}`` (RFC 7372)."
        yield name, text


def _when(stages: frozenset[RuleStage]) -> str:
    words = spelled(stages)
    for each in RuleStage:
        words = re.sub(rf"\b{each.value}\b", f"``{each.value}``", words)
    return f"Known {words}."


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"``{each}``" for each in names)


def _entries(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Words with what they mean, a sentence a line."""
    for name, text in entries:
        lines = "\n   ".join(_SENTENCE.split(" ".join(text.split())))
        yield f"``{name}``\n   {lines}\n"


if __name__ == "__main__":
    sys.stdout.write(page())
