"""Decide about the strangers of one node, from the search to the pair: matching and pairing put together.

::

    seek ──▶ matching ──Proposed──▶ pairing ──▶ Paired
                ▲ ◀──Failed, Freed──── │
                                       └──▶ Send: messages between seats, and to all nodes
"""

from typing import Final, TypeAlias

from floater.codes import Code
from floater.machine import Tick
from floater.wire.control import EndReason
from server.core import matching, pairing, proposal
from server.core.events import Agreed, CancelSeek, Refused, Seek, Send
from server.core.matches import Ended, Over
from server.core.matching import Matching, Waiting
from server.core.pairing import Paired, Pairing
from server.core.pool import NodeId, UserId
from server.core.seat import SeatState
from server.core.seats import Seats

FELL_THROUGH: Final = frozenset({EndReason.CANCELLED, EndReason.NO_SHOW, EndReason.LEFT})
"Reasons by which a match ends that never became a talk."

Effect: TypeAlias = Agreed | Refused | Send | Paired


class Strangers:
    """The seats of one node's accounts, and who of them waits.

    Args:
        node: its name.
        alone: there is no other node.
    """

    def __init__(self, node: NodeId = "", *, alone: bool = True) -> None:
        self._seats = Seats()
        self._pairing = Pairing(self._seats)
        self._matching = Matching(node, alone=alone)
        self._epoch = 0

    def __contains__(self, user: UserId) -> bool:
        """Whether the account has a seat."""
        return user in self._seats

    @property
    def deadline(self) -> float | None:
        """When the next of the two has something to do."""
        due = (self._pairing.deadline, self._matching.deadline)
        return min((when for when in due if when is not None), default=None)

    def state(self, user: UserId) -> SeatState | None:
        """Return how an account's seat stands; None if it has none."""
        return self._seats.state(user)

    def match_of(self, user: UserId) -> str:
        """Return the match in which an account's seat is paired; empty if there is none."""
        return self._seats.match_of(user)

    # -- seats ----------------------------------------------------------------------------

    def sit(self, user: UserId) -> None:
        """Give an account a seat, unless it has one."""
        self._seats.sit(user)

    def hold(self, user: UserId, match_id: str) -> None:
        """Pair an account's seat in a match that is older than this server's memory, if the seat is idle."""
        if self.state(user) is SeatState.IDLE:
            self._seats[user].hold(match_id)

    def rename(self, user: UserId, username: str) -> None:
        """Change the name under which an account that waits will be introduced."""
        self._seats.rename(user, username)

    def stop(self, user: UserId, *, now: float) -> list[Effect]:
        """Let an account wait no more, and forget its place in the front line."""
        self._matching.feed(matching.Discredit(user), now=now)
        return self._stand(user, now)

    def remove(self, user: UserId, *, now: float) -> None:
        """Take the seat of an account away that does not wait."""
        self._matching.feed(matching.Discredit(user), now=now)
        self._seats.remove(user)

    def end(self, over: Over, *, now: float) -> None:
        """Free the seat that was paired in a match that is over, if one was.

        If the match fell through, the side without fault may stand in the
        front line once, and the two are kept apart for a while.
        """
        if self.match_of(over.user) != over.match_id:
            return
        self._pairing.feed(pairing.Stand(over.user), now=now)
        innocent = over.reason in FELL_THROUGH if over.by_peer else over.reason is EndReason.NO_SHOW
        if innocent:
            self._matching.feed(matching.Credit(over.user, over.match_id), now=now)
        if over.reason in FELL_THROUGH and over.peer is not None:
            self._matching.feed(matching.KeepApart(over.user, over.peer), now=now)

    # -- requests and messages ------------------------------------------------------------

    def seek(self, wish: Seek, *, now: float) -> list[Effect]:
        """Let an account wait, and propose a partner for it."""
        user = wish.request.account
        state = self.state(user)
        if state is not SeatState.IDLE:
            code = Code.IN_A_TALK if state is SeatState.PAIRED else Code.ALREADY_SEEKING
            return [Refused(wish.request, code)]
        self._epoch += 1
        self._seats.wait(user, self._epoch, wish.side)
        enter = matching.Enter(user, self._epoch, wish.pick, wish.match_id, wish.time, wish.after)
        effects = self._from_matching(self._matching.feed(enter, now=now), now)
        return [Agreed(wish.request, wish.notice), *effects]

    def cancel(self, event: CancelSeek, *, now: float) -> list[Effect]:
        """Let an account wait no more, because its client wants so."""
        user = event.request.account
        match self.state(user):
            case SeatState.PAIRED:
                return [Refused(event.request, Code.ALREADY_MATCHED)]
            case SeatState.IDLE:
                return [Refused(event.request, Code.NOT_SEEKING)]
            case _:
                return [Agreed(event.request), *self._stand(user, now)]

    def hear(self, message: proposal.Message | pairing.Undo | Waiting | Tick, *, now: float) -> list[Effect]:
        """Take a message of another seat or node, or the deadline."""
        effects: list[Effect] = []
        if not isinstance(message, Waiting):
            effects += self._from_pairing(self._pairing.feed(message, now=now), now)
        if isinstance(message, Waiting | Tick):
            effects += self._from_matching(self._matching.feed(message, now=now), now)
        return effects

    # -- parts of the above ---------------------------------------------------------------

    def _stand(self, user: UserId, now: float) -> list[Effect]:
        if self.state(user) not in (SeatState.WAITING, SeatState.RESERVED):
            return []
        effects = self._from_pairing(self._pairing.feed(pairing.Stand(user), now=now), now)
        return effects + self._from_matching(self._matching.feed(matching.Leave(user), now=now), now)

    def _from_matching(self, effects: list[matching.Effect], now: float) -> list[Effect]:
        done: list[Effect] = []
        for effect in effects:
            if isinstance(effect, matching.Proposed):
                proposed = self._pairing.feed(pairing.Propose(effect.proposal), now=now)
                done += self._from_pairing(proposed, now)
            else:
                done.append(Send(None, effect.message))
        return done

    def _from_pairing(self, effects: list[pairing.Effect], now: float) -> list[Effect]:
        done: list[Effect] = []
        for effect in effects:
            match effect:
                case pairing.Send(to, message):
                    done.append(Send(to, message))
                case Paired(_, user):
                    done.append(effect)
                    self._matching.feed(matching.Discredit(user), now=now)
                    done += self._from_matching(self._matching.feed(matching.Leave(user), now=now), now)
                case pairing.Failed(failure, is_gone):
                    failed = self._matching.feed(matching.Fail(failure, is_gone), now=now)
                    done += self._from_matching(failed, now)
                case pairing.Freed(user):
                    done += self._from_matching(self._matching.feed(matching.Free(user), now=now), now)
                case _:  # Abandoned
                    match_id, caller = effect.proposal.match_id, effect.proposal.caller.user
                    ended = Ended(match_id, caller, EndReason.LEFT)
                    done.append(Send(effect.proposal.callee.node, ended))
        return done
