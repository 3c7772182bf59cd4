"""
What is wrong with what stands in C{[dmarc]}, and what to know of it.  Part of
L{smtpx.service.check} and L{smtpx.service.cautions}.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..policy.suffixfile import readSuffixes
from ..policy.watchedfile import BadList
from .config import Configuration
from .problems import Problem
from .tables.dmarc import DMARC, Boundaries

#: What does nothing where DMARC is not looked at: the options, and their attributes.
_IDLE = {
    "boundaries": "boundaries",
    "dmarc_history_file": "historyFile",
    "dmarc_forensic_sender": "forensicSender",
    "dmarc_aggregate_sender": "aggregateSender",
}


def checkDMARC(configuration: Configuration) -> Iterator[Problem]:
    """Files that cannot be used."""
    options = configuration.dmarc
    if not _isLookedAt(configuration):
        return
    if options.boundaries is Boundaries.LIST:
        try:
            readSuffixes(options.suffixFile)
        except BadList as error:
            text = f"{error}; 'smtpx psl update' gets one"
            yield configuration.problem(("dmarc", "dmarc_tld_file"), text)
    history = options.historyFile
    if history is not None:
        tried = history if history.exists() else history.parent
        if tried.is_dir() is history.exists() or not os.access(tried, os.W_OK):
            text = f"{history}: nothing can be written there"
            yield configuration.problem(("dmarc", "dmarc_history_file"), text)


def dmarcCautions(configuration: Configuration) -> Iterator[Problem]:
    """Options that do nothing."""
    if _isLookedAt(configuration):
        return
    usual = DMARC()
    for name, attribute in _IDLE.items():
        if getattr(configuration.dmarc, attribute) != getattr(usual, attribute):
            text = 'DMARC is not looked at: "dmarc" is not in authentication.checks'
            yield configuration.problem(("dmarc", name), text)


def _isLookedAt(configuration: Configuration) -> bool:
    return "dmarc" in configuration.authentication.checks


__all__ = ["checkDMARC", "dmarcCautions"]
