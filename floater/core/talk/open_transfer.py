"""What a transfer is in either direction, from its offer to its end (spec §7.5, §7.6)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.talk.orders import Say, Send
from floater.core.talk.transfer import PROGRESS_INTERVAL, FileOrder
from floater.errors import Refused
from floater.wire import talk as wire
from floater.wire.limits import MAX_OPEN_OFFERS

Effect: TypeAlias = Say | Send | Emit | FileOrder


@dataclass(slots=True)
class OpenTransfer:
    """One transfer that is not over."""

    id: str
    size: int
    paused: bool = field(default=False, kw_only=True)
    paused_by_peer: bool = field(default=False, kw_only=True)
    progress_at: float = field(default=float("-inf"), kw_only=True)

    @property
    def rests(self) -> bool:
        """Whether either side lets it rest."""
        return self.paused or self.paused_by_peer

    @property
    def shown(self) -> Emit:
        """The event that says who lets it rest."""
        return Emit(api.Paused(self.id, by_you=self.paused, by_peer=self.paused_by_peer))

    def pause(self, wish: api.Pause | api.Resume) -> Say:
        """Let it rest or go on, as our person wishes, and return the message that says so.

        Raises:
            Refused: TRANSFER_STATE; it does so already.
        """
        paused = isinstance(wish, api.Pause)
        if paused is self.paused:
            raise Refused(Code.TRANSFER_STATE)
        self.paused = paused
        return Say(wire.Pause if paused else wire.Resume, self.id)

    def progress(self, place: int, *, last: bool, now: float) -> list[Effect]:
        """Tell how far it is, if it is time to; `last` always is."""
        if not last and now - self.progress_at < PROGRESS_INTERVAL:
            return []
        self.progress_at = now
        return [Emit(api.Progress(self.id, place, self.size))]


AnyTransfer = TypeVar("AnyTransfer", bound=OpenTransfer)


class OpenTransfers(ABC, Generic[AnyTransfer]):
    """All open transfers of one direction."""

    def __init__(self) -> None:
        self._transfers: dict[str, AnyTransfer] = {}

    @property
    def is_full(self) -> bool:
        """Whether no further file may be offered in this direction."""
        return len(self._transfers) >= MAX_OPEN_OFFERS

    def has(self, transfer: str) -> bool:
        """Say whether there is an open transfer of this id."""
        return transfer in self._transfers

    def end(self) -> list[Effect]:
        """Give everything up: the talk is over."""
        effects: list[Effect] = []
        for transfer in list(self._transfers.values()):
            effects += self._gone(transfer, Code.TALK_ENDED)
        return effects

    def _give_up(self, transfer: AnyTransfer, code: Code, to_us: Code | None = None) -> list[Effect]:
        """End one, for the reason `code`; our person is told `to_us`, if that differs."""
        return [Say(wire.Cancel, transfer.id, code.value), *self._gone(transfer, to_us or code)]

    def _gone(self, transfer: AnyTransfer, code: Code) -> list[Effect]:
        """End one without success, and without a word to the peer."""
        error = api.Error(code.value, "")
        return [*self._close(transfer), Emit(api.Failed(transfer.id, error))]

    @abstractmethod
    def _close(self, transfer: AnyTransfer) -> list[Effect]:
        """Forget one, and return what is to become of its file."""
