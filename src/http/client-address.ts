import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

/** Where the request came from: as the nearest trusted proxy says, or else whoever is connected. */
export function clientAddress(request: FastifyRequest): string {
  // What a proxy passes on need not be an address, and may be long.
  if (isIP(request.ip) !== 0) return request.ip
  return request.socket.remoteAddress ?? '0.0.0.0'
}
