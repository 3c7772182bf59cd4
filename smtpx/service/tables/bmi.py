"""
The table C{[bmi]}: a scanner with a verdict for each recipient.
"""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from ...policy.bmi.checker import CONFIG_FILE
from ..kinds import durationInSeconds
from ..objects import PythonObject


@frozen
class BMIOptions:
    """
    A scanner with a verdict for each recipient, which routes see (:doc:`/howto/bmi`).
    It gets the messages of which a rule says so by the control ``bmi_run``.
    """

    python: PythonObject | None = field(
        default=None,
        metadata={
            "help": "The scanner: an object of yours with the methods of"
            " ``smtpx.policy.bmi.interfaces.IBMIScanner``, or a callable that makes one"
            " when it is given ``bmi_config_file``.  If not given: nothing is scanned."
        },
    )
    bmiConfigFile: Path = field(
        default=Path(CONFIG_FILE),
        metadata={
            "help": "The scanner's own configuration file; nobody but the scanner reads"
            " it."
        },
    )
    opinionSeconds: float = field(
        default=60.0,
        metadata={
            "kind": durationInSeconds(False, 1, 280),
            "help": "How long it may take from the message's end on.  A message for"
            " which it takes longer is delivered as if nobody had scanned it.",
        },
    )
    atOnceMax: int = field(
        default=10,
        metadata={
            "least": 1,
            "most": 100,
            "help": "How many messages it is given at once, each in a thread.",
        },
    )
    checkedOctets: int | None = field(
        default=None,
        metadata={
            "least": 1,
            "help": "A message that is larger is not scanned.  If not given: any is.",
            "none": None,
        },
    )


__all__ = ["BMIOptions"]
