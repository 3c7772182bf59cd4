"""
What routes that send may say of a TLS handshake.
"""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

from ...core.tlsterms import TLSTerms
from .routeoptions import SENDING, only
from .routesmtp import RouteTLS, SMTPOptions
from .tls import TLSVersion
from .tlsterms import HELP, termsOf, wrongTerm

_BOTH = "For ``smtp`` and ``lmtp``: "


def _protected(entry: TermsOptions) -> str | None:
    return "TLS is unwanted here" if entry.wishedTLS is RouteTLS.UNWANTED else None


def _term(option: str) -> Any:
    mayHave = only(*sorted(SENDING, key=lambda kind: kind.name), checks=(_protected,))

    def validate(
        entry: TermsOptions, attribute: Attribute[Any], value: str | None
    ) -> None:
        mayHave(entry, attribute, value)
        wrong = None if value is None else wrongTerm(option, value)
        if wrong is not None:
            raise ValueError(wrong)

    metadata = {"option": option, "help": _BOTH + HELP[option]}
    return field(default=None, validator=validate, metadata=metadata)


@frozen
class TermsOptions(SMTPOptions):
    """What routes that send may say of a handshake."""

    tlsMinVersion: TLSVersion | None = field(
        default=None,
        validator=only(
            *sorted(SENDING, key=lambda kind: kind.name), checks=(_protected,)
        ),
        metadata={
            "option": "tls_min_version",
            "help": _BOTH + HELP["tls_min_version"],
        },
    )
    tlsGroups: str | None = _term("tls_groups")
    tlsCiphers: str | None = _term("tls_ciphers")
    tlsCiphersuites: str | None = _term("tls_ciphersuites")
    tlsSignatureAlgorithms: str | None = _term("tls_signature_algorithms")

    @property
    def terms(self) -> TLSTerms:
        """The same, as the TLS room has it."""
        return termsOf(
            self.tlsMinVersion,
            self.tlsGroups,
            self.tlsCiphers,
            self.tlsCiphersuites,
            self.tlsSignatureAlgorithms,
        )


__all__ = ["TermsOptions"]
