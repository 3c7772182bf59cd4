"""
C{Authentication-Results} as people and programs write them, and strategies that make
more.
"""

from __future__ import annotations

from hypothesis import strategies as st

from smtpx.mailauth.results import AuthenticationResults, Property, Result
from smtpx.mailauth.resultswriting import MAX_TEXT

#: RFC 8601 appendix B, and what they say.
EXAMPLES: tuple[tuple[bytes, AuthenticationResults], ...] = (
    (b" example.org 1; none\r\n", AuthenticationResults(b"example.org")),
    (
        b" example.com;\r\n          spf=pass smtp.mailfrom=example.net\r\n",
        AuthenticationResults(
            b"example.com",
            (
                Result(
                    b"spf", b"pass", (Property(b"smtp", b"mailfrom", b"example.net"),)
                ),
            ),
        ),
    ),
    (
        b" example.com;\r\n"
        b"          auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
        b"          spf=pass smtp.mailfrom=example.net\r\n",
        AuthenticationResults(
            b"example.com",
            (
                Result(
                    b"auth",
                    b"pass",
                    (Property(b"smtp", b"auth", b"sender@example.net"),),
                    comments=(b"cram-md5",),
                ),
                Result(
                    b"spf", b"pass", (Property(b"smtp", b"mailfrom", b"example.net"),)
                ),
            ),
        ),
    ),
    (
        b" example.com; iprev=pass\r\n          policy.iprev=192.0.2.200\r\n",
        AuthenticationResults(
            b"example.com",
            (
                Result(
                    b"iprev", b"pass", (Property(b"policy", b"iprev", b"192.0.2.200"),)
                ),
            ),
        ),
    ),
    (
        b" example.com;\r\n"
        b'      dkim=pass reason="good signature"\r\n'
        b"        header.i=@mail-router.example.net;\r\n"
        b'      dkim=fail reason="bad signature"\r\n'
        b"        header.i=@newyork.example.com\r\n",
        AuthenticationResults(
            b"example.com",
            (
                Result(
                    b"dkim",
                    b"pass",
                    (Property(b"header", b"i", b"@mail-router.example.net"),),
                    b"good signature",
                ),
                Result(
                    b"dkim",
                    b"fail",
                    (Property(b"header", b"i", b"@newyork.example.com"),),
                    b"bad signature",
                ),
            ),
        ),
    ),
    (
        b" foo.example.net (foobar) 1 (baz);\r\n"
        b"    dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
        b"      policy (A dot can go here) . (like that) expired\r\n"
        b"      (this surprised me) = (as I wasn't expecting it) 1362471462\r\n",
        AuthenticationResults(
            b"foo.example.net",
            (
                Result(
                    b"dkim",
                    b"fail",
                    (
                        Property(
                            b"policy",
                            b"expired",
                            b"1362471462",
                            (
                                b"A dot can go here",
                                b"like that",
                                b"this surprised me",
                                b"as I wasn't expecting it",
                            ),
                        ),
                    ),
                    comments=(b"Because I like it", b"One yay", b"wait for it"),
                ),
            ),
            comments=(b"foobar", b"baz"),
        ),
    ),
)

#: What is not in the grammar and is meant all the same.
NEARLY: tuple[tuple[bytes, AuthenticationResults], ...] = (
    (
        # As large providers write it.
        b" mx.example.com;\r\n"
        b"       dkim=pass header.i=@example.org header.s=20230601"
        b" header.b=hJk/d+Q=;\r\n"
        b"       arc=pass (i=1 spf=pass);\r\n"
        b"       bimi=skipped(no policy) smtp.remote-ip=2001:db8::1;\r\n",
        AuthenticationResults(
            b"mx.example.com",
            (
                Result(
                    b"dkim",
                    b"pass",
                    (
                        Property(b"header", b"i", b"@example.org"),
                        Property(b"header", b"s", b"20230601"),
                        Property(b"header", b"b", b"hJk/d+Q="),
                    ),
                ),
                Result(b"arc", b"pass", comments=(b"i=1 spf=pass",)),
                Result(
                    b"bimi",
                    b"skipped",
                    (Property(b"smtp", b"remote-ip", b"2001:db8::1"),),
                    comments=(b"no policy",),
                ),
            ),
        ),
    ),
    (
        b"x; spf=none smtp.mailfrom= smtp.helo=y reason=late (z)",
        AuthenticationResults(
            b"x",
            (
                Result(
                    b"spf",
                    b"none",
                    (
                        Property(b"smtp", b"mailfrom", b""),
                        Property(b"smtp", b"helo", b"y"),
                    ),
                    b"late",
                    (b"z",),
                ),
            ),
        ),
    ),
    (
        b"x; spf=pass smtp.mailfrom=; dkim=none",
        AuthenticationResults(
            b"x",
            (
                Result(b"spf", b"pass", (Property(b"smtp", b"mailfrom", b""),)),
                Result(b"dkim", b"none"),
            ),
        ),
    ),
    (b"x", AuthenticationResults(b"x")),
    (b"x;", AuthenticationResults(b"x")),
    (b"x; none (nothing)", AuthenticationResults(b"x", comments=(b"nothing",))),
)

#: What is refused.
BAD: tuple[bytes, ...] = (
    b"",
    b" ",
    b"; spf=pass",
    b"spf=pass smtp.mailfrom=x",
    b"Garbage Authentication-Results Header - SHOULD NOT PARSE",
    b"a@b; spf=pass",
    b"(x",
    b"(x\\",
    b'"x',
    b"x 2; spf=pass",
    b"x 0; none",
    b"x 1x; none",
    b"x 1234567890; none",
    b"x y; none",
    b"x; spf",
    b"x; spf=",
    b"x; =pass",
    b"x; spf/=pass",
    b"x; spf/x=pass",
    b"x; spf=pass; none",
    b"x; none; spf=pass",
    b"x;; spf=pass",
    b"x; spf=pass reason",
    b"x; spf=pass reason=",
    b"x; spf=pass reason=a reason=b",
    b"x; spf=pass because=a",
    b"x; spf=pass smtp",
    b"x; spf=pass smtp.",
    b"x; spf=pass smtp.helo",
    b'x; spf=pass smtp.helo="y',
    b"x; spf=pass )",
    b"x; spf=pass\r\nsmtp.helo=y",
    b"x; spf=pass\nsmtp.helo=y",
    b"x; spf=pass\x00",
    b"x; " + b"s" * 65 + b"=pass",
    b"x; spf=pass\xff",
)

_KEYWORDS = st.sampled_from([b"spf", b"dkim", b"x-own", b"none", b"reason", b"a_b"])
#: Text that is written as it is.
TEXTS = (
    st.one_of(
        st.text(alphabet=" \t\"\\()@.;=<>,:/[]?ab1-_'\u00fc\u4f8b", max_size=12),
        st.sampled_from(['"a b"@example.org', "a@b.example", '"', "a" * MAX_TEXT]),
    )
    .map(str.encode)
    .filter(lambda text: len(text) <= MAX_TEXT)
)
#: Anything.
OCTETS = st.one_of(st.binary(max_size=2 * MAX_TEXT), TEXTS)


def fields(
    texts: st.SearchStrategy[bytes],
) -> st.SearchStrategy[AuthenticationResults]:
    """
    Fields of any kind.

    @param texts: what stands in them.
    """
    comments = st.lists(texts, max_size=2).map(tuple)
    properties = st.builds(
        Property,
        ptype=_KEYWORDS,
        name=_KEYWORDS,
        value=texts,
        comments=comments,
    )
    results = st.builds(
        Result,
        method=_KEYWORDS,
        result=_KEYWORDS,
        properties=st.lists(properties, max_size=3).map(tuple),
        reason=st.none() | texts,
        comments=comments,
        version=st.sampled_from([1, 2]),
    )
    return st.builds(
        AuthenticationResults,
        authservId=texts,
        results=st.lists(results, max_size=3).map(tuple),
        comments=comments,
    )
