"""
Client certificates: a client shows who it is by a certificate that an authority
of ours has signed.

A certificate is asked for, and not demanded unless the handshake's options say so
(L{smtpx.core.hooks.TLSOptions}).  A client that has none, or one that nobody here
knows, goes on under TLS like any other: most mail servers have a certificate that
somebody else signed for them, and send it to whoever asks.  All that such a
certificate costs them is that L{smtpx.core.hooks.TLSInfo.verified} is false.
(Exim has this as C{tls_try_verify_hosts}, Postfix as C{smtpd_tls_ask_ccert}.)

Where it is demanded, the handshake fails without a good one.  Under TLS 1.3 the
client may think that the handshake is complete by then, and have sent more: that
is not read.  (Exim: C{tls_verify_hosts}; Postfix: C{smtpd_tls_req_ccert}.)

A certificate is good if a chain of at most L{DEPTH} authorities leads from it to
one in the file of authorities, everything in it is valid now, and, where it says
what it is for, that is to be a client (RFC 5280 section 4.2.1.12).  Whose
certificate stands in the file is trusted even if somebody else signed it.
Whether one was revoked is not looked at.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from weakref import WeakKeyDictionary

from attrs import define, field, frozen
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate
from OpenSSL import SSL
from OpenSSL.crypto import X509, Error, X509StoreFlags

from .certificates import CertificateError, fileMark, readCertificates
from .handshake import readable, trust
from .openssl import verifyProblem

#: How many authorities there may be between a client and one that is trusted.
#: A client chooses how long the chain is that it sends, and we how much of it
#: is computed.
DEPTH = 4


@define
class Verdict:
    """
    What came of the look at one client's certificate.

    @ivar seen: was there a look, down to the client's own certificate?
    @ivar problem: the first thing that was wrong; L{None}: nothing.
    """

    seen: bool = False
    problem: str | None = None

    @property
    def good(self) -> bool:
        """Was there a certificate, and nothing wrong with it?"""
        return self.seen and self.problem is None


@frozen(eq=False)
class Verdicts:
    """
    The verdicts on the clients of a server, as long as they are connected.

    (They cannot stand with OpenSSL's connection itself: what an application may
    keep there is Twisted's.)

    A session that is resumed has the certificate of the first handshake, but no
    look at it: what came of that is in L{smtpx.tls.verdictmemory}.  OpenSSL's own
    memory of it (C{SSL_get_verify_result}) is of no use: pyOpenSSL makes it "good"
    whenever L{note} lets a handshake go on.
    """

    _byConnection: WeakKeyDictionary[SSL.Connection, Verdict] = field(
        init=False, factory=WeakKeyDictionary
    )

    def __len__(self) -> int:
        return len(self._byConnection)

    def on(self, connection: SSL.Connection) -> Verdict:
        """
        What came of the look at the client's certificate, after the handshake.

        @return: one that is not good, where there was no look.
        """
        return self._byConnection.get(connection) or Verdict()

    def note(
        self,
        connection: SSL.Connection,
        certificate: X509,
        code: int,
        depth: int,
        good: int,
    ) -> bool:
        """
        What OpenSSL asks about each certificate of a chain, the client's last,
        and about each fault.

        @return: that the handshake goes on, always.
        """
        noted = self._byConnection.setdefault(connection, Verdict())
        if not good:
            noted.problem = noted.problem or verifyProblem(code)
        elif depth == 0:
            noted.seen = True
        return True

    def demand(
        self,
        connection: SSL.Connection,
        certificate: X509,
        code: int,
        depth: int,
        good: int,
    ) -> bool:
        """
        The same, where a certificate is demanded.

        @return: does the handshake go on?
        """
        self.note(connection, certificate, code, depth, good)
        noted = self.on(connection)
        if good and depth == 0 and readable(certificate) is None:
            # OpenSSL takes what cannot be read here, so nothing in it can count.
            noted.problem = noted.problem or "the certificate cannot be read"
        return noted.problem is None


@define(eq=False)
class ClientAuthorities:
    """
    Those who sign for clients.

    @ivar path: the file that has them.
    @ivar mark: of the file, as it was when last looked at.
    @ivar digest: of all of them; the same in another process.
    """

    path: Path
    certificates: tuple[Certificate, ...]
    mark: object
    digest: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Compute it."""
        prints = [each.fingerprint(SHA256()) for each in self.certificates]
        self.digest = sha256(b"".join(prints)).digest()

    @classmethod
    def read(cls, path: Path) -> ClientAuthorities:
        """
        Read them from a file of PEM.

        @raise CertificateError: it cannot be used.
        """
        mark = fileMark(path)
        certificates = readCertificates(path)
        try:
            for certificate in certificates:
                X509.from_cryptography(certificate)
        except Error:
            # Better now than when a context is made.
            raise CertificateError(f"{path}: refused by OpenSSL") from None
        return cls(path, certificates, mark)

    def install(self, context: SSL.Context, verdicts: Verdicts) -> None:
        """
        Have a server's context ask for certificates, and look at them.

        @param verdicts: are told what came of that.
        """
        trust(context, self.certificates)
        store = context.get_cert_store()
        assert store is not None, "a context is made with one"
        store.set_flags(X509StoreFlags.PARTIAL_CHAIN)
        for authority in self.certificates:
            # For clients that choose among certificates by who signed them.
            context.add_client_ca(authority)
        context.set_verify_depth(DEPTH)
        context.set_verify(SSL.VERIFY_PEER, verdicts.note)


__all__ = ["DEPTH", "ClientAuthorities", "Verdict", "Verdicts"]
