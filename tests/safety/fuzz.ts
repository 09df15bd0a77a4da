import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startTestServer } from '../support/test-server.ts'
import { describeCoverage, findGaps, findUnseen, judgeMemory } from './fuzz/report.ts'
import { type Finding, type FuzzResult, type Memory, runFuzz } from './fuzz/run.ts'
import type { FuzzClinic } from './fuzz/service.ts'

export interface FuzzCommand {
  count?: number
  seed?: number
  /** How many processes of the service there are, on one database. */
  replicas?: number
  /** No answer may take longer, in milliseconds: on a machine that does other things too. */
  slowest?: number
  say?: (line: string) => void
}

/** Starts PostgreSQL and the service, sends it `count` requests of all kinds, and judges every answer. */
export async function fuzz({
  count = 100_000,
  seed = Date.now() % 1_000_000_000,
  replicas = 2,
  slowest = 10_000,
  say = () => {},
}: FuzzCommand = {}): Promise<{ title: string; figures: string; passed: boolean }> {
  const server = await startTestServer()
  // Ctrl-C ends it with the figures so far.
  let interrupted = false
  const interrupt = (): void => {
    interrupted = true
  }
  process.once('SIGINT', interrupt)
  const services: Awaited<ReturnType<typeof startChild>>[] = []
  try {
    for (let started = 0; started < replicas; started += 1) services.push(await startChild(server.url))
    const share = Math.ceil(count / replicas)
    const results = await Promise.all(
      services.map((service, index) =>
        runFuzz(service, {
          count: share,
          seeds: [seed + index],
          stopped: () => interrupted,
          slowest,
          measures: 20,
          onProgress: (line) => say(`[${index + 1}] ${line}`),
        }),
      ),
    )
    return summarise(results, seed, say)
  } finally {
    process.off('SIGINT', interrupt)
    for (const service of services) service.stop()
    await server.stop()
  }
}

/** The service in a process of its own. */
async function startChild(url: string) {
  const child = fork(fileURLToPath(new URL('./fuzz/child.ts', import.meta.url)), [url], {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
  })
  const failures: ((error: Error) => void)[] = []
  child.once('exit', (code) => {
    for (const fail of failures) fail(new Error(`the service ended with ${code}`))
  })
  const said = <Message>(): Promise<Message> =>
    new Promise((resolve, reject) => {
      failures.push(reject)
      child.once('message', (message) => resolve(message as Message))
    })
  const ask = <Message>(order: string): Promise<Message> => {
    const answer = said<Message>()
    child.send(order)
    return answer
  }
  return {
    address: await said<string>(),
    makeClinic: () => ask<FuzzClinic>('clinic'),
    memory: () => ask<Memory>('memory'),
    stop: (): void => void child.kill(),
  }
}

function summarise(results: readonly FuzzResult[], seed: number, say: (line: string) => void) {
  const sent = results.reduce((sum, result) => sum + result.sent, 0)
  const seconds = Math.max(...results.map((result) => result.seconds))
  const coverage = new Map<string, Map<number, number>>()
  for (const result of results) {
    for (const [id, statuses] of result.coverage) {
      const all = coverage.get(id) ?? new Map<number, number>()
      for (const [status, times] of statuses) all.set(status, (all.get(status) ?? 0) + times)
      coverage.set(id, all)
    }
  }
  say(describeCoverage(coverage))
  const kinds = new Map<string, number>()
  for (const { byKind } of results) {
    for (const [kind, classes] of byKind) {
      for (const [name, times] of classes) kinds.set(`${kind} ${name}`, (kinds.get(`${kind} ${name}`) ?? 0) + times)
    }
  }
  say(
    [...kinds]
      .sort()
      .map(([name, times]) => `${name}: ${times}`)
      .join(', '),
  )
  const slow = results.flatMap((result) => result.slowest).sort((a, b) => b.milliseconds - a.milliseconds)
  for (const { milliseconds, operation, curl } of slow.slice(0, 15)) say(`${milliseconds} ms ${operation} ${curl}`)
  for (const { stricter } of results) {
    for (const [key, { times, example }] of stricter) say(`stricter than documented ×${times}: ${key}: ${example}`)
  }
  const memory = results.map((result) => judgeMemory(result.memory))
  for (const { line } of memory) say(line)
  const findings = new Map<string, Finding>()
  for (const finding of results.flatMap((result) => result.findings)) {
    const known = findings.get(finding.key)
    findings.set(finding.key, known === undefined ? finding : { ...known, times: known.times + finding.times })
  }
  for (const { key, times, detail, curl } of findings.values()) say(`FAULT ×${times} ${key}\n  ${detail}\n  ${curl}`)
  const [first] = results
  const gaps = first === undefined ? [] : findGaps(first.document, coverage)
  const unseen = first === undefined ? [] : findUnseen(first.document, coverage)
  for (const gap of gaps) say(`GAP ${gap}`)
  for (const one of unseen) say(`not seen: ${one}`)
  const shed = kinds.entries().reduce((sum, [name, times]) => (name.endsWith('shed') ? sum + times : sum), 0)
  const failed = kinds.entries().reduce((sum, [name, times]) => (name.endsWith('5xx') ? sum + times : sum), 0)
  return {
    title: 'Fuzz',
    figures:
      `${sent} requests over ${coverage.size} operations in ${Math.round(seconds)} s: ${failed} answers of 5xx, ${shed} sent away as too busy, ` +
      `${findings.size} kinds of fault, ${gaps.length} gaps, slowest ${slow[0]?.milliseconds} ms, ` +
      `${memory.map(({ line }) => line).join('; ')}; seed ${seed}`,
    passed: findings.size === 0 && gaps.length === 0 && memory.every(({ flat }) => flat),
  }
}

if (import.meta.main) {
  const [count, seed, replicas, slowest] = process.argv.slice(2).map(Number)
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  const { title, figures, passed } = await fuzz({
    ...(count !== undefined && { count }),
    ...(seed !== undefined && { seed }),
    ...(replicas !== undefined && { replicas }),
    ...(slowest !== undefined && { slowest }),
    say: print,
  })
  print(`${title}: ${figures}`)
  process.exitCode = passed ? 0 : 1
}
