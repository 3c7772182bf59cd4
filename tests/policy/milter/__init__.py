"""
Tests of the room L{smtpx.policy.milter}.
"""
