import type { FastifyRequest } from 'fastify'
import type { Context } from '../../http/context.ts'
import { toInstantText } from '../../http/schemas.ts'
import type { KeyMaker } from './issue.ts'

/** Who makes this request, as somebody who manages keys. */
export function keyMakerOf(
  { actor }: FastifyRequest,
  { clock, ids }: Context,
): KeyMaker & { actor: FastifyRequest['actor'] } {
  return { clinicId: actor.clinicId, actor, now: toInstantText(clock()), nextId: ids }
}
