import { buildApp } from '../src/app.ts'
import { openDatabase } from '../src/db/client.ts'

// The service in a process of its own, which tells the bench of itself when it is asked.

const db = openDatabase(process.env.DATABASE_URL ?? '')
const app = await buildApp({ config: { logLevel: 'error' }, db, clock: () => Temporal.Now.instant() })
const address = await app.listen({ host: '127.0.0.1', port: 0 })

process.on('message', async (question) => {
  if (question === 'end') {
    await app.close()
    await db.close()
    process.exit(0)
  }
  if (question === 'collect') globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const { totalCount, idleCount } = db.pool
  process.send?.({ rss, heapUsed, processor: (user + system) / 1e6, busy: totalCount - idleCount })
})
process.send?.({ address })
