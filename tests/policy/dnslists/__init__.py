"""Tests for L{smtpx.policy.dnslists}."""
