"""A real server and two people in the laboratory, each where they live, as far as home."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.helpers.headless import Person, Server
from tests.natlab.scene import Host


@asynccontextmanager
async def two_at_home(
    folder: Path,
    server_host: Host,
    hosts: tuple[Host, Host],
    envs: tuple[Mapping[str, str], Mapping[str, str]],
    *,
    hide: bool = False,
) -> AsyncIterator[tuple[Server, Person, Person]]:
    """Start a server, and let Alice and Bob sign up and log in.

    Args:
        folder: for everything; the data of each is in a folder of their host's name.
        server_host: observes from each of its addresses.
        hosts: Alice's and Bob's.
        envs: what their programs find in the environment.
        hide: whether Alice hides her address.
    """
    observers = [f"[{place}]" if ":" in place else place for place in server_host.addresses[1:]]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            Server(
                folder / "server",
                *(word for place in observers for word in ("--stun", f"{place}:3478")),
                listen=f"{server_host.address}:443",
                prefix=server_host.prefix,
            )
        )
        alice, bob = [
            await stack.enter_async_context(Person(server, folder / host.name, prefix=host.prefix, env=env))
            for host, env in zip(hosts, envs, strict=True)
        ]
        await asyncio.gather(
            alice.sign_up_and_log_in("alice@example.org", "Alice"),
            bob.sign_up_and_log_in("bob@example.org", "Bob"),
        )
        if hide:
            await alice.do("set", hide_address=True)
        yield server, alice, bob
