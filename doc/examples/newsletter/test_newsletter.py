"""
Its tests, for pytest.
"""

# begin collect
from newsletter import sendNewsletter


def test_everybodyGetsIt(mail_server):
    """All readers are on one message."""
    missed = sendNewsletter(
        ["ann@example.com", "bob@example.com"], mail_server.host, mail_server.port
    )
    [message] = mail_server.wait(1)
    assert missed == []
    assert message.sender == "news@example.com"
    assert message.recipients == ("ann@example.com", "bob@example.com")
    assert message.subject == "News of the week"
    assert message.text == "Nothing happened.\n"
    # end collect


# begin refuse
def test_someAreRefused(mail_server):
    """Who is refused is told to the caller."""
    mail_server.refuse("bob@example.com", 550, "No such user")
    missed = sendNewsletter(
        ["ann@example.com", "bob@example.com"], mail_server.host, mail_server.port
    )
    assert missed == ["bob@example.com"]
    assert mail_server.messages[0].recipients == ("ann@example.com",)
    # end refuse


# begin faults
from smtpx.testing import BODY, answered, cut  # noqa: E402


def test_serverIsBusy(make_faulty_server):
    """A server that puts one off has the others."""
    server = make_faulty_server(answered(b"RCPT", b"451 4.2.0 Later", nth=2))
    missed = sendNewsletter(
        ["ann@example.com", "bob@example.com"], server.host, server.port
    )
    assert missed == ["bob@example.com"]


def test_lastWordIsCutOff(make_faulty_server):
    """Where the last word is lost, nobody knows."""
    server = make_faulty_server(cut(BODY, octets=2))
    missed = sendNewsletter(["ann@example.com"], server.host, server.port)
    # Nobody told us, and yet it was taken: RFC 1047.
    assert missed == ["ann@example.com"]
    assert len(server.messages) == 1
    # end faults
