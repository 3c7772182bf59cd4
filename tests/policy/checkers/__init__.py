"""Tests for L{smtpx.policy.checkers}."""
