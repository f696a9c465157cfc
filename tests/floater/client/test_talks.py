"""Several talks at once, over real links and a real relay."""

import asyncio
from pathlib import Path

import pytest

from floater import api
from floater.client.talks import AT_ONCE
from floater.codes import Code
from floater.core import engine
from floater.core.engine import Engine, News
from floater.core.meet import orders as meet
from floater.core.person import ports, standing
from floater.core.person.session import SendLogOut
from floater.errors import Refused
from floater.net.meeting import Performer
from floater.net.punch_port import PunchPort
from floater.net.server_link import UNNUMBERED
from floater.store.source import Source
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.limits import MAX_OPEN_OFFERS
from floater.wire.nat import UNKNOWN_NAT
from tests.helpers.digests import told_digest
from tests.helpers.several_talks import Someone, two

pytestmark = pytest.mark.asyncio


class Sources:
    """Counts the files that were opened to be offered, and those closed again."""

    def __init__(self) -> None:
        self.opened = self.closed = 0


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Sources:
    counted = Sources()
    really_open, really_close = Source.__init__, Source.close

    def open_(self: Source, number: int, path: str) -> None:
        really_open(self, number, path)
        counted.opened += 1

    def close(self: Source) -> None:
        really_close(self)
        counted.closed += 1

    monkeypatch.setattr(Source, "__init__", open_)
    monkeypatch.setattr(Source, "close", close)
    return counted


async def refusal(someone: Someone, command: api.OfTalk) -> Code:
    with pytest.raises(Refused) as refused:
        await someone.talks.do(command)
    return refused.value.code


async def test_each_talk_is_reached_by_its_id(tmp_path: Path) -> None:
    async with two(tmp_path) as both:
        talks = [await both.meet() for _ in range(3)]
        for number, talk in enumerate(talks):
            said = await both.ann.talks.do(api.SendText(f"word {number}", talk=talk))
            assert isinstance(said, api.TextReply)
            (heard,) = await both.bob.sees(api.TextReceived, talk)
            assert (heard.text, heard.message_id) == (f"word {number}", said.message_id)
            await both.ann.sees(api.Delivered, talk)
        assert await refusal(both.ann, api.SendText("to whom?")) is Code.WHICH_TALK
        assert await refusal(both.ann, api.SendText("to whom?", talk="nobody")) is Code.NO_TALK
        assert await refusal(both.ann, api.OfTalk()) is Code.BAD_COMMAND
        await both.ann.talks.do(api.HangUp(talk=talks[1]))
        (ended,) = await both.bob.sees(api.TalkEnded)
        assert (ended.talk, ended.reason) == (talks[1], api.Ended.PEER_HUNG_UP)
        await both.bob.talks.do(api.Typing(True, talk=talks[0]))
        await both.ann.sees(api.PeerTyping, talks[0])


async def test_a_talk_that_is_connecting_takes_no_word_but_a_hang_up(tmp_path: Path) -> None:
    async with two(tmp_path) as both:
        talk = both.introduce(only_ann=True)
        for command in (api.Greet(talk=talk), api.SendText("hi"), api.SendFile("x"), api.Accept("x")):
            assert await refusal(both.ann, command) is Code.NO_TALK
        await both.ann.talks.do(api.HangUp())
        async with asyncio.timeout(20):
            await both.ann.talks.closed()


async def test_a_file_goes_from_one_disk_to_the_other(tmp_path: Path) -> None:
    async with two(tmp_path) as both:
        talk, _ = await both.meet(), await both.meet()
        path, kept = tmp_path / "a.bin", tmp_path / "kept"
        path.write_bytes(bytes(range(256)) * 4_096)
        kept.mkdir()
        sent = await both.ann.talks.do(api.SendFile(str(path), talk=talk))
        assert isinstance(sent, api.FileReply)
        (offer,) = await both.bob.sees(api.Offer, talk)
        assert offer.transfer_id == sent.transfer_id
        await both.bob.talks.do(api.Accept(offer.transfer_id, str(kept), talk=talk))
        (received,) = await both.bob.sees(api.Received, talk)
        assert received.digest == told_digest(path.read_bytes())
        assert Path(received.path).read_bytes() == path.read_bytes()
        await both.ann.sees(api.Sent, talk)
        missing = api.SendFile(str(tmp_path / "nothing"), talk=talk)
        assert await refusal(both.ann, missing) is Code.NO_SUCH_FILE
        assert await refusal(both.ann, api.SendFile("~$report.docx", talk=talk)) is Code.NO_SUCH_FILE
        assert await refusal(both.bob, api.Accept("x", "~x/d", talk=talk)) is Code.NO_SUCH_FILE
        assert await refusal(both.bob, api.Accept("x", "/no/such", talk=talk)) is Code.NO_SUCH_FILE


async def test_a_file_is_not_offered_before_both_have_greeted(tmp_path: Path) -> None:
    async with two(tmp_path) as both:
        talk = both.introduce()
        await both.ann.stands(talk, api.Standing.GREETING)
        assert await refusal(both.ann, api.SendFile("x")) is Code.NOT_GREETED


async def test_a_file_whose_talk_ends_while_it_is_opened_is_closed_again(
    tmp_path: Path, sources: Sources
) -> None:
    async with two(tmp_path) as both:
        await both.meet()
        path = tmp_path / "a.bin"
        path.write_bytes(b"abc")
        offering = Tasks().start(refusal(both.ann, api.SendFile(str(path))), "offer")
        await asyncio.sleep(0)
        await both.ann.talks.do(api.HangUp())
        assert await offering is Code.NO_TALK
        async with asyncio.timeout(20):
            await both.ann.talks.closed()
        assert (sources.opened, sources.closed) == (1, 1)


async def test_a_file_that_is_refused_is_closed_while_the_talk_goes_on(
    tmp_path: Path, sources: Sources
) -> None:
    async with two(tmp_path) as both:
        await both.meet()
        path = tmp_path / "a.bin"
        path.write_bytes(b"abc")
        for _ in range(MAX_OPEN_OFFERS):
            await both.ann.talks.do(api.SendFile(str(path)))
        assert await refusal(both.ann, api.SendFile(str(path))) is Code.OUTBOX_FULL
        async with asyncio.timeout(20):
            while not sources.closed:
                await asyncio.sleep(0.005)
        assert (sources.opened, sources.closed) == (MAX_OPEN_OFFERS + 1, 1)


async def test_a_talk_that_is_over_has_closed_its_files(tmp_path: Path, sources: Sources) -> None:
    async with two(tmp_path) as both:
        await both.meet()
        path = tmp_path / "a.bin"
        path.write_bytes(b"abc")
        await both.ann.talks.do(api.SendFile(str(path)))
        await both.ann.talks.close()
        await both.ann.talks.closed()
        assert (sources.opened, sources.closed) == (1, 1)


async def test_a_talk_that_is_over_is_given_no_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed: list[PunchPort | None] = []
    monkeypatch.setattr(Performer, "renewed", lambda self, port: renewed.append(port))
    async with two(tmp_path) as both:
        talk = await both.meet()
        both.ann.reach.feed(ports.Offline())
        both.ann.talks.perform(engine.Order(talk, meet.RenewPort()))
        both.ann.talks.perform(engine.Order(talk, meet.CloseAll()))
        given = asyncio.Event()
        both.ann.reach.renew("asked afterwards", lambda _: given.set())
        for event in (ports.Online(), ports.LoggedIn()):
            both.ann.reach.feed(event)
        async with asyncio.timeout(20):
            await given.wait()
        assert renewed == []


async def test_a_punch_waits_until_the_server_has_heard_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[engine.Event] = []
    really_feed = Engine.feed

    def feed(self: Engine, event: engine.Event, *, now: float) -> list[engine.Effect]:
        fed.append(event)
        return really_feed(self, event, now=now)

    async with two(tmp_path) as both:
        talk = await both.meet()
        monkeypatch.setattr(Engine, "feed", feed)
        told = News(talk, meet.CandidatesTold())
        for then_punch, times in ((False, 0), (True, 1)):
            both.ann.asked.clear()
            order = meet.TellCandidates((), UNKNOWN_NAT, then_punch=then_punch)
            both.ann.talks.perform(engine.Order(talk, order))
            assert told not in fed, "the server has not heard yet"
            async with asyncio.timeout(10):
                while not both.ann.asked:
                    await asyncio.sleep(0)
            assert fed.count(told) == times


async def test_a_log_out_says_goodbye_in_every_talk(tmp_path: Path) -> None:
    async with two(tmp_path) as both:
        talks = {await both.meet() for _ in range(3)}
        both.ann.driver.feed(standing.LogOut())
        assert SendLogOut() in both.ann.orders
        assert {ended.reason for ended in both.ann.told(api.TalkEnded)} == {api.Ended.LOGGED_OUT}
        ended = await both.bob.sees(api.TalkEnded, count=3)
        assert {each.talk for each in ended} == talks
        assert {each.reason for each in ended} == {api.Ended.PEER_HUNG_UP}
        async with asyncio.timeout(20):
            await asyncio.gather(both.ann.talks.closed(), both.bob.talks.closed())
        assert both.ann.engine.deadline is None


async def test_links_are_closed_at_once_where_the_goodbye_is_not_waited_for(tmp_path: Path) -> None:
    async with two(tmp_path) as both:
        for _ in range(3):
            await both.meet()
        both.bob.driver.close()  # acknowledges nothing any more
        both.ann.driver.feed(standing.Leave())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await both.ann.talks.closed()
        both.ann.driver.close()
        async with asyncio.timeout(AT_ONCE + 5):
            await both.ann.talks.close()
            await both.ann.talks.closed()


async def test_where_there_is_no_talk_nothing_is_waited_for(tmp_path: Path) -> None:
    async with two(tmp_path) as both:
        await both.ann.talks.closed()


async def test_the_servers_word_about_a_peer_reaches_its_talk_and_no_other(tmp_path: Path) -> None:
    async with two(tmp_path) as both:
        talk = await both.meet()
        for match_id in ("of no talk", talk):
            both.ann.talks.heard(control.PeerOpened(match_id, 0))
            both.ann.talks.heard(control.PeerCandidates(match_id, (), UNKNOWN_NAT))
        both.ann.talks.network_changed(frozenset())
        await both.ann.talks.do(api.SendText("still here"))
        await both.bob.sees(api.TextReceived, talk)


async def test_what_a_meeting_has_to_tell_goes_to_the_server(tmp_path: Path) -> None:
    async with two(tmp_path) as both:
        talk = await both.meet()
        perform = both.ann.talks.perform
        perform(engine.Order(talk, meet.TellOpened(2)))
        perform(engine.Order(talk, meet.TellCandidates((), UNKNOWN_NAT)))
        perform(engine.Order(talk, meet.TellCandidates((), UNKNOWN_NAT, then_punch=True)))
        where = control.UpdateCandidates(UNNUMBERED, talk, (), UNKNOWN_NAT)
        async with asyncio.timeout(10):
            while len(both.ann.asked) < 3:
                await asyncio.sleep(0)
        assert both.ann.asked == [control.Opened(UNNUMBERED, talk, 2), where, where]
        perform(engine.Order(talk, meet.RenewPort()))
        await both.ann.talks.do(api.HangUp())
        async with asyncio.timeout(20):
            await both.ann.talks.closed()
        both.ann.driver.feed(News(talk, meet.CandidatesTold()))
        assert await refusal(both.ann, api.SendText("hi")) is Code.NO_TALK
