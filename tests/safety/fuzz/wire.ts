import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'

/** A request as it goes over the wire. */
export interface Sent {
  method: string
  /** Path and query, as they are sent. */
  target: string
  headers: Record<string, string | string[]>
  body?: string | Buffer
  /** Instead of all that: the bytes themselves, on a connection of their own. */
  raw?: Buffer
}

export interface Reply {
  status: number
  headers: Record<string, string | undefined>
  text: string
  /** Undefined when the body is not JSON. */
  body: unknown
  milliseconds: number
}

/** Sends requests over connections that are kept open, or bytes over one of their own. */
export function openWire(address: string, connections: number) {
  const { hostname, port } = new URL(address)
  const agent = new Agent({ keepAlive: true, maxSockets: connections })

  async function send(sent: Sent): Promise<Reply | null> {
    const started = performance.now()
    const answer = await (sent.raw === undefined ? sendRequest(sent) : sendBytes(sent.raw))
    if (answer === null) return null
    const isJson =
      /[/+]json\b/.test(answer.headers['content-type'] ?? '') && !answer.headers['content-type']?.includes('ndjson')
    return {
      ...answer,
      body: isJson && answer.text !== '' ? parse(answer.text) : undefined,
      milliseconds: performance.now() - started,
    }
  }

  type Answer = Pick<Reply, 'status' | 'headers' | 'text'>

  function sendRequest({ method, target, headers, body }: Sent, again = true): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ agent, hostname, port, method, path: target, headers, insecureHTTPParser: false })
      request.setTimeout(60_000, () => request.destroy(new Error('no answer in 60 s')))
      // A kept connection may be closed by the other side just as it is used.
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (again && request.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '')) {
          sendRequest({ method, target, headers, ...(body !== undefined && { body }) }, false).then(resolve, reject)
        } else reject(error)
      })
      request.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const lower = Object.entries(response.headers).map(([name, value]) => [name, [value].flat().join(', ')])
          resolve({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(lower),
            text: Buffer.concat(chunks).toString('utf8'),
          })
        })
      })
      request.end(body)
    })
  }

  /** Null when the other side closes without a word, or waits for more. */
  function sendBytes(bytes: Buffer): Promise<Answer | null> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = []
      const socket = connect(Number(port), hostname)
      socket.setTimeout(400, () => socket.destroy())
      socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      socket.on('error', () => {})
      socket.on('close', () => resolve(readAnswer(Buffer.concat(chunks).toString('utf8'))))
      socket.end(bytes)
    })
  }

  return { send, close: () => agent.destroy() }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readAnswer(text: string): Pick<Reply, 'status' | 'headers' | 'text'> | null {
  const [, status, head = '', rest = ''] =
    /^HTTP\/1\.1 (\d{3})[^\r\n]*\r\n([\s\S]*?)\r\n\r\n([\s\S]*)$/.exec(text) ?? []
  if (status === undefined) return null
  const headers: Record<string, string> = {}
  for (const line of head.split('\r\n')) {
    const [name = '', ...value] = line.split(':')
    headers[name.toLowerCase()] = value.join(':').trim()
  }
  const length = Number(headers['content-length'] ?? Number.NaN)
  const body = Number.isNaN(length) ? rest : Buffer.from(rest).subarray(0, length).toString('utf8')
  return { status: Number(status), headers, text: body }
}

/** The request as a command that repeats it. */
export function asCurl(address: string, sent: Sent): string {
  if (sent.raw !== undefined)
    return `printf ${quote(escapeBytes(sent.raw))} | nc ${new URL(address).host.replace(':', ' ')}`
  const headers = Object.entries(sent.headers).flatMap(([name, value]) =>
    [value]
      .flat()
      .map(
        (one) => `-H ${quote(`${name}: ${name === 'authorization' ? one.replace(/^(Bearer .{10}).*/, '$1…') : one}`)}`,
      ),
  )
  const body = sent.body === undefined ? [] : [`--data-binary ${quote(shorten(sent.body))}`]
  return ['curl', '--path-as-is', '-X', sent.method, quote(shorten(address + sent.target)), ...headers, ...body].join(
    ' ',
  )
}

function shorten(body: string | Buffer): string {
  const text = typeof body === 'string' ? body : escapeBytes(body)
  return text.length <= 3000 ? text : `${text.slice(0, 3000)}…[${text.length} in all]`
}

function escapeBytes(bytes: Buffer): string {
  return bytes
    .subarray(0, 3000)
    .toString('latin1')
    .replaceAll(/[^\x20-\x7e]/g, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
