"""
Logins at the server whose passwords are those of the machine's own PAM.

The service is one of the test's, in C{/etc/pam.d}, and asks scripts.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

from smtpx.core.errors import UsageError
from smtpx.policy.pam import loadPAM

from .running import RunningServer
from .test_smtplib import FROM, PASSWORD, TEXT, SMTPLibTestCase

FOLDER = Path("/etc/pam.d")

# A script that fails is trouble for pam_exec; pam_deny makes it a no.
_SERVICE = """\
auth [success=1 ignore=ignore default=ignore] pam_exec.so quiet expose_authtok {check}
auth requisite pam_deny.so
auth required pam_permit.so
account [success=1 ignore=ignore default=ignore] pam_exec.so quiet {account}
account requisite pam_deny.so
account required pam_permit.so
"""

_CHECK = """\
#!/bin/sh
[ "$PAM_RHOST" = 127.0.0.1 ] || exit 1
[ "$PAM_USER" = slow ] && sleep 45
[ "$(tr -d '\\0')" = "correct horse" ]
"""

_ACCOUNT = """\
#!/bin/sh
[ "$PAM_USER" != gone ]
"""


class PAMTests(SMTPLibTestCase):
    """C{users.pam}"""

    def setUp(self) -> None:
        """
        Make a service.

        @raise SkipTest: there is no PAM, no library for it, or no right to.
        """
        try:
            loadPAM()
        except UsageError as error:
            raise SkipTest(f"peer missing: pam ({error})") from error
        if not os.access(FOLDER, os.W_OK):
            raise SkipTest(f"peer missing: pam (nothing can be put into {FOLDER})")
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        for name, text in (("check", _CHECK), ("account", _ACCOUNT)):
            (folder / name).write_text(text, "ascii")
            (folder / name).chmod(0o755)
        service = FOLDER / f"smtpx-test-{os.getpid()}"
        self.addCleanup(service.unlink, missing_ok=True)
        scripts = {"check": folder / "check", "account": folder / "account"}
        service.write_text(_SERVICE.format(**scripts), "ascii")
        self.service = service.name
        SMTPLibTestCase.setUp(self)

    def ready(self, more: str = "") -> RunningServer:
        """Start a server."""
        return self.serve(f'[users]\npam = "{self.service}"\n{more}')

    def test_login(self) -> None:
        """A user of PAM's, of whom PAM is told from where."""
        server = self.ready()
        client = self.connectSecured(server)
        client.ehlo()
        self.assertEqual(client.esmtp_features["auth"].split(), ["PLAIN", "LOGIN"])
        self.assertEqual(client.login("joe", PASSWORD)[0], 235)
        client.sendmail(FROM, "bob@localhost", TEXT)
        client.quit()
        [line] = server.accepted()
        self.assertIn(" A=plain:joe ", line)

    def test_refused(self) -> None:
        """A wrong password, and a good one of an account that may not."""
        server = self.ready()
        self.assertEqual(self.code(server, "joe", "pencil"), 535)
        self.assertEqual(self.code(server, "gone"), 535)

    def test_slowModule(self) -> None:
        """It keeps nobody else waiting, and is not waited for."""
        server = self.ready("check_seconds = 5\n")
        begun = time.monotonic()
        self.assertEqual(self.code(server, "slow"), 454)
        self.assertEqual(self.code(server, "joe"), 235)
        self.assertLess(time.monotonic() - begun, 40)

    def test_serviceThatFails(self) -> None:
        """A module that is not there is trouble, and no wrong password."""
        (FOLDER / self.service).write_text(
            "auth required pam_smtpx_no_such.so\naccount required pam_permit.so\n"
        )
        self.assertEqual(self.code(self.ready(), "joe"), 454)
