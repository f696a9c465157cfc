import pytest

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.talk.open_transfer import OpenTransfer
from floater.core.talk.orders import Say
from floater.core.talk.outgoing import Outgoing
from floater.core.talk.transfer import CloseFile, OfferFile
from floater.errors import Refused
from floater.wire import talk as wire
from floater.wire.limits import MAX_OPEN_OFFERS
from tests.helpers.pair import of_leader

ID = of_leader(2)
PAUSE, RESUME = api.Pause(ID), api.Resume(ID)


def test_either_side_lets_it_rest() -> None:
    transfer = OpenTransfer(ID, 9)
    rests = [transfer.rests]
    assert transfer.pause(PAUSE) == Say(wire.Pause, ID)
    rests.append(transfer.rests)
    transfer.paused_by_peer = True
    assert transfer.shown == Emit(api.Paused(ID, by_you=True, by_peer=True))
    assert transfer.pause(RESUME) == Say(wire.Resume, ID)
    rests.append(transfer.rests)
    transfer.paused_by_peer = False
    assert [*rests, transfer.rests] == [False, True, True, False]


@pytest.mark.parametrize(("paused", "again"), [(True, PAUSE), (False, RESUME)])
def test_a_wish_that_changes_nothing_is_refused(paused: bool, again: api.Pause | api.Resume) -> None:
    with pytest.raises(Refused) as refused:
        OpenTransfer(ID, 9, paused=paused).pause(again)
    assert refused.value.code is Code.TRANSFER_STATE


def test_progress_is_told_every_tenth_of_a_second_and_at_the_end() -> None:
    transfer = OpenTransfer(ID, 9)
    assert transfer.progress(1, last=False, now=0.0) == [Emit(api.Progress(ID, 1, 9))]
    assert transfer.progress(2, last=False, now=0.09) == []
    assert transfer.progress(9, last=True, now=0.09) == [Emit(api.Progress(ID, 9, 9))]
    assert transfer.progress(3, last=False, now=0.19) == [Emit(api.Progress(ID, 3, 9))]


def test_a_direction_holds_so_many_and_gives_all_up_at_the_end() -> None:
    outgoing = Outgoing()
    for number in range(MAX_OPEN_OFFERS):
        assert not outgoing.is_full
        outgoing.offer(of_leader(number + 1), OfferFile(number, "a", "b/c", 1))
    assert outgoing.is_full
    assert outgoing.has(ID)
    ended = outgoing.end()
    error = api.Error("talk_ended", "")
    assert ended[:2] == [CloseFile(0), Emit(api.Failed(of_leader(1), error))]
    assert len(ended) == 2 * MAX_OPEN_OFFERS
    assert not outgoing.has(ID)
    assert outgoing.end() == []
