"""The NAT laboratory: hosts and NATs in network namespaces, joined by an Internet in user space.

`python -m tests.natlab` is for use by hand. From the bottom up: `namespaces`,
`packets` and `pcap`, `wire` (the Internet), `nats` (the table of kinds),
`scene` (what is where), `classify` (prove the kinds), `lab`.
"""
