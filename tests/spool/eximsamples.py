"""
Files of Exim's spool as samples.
"""

from __future__ import annotations

from smtpx.spool.eximspool import EximField, EximMessage, EximRecipient, Setting

#: An id as Exim makes it since 4.97, and one of before.
ID = "1tHsXz-000000003Bv-1aBc"
OLD_ID = "1tHsXz-0003Bv-1a"

#: With all that Exim 4.98 notes, for whatever reason.
FULL = b"""\
1tHsXz-000000003Bv-1aBc-H
Debian-exim 105 109
<ann@client.example>
1732270000 2
-received_time_usec .123456
-received_time_complete 1732270000.200000
--helo_name client.example
--host_address [192.0.2.1]:40000
--host_name host.client.example
-host_auth plain
-interface_address [192.0.2.25]:25
-active_hostname mx2.server.example
--ident somebody
-received_protocol esmtpsa
-aclc 0 7
one
two
--aclm _name 0

--(mysql)aclm quoted 3
a'b
-body_linecount 2
-max_received_linelength 45
-body_zerocount 1
--auth_id ann
--auth_sender ann@client.example
-deliver_firsttime
-frozen 1732271000
-spam_score_int 12
-tls_certificate_verified
--tls_cipher TLS1.3:TLS_AES_256_GCM_SHA384:256
-tls_resumption A
-smtputf8
-dsn_envid QQ314159
-dsn_ret 1
-something_new of a later Exim
YY bob@server.example
NN alias@server.example
NY eve@server.example
NN zoe@server.example
5
bob@server.example
carol@server.example rfc822;Carol+40server.example 29,12  0,-1#3
dave@server.example  0,0 owner@client.example 20,0#3
"two words"@server.example
eve@server.example

107P Received: from client.example
	by server.example with esmtpsa (Exim 4.98)
	id 1tHsXz-000000003Bv-1aBc; now
031* Subject: as it was before, old
017  Subject: not old
025F From: ann@client.example
"""

FULL_MESSAGE = EximMessage(
    id=ID,
    login=b"Debian-exim",
    uid=105,
    gid=109,
    sender=b"ann@client.example",
    received=1732270000,
    warnings=2,
    settings=(
        Setting(b"received_time_usec", b".123456"),
        Setting(b"received_time_complete", b"1732270000.200000"),
        Setting(b"helo_name", b"client.example", tainted=True),
        Setting(b"host_address", b"[192.0.2.1]:40000", tainted=True),
        Setting(b"host_name", b"host.client.example", tainted=True),
        Setting(b"host_auth", b"plain"),
        Setting(b"interface_address", b"[192.0.2.25]:25"),
        Setting(b"active_hostname", b"mx2.server.example"),
        Setting(b"ident", b"somebody", tainted=True),
        Setting(b"received_protocol", b"esmtpsa"),
        Setting(b"aclc", b"0", b"one\ntwo"),
        Setting(b"aclm", b"_name", b"", tainted=True),
        Setting(b"aclm", b"quoted", b"a'b", tainted=True, quoter=b"mysql"),
        Setting(b"body_linecount", b"2"),
        Setting(b"max_received_linelength", b"45"),
        Setting(b"body_zerocount", b"1"),
        Setting(b"auth_id", b"ann", tainted=True),
        Setting(b"auth_sender", b"ann@client.example", tainted=True),
        Setting(b"deliver_firsttime"),
        Setting(b"frozen", b"1732271000"),
        Setting(b"spam_score_int", b"12"),
        Setting(b"tls_certificate_verified"),
        Setting(b"tls_cipher", b"TLS1.3:TLS_AES_256_GCM_SHA384:256", tainted=True),
        Setting(b"tls_resumption", b"A"),
        Setting(b"smtputf8"),
        Setting(b"dsn_envid", b"QQ314159"),
        Setting(b"dsn_ret", b"1"),
        Setting(b"something_new", b"of a later Exim"),
    ),
    done=frozenset(
        (
            b"alias@server.example",
            b"bob@server.example",
            b"eve@server.example",
            b"zoe@server.example",
        )
    ),
    recipients=(
        EximRecipient(b"bob@server.example"),
        EximRecipient(b"carol@server.example", b"rfc822;Carol+40server.example", 12),
        EximRecipient(
            b"dave@server.example", errorsTo=b"owner@client.example", parent=0
        ),
        EximRecipient(b'"two words"@server.example'),
        EximRecipient(b"eve@server.example"),
    ),
    fields=(
        EximField(
            b"P",
            b"Received: from client.example\n"
            b"\tby server.example with esmtpsa (Exim 4.98)\n"
            b"\tid 1tHsXz-000000003Bv-1aBc; now\n",
        ),
        EximField(b"*", b"Subject: as it was before, old\n"),
        EximField(b" ", b"Subject: not old\n"),
        EximField(b"F", b"From: ann@client.example\n"),
    ),
)

#: The least that there can be, from the null sender.
LEAST = b"""\
1tHsXz-0003Bv-1a-H
mail 8 8
<>
1732270000 0
XX
0

"""
