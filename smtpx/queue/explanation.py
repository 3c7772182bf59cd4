"""
The part of a delivery report that people read: what became of whose copy, what the
other host said, and whether anything more is done.

It is written for somebody who knows nothing of mail servers, and has what a
postmaster wants to know as well.  Recipients of whom there is the same to say share
a paragraph.  The words are those of the sender's language (L{smtpx.queue.wording}).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from email.header import Header

from attrs import frozen

from ..core.hooks import Action
from ..spool.via import Cause
from .account import Account
from .deliverystatus import Heading, date
from .multipart import Part, text
from .wording import Template, Wording, filled, substituted, wrapped

#: What went wrong, where no host said anything: the phrase for it.
_PHRASES = {
    Cause.CONNECT: "connect",
    Cause.EARLY: "connect",
    Cause.LOST: "lost",
    Cause.TLS: "tls",
    Cause.LOGIN: "login",
    Cause.DNS: "dns",
    Cause.EXPIRED: "expired",
    Cause.LOCAL: "local",
    Cause.OPERATOR: "operator",
}

#: The most characters of a subject.
_SUBJECT_CHARACTERS = 400


@frozen
class Original:
    """
    What people know a message by.

    @ivar subject: its subject; empty: it has none.
    @ivar attached: what of it is with the report: C{message}, or C{header}.
    """

    subject: str
    attached: str


@frozen
class Explanation:
    """
    Writes what people read.

    @ivar heading: what is said of the message as a whole.
    @ivar original: what people know it by.
    @ivar wording: the words.
    """

    heading: Heading
    original: Original
    wording: Wording

    def subject(self, accounts: Sequence[Account], utf8: bool) -> bytes:
        """
        The field C{Subject}, folded, without its CRLF.

        @param utf8: may it have UTF-8?
        """
        actions = {each.action for each in accounts}
        template = self.wording.report
        if len(actions) == 1:
            template = self.wording.news[actions.pop()]
        words = substituted(template.subject, self._values())[:_SUBJECT_CHARACTERS]
        if utf8:
            return b"Subject: " + words.encode()
        charset = "us-ascii" if words.isascii() else "utf-8"
        header = Header(words, charset, header_name="Subject")
        return b"Subject: " + header.encode(linesep="\r\n").encode("ascii")

    def part(self, accounts: Sequence[Account]) -> Part:
        """The part."""
        values = self._values() | {
            "news": "\n".join(self._sections(accounts)),
            "attached": self.wording.phrase(self.original.attached),
        }
        words = filled(self.wording.report.one, values)
        # No line can be too long for a message: the parts are bounded.
        return text(words, b"Explanation", self.wording.language)

    def _values(self) -> dict[str, str]:
        heading = self.heading
        return {
            "server": heading.name,
            "postmaster": f"postmaster@{heading.name}",
            "id": heading.id,
            "subject": self.original.subject,
            "received": date(heading.arrived),
        }

    def _sections(self, accounts: Sequence[Account]) -> Iterator[str]:
        """What is said of each kind of news."""
        for action in Action:
            ours = [each for each in accounts if each.action is action]
            if ours:
                template: Template = self.wording.news[action]
                words = template.several if len(ours) > 1 else template.one
                values = self._values()
                values["recipients"] = "\n".join(self._grouped(ours))
                yield filled(words, values)

    def _grouped(self, accounts: Iterable[Account]) -> Iterator[str]:
        """Paragraphs, one for all of whom there is the same to say."""
        groups: dict[str, list[Account]] = {}
        for each in accounts:
            groups.setdefault(self._reason(each), []).append(each)
        for reason, ours in groups.items():
            yield "".join(map(self._addressed, ours)) + reason

    def _addressed(self, account: Account) -> str:
        lines = f"<{account.address}>\n"
        for name, value in account.fields:
            # RFC 3464 section 2.3.1: what the sender wrote, if it was not that.
            _, semicolon, address = value.partition(";")
            if name.lower() == "original-recipient" and semicolon:
                address = address.strip()
                if address.lower() != account.address.lower():
                    lines += f"    {self.wording.phrase('sent-on', address=address)}\n"
        if account.target is not None:
            lines += f"    {self.wording.phrase('alias', address=account.target)}\n"
        return lines

    def _reason(self, account: Account) -> str:
        """Why, in indented lines; empty: there is nothing to say."""
        if account.action not in (Action.FAILED, Action.DELAYED):
            return ""
        wording = self.wording
        words = ""
        if account.action is Action.DELAYED or account.cause is Cause.EXPIRED:
            tried = age(self.heading.attempted - self.heading.arrived, wording)
            words = _indented(wording.phrase("tried", age=tried))
        if account.said:
            who = "said" if account.host else "said-here"
            words += _indented(wording.phrase(who, host=account.host))
            words += "".join(f"        {line}\n" for line in account.said)
        else:
            why = f": {account.why}" if account.why else ""
            phrase = wording.phrase(_phraseOf(account), host=account.host, why=why)
            words += _indented(phrase)
        if account.action is Action.DELAYED and account.until is not None:
            words += _indented(wording.phrase("until", until=date(account.until)))
        return words


def _phraseOf(account: Account) -> str:
    """The name of what went wrong, where no host said anything."""
    waits = account.action is Action.DELAYED and account.cause is Cause.OTHER
    return "waiting" if waits else _PHRASES.get(account.cause, "other")


def age(seconds: float, wording: Wording) -> str:
    """A time as people say it."""
    for length, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return wording.phrase(unit, count=str(round(seconds / length)))
    return wording.phrase("moments")


def _indented(words: str) -> str:
    return wrapped(words, "    ")


__all__ = ["Explanation", "Original", "age"]
