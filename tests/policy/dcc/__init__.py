"""Tests for L{smtpx.policy.dcc}."""
