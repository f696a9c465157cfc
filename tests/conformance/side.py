"""One side of a talk whose peer is made of headers, with a store of one small file."""

import base64
import hashlib
import json
from typing import Any, Final

from floater import api
from floater.core.link import Arrived, LinkDown, LinkUp, Transmit, Writable
from floater.core.talk.talk import OfferFile, Talk
from floater.core.talk.transfer import BlockRead, CreateFile, FileCreated, ReadBlock
from floater.wire.frame import Frame
from floater.wire.talk import decode_talk
from tests.helpers.pair import FOLLOWER, LEADER, of_follower

BYTES: Final = b"0123456789"
SHA256: Final = base64.b64encode(hashlib.sha256(BYTES).digest()).decode()


class Side:
    """The leader's talk on link 1, and the store that reads and writes for it.

    Args:
        greeted: whether both have greeted.
    """

    def __init__(self, *, greeted: bool = True) -> None:
        self.talk = Talk(LEADER, FOLLOWER)
        self.transfer = ""
        self._now = 0.0
        self._seq = 0
        self._link = 1
        self.does(LinkUp(1, 0))
        if greeted:
            self.does(api.Greet("en"))
            self.hears({"type": "greet"})

    def does(self, event: Any) -> list[Any]:
        """Feed an event and do what follows from it at the store; returns all effects."""
        self._now += 1.0
        effects: list[Any] = [*self.talk.feed(event, now=self._now)]
        for effect in list(effects):
            match effect:
                case ReadBlock(file, first, size):
                    data = BYTES[first : first + size]
                    effects += self.does(BlockRead(file, first, data, base64.b64decode(SHA256)))
                    effects += self.does(Writable(self._link))
                case CreateFile(transfer):
                    effects += self.does(FileCreated(transfer))
        return effects

    def hears(self, header: dict[str, Any], body: bytes = b"") -> list[Any]:
        """Take a message of the peer; gives it the next number unless it is of a type without."""
        if header["type"] not in ("get", "part", "typing"):
            self._seq += 1
            header = {"seq": self._seq, "received": 0, **header}
        return self.takes(header, body)

    def takes(self, header: dict[str, Any], body: bytes = b"", *, link: int = 0) -> list[Any]:
        """Take a header as it is, on the link in use unless another is named."""
        message = decode_talk(Frame(json.dumps(header).encode(), body))
        return [] if message is None else self.does(Arrived(link or self._link, message, body))

    def offers(self, size: int = len(BYTES)) -> None:
        self.does(OfferFile(1, "a.bin", "application/octet-stream", size))
        self.transfer = self.talk.last_id

    def is_offered(self) -> None:
        self.says("offer", name="a.bin", content_type="application/octet-stream", content_length=len(BYTES))
        self.transfer = of_follower(self._seq)

    def says(self, word: str, **fields: Any) -> list[Any]:
        """Take a message of the peer about the transfer."""
        body = BYTES[:4] if word == "part" else b""
        about = {} if word in ("offer", "refuse") else {"transfer": self.transfer}
        return self.hears({"type": word, **about, **fields}, body)

    def move(self, link: int) -> list[Any]:
        """Change the link, which the peer does not notice: it has acknowledged nothing."""
        self.does(LinkDown(self._link))
        self._link = link
        return self.does(LinkUp(link, 0))


def said(effects: list[Any], kind: type) -> list[Any]:
    """The messages of one type that go out."""
    sent = [effect.message for effect in effects if isinstance(effect, Transmit)]
    return [message for message in sent if isinstance(message, kind)]
