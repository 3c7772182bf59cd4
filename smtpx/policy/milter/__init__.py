"""
Milters: programs outside that look at sessions and messages as they come, and may
refuse and change them.

The protocol is in L{packets}, L{negotiation}, L{commands}, L{answers} and
L{conversation}, without I/O; a connection is in L{link}, and those of one milter in
L{milter}.
"""
