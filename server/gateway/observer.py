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
from floater.wire.nat import Stray
from floater.wire.stun import BindingRequest, BindingResponse, Probe, ProbeReport, encode, take_message
from server.core.observations import Observations
from server.gateway.prober import Prober
from server.gateway.streams import Stream, endpoint_of, log_broken_off

MAX_REQUESTS: Final = 1_000
"Requests on one connection; then the client has to connect again."


class Observer(asyncio.Protocol):
    """One connection to an observer."""

    def __init__(self, stream: Stream, observations: Observations[Stream], prober: Prober) -> None:
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
        treatment = self._observations.join(self._key, stream)
        if treatment.is_trusted:
            stream.trust()
        stream.deadline = asyncio.get_running_loop().time() + treatment.held
        # The SYNs leave before the answer: a client that has the answer will get no SYN later.
        probe = self._probe(request, stream.transport)
        stream.transport.write(encode(BindingResponse(request.transaction, stream.endpoint, probe)))

    def _probe(self, request: BindingRequest, transport: asyncio.Transport) -> Probe:
        # A proxied client has dialled an address of the proxy: SYNs from ours would tell nothing of its NAT.
        if not request.probe or not self._may_probe or self._stream.is_proxied:
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
