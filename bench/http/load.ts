import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Load, LoadResult } from './generator.ts'
import { type Listening, processorSeconds, processorSecondsOfTree } from './processes.ts'

export interface Measured extends LoadResult {
  /** How many of the machine's processors each took meanwhile; null where /proc is not. */
  took: { generator: number; contender: number; postgres: number } | null
}

/** Puts the load on a contender, from a process of its own. Throws when an answer is not what is expected. */
export async function putLoad(
  contender: Listening,
  postgres: { pid: number },
  load: Omit<Load, 'address'>,
): Promise<Measured> {
  const child = fork(fileURLToPath(new URL('generator.ts', import.meta.url)), [], { serialization: 'advanced' })
  const before = [processorSeconds(contender.pid), processorSecondsOfTree(postgres.pid)]
  const ended = once(child, 'exit')
  child.send({ ...load, address: contender.address } satisfies Load)
  const [message] = (await Promise.race([
    once(child, 'message'),
    ended.then(([code]) => [{ error: `the load generator ended with ${code}` }]),
  ])) as [{ result?: LoadResult; error?: string }]
  const after = [processorSeconds(contender.pid), processorSecondsOfTree(postgres.pid)]
  await ended
  const { result, error } = message
  if (result === undefined) throw new Error(`${contender.name}: ${error}`)
  // The processes were at work a little longer than the part that counts.
  const span = result.seconds + (load.seconds === 'once' ? 0 : 0.5)
  const share = (index: 0 | 1) => Math.max(0, ((after[index] ?? Number.NaN) - (before[index] ?? Number.NaN)) / span)
  const took = { generator: result.processor / result.seconds, contender: share(0), postgres: share(1) }
  return { ...result, took: before.includes(null) ? null : took }
}
