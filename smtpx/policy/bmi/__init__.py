"""
Messages scanned once, with a verdict for each recipient, as by Brightmail AntiSpam.

L{smtpx.policy.bmi.interfaces} says what a scanner is, L{smtpx.policy.bmi.checker} has
messages scanned, and L{smtpx.extensions.bmi} has the verdicts and what routes ask of
them.
"""
