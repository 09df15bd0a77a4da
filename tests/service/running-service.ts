import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { recorder } from '../support/logged-secrets.ts'

const service = 'src/server.ts'
const root = fileURLToPath(new URL('../..', import.meta.url))

/** What follows `node` in `npm start`. */
export const startArgs: string[] = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  .scripts.start.split(' ')
  .slice(1)

export interface Ended {
  code: number | null
  output: string
}

function launch(args: readonly string[], env: Record<string, string>): { child: ChildProcess; output: () => string } {
  const { NODE_OPTIONS: _, ...inherited } = process.env
  const child = spawn(process.execPath, args, { cwd: root, env: { ...inherited, ...env } })
  let output = ''
  let logged = ''
  child.stdout?.on('data', (chunk) => {
    output += chunk
    // The service logs to where a command prints what it was asked for.
    if (args.includes(service)) logged += chunk
  })
  child.stderr?.on('data', (chunk) => {
    output += chunk
    logged += chunk
  })
  for (const url of [env.DATABASE_URL, env.MIGRATION_DATABASE_URL]) if (url !== undefined) recorder.passwordOf(url)
  recorder.secret(env.BOOTSTRAP_API_KEY)
  child.once('close', () => {
    // All but the key that the first start prints, and a new key that a command prints.
    for (const line of logged.split('\n')) if (!printsKey.test(line)) recorder.line(line)
    recorder.flush()
  })
  return { child, output: () => output }
}

/** What tells the operator a new key, once and on purpose. */
const printsKey = /shown this once|npm run --silent example --|API key:/

/** Runs one of the project's commands to its end, as its npm script does. */
export async function runCommand(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const { child, output } = launch(args, env)
  const [code] = await once(child, 'close')
  return { code, output: output() }
}

/** A test may send more than a clinic does. */
const noLimits = { RATE_LIMIT_PER_ACTOR: '1000000', RATE_LIMIT_PER_ADDRESS: '1000000' }

/** Starts the service in a process of its own, as `npm start` does, and waits until it says where it listens. */
export async function startService(env: Record<string, string>) {
  const { child, output } = launch(startArgs, { PORT: '0', ...noLimits, ...env })
  const ended = once(child, 'close').then(([code]): Ended => ({ code, output: output() }))
  for (const end = Date.now() + 30_000; !output().includes('is listening on'); ) {
    const early = await Promise.race([ended, new Promise<null>((resolve) => setTimeout(resolve, 20, null))])
    if (early !== null || Date.now() > end) throw new Error(`the service does not start: ${output()}`)
  }
  const address = /is listening on (\S+)/.exec(output())?.[1] ?? ''
  return {
    address,
    pid: child.pid ?? 0,
    /** The key that it has printed, if it has. */
    key: /API key, shown this once: (\S+)/.exec(output())?.[1] ?? null,
    output,
    /** Ends it with a signal. */
    async end(signal: NodeJS.Signals): Promise<Ended> {
      child.kill(signal)
      return ended
    },
    async send(key: string, method: string, path: string, body?: object) {
      recorder.sent({ url: path, headers: { authorization: `Bearer ${key}` }, body: JSON.stringify(body ?? null) })
      const response = await fetch(`${address}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      })
      // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
      return { status: response.status, body: (await response.json()) as any }
    },
  }
}
