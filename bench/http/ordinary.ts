import Fastify from 'fastify'
import { openDatabase } from '../../src/db/client.ts'
import { fromTimestamp } from '../../src/db/dates.ts'
import { today } from '../../src/features/episodes/plausibility.ts'
import { toAnswer } from '../../src/features/permitted-exercises/answer.ts'
import { toDocument } from '../../src/features/protocols/repository.ts'
import { clinicIdOfKey, hashKey } from '../../src/http/auth.ts'
import { derive, type RecordEntry } from '../../src/rules/index.ts'

// The endpoint as it is usually written: one interactive transaction that sets the clinic for row-level security, looks
// up the key by its hash, reads the episode with all that belongs to it by `include`, and derives the answer. It is asked
// for less than the service is: nothing is put on record, no limits are counted, nothing is logged or checked on its way out.
const { PORT, DATABASE_URL = '', POOL } = process.env
const { prisma, close } = openDatabase(DATABASE_URL, { maxConnections: Number(POOL) })

const inOrder = { orderBy: { position: 'asc' } } as const
const everything = {
  entries: { orderBy: { revision: 'asc' } },
  protocols: {
    include: {
      version: {
        include: {
          protocol: true,
          exercises: { orderBy: { code: 'asc' } },
          sources: inOrder,
          milestones: inOrder,
          facts: inOrder,
          phases: inOrder,
          prescriptions: inOrder,
          contraindications: inOrder,
          instructions: inOrder,
          limits: inOrder,
          redFlags: inOrder,
        },
      },
    },
  },
} as const

const app = Fastify()
app.get('/ready', async () => 'ready')
app.get<{ Params: { id: string } }>('/v1/episodes/:id/permitted-exercises', async (request, reply) => {
  const { id } = request.params
  const key = (request.headers.authorization ?? '').replace('Bearer ', '')
  const clinicId = clinicIdOfKey(key)
  const now = Temporal.Now.instant()
  const found = await prisma.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT set_config('app.clinic_id', ${clinicId}, true)`
    const credential = await tx.apiKey.findUnique({
      where: { clinicId_keyHash: { clinicId, keyHash: new Uint8Array(hashKey(key)) } },
      include: { clinic: true },
    })
    if (credential === null || credential.revokedAt !== null) return null
    if (credential.expiresAt !== null && credential.expiresAt.getTime() <= now.epochMilliseconds) return null
    const episode = await tx.episode.findUnique({ where: { clinicId_id: { clinicId, id } }, include: everything })
    return { episode, timeZone: credential.clinic.timeZone }
  })
  if (found === null) return reply.code(401).send()
  if (found.episode === null) return reply.code(404).send()

  const entries = found.episode.entries.map(
    ({ payload, kind, revision, recordedAt, ...row }) =>
      ({ ...(payload as object), id: row.id, kind, revision, recordedAt: fromTimestamp(recordedAt) }) as RecordEntry,
  )
  const versions = found.episode.protocols.map(({ version }) => {
    return { id: version.id, version: version.number, document: toDocument(version, version) }
  })
  const knownAt = entries.at(-1)?.recordedAt
  const derivation = knownAt && derive({ versions, entries, on: today(now, found.timeZone), knownAt })
  if (!derivation) throw new Error('an episode’s record begins with its surgery')
  return { episode: id, ...toAnswer(derivation) }
})
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
process.once('SIGTERM', async () => {
  await app.close()
  await close()
})
