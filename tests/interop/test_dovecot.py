"""
Logins at the server whose passwords are Dovecot's.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .dovecot import RunningDovecot
from .running import RunningServer, waitFor
from .test_smtplib import FROM, PASSWORD, TEXT, SMTPLibTestCase


class DovecotTests(SMTPLibTestCase):
    """C{users.dovecot}"""

    def ready(self) -> RunningServer:
        """Start both."""
        self.dovecot = self.dovecotRunning()
        # As long as Dovecot makes those wait who have been wrong.
        return self.serve(f'[users]\ndovecot = "{self.dovecot.socket}"\n')

    def dovecotRunning(self, folder: Path | None = None) -> RunningDovecot:
        """Start Dovecot; it ends with the test."""
        dovecot = RunningDovecot(folder)
        self.running(dovecot)
        if folder is None:
            self.addCleanup(dovecot.remove)
        return dovecot

    def test_login(self) -> None:
        """A user of Dovecot's logs in, by its own name, and is not a stranger."""
        server = self.ready()
        client = self.connectSecured(server)
        client.ehlo()
        self.assertEqual(client.esmtp_features["auth"].split(), ["PLAIN", "LOGIN"])
        # Dovecot has names in lower case.
        self.assertEqual(client.login("JOE", PASSWORD)[0], 235)
        client.sendmail(FROM, "bob@localhost", TEXT)
        client.quit()
        [line] = server.accepted()
        self.assertIn(" A=plain:joe ", line)

    def test_refused(self) -> None:
        """
        A wrong password, nobody, one who may not log in, and one who may not from
        here, which Dovecot can only know from us.
        """
        server = self.ready()
        self.assertEqual(self.code(server, "near"), 235)
        for user, password in (
            ("joe", "pencil"),
            ("nobody", PASSWORD),
            ("off", PASSWORD),
            ("far", PASSWORD),
        ):
            self.assertEqual(self.code(server, user, password), 535, user)

    def test_troubleOfItsOwn(self) -> None:
        """Where Dovecot cannot tell, nobody is told that the password was wrong."""
        server = self.ready()
        self.assertEqual(self.code(server, "later"), 454)

    def test_restart(self) -> None:
        """While it is gone logins are put off; once it is there they go on."""
        server = self.ready()
        self.assertEqual(self.code(server, "joe"), 235)
        self.dovecot.stop()
        waitFor(lambda: self.code(server, "joe") == 454, "a login that is put off")
        self.assertEqual(self.code(server, "joe"), 454)
        self.dovecotRunning(self.dovecot.folder)
        waitFor(lambda: self.code(server, "joe") == 235, "a login")

    def test_check(self) -> None:
        """C{--check} tries the socket."""
        dovecot = self.dovecotRunning()
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        file = folder / "smtpx.toml"
        twistd = Path(sys.executable).with_name("twistd")
        words = [str(twistd), "smtpx", "--config", str(file), "--check"]
        stays = "[relay]\nauthenticated = false\n"
        file.write_text(f"{stays}[users]\ndovecot = '{dovecot.socket}'\n")
        self.assertIn("nothing is wrong", self.run_(words))
        file.write_text(f"[users]\ndovecot = '{dovecot.socket.parent}/stats-writer'\n")
        self.assertIn("users.dovecot: logins would be told 454", self.run_(words))
