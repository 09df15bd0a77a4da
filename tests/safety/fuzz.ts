import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startTestServer } from '../support/test-server.ts'
import { type FuzzResult, type Memory, runFuzz } from './fuzz/run.ts'
import type { FuzzClinic } from './fuzz/service.ts'

interface FuzzCommand {
  count?: number
  seed?: number
  say?: (line: string) => void
}

/** Starts PostgreSQL and the service, and sends it `count` requests of all kinds. */
export async function fuzz({ count = 100_000, seed = Date.now() % 1_000_000, say = () => {} }: FuzzCommand = {}) {
  const server = await startTestServer()
  const child = fork(fileURLToPath(new URL('./fuzz/child.ts', import.meta.url)), [server.url], {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
  })
  const said = <Message>(): Promise<Message> =>
    new Promise((resolve, reject) => {
      child.once('message', (message) => resolve(message as Message))
      child.once('exit', (code) => reject(new Error(`the service ended with ${code}`)))
    })
  const ask = <Message>(order: string): Promise<Message> => {
    const answer = said<Message>()
    child.send(order)
    return answer
  }
  try {
    const address = await said<string>()
    const target = {
      address,
      makeClinic: () => ask<FuzzClinic>('clinic'),
      memory: () => ask<Memory>('memory'),
    }
    const result = await runFuzz(target, { count, seed, measures: 10, connections: Number(process.env.FUZZ_CONNECTIONS ?? 8), onProgress: say })
    return { seed, ...result }
  } finally {
    child.removeAllListeners('exit')
    child.kill()
    await server.stop()
  }
}

export function describe(result: FuzzResult): string {
  const lines = [...result.coverage].sort().map(([id, statuses]) => {
    const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, times]) => `${status}×${times}`)
    return `${id.padEnd(28)} ${counts.join(' ')}`
  })
  return lines.join('\n')
}

if (import.meta.main) {
  const [count = '100000', seed] = process.argv.slice(2)
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  const result = await fuzz({ count: Number(count), ...(seed !== undefined && { seed: Number(seed) }), say: print })
  print(describe(result))
  for (const [kind, what] of result.byKind) print(`${kind}: ${[...what].map(([name, times]) => `${name} ${times}`).join(', ')}`)
  for (const { milliseconds, operation, curl } of result.slowest) print(`${milliseconds} ms ${operation} ${curl}`)
  for (const [id, all] of [...result.time].sort((a, b) => b[1] - a[1]).slice(0, 25)) print(`${Math.round(all)} ms in all: ${id}`)
  for (const one of result.memory) print(`after ${one.after}: ${JSON.stringify(one)}`)
  for (const [key, { times, example }] of result.stricter) print(`stricter ×${times} ${key}: ${example}`)
  print(`never 2xx: ${[...result.coverage].filter(([, statuses]) => ![...statuses.keys()].some((status) => status < 300)).map(([id]) => id)}`)
  for (const { key, times, seed: own } of result.findings) print(`FAULT ×${times} [${own}] ${key}`)
  print(`${result.sent} requests in ${Math.round(result.seconds)} s, seed ${result.seed}, ${result.findings.length} faults`)
  process.exitCode = result.findings.length === 0 ? 0 : 1
}
