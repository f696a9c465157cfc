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
from tests.natlab.nats import Kind, Stray
from tests.natlab.scene import Router, Scene
from tests.natlab.wire import Line

__all__ = ["Lab", "Line"]


class Lab(Scene):
    """A scene in which a NAT of a kind that does not behave like one cannot be had."""

    def router(
        self,
        kind: str | Kind,
        name: str,
        *,
        under: Router | None = None,
        is_carrier: bool = False,
        hairpin: bool = False,
        igd: bool = False,
        ipv6: bool = True,
        stray6: Stray = Stray.DROPPED,
        line: Line | None = None,
    ) -> Router:
        """Put a router of a kind on the wire, or behind another router.

        Raises:
            KindFailed: on this machine the kind does not do what its name says.
        """
        prove(kind, hairpin=hairpin)
        return super().router(
            kind,
            name,
            under=under,
            is_carrier=is_carrier,
            hairpin=hairpin,
            igd=igd,
            ipv6=ipv6,
            stray6=stray6,
            line=line,
        )
