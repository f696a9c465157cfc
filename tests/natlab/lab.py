"""The laboratory: a scene whose kinds of NAT are proved before they are used.

with Lab(rtt=0.08) as lab:
    server = lab.host("server")
    alice = lab.behind("APDF", "alice")
    lab.capture("alice")
    server.start("python", "-m", "http.server")
    ...
    lab.cut("alice")                        # and heal it
    lab.detour("server", "alice", 0.3)      # hears later from the server than others do
    lab.move("alice", lab.router("SYM-RAND", "cafe"))
    alice.router.forget()                   # as if switched off and on
"""

from tests.natlab.classify import prove
from tests.natlab.nats import Kind
from tests.natlab.scene import Scene
from tests.natlab.wire import Line

__all__ = ["Lab", "Line"]


class Lab(Scene):
    """A scene in which a NAT of a kind that does not behave like one cannot be had."""

    def admit(self, kind: str | Kind, *, hairpin: bool) -> None:
        """Prove a kind.

        Raises:
            KindFailed: on this machine the kind does not do what its name says.
        """
        prove(kind, hairpin=hairpin)
