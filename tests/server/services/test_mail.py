import asyncio
import email.policy
import ssl
import stat
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from server.services.mail import (
    Encryption,
    Kind,
    MailContent,
    OutboxFolder,
    PostDown,
    PutOff,
    Rejected,
    Smtp,
    compose,
    parse_smtp_url,
)
from tests.helpers.accounts import code_of, read_mail, text_of
from tests.helpers.mail_server import mail_server

CONTENT = MailContent(
    kind=Kind.ACTIVATE,
    to="anna@example.org",
    language="zh-CN",
    message_id="0123",
    username="安娜 <b>",
    code="012345",
    link="https://chat.example.org/activate?token=abc&lang=zh",
)
SENDER = "no-reply@example.org"


@pytest.fixture
def authority(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for 127.0.0.1, and the file to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    return context, tmp_path / "ca.pem"


# -- words --------------------------------------------------------------------------------


def test_a_mail_speaks_the_reader_s_language_first_and_the_other_below() -> None:
    for tag, first, second in (
        ("zh-Hans-CN", "你好", "Hello"),
        ("en-GB", "Hello", "你好"),
        ("fr", "Hello", "你好"),
    ):
        text = text_of(compose(msgspec.structs.replace(CONTENT, language=tag), sender=SENDER, minutes=10))
        assert text.index(first) < text.index(second)


@pytest.mark.parametrize("kind", [Kind.ACTIVATE, Kind.RESET])
def test_the_code_stands_alone_on_a_line_also_before_anything_is_decoded(kind: Kind) -> None:
    mail = compose(msgspec.structs.replace(CONTENT, kind=kind), sender=SENDER, minutes=10)
    assert code_of(mail) == "012345"
    raw = mail.as_bytes(policy=email.policy.SMTP)
    assert b"\r\n012345\r\n" in raw
    assert max(len(line) for line in raw.split(b"\r\n")) <= 78
    assert raw.isascii()


@pytest.mark.parametrize("kind", [Kind.CHANGED, Kind.LOGGED_IN, Kind.TRIES, Kind.ALREADY])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_mail_that_only_tells_something_holds_no_code_and_no_link(kind: Kind, language: str) -> None:
    mail = compose(msgspec.structs.replace(CONTENT, kind=kind, language=language), sender=SENDER, minutes=10)
    html = mail.get_body(("html",))
    assert html is not None
    said = f"{mail['Subject']} {text_of(mail)} {html.get_content()}"
    assert "012345" not in said
    assert "token=" not in said
    assert len([line for line in text_of(mail).splitlines() if line.strip()]) == 5  # two of each language
    assert mail["Subject"]


def test_a_mail_has_the_link_in_text_and_html_and_says_how_long_it_is_good() -> None:
    mail = read_mail(compose(CONTENT, sender=SENDER, minutes=10).as_bytes())
    html_part = mail.get_body(("html",))
    assert html_part is not None
    html = str(html_part.get_content())
    assert CONTENT.link in text_of(mail)
    assert 'href="https://chat.example.org/activate?token=abc&amp;lang=zh"' in html
    assert "10 分钟" in text_of(mail)
    assert "good for 10 minutes" in html
    assert "<b>" not in html
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == "<0123@example.org>"


def test_no_name_that_somebody_chose_becomes_a_link() -> None:
    mail = compose(msgspec.structs.replace(CONTENT, username="www.evil.com/x"), sender=SENDER, minutes=10)
    assert "evil.com" not in text_of(mail)


def test_a_mailbox_beyond_ascii_can_be_written_to() -> None:
    mail = compose(
        msgspec.structs.replace(CONTENT, to="anna@xn--bcher-kva.example"), sender=SENDER, minutes=10
    )
    assert mail["To"] == "anna@xn--bcher-kva.example"
    mail = compose(msgspec.structs.replace(CONTENT, to="安娜@xn--fsqu00a.cn"), sender=SENDER, minutes=10)
    assert "安娜@xn--fsqu00a.cn" in mail.as_bytes().decode("utf-8")


@pytest.mark.parametrize(
    "to", ["a\r\nBcc: b@example.org", "=?utf-8?q?x=0D=0A0?=@evil.example", "a\ud800@b.example"]
)
def test_what_cannot_be_written_as_a_mail_is_refused_for_good(to: str) -> None:
    with pytest.raises(Rejected):
        compose(msgspec.structs.replace(CONTENT, to=to), sender=SENDER, minutes=10)


# -- a folder -----------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_mail_is_one_file_and_whole_before_it_is_visible(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "box"
    async with OutboxFolder(folder, SENDER).open() as send:
        await send(compose(CONTENT, sender=SENDER, minutes=10))
        await send(compose(msgspec.structs.replace(CONTENT, code="999999"), sender=SENDER, minutes=10))
    first, second = sorted(folder.iterdir())
    assert first.suffix == second.suffix == ".eml"
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert b"\n012345\n" in first.read_bytes()
    assert code_of(read_mail(second.read_bytes())) == "999999"


@pytest.mark.asyncio
async def test_a_folder_that_cannot_be_written_to_is_a_post_that_is_down(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PostDown):
        async with OutboxFolder(tmp_path / "file", SENDER).open():
            pass


# -- a mail server ------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_mail_goes_through_a_real_mail_server_and_arrives_as_it_was_written() -> None:
    async with mail_server() as server:
        post = Smtp(parse_smtp_url(f"smtp://127.0.0.1:{server.port}?from=chat@example.org"), 5.0)
        async with post.open() as send:
            await send(compose(CONTENT, sender=post.sender, minutes=10))
            await send(
                compose(
                    msgspec.structs.replace(CONTENT, to="anna@xn--bcher-kva.example"),
                    sender=post.sender,
                    minutes=10,
                )
            )
        first, second = server.envelopes
        assert (first.mail_from, first.rcpt_tos) == ("chat@example.org", ["anna@example.org"])
        assert second.rcpt_tos == ["anna@xn--bcher-kva.example"]
        assert isinstance(first.content, bytes)
        assert code_of(read_mail(first.content)) == "012345"
        assert server.connections == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_password_goes_over_tls_only(scheme: str, authority: tuple[ssl.SSLContext, Path]) -> None:
    context, trusted = authority
    async with mail_server(
        context, at_once=scheme == "smtps", auth_require_tls=scheme == "smtp", auth_exclude_mechanism=[]
    ) as server:
        url = f"{scheme}://anna%40example.org:p%40ss%20word@127.0.0.1:{server.port}?from=a@example.org&ca={trusted}"
        post = Smtp(parse_smtp_url(url), 5.0)
        server_url = parse_smtp_url(url)
        assert (server_url.user, server_url.password) == ("anna@example.org", "p@ss word")
        async with post.open() as send:
            await send(compose(CONTENT, sender=post.sender, minutes=10))
        assert server.was_secure == [True]


@pytest.mark.asyncio
async def test_a_mail_server_that_nobody_vouches_for_is_down(authority: tuple[ssl.SSLContext, Path]) -> None:
    context, _ = authority
    async with mail_server(context) as server:
        post = Smtp(parse_smtp_url(f"smtp://127.0.0.1:{server.port}?from=a@example.org"), 5.0)
        with pytest.raises(PostDown):
            async with post.open():
                pass
        assert server.envelopes == []


@pytest.mark.asyncio
async def test_nobody_at_home_is_down() -> None:
    async with mail_server() as server:
        port = server.port
    with pytest.raises(PostDown):
        async with Smtp(parse_smtp_url(f"smtp://127.0.0.1:{port}"), 5.0).open():
            pass


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("450 later", PutOff),
        ("452 full", PutOff),
        ("550 nobody", Rejected),
        ("553 no", Rejected),
        ("421 closing", PostDown),
    ],
)
async def test_a_mail_server_s_number_says_whether_to_come_again(
    answer: str, verdict: type[Exception]
) -> None:
    async with mail_server() as server:
        server.verdict = lambda address: answer
        post = Smtp(parse_smtp_url(f"smtp://127.0.0.1:{server.port}?from=a@example.org"), 5.0)
        with pytest.raises(verdict):
            async with post.open() as send:
                await send(compose(CONTENT, sender=post.sender, minutes=10))


@pytest.mark.asyncio
async def test_a_mailbox_the_server_cannot_write_to_is_rejected() -> None:
    async with mail_server(enable_SMTPUTF8=False) as server:
        post = Smtp(parse_smtp_url(f"smtp://127.0.0.1:{server.port}?from=a@example.org"), 5.0)
        with pytest.raises(Rejected):
            async with post.open() as send:
                await send(
                    compose(
                        msgspec.structs.replace(CONTENT, to="安娜@example.org"),
                        sender=post.sender,
                        minutes=10,
                    )
                )


@pytest.mark.asyncio
async def test_who_is_cancelled_at_whatever_moment_ends() -> None:
    """Also in the very moment in which an answer has come, and in those between two answers."""
    async with mail_server() as server:
        post = Smtp(parse_smtp_url(f"smtp://127.0.0.1:{server.port}?from={SENDER}"), 5.0)

        async def greet() -> None:
            async with post.open():
                pass

        moments, is_cancelled = 0, True
        while is_cancelled:
            task = asyncio.get_running_loop().create_task(greet())
            for _ in range(moments):
                await asyncio.sleep(0)
            is_cancelled = task.cancel()
            await asyncio.wait((task,))
            assert task.cancelled() is is_cancelled
            moments += 1
    assert moments > 10


@pytest.mark.asyncio
async def test_a_rehearsal_goes_to_the_mail_server_and_nobody_gets_a_mail(tmp_path: Path) -> None:
    mail = compose(msgspec.structs.replace(CONTENT, kind=Kind.NOTHING), sender=SENDER, minutes=10)
    async with mail_server() as server:
        async with Smtp(parse_smtp_url(f"smtp://127.0.0.1:{server.port}?from=a@b.org"), 5.0).open() as send:
            await send(mail, only_rehearse=True)
            await send(compose(CONTENT, sender="a@b.org", minutes=10))
        assert [envelope.rcpt_tos for envelope in server.envelopes] == [["anna@example.org"]]
    async with OutboxFolder(tmp_path, SENDER).open() as send:
        await send(mail, only_rehearse=True)
    assert list(tmp_path.iterdir()) == []


# -- the URL ------------------------------------------------------------------------------


def test_an_smtp_url_says_everything() -> None:
    server = parse_smtp_url("smtps://me:secret@mail.example.org?from=chat@example.org")
    assert (server.host, server.port, server.encryption) == ("mail.example.org", 465, Encryption.TLS)
    assert (server.user, server.password, server.sender) == ("me", "secret", "chat@example.org")
    plain = parse_smtp_url("smtp://mail.example.org")
    assert (plain.port, plain.encryption, plain.sender) == (25, Encryption.AUTO, "no-reply@mail.example.org")
    assert parse_smtp_url("smtp://me:x@mail.example.org").encryption is Encryption.ALWAYS
    assert parse_smtp_url("smtp://me:x@127.0.0.1:25").encryption is Encryption.AUTO


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        "http://mail.example.org",
        "smtp://",
        "smtp://host:99999",
        "smtp://host?form=a@b",
        "smtp://host?starttls=perhaps",
        "smtp://host?from=nobody",
        "smtp://me:secret@mail.example.org?starttls=never",
    ],
)
def test_an_smtp_url_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_smtp_url(url)
