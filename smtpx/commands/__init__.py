"""
The C{smtpx} command: one file a sub-command.
"""
