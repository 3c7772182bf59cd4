"""
Is there anything wrong with the daemon of DCC, and with the scanner that has a verdict
for each recipient?
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from .config import Configuration
from .problems import KeyPath, Problem
from .wiring.bmi import bmiScanner, scans
from .wiring.dcc import asks
from .wiring.rules import rulesOf

#: How long the daemon may take to take a connection.
_CONNECT_SECONDS = 5.0


def checkVerdicts(configuration: Configuration) -> Iterator[Problem]:
    """What is wrong with them."""
    seconds = configuration.limits.bounds.answerSeconds
    for name, used, most in (
        ("dcc", configuration.dcc.dccifdAddress, configuration.dcc.opinionSeconds),
        ("bmi", configuration.bmi.python, configuration.bmi.opinionSeconds),
    ):
        if used is not None and most >= seconds:
            text = f"limits.answer_seconds is {seconds:g} s, and this is no less"
            yield configuration.problem((name, "opinion_seconds"), text)
    try:
        bmiScanner(configuration)
    except Exception as error:
        # It is somebody's Python.
        text = f"{type(error).__name__}: {error}"
        yield configuration.problem(("bmi", "python"), text)


def verdictCautions(configuration: Configuration) -> Iterator[Problem]:
    """What nobody asks, or what is not there."""
    path: KeyPath = ("dcc", "dccifd_address")
    if configuration.dcc.dccifdAddress is not None:
        if asks(configuration, rulesOf(configuration)):
            why = _silence(configuration)
            if why:
                text = f"dccifd cannot be reached: {why}"
                yield configuration.problem(path, text)
        else:
            text = "no rule asks what DCC says, so it is not asked"
            yield configuration.problem(path, text)
    if configuration.bmi.python is not None:
        if not scans(configuration):
            text = "no rule has the control bmi_run, so nothing is scanned"
            yield configuration.problem(("bmi", "python"), text)
        return
    for index, entry in enumerate(configuration.routes or ()):
        if entry.holds is not None:
            text = "this route is for a verdict, and there is no scanner (bmi.python)"
            yield configuration.problem(("route", index), text)


def _silence(configuration: Configuration) -> str:
    """Why the daemon cannot be reached; empty: it can."""
    place = configuration.dcc.place
    try:
        if place.path:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_CONNECT_SECONDS)
                connection.connect(place.path)
        else:
            where = (place.host, place.port)
            socket.create_connection(where, _CONNECT_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


__all__ = ["checkVerdicts", "verdictCautions"]
