import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'

// Reads a caseload to its end and counts its lines, for the bench. A process of its own, which has nothing else in memory:
// what is read is garbage at once, and to collect it costs the more the more there is beside it.

export interface Reading {
  lines: number
  bytes: number
  /** Of the summary. */
  episodes: number
  seconds: number
}

async function read(address: string, headers: Record<string, string>): Promise<Reading> {
  const begun = performance.now()
  const [response] = (await once(get(address, { headers }), 'response')) as [IncomingMessage]
  let lines = 0
  let bytes = 0
  // Its last bytes, in the pieces that came.
  const last: Buffer[] = []
  let kept = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines += 1
    last.push(chunk)
    kept += chunk.length
    while (kept - (last[0]?.length ?? 0) >= 20_000) kept -= last.shift()?.length ?? 0
  }
  const seconds = (performance.now() - begun) / 1000
  const summary = JSON.parse(Buffer.concat(last).toString().trimEnd().split('\n').at(-1) ?? '')
  if (summary.kind !== 'summary') throw new Error(`the answer ended with ${JSON.stringify(summary)}`)
  return { lines, bytes, episodes: summary.episodes, seconds }
}

process.once('message', async ({ address, headers }: { address: string; headers: Record<string, string> }) => {
  const answer = await read(address, headers).then(
    (reading) => ({ reading }),
    (error) => ({ error: String(error) }),
  )
  process.send?.(answer, () => process.disconnect?.())
})
