"""
The Distributed Checksum Clearinghouse: a client of its daemon, C{dccifd(8)}.

L{smtpx.policy.dcc.question} has what it is told, L{smtpx.policy.dcc.answer} what it
says, and L{smtpx.policy.dcc.daemon} asks it of messages.
"""
