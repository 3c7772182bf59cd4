"""
What came of the attempts to deliver a message, in sentences.

Recipients of whom the same is to be told are told of together.  Where the same went
wrong again and again, it is told how often.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from attrs import frozen

from ..observe.happenings import Attempted, Fate
from ..spool.via import Cause
from .whywords import Sentence, Zone, listed, moment, span, times

#: So many failures in a row that are alike are told one by one.
_ALIKE = 3


def attempts(
    tries: Sequence[Attempted], begun: float | None, zone: Zone
) -> Iterator[Sentence]:
    """
    What became of recipients, attempt by attempt.

    @param tries: of all of them, in the order of time.
    @param begun: when the message came, in seconds since the epoch; L{None}: not
        known.
    """
    byName: dict[str, list[Attempted]] = {}
    for each in tries:
        byName.setdefault(each.recipient, []).append(each)
    alike: dict[tuple[object, ...], list[str]] = {}
    for name, some in byName.items():
        alike.setdefault(tuple(map(_whole, some)), []).append(name)
    for names in alike.values():
        yield from _Thread(byName[names[0]], tuple(names), zone).told(begun)


def _whole(attempt: Attempted) -> tuple[object, ...]:
    """All that is told of an attempt, but whom it was for."""
    due = None if attempt.due is None else int(attempt.due)
    return int(attempt.at), _sameness(attempt), attempt.original, due


def _sameness(attempt: Attempted) -> str:
    """What two attempts have in common that came to the same."""
    said = attempt.reply if attempt.fate is Fate.DELIVERED else ""
    words = (attempt.fate, attempt.cause, attempt.host, _problem(attempt), said)
    return " ".join(map(str, words))


@frozen
class _Thread:
    """
    The attempts for some recipients who fared alike.

    @ivar tries: for one of them.
    @ivar names: all of them.
    """

    tries: Sequence[Attempted]
    names: tuple[str, ...]
    zone: Zone

    def told(self, before: float | None) -> Iterator[Sentence]:
        """
        What became of them.

        @param before: when the message came; L{None}: not known.
        """
        number, problem = 0, ""
        for same, some in groupby(self.tries, _sameness):
            alike = list(some)
            shown = alike if len(alike) <= _ALIKE else [alike[0], alike[-1]]
            for each in shown:
                skipped = len(alike) - len(shown)
                if skipped and each is alike[-1]:
                    before = alike[-2].at
                    text = f"{listed(self.names)}: {times(skipped)} more the same."
                    yield Sentence(before, text)
                    number += skipped
                number += 1
                yield Sentence(
                    each.at, self._attempted(each, number, before, problem == same)
                )
                before, problem = each.at, same

    def _attempted(
        self, attempt: Attempted, number: int, before: float | None, again: bool
    ) -> str:
        """
        What came of an attempt.

        @param number: which, from 1.
        @param before: when the one before was.
        @param again: did it come to the same?
        """
        who, one = listed(self.names), len(self.names) == 1
        if attempt.original and number == 1:
            who += f" (whom the alias {attempt.original} led to)"
        took = "" if attempt.took is None else f" after {span(attempt.took)}"
        later = ""
        if number > 1 and before is not None:
            later = f", {span(attempt.at - before)} later"
        if attempt.fate is Fate.DELIVERED:
            has = "has" if one else "have"
            receipt = f"{who} {has} it{later}: {_receipt(attempt, took)}."
            return receipt + _protection(attempt)
        problem = "the same" if again else f"{_problem(attempt)}{took}"
        if attempt.fate is Fate.FAILED:
            return f"{who} will not have it{later}: {problem}."
        if attempt.cause is Cause.EARLY:
            text = f"{who}{later}: {problem}, so it was not tried."
        else:
            tried = f", tried again{later.removeprefix(',')}" if later else ""
            text = f"{who}{tried}: {problem}, so it waits."
        return text + self._due(attempt)

    def _due(self, attempt: Attempted) -> str:
        """When it was to be tried again, if that is known."""
        if attempt.due is None:
            return ""
        later = span(max(0.0, attempt.due - attempt.at))
        when = moment(attempt.due, attempt.at, self.zone)
        return f"  It was to be tried again {when}, {later} later."


def _receipt(attempt: Attempted, took: str) -> str:
    """Who has it now."""
    if not attempt.host:
        by = f" by {attempt.transport}" if attempt.transport else ""
        said = f" ({attempt.text})" if attempt.text else ""
        return f"it was delivered here{by}{said}{took}"
    said = f', and said "{attempt.reply}"' if attempt.reply else ""
    return f"{_host(attempt)} took it{_PROOFS.get(attempt.proof, '')}{took}{said}"


def _protection(attempt: Attempted) -> str:
    """Who asked for what of TLS, and what the host showed; empty: nobody did."""
    if not attempt.demands:
        return ""
    showed = attempt.shown or "nothing, for the connection was in the clear"
    return f"  Asked of TLS: {'; '.join(attempt.demands)}.  It showed {showed}."


#: Whether the host was who it should be.
_PROOFS = {
    "dane": " under TLS, and its certificate matched its TLSA records (DANE)",
    "yes": " under TLS, with a certificate that is trusted",
    "no": " under TLS, with any certificate",
}


def _host(attempt: Attempted) -> str:
    name = attempt.host.strip("[]")
    literal = name.removeprefix("IPv6:") == attempt.address
    if not attempt.address or literal:
        return f"[{name}]" if literal else name
    return f"{name} [{attempt.address}]"


#: What went wrong, with C{host} and C{why}.
_PROBLEMS = {
    Cause.CONNECT: "{host} could not be connected to{why}",
    Cause.LOST: "the connection with {host} was lost{why}",
    Cause.DNS: "the DNS did not say where it goes{why}",
    Cause.TLS: "{host} could not be talked to under TLS as it has to be{why}",
    Cause.LOGIN: "{host} did not take our login{why}",
    Cause.SESSION: "{host} turned us away{why}",
    Cause.SENDER: "{host} did not take the sender{why}",
    Cause.RECIPIENT: "{host} did not take the recipient{why}",
    Cause.CONTENT: "{host} did not take the message{why}",
    Cause.UNFIT: "{host} would not do for the message, and did not get it{why}",
    Cause.EARLY: "{host} was known to be in trouble{why}",
    Cause.EXPIRED: "it had waited for too long{why}",
    Cause.OPERATOR: "an operator gave it up{why}",
    Cause.LOCAL: "something was wrong here{why}",
}
_GREY = re.compile(r"\bgr[ae]y.?list|^4\d\d 4\.7\.1 |^4\d\d 4\.2\.0 ", re.IGNORECASE)


def _problem(attempt: Attempted) -> str:
    """What went wrong."""
    host = _host(attempt) if attempt.host else "the host"
    heard = attempt.reply and attempt.cause is not Cause.UNFIT
    said = f': it said "{attempt.reply}"' if heard else ""
    why = said or (f": {attempt.text}" if attempt.text else "")
    form = _PROBLEMS.get(attempt.cause)
    if form is None or (not attempt.host and "{host}" in form and not why):
        where = f"{host}: " if attempt.host else ""
        return f"{where}{why.removeprefix(': ')}" if why else "it did not work"
    told = form.format(host=host, why=why)
    if attempt.fate is Fate.DEFERRED and _GREY.search(attempt.reply):
        told += ", which is greylisting: it wants us to come again"
    return told


__all__ = ["attempts"]
