"""A home router that opens ports when asked: miniupnpd, as many of them run it.

It speaks UPnP-IGD, NAT-PMP (RFC 6886) and PCP (RFC 6887), and opens pinholes in a firewall for IPv6.
What it is asked for becomes rules of nftables in its own table. They translate
and forward; they do not overrule a kind that forwards no SYN at all (SYNBLOCK).
"""

import subprocess
import time
from pathlib import Path
from typing import Final

from tests.natlab import namespaces
from tests.natlab.namespaces import Namespace

_PORTS: Final = {"enable_upnp": 1900, "enable_natpmp": 5351}  # SSDP; RFC 6887 §19
_PATIENCE: Final = 30.0

_CONFIG: Final = """
ext_ifname=wan
listening_ip=lan
secure_mode=yes
uuid=00000000-0000-4000-8000-{number:012x}
upnp_table_name={table}
upnp_nat_table_name=igd
upnp_forward_chain={forwards}
upnp_nat_chain=targets
upnp_nat_postrouting_chain=sources
min_lifetime=1
allow 1024-65535 0.0.0.0/0 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""

# It wants nat chains of the family `inet`; those of the kind come first, being there before.
# A daemon that is started again begins with nothing mapped.
_RULES: Final = """
table inet igd
delete table inet igd
table inet igd {
  chain forwards {
  }
  chain targets {
  }
  chain sources {
  }
  chain forward { type filter hook forward priority 0; jump forwards
  }
  chain pre { type nat hook prerouting priority -100; jump targets
  }
  chain post { type nat hook postrouting priority 100; jump sources
  }
}
"""
# By IPv6 the daemon serves PCP whatever its configuration says.
_NO_PCP_6: Final = """
table inet igd {
  chain in { type filter hook input priority 0; meta nfproto ipv6 udp dport 5351 reject
  }
}
"""


def offer_mappings(
    namespace: Namespace,
    folder: Path,
    *,
    upnp: bool = True,
    pcp: bool = True,
    picks_ports: bool = True,
    firewall6: str = "",
) -> subprocess.Popen[bytes]:
    """Let a router map ports on request and wait until it listens. It ends with its namespace.

    Args:
        namespace: the router's, with `lan` and `wan`.
        folder: for its configuration and its log, `igd-….log`.
        upnp: whether it can be found and asked by UPnP.
        pcp: whether it can be asked by PCP and NAT-PMP, which share a port.
        picks_ports: whether its UPnP knows WANIPConnection:2, which finds another port for one that is taken.
        firewall6: the table of the IPv6 firewall, whose chain `pinholes` is its own from now on; empty: none.
    """
    wanted = {"enable_upnp": upnp, "enable_natpmp": pcp}
    table, forwards = (firewall6, "pinholes") if firewall6 else ("igd", "forwards")
    config = _CONFIG.format(number=int(namespace.name.split("-")[3]), table=table, forwards=forwards)
    config += f"ipv6_disable={'no' if firewall6 else 'yes'}\n"
    config += f"force_igd_desc_v1={'no' if picks_ports else 'yes'}\n"
    config += "".join(f"{key}={'yes' if wish else 'no'}\n" for key, wish in wanted.items())
    path = folder / f"igd-{namespace.name}.conf"
    path.write_text(config)
    pinholes = f"flush chain inet {firewall6} pinholes\n" if firewall6 else ""
    namespace.nft(_RULES + pinholes + ("" if pcp else _NO_PCP_6))
    with path.with_suffix(".log").open("wb") as log:
        command = [*namespace.prefix, namespaces.tool("miniupnpd"), "-d", "-f", str(path)]
        running = subprocess.Popen([*command, "-P", str(path.with_suffix(".pid"))], stderr=log, stdout=log)
    deadline = time.monotonic() + _PATIENCE
    ports = {_PORTS[key] for key, wish in wanted.items() if wish}
    families = (False, True) if firewall6 else (False,)
    while not all(ports <= namespace.udp_ports(ipv6=family) for family in families):
        if running.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"miniupnpd: {path.with_suffix('.log').read_text()}")
        time.sleep(0.002)
    return running
