import { spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, describe, expect, test } from '@jest/globals'
import { runCaseload } from '../../src/commands/protocol/caseload.ts'
import { runCommand } from '../../src/commands/protocol/run.ts'
import { publishProtocol, startClinicWithLibrary } from '../features/library-clinic.ts'
import { storeEpisodes } from '../features/many-episodes.ts'
import { wardProtocol } from '../features/ward.ts'
import { createTestFolder } from '../support/test-folder.ts'

const root = resolve(import.meta.dirname, '../..')
const folder = await createTestFolder()
const clinic = await startClinicWithLibrary()
await publishProtocol(clinic, wardProtocol('ward'))
const { body: ward } = await clinic.get<{ id: string }>('/protocols/ward/versions/1')
const count = 1700
const ids = await storeEpisodes(clinic, {
  count,
  version: ward.id,
  surgeryDate: '2026-10-01',
  at: '2026-10-02T10:00:00Z',
})

const servers: Server[] = []
afterAll(() => {
  for (const server of servers) server.closeAllConnections()
  return Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
})

/** A server in front of the service, or in its place. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  servers.push(server)
  await new Promise((done) => server.on('listening', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function run(
  args: string[],
  { key = clinic.key, isTTY = false }: { key?: string | undefined; isTTY?: boolean } = {},
) {
  const written: Buffer[] = []
  let said = ''
  const out = new Writable({
    write(chunk, _encoding, done) {
      written.push(chunk)
      done()
    },
  })
  const err = { isTTY, write: (text: string) => (said += text) }
  const code = await runCaseload(args, { env: { REHAB_API_KEY: key }, out, err, patience: 1 })
  return { code, said, text: Buffer.concat(written).toString() }
}

const kindsOf = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).kind)
const episodesOf = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .flatMap((line) => JSON.parse(line).episode ?? [])

/** What runs that write to the file have left beside it. */
const partsOf = (file: string): string[] =>
  readdirSync(dirname(file))
    .filter((name) => name.startsWith(`${basename(file)}.`) && name.endsWith('.part'))
    .map((name) => join(dirname(file), name))

describe('rehab-protocol caseload', () => {
  test('writes the lines and the summary, and says what to ask with next time', async () => {
    const { code, said, text } = await run(['--server', clinic.address, '--protocol', 'ward', '--status', 'active'])
    expect(code).toBe(0)
    expect(episodesOf(text)).toEqual(ids)
    expect(kindsOf(text).slice(-2)).toEqual(['episode', 'summary'])
    const { nextChangedSince, on } = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')
    expect(said).toMatch(
      new RegExp(
        `^1,700 episodes as of ${on}, in [\\d.]+ s, [\\d,]+ a second. Next time: --changed-since ${nextChangedSince}\n$`,
      ),
    )
    const next = await run(['--server', clinic.address, '--changed-since', nextChangedSince])
    expect([next.code, kindsOf(next.text)]).toEqual([0, ['summary']])
    const earlier = await run([
      '--server',
      clinic.address,
      '--changed-since',
      '2026-01-01T00:00:00Z',
      '--phase',
      'late',
      '--protocol',
      'ward',
    ])
    expect(new Set(kindsOf(earlier.text))).toEqual(new Set(['other', 'summary']))
    expect(earlier.said).toContain('run it once without --changed-since')
  })

  test('goes on behind what it has where the connection breaks, and has each line once', async () => {
    let requests = 0
    const server = await serve((incoming, outgoing) => {
      requests += 1
      if (requests === 2) return void outgoing.writeHead(503, { 'retry-after': '0' }).end('{"detail":"busy"}')
      const cut = requests < 5 ? 350_000 : Number.POSITIVE_INFINITY
      let sent = 0
      const { pathname, search } = new URL(incoming.url ?? '', clinic.address)
      const asked = forward(`${clinic.address}${pathname}${search}`, { headers: incoming.headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.on('data', (chunk: Buffer) => {
          outgoing.write(chunk)
          sent += chunk.length
          if (sent > cut) outgoing.destroy()
        })
        answer.on('end', () => outgoing.end())
      })
      outgoing.on('close', () => asked.destroy())
      asked.on('error', () => {})
      asked.end()
    })
    const file = join(folder, 'caseload.ndjson')
    const { code, said } = await run(['--server', server, '--output', file], { isTTY: true })
    expect(code).toBe(0)
    expect(requests).toBeGreaterThan(3)
    const text = readFileSync(file, 'utf8')
    expect(episodesOf(text)).toEqual(ids)
    const summary = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')
    expect(summary.before + summary.episodes).toBe(count)
    expect(said).toContain('the service answers 503: busy: going on in')
    expect(said).toContain('the connection broke')
    expect(said).toContain('1,700 episodes as of')
    expect(partsOf(file)).toEqual([])
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('ends with 1 and a sentence if the summary does not come', async () => {
    const begun = `${JSON.stringify({ kind: 'episode', episode: ids[0] })}\n${JSON.stringify({ kind: 'cursor', cursor: 'a', lines: 1 })}\n`
    const silent = await serve((_, response) => response.end(begun))
    const file = join(folder, 'part.ndjson')
    const ended = await run(['--server', silent, '--output', file])
    expect(ended.code).toBe(1)
    expect(ended.said).toContain(
      'the caseload is not complete: the answer ended without its summary, and 6 attempts to go on failed.\n',
    )
    expect([existsSync(file), partsOf(file)]).toEqual([false, []])

    const problem = { status: 401, detail: 'the API key is unknown, revoked or expired' }
    const refusing = await serve((_, response) => response.end(`${JSON.stringify({ kind: 'error', problem })}\n`))
    const refused = await run(['--server', refusing])
    expect([refused.code, refused.said]).toEqual([
      1,
      'rehab-protocol: the caseload is not complete: the service broke off: the API key is unknown, revoked or expired.\n',
    ])
    const away = await run(['--server', 'http://127.0.0.1:9'])
    expect([away.code, away.said]).toEqual([1, expect.stringContaining('cannot be reached')])
  })

  test('keeps two runs that write to one file apart', async () => {
    const file = join(folder, 'shared.ndjson')
    const runs = await Promise.all([0, 1].map(() => run(['--server', clinic.address, '--output', file])))
    expect(runs.map(({ code }) => code)).toEqual([0, 0])
    expect(episodesOf(readFileSync(file, 'utf8'))).toEqual(ids)
    expect(partsOf(file)).toEqual([])
  })

  /** A run in a process of its own that has written the first line and waits for more. */
  async function startWaiting(file: string) {
    const begun = [
      { kind: 'episode', episode: ids[0] },
      { kind: 'cursor', cursor: 'a', lines: 1 },
    ]
    const server = await serve((_, response) => {
      response.write(begun.map((line) => `${JSON.stringify(line)}\n`).join(''))
    })
    const args = ['bin/rehab-protocol.js', 'caseload', '--server', server, '--output', file]
    const env = { ...process.env, REHAB_API_KEY: clinic.key, NODE_OPTIONS: '' }
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = new Promise((done) => child.on('close', (code, signal) => done(signal ?? code)))
    while (partsOf(file).every((part) => statSync(part).size === 0)) await delay(20)
    const breakOff = (): void => servers.at(-1)?.closeAllConnections()
    return { child, ended, breakOff }
  }

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves nothing when it is interrupted: %s', async (signal) => {
    const file = join(folder, `${signal}.ndjson`)
    const { child, ended } = await startWaiting(file)
    const [part = ''] = partsOf(file)
    expect(statSync(part).mode & 0o777).toBe(0o600)
    expect(readFileSync(part, 'utf8')).toContain(String(ids[0]))
    child.kill(signal)
    expect(await ended).toBe(signal)
    expect([existsSync(file), partsOf(file)]).toEqual([false, []])
  })

  test('leaves nothing when it ends because nobody hears it', async () => {
    const file = join(folder, 'unheard.ndjson')
    const { child, ended, breakOff } = await startWaiting(file)
    child.stderr?.destroy()
    breakOff()
    expect(await ended).not.toBe(0)
    expect([existsSync(file), partsOf(file)]).toEqual([false, []])
  })

  test('removes what a killed run has left, and nothing else', async () => {
    const file = join(folder, 'left.ndjson')
    const { child, ended } = await startWaiting(file)
    child.kill('SIGKILL')
    expect(await ended).toBe('SIGKILL')
    const [left = ''] = partsOf(file)
    const write = (path: string, hours: number): string => {
      writeFileSync(path, '')
      const at = Date.now() / 1000 - hours * 3600
      utimesSync(path, at, at)
      return path
    }
    const kept = [
      // It may be that of a run that is still going on.
      write(`${file}.0123abcd.part`, 5.9),
      write(`${file}.mine.part`, 100),
      write(`${file}.0123abcd.part.gz`, 100),
      write(join(folder, 'lift.ndjson.0123abcd.part'), 100),
    ]
    utimesSync(left, 0, Date.now() / 1000 - 6.1 * 3600)
    const listeners = () => ['exit', 'SIGINT', 'SIGTERM', 'SIGHUP'].map((event) => process.listenerCount(event))
    const before = listeners()
    const refused = await run(['--server', clinic.address, '--protocol', 'wart', '--output', file])
    expect([refused.code, existsSync(left), listeners()]).toEqual([1, true, before])
    expect(await run(['--server', clinic.address, '--output', file])).toMatchObject({ code: 0 })
    expect(listeners()).toEqual(before)
    expect(existsSync(left)).toBe(false)
    expect(kept.filter((path) => !existsSync(path))).toEqual([])
  })

  test('is complete also where nobody can say what earlier runs have left', async () => {
    const closed = join(folder, 'closed')
    mkdirSync(closed)
    const file = join(closed, 'caseload.ndjson')
    // A folder is not removed as a file is.
    const stuck = `${file}.0123abcd.part`
    mkdirSync(stuck)
    utimesSync(stuck, 0, 0)
    const { code, said } = await run(['--server', clinic.address, '--output', file])
    expect([code, said]).toEqual([0, expect.stringContaining(`What earlier runs may have left beside ${file} cannot`)])
    expect(episodesOf(readFileSync(file, 'utf8'))).toEqual(ids)
  })

  test('tells what the service refuses', async () => {
    const wrong = await run(['--server', clinic.address, '--protocol', 'wart'])
    expect([wrong.code, wrong.said]).toEqual([
      1,
      expect.stringContaining('the service answers 404: there is no protocol `wart`: did you mean `ward`?\n'),
    ])
    const stranger = await run(['--server', clinic.address], { key: 'somebody-else' })
    expect([stranger.code, stranger.said]).toEqual([1, expect.stringContaining('the service answers 401')])
    const unwritable = await run(['--server', clinic.address, '--output', join(folder, 'no', 'such', 'folder')])
    expect([unwritable.code, unwritable.said]).toEqual([1, expect.stringContaining('cannot be written')])
    const isFolder = await run(['--server', clinic.address, '--output', folder])
    expect([isFolder.code, isFolder.said]).toEqual([1, expect.stringContaining('cannot be written')])
    expect(partsOf(folder)).toEqual([])
  })

  test.each([
    [['--server', 'http://127.0.0.1:9'], '', 'REHAB_API_KEY'],
    [[], 'key', '--server is required'],
    [['--server', 'rehab.example'], 'key', 'is no address'],
    [['--server', 'http://127.0.0.1:9', 'file.yaml'], 'key', 'takes no file'],
    [['--server', 'http://127.0.0.1:9'], 'two\nlines', 'REHAB_API_KEY is no key'],
    [['--server', 'http://a:b@127.0.0.1:9'], 'key', 'takes no user'],
  ])('%j is wrong use', async (args, key, sentence) => {
    await expect(run(args, { key })).rejects.toThrow(sentence)
  })

  test.each([
    ['<html>\n</html>\n', 'what answers is not the service'],
    ['{"kind":"error"}\n', 'the service broke off'],
  ])('ends with 1 where another server answers %j', async (text, sentence) => {
    const { code, said } = await run(['--server', await serve((_, response) => response.end(text))])
    expect([code, said]).toEqual([1, expect.stringContaining(sentence)])
  })

  test('waits as long as it is told to, also where that is a date', async () => {
    let requests = 0
    const server = await serve((_, response) => {
      requests += 1
      const after = requests === 1 ? new Date(Date.now() + 2500).toUTCString() : 'a while'
      response.writeHead(requests < 3 ? 503 : 400, { 'retry-after': after }).end('{"detail":"busy"}')
    })
    const { code, said } = await run(['--server', server])
    expect([code, said]).toEqual([
      1,
      expect.stringMatching(/busy: going on in [12]\.\d s\n.*busy: going on in 0\.0 s\n/),
    ])
  })

  test('ends with 1 where what it writes to is full', async () => {
    const args = ['bin/rehab-protocol.js', 'caseload', '--server', clinic.address]
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, REHAB_API_KEY: clinic.key, NODE_OPTIONS: '' },
      stdio: ['ignore', full, 'pipe'],
    })
    let said = ''
    child.stderr?.on('data', (chunk) => (said += chunk))
    const code = await new Promise((done) => child.on('close', done))
    closeSync(full)
    expect([code, said]).toEqual([1, expect.stringContaining('standard output cannot be written')])
  })

  test('runs as a process, with the key from the environment alone', async () => {
    expect(runCommand(['help', 'caseload']).text).toContain('REHAB_API_KEY')
    const args = ['bin/rehab-protocol.js', 'caseload', '--server', clinic.address, '--protocol', 'ward']
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, REHAB_API_KEY: clinic.key, NODE_OPTIONS: '' },
    })
    let text = ''
    let said = ''
    child.stdout.on('data', (chunk) => (text += chunk))
    child.stderr.on('data', (chunk) => (said += chunk))
    const code = await new Promise((done) => child.on('close', done))
    expect([code, said]).toEqual([0, expect.stringContaining('1,700 episodes as of')])
    expect(episodesOf(text)).toEqual(ids)
    expect(text + said).not.toContain(clinic.key)
  })
})
