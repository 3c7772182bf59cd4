"""
Makes NO-SOLICITING known to smtpx.
"""

from smtpx_example.nosoliciting import NoSoliciting

noSoliciting = NoSoliciting()
