import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/** What a pooler does to the options of a connection: the same database at another address, where they are dropped. */
export async function startDroppingPooler(url: string): Promise<{ url: string; close: () => void }> {
  const behind = new URL(url)
  const server = createServer((client) => {
    const database = connect(Number(behind.port), behind.hostname)
    for (const [one, other] of [
      [client, database],
      [database, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
    client.once('data', (startup: Buffer) => {
      database.write(withoutOptions(startup))
      client.pipe(database)
    })
    database.pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = new URL(url)
  address.port = String((server.address() as { port: number }).port)
  return { url: address.href, close: () => server.close() }
}

/** The first message of a connection: its length, the protocol's version, and names and values that end with a zero. */
function withoutOptions(startup: Buffer): Buffer {
  const words = startup.toString('latin1', 8).split('\0')
  const at = words.indexOf('options')
  if (at < 0) return startup
  const left = Buffer.from(words.toSpliced(at, 2).join('\0'), 'latin1')
  const head = Buffer.from(startup.subarray(0, 8))
  head.writeInt32BE(8 + left.length, 0)
  return Buffer.concat([head, left])
}
