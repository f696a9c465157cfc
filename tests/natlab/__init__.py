"""The NAT laboratory: hosts and NATs in network namespaces, joined by an Internet in user space.

`python -m tests.natlab` is for use by hand. From the bottom up: `namespaces`,
`packets` and `pcap`, `nats` (the table of kinds), `translator` (those that no
rules can play), `wire` (the Internet), `igd`, `places` and `scene` (what is where),
`classify` (prove the kinds), `lab`. On top `matrix` measures every pair of kinds: `rows` (runs
and their tables), `town` (two homes of each kind), `peers` (FLOATER and what it is compared with).
"""
