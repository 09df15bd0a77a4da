import Fastify from 'fastify'
import pg from 'pg'

// The least that an answer can cost: one row by its primary key, and a body that is ready. No logger, no hooks, no
// policy on the table, a prepared statement, and a pool as large as the service's.
const { PORT, DATABASE_URL, POOL, BODY_BYTES } = process.env
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL) })
const body = Buffer.alloc(Number(BODY_BYTES), '{"a":1} ')

const app = Fastify()
app.get('/ready', async () => 'ready')
app.get<{ Params: { id: string } }>('/v1/episodes/:id/permitted-exercises', async (request, reply) => {
  const { rows } = await pool.query({
    name: 'row',
    text: 'SELECT id, patient_id, surgery_date, status, revision FROM bench_floor WHERE id = $1',
    values: [request.params.id],
  })
  if (rows.length === 0) return reply.code(404).send()
  return reply.header('content-type', 'application/json; charset=utf-8').send(body)
})
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
process.once('SIGTERM', async () => {
  await app.close()
  await pool.end()
})
