"""
Programs written for other servers, behind ours.

L{smtpx.compat.aiosmtpd} runs handler classes of aiosmtpd, and
L{smtpx.compat.twistedmail} the delivery objects of C{twisted.mail.smtp}; both as
they are.  Neither is imported here: the latter installs a reactor.
"""
