"""Tell clients what their endpoint looks like from here: STUN Binding over TCP (spec §5.1).

A connection may ask again and stay open, which keeps the mapping in the
client's NAT alive. If a request names the `observer_key` of a control
connection, the endpoint is noted for that connection; only noted endpoints are
passed on to strangers as public ones.
"""

import asyncio
from typing import Final

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Stray
from floater.wire.stun import BindingRequest, BindingResponse, Probe, ProbeReport, encode, take_message
from server.gateway.prober import Prober
from server.gateway.streams import Stream, endpoint_of, log_broken_off

HELD_OPEN: Final = 600.0
"Seconds without a request before an observer hangs up, if the last request named a known `observer_key`."
HELD_FOR_STRANGERS: Final = 30.0
"Seconds likewise, if it did not."
MAX_SEEN: Final = 32
"Endpoints noted for one connection; the oldest goes first."
MAX_REQUESTS: Final = 1_000
"Requests on one connection; then the client has to connect again."


class Observations:
    """The endpoints that the observers saw, by the `observer_key` of each control connection."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[Endpoint, None]] = {}
        self._streams: dict[str, set[Stream]] = {}
        self._trusted: set[str] = set()

    def expect(self, key: str) -> None:
        """Note endpoints for this key from now on."""
        self._seen[key] = {}

    def forget(self, key: str) -> None:
        """Forget a key whose connection has ended."""
        self._seen.pop(key, None)
        self._trusted.discard(key)
        for stream in self._streams.pop(key, ()):
            stream.distrust()

    def trust(self, key: str) -> None:
        """Count the streams that name this key as those of a known account from now on."""
        if key in self._seen:
            self._trusted.add(key)
            for stream in self._streams.get(key, ()):
                stream.trust()

    def join(self, key: str, stream: Stream) -> bool:
        """Take note that a stream names this key; return False if the key was not given to a connection."""
        if key not in self._seen:
            return False
        streams = self._streams.setdefault(key, set())
        streams.add(stream)
        if key in self._trusted and len(streams) <= MAX_SEEN:
            stream.trust()
        return True

    def part(self, key: str, stream: Stream) -> None:
        """Take note that a stream that named this key has ended, or names another."""
        streams = self._streams.get(key, set())
        streams.discard(stream)
        if not streams:
            self._streams.pop(key, None)

    def note(self, key: str, endpoint: Endpoint) -> None:
        """Note an endpoint for a key; ignore a key that was not given to a connection."""
        seen = self._seen.get(key)
        if seen is None:
            return
        seen.pop(endpoint, None)
        seen[endpoint] = None
        if len(seen) > MAX_SEEN:
            del seen[next(iter(seen))]

    def seen(self, key: str) -> frozenset[Endpoint]:
        """Return the endpoints noted for a key."""
        return frozenset(self._seen.get(key, ()))


class Observer(asyncio.Protocol):
    """One connection to an observer."""

    def __init__(self, stream: Stream, observations: Observations, prober: Prober) -> None:
        self._stream = stream
        self._observations = observations
        self._prober = prober
        self._may_probe = True
        self._buffer = bytearray()
        self._left = MAX_REQUESTS
        self._key = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Use this transport; the deadline runs already."""
        self._stream.attach(transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole; hang up on anything else."""
        self._buffer += data
        try:
            while (message := take_message(self._buffer)) is not None:
                if not isinstance(message, BindingRequest):
                    raise RemoteProtocolError(Code.UNEXPECTED, "no request")
                if not self._left:
                    raise RemoteProtocolError(Code.TOO_MANY_TRIES, "requests")
                self._answer(message)
        except RemoteProtocolError as error:
            self._break_off(error.code)

    def _break_off(self, code: Code) -> None:
        log_broken_off("observer", code)
        self._stream.close()

    def _answer(self, request: BindingRequest) -> None:
        stream = self._stream
        assert stream.transport is not None
        self._left -= 1
        self._observations.note(request.username, stream.endpoint)
        stream.settle()
        if request.username != self._key:
            self._observations.part(self._key, stream)
            stream.distrust()
            self._key = request.username
        is_known = self._observations.join(self._key, stream)
        held = HELD_OPEN if is_known else HELD_FOR_STRANGERS
        stream.deadline = asyncio.get_running_loop().time() + held
        # The SYNs leave before the answer: a client that has the answer will get no SYN later.
        probe = self._probe(request, stream.transport)
        stream.transport.write(encode(BindingResponse(request.transaction, stream.endpoint, probe)))

    def _probe(self, request: BindingRequest, transport: asyncio.Transport) -> Probe:
        if not request.probe or not self._may_probe:
            return Probe.NONE
        self._may_probe = False

        def tell(probe: Probe, fate: Stray) -> None:
            if not transport.is_closing():
                transport.write(encode(ProbeReport(request.transaction, probe, fate)))

        own = endpoint_of(transport.get_extra_info("sockname")).host
        return self._prober.probe(request.probe, self._stream.endpoint, own, tell)

    def pause_writing(self) -> None:
        """Drop a client that asks and does not read."""
        log_broken_off("observer", Code.TIMED_OUT)
        self._stream.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting it."""
        self._observations.part(self._key, self._stream)
        self._stream.ended()
