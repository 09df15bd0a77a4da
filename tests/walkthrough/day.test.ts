import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from '@jest/globals'
import { runCommand } from '../../src/commands/protocol/run.ts'
import { type Answer, type Client, startClinic } from '../features/support.ts'
import { createTestFolder } from '../support/test-folder.ts'
import { episodeId, patientId, storeCaseload, today } from './caseload.ts'
import { block, expectPage, first, only, quoted, toShortJson, withStableIds } from './page.ts'

// A clinician's day with a protocol, from adopting it to publishing what came back from git. Every request is sent, and the
// page beside this file is made of the answers. `UPDATE_GOLDEN=1 npx jest tests/walkthrough` writes it again.

const clinic = await startClinic({ now: '2026-05-04T14:00:00Z' })
const folder = await createTestFolder()
const page: string[] = []

function say(...paragraphs: string[]): void {
  page.push(...paragraphs.map((paragraph) => `${paragraph.replaceAll(/\s*\n\s*/g, ' ').trim()}\n`))
}

// biome-ignore lint/suspicious/noExplicitAny: what is shown of an answer is chosen by hand, and compared with the page
type Body = any

interface Shown {
  body?: object | string
  headers?: Readonly<Record<string, string>>
  status?: number
  show?: (body: Body, answer: Answer<Body>) => object | string | null
}

const types = { json: 'application/json', yaml: 'application/yaml', patch: 'application/merge-patch+json' }

/** Sends a request and writes it down, with what is shown of the answer. */
async function ask(
  client: Client,
  method: string,
  path: string,
  { body, headers = {}, status = 200, show = () => null }: Shown = {},
): Promise<Answer<Body>> {
  const type = method === 'PATCH' && path.includes('/draft') ? types.patch : types.json
  const sent = { ...(body !== undefined && typeof body === 'object' && { 'content-type': type }), ...headers }
  const answer = await client.send<Body>(
    method,
    path,
    body && typeof body === 'object' ? JSON.stringify(body) : body,
    sent,
  )
  if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status}: ${answer.text}`)
  const heads = Object.entries(sent)
    .filter(([, value]) => value !== types.json)
    .map(([name, value]) => `${name.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())}: ${value}`)
  const text = body === undefined ? '' : typeof body === 'string' ? '…' : toShortJson(body)
  page.push(block('http', [`${method} /v1${path}`, ...heads, ...(text === '' ? [] : ['', text])].join('\n')))
  const shown = show(answer.body, answer)
  // The tag of an answer about a patient is another one each time that the day is walked through.
  const tag = /^"\d+"$/.test(answer.etag) ? `, \`ETag: ${answer.etag}\`` : ''
  page.push(`\`${answer.status}\`${tag}\n`)
  if (shown !== null) page.push(typeof shown === 'string' ? shown : block('json', toShortJson(shown)))
  return answer
}

const address = '/protocols/acdf-standard'

/** An edit of the draft as it was seen last. */
let etag = ''
async function edit(client: Client, method: string, path: string, shown: Shown): Promise<Answer<Body>> {
  const answer = await ask(client, method, `${address}/draft${path}`, { headers: { 'if-match': etag }, ...shown })
  if (answer.etag !== '') etag = answer.etag
  return answer
}

/** Nothing of this machine's, nor of a hook that the tests may run in. */
const gitEnvironment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'))),
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'A therapist',
  GIT_AUTHOR_EMAIL: 'therapist@clinic.example',
  GIT_COMMITTER_NAME: 'A therapist',
  GIT_COMMITTER_EMAIL: 'therapist@clinic.example',
}

interface Ran {
  stdout: string
  stderr: string
  status: number | null
}

/** Runs commands of git and of the package in the folder, one after the other, and writes down what they print. */
function run(lines: readonly string[], last = 0): string {
  const printed: string[] = []
  let output = ''
  for (const [index, line] of lines.entries()) {
    const ran = line.split(' | ').reduce<Ran | null>((before, part) => runOne(part, before?.stdout ?? ''), null)
    const expected = index === lines.length - 1 ? last : 0
    if (ran?.status !== expected) throw new Error(`${line}: ${ran?.status}: ${ran?.stderr}${ran?.stdout}`)
    output = ran.stdout
    const text = `${ran.stderr}${output}`.trimEnd()
    printed.push(`$ ${line}`, ...(text === '' ? [] : text.split('\n').map(cut)))
  }
  page.push(block('console', printed.join('\n')))
  return output
}

function cut(line: string): string {
  return line.length > 150 ? `${line.slice(0, 150)}…` : line
}

function runOne(line: string, input: string): Ran {
  const [name = '', ...args] = (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''))
  if (name === 'git') return spawnSync(name, args, { cwd: folder, env: gitEnvironment, encoding: 'utf8' })
  const piped = join(folder, 'piped.yaml')
  writeFileSync(piped, input)
  const files = args.slice(1).map((arg) => (arg === '-' ? piped : arg.endsWith('.yaml') ? join(folder, arg) : arg))
  const { text, complaint = '', code } = runCommand(files)
  const tidy = (said: string): string => said.replaceAll(piped, 'standard input').replaceAll(`${folder}/`, '')
  return { stdout: tidy(text), stderr: tidy(complaint), status: code }
}

const open = ({ findings }: Body) =>
  findings
    .filter(({ accepted }: Body) => accepted === null)
    .map((finding: Body) => only(finding, 'severity', 'name', 'text'))

test('a day from the library to git and back', async () => {
  const author = await clinic.addClient(clinic.clinicId, 'clinician', 'therapist')
  const reviewer = await clinic.addClient(clinic.clinicId, 'clinician')
  const ids = new Map([[clinic.clinicId, 'the-clinic']])
  for (let index = 1; index <= 1000; index += 1)
    ids.set(episodeId(index), `episode-${index}`).set(patientId(index), `patient-${index}`)

  page.push('# A clinic’s day with a protocol\n')
  say(
    `A physical therapist tightens what the clinic’s protocol says about lifting after an ACDF; a clinician reviews it; a
    thousand patients are moved; and the protocol goes to git and comes back.`,
    `Each request here was sent, and each answer given, by \`tests/walkthrough/day.test.ts\`, which writes this page and fails
    when the service answers anything else. What is long is cut: \`…\`, and members that do not matter here are left out.
    Ids have names. Every request carries a key (\`Authorization: Bearer …\`): the administrator’s, the therapist’s or the
    clinician’s. The therapist’s has the role \`clinician\` too, because she writes protocols and does not only keep records.`,
  )
  await adopt(author)
  clinic.setNow(`${today}T14:00:00Z`)
  await edits(author, reviewer)
  clinic.setNow(`${today}T15:10:00Z`)
  await weigh(author)
  clinic.setNow(`${today}T15:30:00Z`)
  await review(author, reviewer)
  clinic.setNow(`${today}T16:00:00Z`)
  await move(author)
  clinic.setNow(`${today}T19:00:00Z`)
  await throughGit(author, reviewer)
  await compareWithLibrary(author)
  expectPage(resolve(import.meta.dirname, 'README.md'), withStableIds(page.join('\n'), ids))
}, 60_000)

async function adopt(author: Client): Promise<void> {
  page.push('## Adopt a protocol\n')
  say('In May the clinic takes the built-in protocol for ACDF, as a draft of its own, and publishes it.')
  const adopted = await ask(author, 'POST', '/library/acdf-standard/adopt', {
    status: 201,
    show: ({ title, status, document }) => ({
      title,
      status,
      phases: document.phases.map(({ title }: Body) => title),
      cases: document.cases.length,
    }),
  })
  etag = adopted.etag
  const published = await edit(author, 'POST', '/publish', {
    body: { changeNote: 'Adopted from the library' },
    status: 201,
    show: (body) => only(body, 'number', 'status', 'changeNote'),
  })
  const { id: versionId, publishedBy } = published.body
  await storeCaseload(clinic, { count: 1000, versionId, recordedBy: publishedBy.id })
  say(`Since then a thousand patients were operated and follow version 1. On 20 November one of them is at day 96. The doctor and
    the therapist have cleared them for ordinary training, so that they may lift weights; how much they may lift in daily
    life the protocol leaves to the care team.`)
  clinic.setNow(`${today}T13:30:00Z`)
  asked = await ask(author, 'GET', `/episodes/${episodeId(120)}/permitted-exercises`, {
    show: ({ daysSinceSurgery, ...rest }) => ({
      daysSinceSurgery,
      ...aboutLifting(rest),
      basis: only(rest.basis, 'knownAt'),
    }),
  })
}

/** The answer about that patient before anything was changed. */
let asked: Answer<Body> | null = null

function aboutLifting({ protocols, permitted, withheld, limits }: Body): object {
  const isWeights = ({ exercise }: Body): boolean => exercise === 'weightlifting'
  return {
    protocols: protocols.map(({ code, version, phase }: Body) => ({ code, version, phase: phase.title })),
    permitted: permitted.filter(isWeights).map((one: Body) => only(one, 'exercise', 'text')),
    withheld: withheld.filter(isWeights).map(({ exercise, reasons, wayForward }: Body) => ({
      exercise,
      reasons: reasons.map(({ text }: Body) => text),
      wayForward: wayForward.text,
    })),
    limits: limits.map((limit: Body) => only(limit, 'quantity', 'max', 'unit', 'text')),
  }
}

async function edits(author: Client, reviewer: Client): Promise<void> {
  page.push('## Tighten lifting, in a draft\n')
  say(`The clinic’s spine board wants two things: nobody lifts more than 10 lb before twelve weeks are over, and nobody lifts
    weights before sixteen, whatever has been cleared. The administrator has the clinic ask for a second person’s approval of
    whatever is published; then the therapist starts a draft from version 1.`)
  await ask(clinic, 'PATCH', '/clinic', {
    headers: { 'if-match': '*' },
    body: { approval: 'second-person' },
    show: (body) => only(body, 'name', 'approval'),
  })
  const started = await ask(author, 'POST', `${address}/draft`, {
    body: { from: 1 },
    status: 201,
    show: (body) => only(body, 'status', 'revision', 'startedFrom'),
  })
  etag = started.etag
  say(
    'Each edit names the revision that it was made on. A limit is added, and the prescription of weights gets a condition:',
  )
  await edit(author, 'POST', '/limits', {
    status: 201,
    body: {
      code: 'lifting-first-twelve-weeks',
      quantity: 'lifted-load',
      max: 10,
      unit: '[lb_av]',
      when: { days: { before: 84 } },
    },
  })
  await edit(author, 'PATCH', '/prescriptions/weightlifting-after-clearance', {
    body: { when: { days: { atLeast: 112 } } },
    show: (body) => only(body, 'code', 'exercise', 'from', 'when'),
  })

  page.push('## See the findings\n')
  say('The check tries every case that the draft can tell apart, and runs the test cases that the protocol keeps:')
  const summary = ({ publishable, text, ...rest }: Body) => ({ publishable, text, open: open(rest) })
  await ask(author, 'POST', `${address}/draft/check`, { show: summary })
  say(`The error is a test case that came with the protocol: with both clearances, on day 91, weights were permitted. That is
    what the board wants otherwise, so the case has to change. The warning is right as well: the limit does not say
    where it comes from. An error keeps the draft from being submitted:`)
  await edit(author, 'POST', '/submit', {
    status: 422,
    headers: { 'if-match': etag, 'content-type': 'application/json' },
    body: { changeNote: 'Lifting, as the spine board decided' },
    show: (body) => ({
      ...only(body, 'code', 'detail'),
      errors: body.errors.map((error: Body) => only(error, 'pointer', 'detail')),
    }),
  })

  page.push('## Fix them\n')
  say('A source for what the clinic has decided itself, and the two rules name it:')
  await edit(author, 'POST', '/sources', {
    status: 201,
    body: { id: 'spine-board', title: 'The clinic’s spine board', locator: 'Minutes of 12 November 2026, item 4' },
  })
  await edit(author, 'PATCH', '/limits/lifting-first-twelve-weeks', { body: { sources: ['spine-board'] } })
  const before = etag
  await edit(author, 'PATCH', '/prescriptions/weightlifting-after-clearance', {
    body: { sources: ['recovery', 'to-avoid', 'spine-board'] },
  })
  say('The old test case moves to the first day that now permits weights; a new one holds the day before.')
  await edit(author, 'PATCH', '/cases/both-clearances', { body: { on: 112 } })
  const cleared = [
    { milestone: 'six-week-visit', on: 42 },
    { milestone: 'training-clearance-doctor', on: 90 },
    { milestone: 'training-clearance-therapist', on: 91 },
  ]
  await edit(author, 'POST', '/cases', {
    status: 201,
    body: {
      code: 'no-weights-before-sixteen-weeks',
      title: 'Not even with both clearances',
      record: cleared,
      on: 111,
      expect: { withheld: ['weightlifting'] },
    },
  })
  await ask(author, 'POST', `${address}/draft/check`, { show: summary })
  say(`Meanwhile a colleague had the draft open, as it was three edits ago, and changes its title. Nothing is lost: the edit is
    refused, with what was done since and by whom.`)
  await ask(reviewer, 'PATCH', `${address}/draft`, {
    headers: { 'if-match': before },
    body: { title: 'ACDF' },
    status: 412,
    show: ({ code, detail, since }) => ({
      code,
      detail,
      since: since.changes.map((change: Body) => ({
        ...only(change, 'kind', 'code', 'change'),
        authors: change.authors.map(({ name }: Body) => name),
        at: change.at,
      })),
    }),
  })

  page.push('## See the difference\n')
  say('What does the draft change for a patient? The page for the reviewer, whole:')
  await ask(author, 'GET', `${address}/versions/1/diff/draft?format=markdown`, { show: (_, { text }) => quoted(text) })
}

const isLoss = ({ consequences }: Body): boolean => consequences.some(({ kind }: Body) => kind === 'loss')

async function weigh(author: Client): Promise<void> {
  page.push('## See whom it changes\n')
  say(
    'And for which patients? Nothing is written: each of the thousand is answered twice, as today and as with the draft.',
  )
  const impact = await ask(author, 'GET', `${address}/draft/impact?limit=1000`, {
    show: ({ on, text, episodes, changed, explainedOtherwise, unchanged, consequences, items }) => ({
      ...{ on, text, episodes, changed, explainedOtherwise, unchanged },
      consequences: consequences.map((one: Body) => only(one, 'name', 'episodes', 'text')),
      items: first(
        items.filter(isLoss).map(({ episode, patient, follows, consequences }: Body) => ({
          ...{ episode, patient, follows },
          consequences: consequences.map((one: Body) => only(one, 'name', 'text')),
        })),
        1,
      ),
    }),
  })
  expect(impact.body).toMatchObject({ episodes: 1000, changed: expect.any(Number) })
}

async function review(author: Client, reviewer: Client): Promise<void> {
  page.push('## Get it approved, and publish it\n')
  const state = (body: Body) => only(body, 'status', 'revision', 'changeNote')
  const note = 'Lifting: at most 10 lb for twelve weeks, weights from sixteen (spine board, 12 November 2026)'
  await edit(author, 'POST', '/submit', { body: { changeNote: note }, show: state })
  say('Whoever has edited or submitted it cannot approve it:')
  await edit(author, 'POST', '/approve', { body: {}, status: 409, show: (body) => only(body, 'code', 'detail') })
  say('The clinician reads the page above, and does:')
  await edit(reviewer, 'POST', '/approve', {
    body: { note: 'As decided.' },
    show: ({ status, review }) => ({ status, review: only(review, 'decision', 'by', 'note') }),
  })
  await edit(author, 'POST', '/publish', {
    body: {},
    status: 201,
    show: (body) => ({
      ...only(body, 'number', 'status', 'contentHash'),
      authors: body.authors.map(({ name }: Body) => name),
      review: only(body.review, 'decision', 'by'),
    }),
  })
  say('No patient’s answer has changed: everybody follows version 1 until somebody moves them.')
}

const reached = (outcomes: Record<string, number>): object =>
  Object.fromEntries(Object.entries(outcomes).filter(([, count]) => count > 0))

async function move(author: Client): Promise<void> {
  page.push('## Move the patients\n')
  say('First what would come of it, with nothing written:')
  const reason = 'Lifting as the spine board decided on 12 November 2026'
  const outcome = ({ dryRun, text, outcomes, consequences, confirm }: Body) => ({
    ...{ dryRun, text, outcomes: reached(outcomes) },
    consequences: consequences.map((one: Body) => only(one, 'name', 'episodes', 'text')),
    confirm,
  })
  const dry = await ask(author, 'POST', `${address}/moves`, {
    body: { to: 2, select: { from: 1 }, reason, dryRun: true, limit: 0 },
    show: outcome,
  })
  const [loss, ...others]: string[] = dry.body.confirm
  say(`Whoever would lose weights should hear it from the therapist first. So only the new limit is confirmed: who loses nothing
    is moved, and the others, here the first of them, stay and are listed.`)
  const most = await ask(author, 'POST', `${address}/moves`, {
    body: { to: 2, select: { from: 1 }, reason, confirm: others, limit: 1000 },
    show: ({ move, text, outcomes, items }) => ({
      ...{ move, text, outcomes: reached(outcomes) },
      items: first(
        items
          .filter(({ outcome }: Body) => outcome !== 'moved')
          .map((one: Body) => only(one, 'episode', 'outcome', 'missing', 'text')),
        1,
      ),
    }),
  })
  const left: number = most.body.outcomes['not-confirmed']
  expect(left).toBeGreaterThan(0)
  say('The therapist has talked with them. The same request, with the loss confirmed by its name, moves the rest:')
  await ask(author, 'POST', `${address}/moves`, {
    body: {
      to: 2,
      select: { from: 1 },
      reason: 'Told by the therapist that weights begin at sixteen weeks',
      confirm: [loss, ...others],
      limit: 0,
    },
    show: ({ move, text, outcomes }) => ({ move, text, outcomes: reached(outcomes) }),
  })
  say('The patient at day 96 is now told why, and when weights can begin:')
  await ask(author, 'GET', `/episodes/${episodeId(120)}/permitted-exercises`, { show: aboutLifting })
  say(`What they were told before stays what it was. Asked as of then, the answer is the same, byte for byte:`)
  const knownAt = asked?.body.basis.knownAt
  const again = await ask(author, 'GET', `/episodes/${episodeId(120)}/permitted-exercises?knownAt=${knownAt}`, {
    show: ({ permitted }) => ({
      permitted: permitted
        .filter(({ exercise }: Body) => exercise === 'weightlifting')
        .map((one: Body) => only(one, 'exercise', 'text')),
    }),
  })
  expect(again.text).toBe(asked?.text)
  say('A move is undone by another one. What that would come to, for the first of the two:')
  await ask(author, 'POST', `${address}/moves`, {
    body: { select: { undo: most.body.move }, reason: 'Not needed', dryRun: true, limit: 0 },
    show: ({ text, outcomes }) => ({ text, outcomes: reached(outcomes) }),
  })
}

async function compareWithLibrary(author: Client): Promise<void> {
  page.push('## What is still the library’s\n')
  say(`Nothing that the library changes reaches the clinic by itself. At any time the clinic sees whether there is something new,
    and what its own version says otherwise; read it as what going back to the library’s would change:`)
  await ask(author, 'GET', '/library?limit=1', {
    show: ({ items: [{ code, protocol }] }) => ({
      code,
      version: only(protocol.version, 'number', 'isNewest', 'isOwn'),
    }),
  })
  await ask(author, 'GET', `${address}/versions/3/diff/library?format=markdown`, {
    show: (_, { text }) => quoted(text),
  })
}

async function throughGit(author: Client, reviewer: Client): Promise<void> {
  page.push('## Keep it in git\n')
  say('The canonical form, as YAML, goes into a repository:')
  const exported = await ask(author, 'GET', `${address}/versions/2/document?format=yaml`, {
    show: (_, { text }) => block('yaml', `${text.split('\n').slice(0, 6).join('\n')}\n# …`),
  })
  const file = join(folder, 'acdf.yaml')
  writeFileSync(file, exported.text)
  run([
    'git init --quiet',
    'git add acdf.yaml',
    'git commit --quiet --message "Version 2"',
    'npx rehab-protocol hash acdf.yaml',
  ])
  say(`The hash is the \`contentHash\` of version 2. A colleague notices that between twelve and sixteen weeks no number is left, and
    lets the limit last until weights begin. One line changes in the file:`)
  const text = exported.text.replace('when: { days: { before: 84 } }', 'when: { days: { before: 112 } }')
  writeFileSync(file, text)
  run(['git diff --unified=0'])
  say('Before anybody else sees it, on the command line, without a server:')
  run(['npx rehab-protocol check acdf.yaml'])
  run(['npx rehab-protocol test acdf.yaml'])
  say('And what it changes for a patient, against what git has; like `diff`, it ends with 1 when something differs:')
  run(['git show HEAD:acdf.yaml | npx rehab-protocol diff - acdf.yaml'], 1)
  run(['git commit --quiet --all --message "Let the limit on lifting last until weights begin"'])

  page.push('## Bring it back\n')
  say('The file becomes the draft, and the draft goes the same way: submitted, approved by the clinician, published.')
  const imported = await ask(author, 'PUT', `${address}/draft`, {
    headers: { 'content-type': types.yaml },
    body: text,
    show: (body) => only(body, 'status', 'revision'),
  })
  etag = imported.etag
  await edit(author, 'POST', '/submit', {
    body: { changeNote: 'The limit on lifting lasts until weights begin' },
    show: (body) => only(body, 'status'),
  })
  await edit(reviewer, 'POST', '/approve', { body: {}, show: (body) => only(body, 'status') })
  const published = await edit(author, 'POST', '/publish', {
    body: {},
    status: 201,
    show: (body) => only(body, 'number', 'status', 'contentHash'),
  })
  say('It is what git has. Who follows version 2 stays on it until somebody moves them, as above.')
  const hash = run(['npx rehab-protocol hash acdf.yaml']).split(' ')[0]
  expect(published.body.contentHash).toBe(hash)
}
