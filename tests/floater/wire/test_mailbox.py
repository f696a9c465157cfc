"""E-mail addresses: one mailbox has one key, and mail goes where the person said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.wire.mailbox import mailbox_key, parse_mailbox


@pytest.mark.parametrize(
    ("text", "address", "key"),
    [
        ("ann@example.org", "ann@example.org", "ann@example.org"),
        (" Ann@Example.ORG\n", "Ann@example.org", "ann@example.org"),
        ("mei@qq\u3002example", "mei@qq.example", "mei@qq.example"),
        ("mei@\uff51\uff51.example", "mei@qq.example", "mei@qq.example"),
        ("target@q\u24dc\uff0eexample", "target@qm.example", "target@qm.example"),
        ("安@例子.cn", "安@xn--fsqu00a.cn", "安@xn--fsqu00a.cn"),
        ("安@XN--FSQU00A.cn", "安@xn--fsqu00a.cn", "安@xn--fsqu00a.cn"),
        ("weiß@example.org", "weiß@example.org", "weiß@example.org"),
        ("GROẞ@example.org", "GROẞ@example.org", "groß@example.org"),
        ("leser@faß.example", "leser@xn--fa-hia.example", "leser@xn--fa-hia.example"),
        ("Zoe\u0308@example.org", "Zo\u00eb@example.org", "zo\u00eb@example.org"),
        ("o'brien+tag@sub.example.org", "o'brien+tag@sub.example.org", "o'brien+tag@sub.example.org"),
        ("a@r3---sn.example", "a@r3---sn.example", "a@r3---sn.example"),
    ],
)
def test_one_mailbox_has_one_key_and_keeps_its_own_spelling(text: str, address: str, key: str) -> None:
    mailbox = parse_mailbox(text)
    assert mailbox is not None
    assert (mailbox.address, mailbox.key) == (address, key)


def test_limits_count_all_tags_of_a_mailbox_as_one() -> None:
    owners = {box.owner for tag in ("", "+a", "+b+c") if (box := parse_mailbox(f"Ann{tag}@example.org"))}
    assert owners == {"ann@example.org"}
    only_a_tag = parse_mailbox("+a@example.org")
    assert only_a_tag is not None
    assert only_a_tag.owner == "+a@example.org"


def test_only_a_local_part_beyond_ascii_needs_a_mail_server_with_smtputf8() -> None:
    needs = [box.needs_utf8 for text in ("李@a.example", "li@例え.example") if (box := parse_mailbox(text))]
    assert needs == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        "", "ann", "@example.org", "ann@", "ann@@example.org", "a b@example.org", "ann@exa mple.org",
        "ann@example.org\r\nBcc: all@example.org", "ann@example.org,bob@example.org", "<ann@example.org>",
        '"ann"@example.org', "ann\x00@example.org", "x" * 65 + "@example.org", "漂" * 22 + "@example.org",
        "x@" + "y" * 253, "x@" + "y." * 121 + "example.org",
        "=?utf-8?q?=76ictim?=@example.org", "=?utf-8?q?x=0D=0A0?=@evil.example",
        "root@localhost", "a@intranet", "a@127.0.0.1", "a@[127.0.0.1]", "a@1.2", "a@example.0x7f",
        "a@b..example", "a@.example", "a@example.org.", "a@-x.org", "a@-x-.example", "a@x_y.example",
        "-oQ@example.org", ".a@example.org", "a.@example.org", "a..b@example.org",
        "\u200ba@example.org", "a\u200d@example.org", "a@exam\u00adple.org", "a@exam\u200bple.org",
        "\ufeffa@example.org", "a\ud800@example.org", "a@xn--zzzzzz99999.example", "a@😀.example",
    ],
)  # fmt: skip
def test_what_no_person_has_is_no_address(text: str) -> None:
    assert parse_mailbox(text) is None
    assert mailbox_key(text) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_address_carries_no_other_header_line_and_stays_as_it_is(local: str, domain: str) -> None:
    mailbox = parse_mailbox(f"{local}@{domain}.example")
    if mailbox is not None:
        assert not set(mailbox.address) & set('\r\n\0 ,;<>"')
        assert parse_mailbox(mailbox.address) == mailbox
        again = parse_mailbox(mailbox.key)
        assert again is not None
        assert again.key == mailbox.key
