// Clinics ask at once over two connections and break off, fail and take too long at random: `node tests/safety/isolation.ts
// [requests] [seed]`. No answer may have another clinic's rows, and no connection may come back with a clinic.
import { loadPool, prepareLoad } from '../features/pool-load.ts'
import { startTestServer } from '../support/test-server.ts'

export async function isolation({ requests = 5000, seed = 1 } = {}) {
  const server = await startTestServer()
  const prepared = await prepareLoad(server.url, { clinics: 4, maxConnections: 2 })
  try {
    let state = seed
    const random = (): number => {
      // Park and Miller's generator: the same requests for the same seed.
      state = (state * 48_271) % 2_147_483_647
      return state / 2_147_483_647
    }
    const figures = await loadPool(prepared.service, prepared.clinics, { requests, atOnce: 12, random })
    const statuses = Object.entries(figures.statuses).map(([status, count]) => `${count} × ${status}`)
    return {
      title: 'Clinics that share two connections',
      figures:
        `${requests} requests, ${figures.aborted} broken off, answers ${statuses.join(', ')}; ` +
        `${figures.foreign} with another clinic's rows; ` +
        `${figures.released} connections given back, ${figures.dirty} with a clinic or an open transaction`,
      passed: figures.foreign === 0 && figures.dirty === 0 && figures.aborted > 0 && figures.released > requests / 2,
    }
  } finally {
    await prepared.close()
    await server.stop()
  }
}

if (import.meta.main) {
  const [requests = 5000, seed = 1] = process.argv.slice(2).map(Number)
  const { title, figures, passed } = await isolation({ requests, seed })
  process.stdout.write(`${title}: ${figures}\n`)
  process.exitCode = passed ? 0 : 1
}
