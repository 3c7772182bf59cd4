"""
The ARC test suite of ValiMail, whole (C{valimail/}, with its licence).

It is of a draft of RFC 8617, and older than RFC 8301.  What it wants and we do not do
is listed here with the reason; all else is as it has it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

import yaml
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.submitted import Field, fieldsOf
from smtpx.mailauth.arcfields import FIELDS, SEAL
from smtpx.mailauth.arcseal import SealTerms, Unsealable, seal
from smtpx.mailauth.canonical import Form, selected, signedOctets
from smtpx.mailauth.dkimsignature import KeyName, tagsOf
from smtpx.mailauth.resultsclaims import OurNames
from smtpx.mailauth.signingkey import SigningKey, readSigningKey
from smtpx.mailauth.tagging import TagList, compact, listed, readBase64

from .arcmail import chainOf, digestOf

SUITE = Path(__file__).parent / "valimail"

#: After all messages of the suite.
NOW = 1_500_000_000

#: Cases that it lets pass and we do not, and why.
_SHA1 = "RFC 8301 section 3.1: rsa-sha1 MUST NOT be used for verifying"
_NAMES = "RFC 6376 section 3.5: h= is a list of names, and MUST NOT be empty"
EXCEPTIONS = {
    "ams_fields_a_sha1": _SHA1,
    "as_fields_a_sha1": _SHA1,
    "ams_fields_h_empty": _NAMES,
    "ams_fields_h_mis_hdr": _NAMES,
}

#: How many cases there are in it.
VALIDATIONS, SEALS = 174, 17


class Case(TypedDict, total=False):
    """One case, as it stands in the file."""

    message: str
    cv: str | None
    t: str
    AS: str
    AMS: str
    AAR: str


#: The settings of a group of cases.
Group = dict[str, object]


class _Loader(yaml.SafeLoader):
    """
    Reads all cases of a file: some have the name of another.
    """

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        """A mapping in which later keys do not replace former ones."""
        found: dict[Hashable, object] = {}
        for key, value in node.value:
            name = self.construct_object(key, deep=deep)
            while name in found:
                name += " again"
            found[name] = self.construct_object(value, deep=deep)
        return found


@lru_cache
def groups(name: str) -> tuple[Group, ...]:
    """The groups of a file."""
    text = (SUITE / name).read_text("utf-8")
    return tuple(yaml.load_all(text, _Loader))


def casesOf(name: str) -> Iterator[tuple[str, Case, Group, dict[bytes, bytes]]]:
    """
    The cases of a file.

    @return: the name of each, it, the settings of its group, and the DNS.
    """
    for group in groups(name):
        texts, cases = group["txt-records"], group["tests"]
        assert isinstance(texts, dict) and isinstance(cases, dict)
        zone = {
            name.encode("ascii"): text.replace("\n", "").encode("ascii")
            for name, text in texts.items()
        }
        for name, case in cases.items():
            yield name, case, group, zone


def apart(message: str) -> tuple[bytes, bytes]:
    """The header and the body of a message."""
    octets = b"\r\n" + message.replace("\n", "\r\n").encode("utf-8")
    header, _, body = octets.partition(b"\r\n\r\n")
    return header[2:] + b"\r\n" if header else b"", body


class ValidationTests(SynchronousTestCase):
    """
    Chains are judged as the suite has it.
    """

    def test_states(self) -> None:
        """
        Every chain has the state that it is to have.  A state that is left open is a
        failure by RFC 8617 section 5.2.
        """
        count = 0
        for name, case, _, zone in casesOf("arc-draft-validation-tests.yml"):
            count += 1
            expected = "none" if case["cv"] is None else case["cv"].strip().lower()
            if name in EXCEPTIONS:
                self.assertEqual(expected, "pass", name)
                expected = "fail"
            chain = chainOf(*apart(case["message"]), zone, now=NOW)
            self.assertEqual(
                chain.state.value, expected or "fail", (name, chain.reason)
            )
        self.assertEqual(count, VALIDATIONS)

    def test_cutAnywhere(self) -> None:
        """
        In how many pieces a body comes is all the same.
        """
        for name, case, _, zone in casesOf("arc-draft-validation-tests.yml"):
            if name not in ("cv_pass_i5_1", "ams_fields_bh_rel_end_lines"):
                continue
            header, body = apart(case["message"])
            pieces = [body[at : at + 1] for at in range(len(body))]
            chain = chainOf(header, pieces, zone, now=NOW)
            self.assertEqual(chain.state.value, "pass", name)


class SealTests(SynchronousTestCase):
    """
    Messages are sealed as the suite has it.

    It fixes the order of tags, which is nobody's to fix; so its signatures are compared
    with ours over its own fields: the same octets are signed.
    """

    def test_seals(self) -> None:
        """
        The same is said and signed in every case.
        """
        count = 0
        for name, case, group, zone in casesOf("arc-draft-sign-tests.yml"):
            count += 1
            self._seal(name, case, group, zone)
        self.assertEqual(count, SEALS)

    def _seal(
        self, name: str, case: Case, group: Group, zone: dict[bytes, bytes]
    ) -> None:
        header, body = apart(case["message"])
        fields, _ = fieldsOf(header)
        pem = textwrap.dedent(str(group["privatekey"])).encode("ascii")
        key = readSigningKey(pem)
        host = str(case["srv-id"]).encode("ascii")  # type: ignore[typeddict-item]  # no name of Python's
        published = KeyName(str(group["domain"]).encode(), str(group["sel"]).encode())
        terms = SealTerms(host, OurNames.of([host]), published)
        digest, now = digestOf(body, terms.wanted), int(case["t"])
        if not case["AS"].strip():
            self.assertRaises(Unsealable, seal, fields, digest, terms, key, now)
            return
        added = seal(fields, digest, terms, key, now)
        top, signature, results = fieldsOf(added)[0]
        self.assertEqual(
            _words(results.value), _words(case["AAR"].encode("ascii")), name
        )
        ours, theirs = tagsOf(top.octets), tagsOf(b":" + _folded(case["AS"]))
        for tag in (b"i", b"a", b"cv", b"d", b"s", b"t"):
            self.assertEqual(ours.get(tag), theirs.get(tag), name)
        body = _folded(case["AMS"])
        mine, wanted = tagsOf(signature.octets), tagsOf(b":" + body)
        for tag in (b"i", b"a", b"d", b"s", b"t", b"bh"):
            self.assertEqual(mine.get(tag), wanted.get(tag), name)
        # Signatures of RSA are the same for the same octets.
        chosen = selected(fields, listed(wanted.required(b"h")))
        self._same(key, b"ARC-Message-Signature: ", wanted, chosen, name)
        before: list[Field] = []
        if theirs.get(b"cv") == b"pass":
            before = [each for each in reversed(fields) if each.name in FIELDS]
        # It was not folded there when it was sealed.
        value = wanted.required(b"b")
        body = body.replace(value, compact(value))
        message = Field(b"", b"ARC-Message-Signature: " + body + b"\r\n")
        self._same(key, b"ARC-Seal: ", theirs, [*before, results, message], name)
        chain = chainOf(added + header, apart(case["message"])[1], zone, now=NOW)
        # The seals that the messages of the suite have already are not good.
        alone = chain.instance == 1
        self.assertEqual(chain.state.value, "pass" if alone else "fail", chain.reason)
        again = fieldsOf(added + header)[0]
        self.assertEqual(sum(each.name == SEAL for each in again), chain.instance)

    def _same(
        self,
        key: SigningKey,
        name: bytes,
        tags: TagList,
        fields: list[Field],
        case: str,
    ) -> None:
        """Is its signature that of what it says it signs?"""
        own = name + tags.emptied(b"b")
        value = key.sign(signedOctets(fields, own, Form.RELAXED))
        self.assertEqual(value, readBase64(tags.required(b"b")), case)


def _folded(value: str) -> bytes:
    """A field's value as it stands in a header."""
    return value.strip().replace("\n", "\r\n ").encode("ascii")


def _words(value: bytes) -> bytes:
    """What a field says, without white space."""
    return compact(value)
