"""A local port prepared for punching: what it looks like from outside, known before it is needed (spec §5.1)."""

from collections.abc import Callable, Sequence

from floater.core.observe import Observation
from floater.wire.control import Mapping
from floater.wire.endpoint import Candidate, Endpoint
from floater.wire.url import ServerUrl


class PunchPort:
    """One port of this computer, bound, with a stream to an observer held open so that NATs keep its mapping.

    Good for one match: give it to `Meeting`, which closes it, or close it.
    """

    port: int
    candidates: tuple[Candidate, ...]
    "For `seek`: public ones first, then this computer's own, at most MAX_CANDIDATES."
    mapping: Mapping
    observations: tuple[Observation, ...]
    public: tuple[Endpoint, ...]
    private: tuple[Endpoint, ...]
    is_stale: bool
    "What the outside sees may have changed: prepare another one."

    async def close(self) -> None:
        """Give the port back."""
        raise NotImplementedError


async def prepare_punch_port(
    *,
    server: ServerUrl,
    observers: Sequence[str],
    observer_key: str,
    timeout: float = 2.0,
    on_stale: Callable[[], None] | None = None,
) -> PunchPort:
    """Bind a fresh port and ask the observers what it looks like.

    Never fails for want of observers: what did not answer in `timeout`
    seconds is left out, and with no answer there are private candidates only
    and the mapping is UNKNOWN.

    Args:
        server: the server of `welcome`.
        observers: of `welcome`.
        observer_key: of `welcome`.
        timeout: seconds to wait for observers.
        on_stale: called once when `is_stale` becomes true.
    """
    raise NotImplementedError
