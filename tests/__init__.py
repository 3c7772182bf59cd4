"""
The tests of smtpx.

What hypothesis finds out has nothing to do with how long an example takes: on a machine
with other work any of them may be kept waiting.
"""

import sys

if "twisted.trial" in sys.modules:
    # Not in the programs that tests start: they have no examples, and little time.
    from hypothesis import settings

    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")
