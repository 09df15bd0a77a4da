import { BlockList, isIP } from 'node:net'
import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'

interface ConnectionLimits {
  /** Connections that may be open at once. */
  most?: number | undefined
  /** Of them, those from one IPv4 address or one IPv6 network of 64 bits. */
  mostOfAddress?: number | undefined
  /** Addresses and networks on whose connections many others speak. */
  trustedProxies: readonly string[]
}

/**
 * Bounds the connections, all and those of one address, and closes those of callers who were refused or only probed:
 * nobody shuts the others out by holding connections. A trusted proxy has as many as it needs, and keeps them.
 */
export function limitConnections(app: FastifyInstance, limits: ConnectionLimits): void {
  const { most, mostOfAddress = Number.POSITIVE_INFINITY, trustedProxies } = limits
  const isTrusted = makeMatcher(trustedProxies)
  const open = new Map<string, number>()
  if (most !== undefined) app.server.maxConnections = most

  app.server.on('connection', (socket) => {
    const { remoteAddress } = socket
    if (remoteAddress === undefined || isTrusted(remoteAddress)) return
    const address = normalizeIP(remoteAddress)
    const count = open.get(address) ?? 0
    if (count >= mostOfAddress) {
      socket.destroy()
      return
    }
    open.set(address, count + 1)
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1
      if (left > 0) open.set(address, left)
      else open.delete(address)
    })
  })

  app.addHook('onSend', async (request, reply, payload) => {
    const isKept = !request.routeOptions.config?.isProbe && reply.statusCode !== 401 && reply.statusCode !== 429
    if (!isKept && !isTrusted(request.socket.remoteAddress ?? '')) reply.header('connection', 'close')
    return payload
  })
}

function makeMatcher(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = familyOf(address)
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return (address) => isIP(address) !== 0 && list.check(address, familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
