// A relay, or a peer that dials another through it and lets DCUtR look for a direct way (libp2p specs, relay/DCUtR.md).
//
//   node peer.mjs relay /ip4/…/tcp/…            node peer.mjs peer RELAY PUBLIC-ADDRESS …
//
// JSON lines: {"ready", "id"} when it can be dialled, {"open": "relay" | "direct", "at"} for each connection to another
// peer than the relay, {"word"} when the other end has answered. One line of input: the peer to dial.

import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { dcutr } from '@libp2p/dcutr'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { createInterface } from 'node:readline'

const PORT = 4001
const say = (line) => console.log(JSON.stringify({ ...line, at: (performance.timeOrigin + performance.now()) / 1e3 }))
const secured = { connectionEncrypters: [noise()], streamMuxers: [yamux()] }
const [what, place, own] = process.argv.slice(2)

if (what === 'relay') {
  const node = await createLibp2p({
    ...secured,
    addresses: { listen: [place] },
    transports: [tcp()],
    services: {
      identify: identify(),
      relay: circuitRelayServer({ reservations: { maxReservations: 1_000 } })
    }
  })
  say({ ready: `${place}/p2p/${node.peerId}`, id: `${node.peerId}` })
} else {
  const node = await createLibp2p({
    ...secured,
    addresses: {
      listen: [`/ip4/0.0.0.0/tcp/${PORT}`, `${place}/p2p-circuit`],
      // What a person would write down who knows the address and has the router keep ports: more than it finds out.
      appendAnnounce: [`/ip4/${own}/tcp/${PORT}`]
    },
    transports: [tcp(), circuitRelayTransport()],
    services: { identify: identify(), dcutr: dcutr(), ping: ping() }
  })
  const relay = place.split('/').at(-1)
  node.addEventListener('connection:open', ({ detail }) => {
    if (`${detail.remotePeer}` !== relay) {
      say({ open: detail.limits === undefined ? 'direct' : 'relay', from: `${detail.remoteAddr}` })
    }
  })
  const told = () => {
    const here = node.getMultiaddrs().map(String).find((address) => address.includes('/p2p-circuit'))
    if (here !== undefined) say({ ready: here, id: `${node.peerId}` })
    return here !== undefined
  }
  if (!told()) {
    node.addEventListener('self:peer:update', function again () {
      if (told()) node.removeEventListener('self:peer:update', again)
    })
  }
  const { multiaddr } = await import('@multiformats/multiaddr')
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const { remotePeer } = await node.dial(multiaddr(line))
      await node.services.ping.ping(remotePeer)
      say({ word: true })
    } catch (error) {
      say({ error: error.name })
    }
  }
  process.exit(0)
}
