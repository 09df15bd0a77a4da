import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { join } from 'node:path'

/** Where the run collects what was logged and what must not have been. */
export const logsVariable = 'REHAB_TEST_LOGS'

/** What a body says of a patient, by the names of its fields. */
const ofPatients = /^(?:externalId|displayName|reason|note|surgeryDate|on|from|until|value|recordedOn|bornOn)$/
const patientPaths = /^\/v1\/(?:patients|episodes|simulations|protocols\/[^/]+\/moves)\b/

export type Recorder = ReturnType<typeof makeRecorder>

/** Keeps log lines, and the secrets and patients' values that requests had in them; without a folder for nobody. */
export function makeRecorder(folder: string | undefined) {
  const name = `${process.pid}-${randomUUID()}`
  let lines: string[] = []
  let secrets = new Set<string>()

  function secret(value: unknown): void {
    if (folder !== undefined && typeof value === 'string' && value.length >= 4) secrets.add(value)
  }

  function walk(value: unknown, key = ''): void {
    if (Array.isArray(value)) for (const item of value) walk(item, key)
    else if (typeof value === 'object' && value !== null)
      for (const [own, item] of Object.entries(value)) {
        noteName(own)
        walk(item, own)
      }
    else if (ofPatients.test(key)) secret(value)
  }

  /** Names like ours stand in a log; what else is sent as one may be anything. */
  function noteName(key: string): void {
    if (!/^[a-z][A-Za-z0-9-]*$/.test(key)) secret(key)
  }

  /** What was sent, as far as it is nobody else's business. */
  function sent({ url = '', headers = {}, body = '' }: { url?: string; headers?: object; body?: string }): void {
    const { authorization } = headers as { authorization?: string }
    const [, token = authorization] = /^\s*\S+\s+(\S.*)$/.exec(authorization ?? '') ?? []
    secret(token)
    const address = URL.parse(url, 'http://service')
    if (address === null) return
    if (address.pathname === '/oauth/token') secret(new URLSearchParams(body).get('client_assertion'))
    if (!patientPaths.test(address.pathname)) return
    for (const [key, value] of address.searchParams) {
      noteName(key)
      walk(value, key)
    }
    try {
      walk(JSON.parse(body))
    } catch {
      // Not JSON, so that nothing in it has a name.
    }
  }

  return {
    line: (text: string): void => {
      if (folder !== undefined) lines.push(text.trimEnd())
    },
    secret,
    /** Of an address, the password in it. */
    passwordOf: (url: string): void => secret(decodeURIComponent(URL.parse(url)?.password ?? '')),
    sent,
    /** From now on everything that comes to this server and everything that it makes known once is recorded. */
    watch(server: Server): void {
      if (folder === undefined) return
      server.on('request', (request: IncomingMessage, response: ServerResponse) => {
        const chunks: Buffer[] = []
        const emit = request.emit.bind(request)
        // Not by listening to it, which would make it flow before the service reads it.
        request.emit = (event: string | symbol, ...args: unknown[]) => {
          if (event === 'data') chunks.push(args[0] as Buffer)
          return emit(event, ...args)
        }
        response.on('close', () => {
          const { url = '', headers } = request
          sent({ url, headers, body: Buffer.concat(chunks).toString() })
        })
        const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse
        response.end = ((...args: unknown[]) => {
          for (const [key] of String(args[0] ?? '').matchAll(/\br[pt]_[\w-]{66}/g)) secret(key)
          return end(...args)
        }) as typeof response.end
      })
    },
    /** Writes down what has come until now. */
    flush(): void {
      if (folder === undefined) return
      if (lines.length > 0) appendFileSync(join(folder, `${name}.log`), lines.map((line) => `${line}\n`).join(''))
      const found = [...secrets].map((value) => `${JSON.stringify(value)}\n`)
      if (found.length > 0) appendFileSync(join(folder, `${name}.secrets`), found.join(''))
      lines = []
      secrets = new Set()
    },
  }
}

/** This process's. */
export const recorder = makeRecorder(process.env[logsVariable])
