"""
The staple of a certificate, as long as the server runs: read again when its file
is replaced, sent while it is good, and told of when that changes.

A file that cannot be used does not take the place of what was read before, which
is sent until its own time is over.  Only the authority's word that the certificate
is not good ends that at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from attrs import define, field
from cryptography.x509 import Certificate
from twisted.logger import Logger, LogLevel

from .certificates import CertificateFiles, fileMark
from .ocsp import Staple, StapleError, demandsStaple, judge, moment, readStaple
from .states import StapleState


@define(eq=False)
class Stapling:
    """
    The staple of one certificate.

    @ivar files: of the certificate; one of them is the staple's, perhaps.
    @ivar chain: the certificate, and those behind it.
    @ivar before: what was sent with the certificate that this one replaces;
        L{None}: nothing, or it replaces none.
    """

    files: CertificateFiles
    chain: Sequence[Certificate]
    _staple: Staple | None = field(default=None, alias="before")
    _mark: object = field(init=False, default=None)
    _fault: str | None = field(init=False, default=None)
    _withdrawn: bool = field(init=False, default=False)
    _demanded: bool = field(init=False)
    _told: tuple[str | None, Staple | None] = field(init=False, default=(None, None))
    _log = Logger()

    def __attrs_post_init__(self) -> None:
        """Read the file for the first time."""
        self._demanded = demandsStaple(self.chain[0])
        if self._staple is not None:
            try:
                # It is for the new one as well if only the chain has changed.
                self._staple = judge(self._staple.octets, self.chain)
            except StapleError:
                self._staple = None
        if self.files.staple is not None:
            self._read(self.files.staple)

    @property
    def wanted(self) -> bool:
        """Is there a file of a staple at all?"""
        return self.files.staple is not None

    @property
    def staple(self) -> Staple | None:
        """What was read, as far as it is of use, whatever the time."""
        return self._staple

    def sent(self, now: datetime) -> Staple | None:
        """
        What goes into a handshake.

        @return: L{None}: nothing.
        """
        staple = self._staple
        return None if staple is None or staple.problem(now) else staple

    def state(self, now: datetime) -> StapleState | None:
        """
        What an operator wants to know.

        @return: L{None}: there is no file.
        """
        if self.files.staple is None:
            return None
        staple = self._staple
        return StapleState(
            self.files.staple,
            self.sent(now) is not None,
            None if staple is None else staple.ends,
            self.problem(now),
        )

    def problem(self, now: datetime) -> str | None:
        """
        Why nothing is sent, or what is wrong with the file while something is.

        @return: L{None}: nothing is wrong.
        """
        if self._fault is not None:
            return self._fault
        staple = self._staple
        if staple is None:
            if not self._demanded:
                return None
            return (
                f"{self.files.chain}: the certificate demands a staple (RFC 7633),"
                " and has no tls_ocsp_file"
            )
        late = staple.problem(now)
        return None if late is None else f"{self.files.staple}: {late}"

    def look(self, now: datetime) -> None:
        """
        Look whether the file has changed or a time has come; if so, tell the log.
        """
        path = self.files.staple
        if path is not None and fileMark(path) != self._mark:
            self._read(path)
        problem, sent = told = self.problem(now), self.sent(now)
        if told == self._told:
            return
        self._told = told
        if problem is None and sent is not None:
            self._log.info(
                "{file}: a staple is in use, until {ends}",
                file=str(path),
                ends=moment(sent.ends),
            )
            return
        if sent is not None:
            outcome = f"the staple from before is in use, until {moment(sent.ends)}"
        elif self._demanded and path is not None:
            outcome = "no staple is sent, but the certificate demands one (RFC 7633)"
        else:
            outcome = "no staple is sent"
        grave = self._withdrawn or (self._demanded and sent is None)
        self._log.emit(
            LogLevel.error if grave else LogLevel.warn,
            "{problem}; {outcome}",
            problem=problem,
            outcome=outcome,
            file=str(path or self.files.chain),
        )

    def _read(self, path: Path) -> None:
        self._mark = fileMark(path)
        self._fault, self._withdrawn = None, False
        try:
            self._staple = readStaple(path, self.chain)
        except StapleError as error:
            self._fault, self._withdrawn = str(error), error.withdrawn
            if error.withdrawn:
                self._staple = None


__all__ = ["Stapling"]
