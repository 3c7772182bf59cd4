"""
An example of an extension for smtpx that is not part of smtpx.
"""
