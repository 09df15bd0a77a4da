import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseYaml, toYaml } from '../../src/features/protocols/document-body.ts'
import { keysOf, locateInJson, type Place } from '../../src/http/source-places.ts'
import type { ProtocolDocument } from '../../src/rules/index.ts'
import { accepted, everyFeature } from './library-clinic.ts'
import { startClinic } from './support.ts'

// What an author of a document reads who has made mistakes: all of them at once, each with its line and column.

const clinic = await startClinic()
accepted(await clinic.post('/procedures', { code: 'repair', name: 'Repair', bodyRegion: 'knee' }))

interface Refusal extends Record<string, unknown> {
  code: string
  errors: { in: string; pointer: string; detail: string; line?: number; column?: number }[]
}

const asYaml = { 'content-type': 'application/yaml' }

function say({ errors }: Refusal): string[] {
  return errors.map(({ line, column, pointer, detail }) => `${line}:${column} ${pointer} ${detail}`)
}

const misshapen = `# A protocol with mistakes of every kind.
format: 1
code: mistaken
titel: Mistaken            # a field that there is not
procedures: [repair]
exercises:
  - { code: brought, title: Brought along, kind: exercise, attributes: {} }
milestones:
  - code: visit
    title: Visit
    grantedBy: surgeon
phases:
  - code: early
    title: Early
    entry: { days: { atLeast: "0" } }
  - code: late
    title: Late
    entry:
      all:
        - { milestone: vist }
        - { days: { atLeast: 14, before: 7 } }
prescriptions:
  - { exercise: brought, from: erly, sie: left }
  - exercise: brought
    from: late
    through: early
  - &again { code: twice, exercise: brought, from: early, dosage: [{ reps: 1.5 }] }
  - *again
cases:
  - { code: one, on: 1, expect: { phase: lat } }
`

test('every mistake is told at once, in the shape and in the names, with its line and column', async () => {
  const { status, body } = await clinic.send<Refusal>('POST', '/protocols', misshapen, asYaml)
  expect([status, body.code]).toEqual([400, 'VALIDATION_FAILED'])
  expect(say(body)).toEqual([
    '2:1 /title is required',
    '11:5 /milestones/0/grantedBy must be a list and is a text',
    '15:22 /phases/0/entry/days/atLeast must be a whole number, or a range of two, like `[28, 42]`',
    '23:38 /prescriptions/0/sie is not a field here: did you mean `side`?',
    '27:70 /prescriptions/2/dosage/0/reps must be a whole number and is a number with a fraction',
    '27:70 /prescriptions/3/dosage/0/reps must be a whole number and is a number with a fraction',
    '4:1 /titel is not a field here: did you mean `title`?',
    '28:5 /prescriptions/3 has the name `twice`, which an earlier one has already: give it another',
    '18:5 /phases/1/entry names the milestone `vist`, which does not exist: did you mean `visit`? Otherwise declare it in `milestones`',
    '18:5 /phases/1/entry can never be true: no day is at least 14 and before 7',
    '23:26 /prescriptions/0/from names the phase `erly`, which does not exist: did you mean `early`? Otherwise add it to `phases`',
    '24:5 /prescriptions/1 goes from `late` through `early`, which comes earlier: exchange them',
    '30:35 /cases/0/expect/phase names the phase `lat`, which does not exist: did you mean `late`? Otherwise add it to `phases`',
  ])
})

const careless = `format: 1
code: careless
title: 3                   # no text
procedures: [repare, repair, 7]
exercises:
  - { code: brought, title: Brought, kind: exercise, groups: [easy], attributes: { impacts: 1 } }
phases: [{ code: all, title: All, entry: { days: { atLeast: 0 } } }]
prescriptions:
  - { exercise: broght, from: all }
  - { group: easi, from: all }
  - { exercise: brought, from: all }
contraindications:
  - { code: hops, title: Hops, strength: absolute, target: [{ attributes: { impactt: 2 } }, { exercise: hop }] }
cases:
  - { code: one, on: 1, expect: { withheld: [jump] } }
`

test('with mistakes in the shape are told the names that the clinic does not have, in all that is well formed', async () => {
  const names = ({ body }: { body: Refusal }) =>
    say(body)
      .slice(-7)
      .map((line) => line.replace(/, which.*/, ''))
  const expected = [
    '4:14 /procedures/0 names the procedure `repare`',
    '6:84 /exercises/0/attributes/impacts names the attribute `impacts`',
    '9:7 /prescriptions/0/exercise names the exercise `broght`',
    '10:7 /prescriptions/1/group names the group `easi`',
    '13:77 /contraindications/0/target/0/attributes/impactt names the attribute `impactt`',
    '13:95 /contraindications/0/target/1/exercise names the exercise `hop`',
    '15:46 /cases/0/expect/withheld/0 names the exercise `jump`',
  ]
  for (const path of ['/protocols', '/checks']) {
    const answer = await clinic.send<Refusal>('POST', path, careless, asYaml)
    expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED'])
    expect(say(answer.body).slice(0, 2)).toEqual([
      '3:1 /title must be a text and is a number',
      '4:30 /procedures/2 must be a text and is a number',
    ])
    expect(names(answer)).toEqual(expected)
  }
  // Whoever brings exercises along, but not well formed, may mean one of them.
  const unsure = careless.replace('code: brought, title', 'code: 7, titel').replace('groups: [easy]', 'groups: easy')
  const { body } = await clinic.send<Refusal>('POST', '/protocols', unsure, asYaml)
  expect(say(body).filter((line) => /the (exercise|group) /.test(line))).toEqual([])
  expect(say(body).filter((line) => /the (procedure|attribute) /.test(line))).toHaveLength(3)
})

test('another code, unknown names and exercises that the catalogue has otherwise are told together', async () => {
  const code = 'together'
  const phases = [{ code: 'all', title: 'All', entry: { days: { atLeast: 0 } } }]
  accepted(await clinic.post('/exercises', { code: 'ours', title: 'Ours', kind: 'exercise', attributes: {} }))
  accepted(await clinic.post('/protocols', { format: 1, code, title: 'Together', procedures: ['repair'], phases }))
  const theirs = { code: 'ours', title: 'Theirs', kind: 'exercise', attributes: {} }
  const document = { format: 1, code: 'other', title: 'Other', procedures: ['repare'], exercises: [theirs], phases }
  const refused = (body: object) =>
    clinic.send<Refusal>('PUT', `/protocols/${code}/draft`, JSON.stringify(body, null, 1), { 'if-match': '*' })
  const { status, body } = await refused(document)
  expect([status, body.code]).toEqual([422, 'DOCUMENT_INVALID'])
  expect(body.errors.map(({ pointer, line }) => [pointer, line])).toEqual([
    ['/code', 3],
    ['/exercises/0', 9],
    ['/procedures/0', 6],
  ])
  const misshapen = await refused({ ...document, title: 7 })
  expect(misshapen.body.errors.map(({ pointer }) => pointer)).toEqual(['/title', '/procedures/0', '/exercises/0'])
  // What is wrong elsewhere in the request is no matter of the document.
  const late = await clinic.send<Refusal>('PUT', `/protocols/${code}/draft`, document, { 'if-match': 'x' })
  expect(late.body.errors.map(({ pointer }) => pointer)).toEqual(['If-Match'])
})

test('findings of a check are told with their lines', async () => {
  const text = [
    'format: 1',
    'code: checked',
    'title: Checked',
    'procedures: [repair]',
    'milestones: [{ code: visit, title: Visit }]',
    'phases:',
    '  - { code: all, title: All, entry: { days: { atLeast: 0 } } }',
    'limits:',
    '  - { code: load, quantity: load, max: 5, unit: kg }',
  ].join('\n')
  interface Found extends Record<string, unknown> {
    findings: { name: string; line: number | null; column: number | null }[]
  }
  const placesOf = ({ findings }: Found) => findings.map(({ name, line, column }) => `${line}:${column} ${name}`)
  const { body } = await clinic.send<Found>('POST', '/checks', text, asYaml)
  expect(placesOf(body)).toEqual([
    '7:5 empty-phase:all',
    '9:5 no-source:limits/load',
    '5:14 unused-declaration:milestones/visit',
  ])
  accepted(await clinic.send('POST', '/protocols', text, asYaml))
  const stored = await clinic.post<Found>('/protocols/checked/draft/check', undefined)
  expect(stored.body.findings.map(({ line }) => line)).toEqual([null, null, null])
})

test.each([
  ['a list that is none', { phases: 3 }],
  ['a list that is too long', { phases: Array(60).fill({ code: 7, entry: 'x', sources: 3 }) }],
  [
    'items that are no parts',
    { phases: [null, 1, 'x', [1], {}], prescriptions: [[], { exercise: {}, dosage: 1, when: 1 }] },
  ],
  [
    'parts of another sort',
    { contraindications: [{ code: 'a', target: 'x', except: { a: 1 } }], exercises: [{ groups: 1, attributes: [] }] },
  ],
  [
    'facts and cases of nothing',
    { facts: [{ code: 'f', operation: 1 }], cases: [{ record: 'x', expect: { dose: 1, limits: {} } }] },
  ],
])('a document with %s is refused for that alone', async (_what, parts) => {
  const document = { format: 1, code: 'odd', title: 'Odd', procedures: ['repair'], ...parts }
  const { status, body } = await clinic.post<Refusal>('/protocols', document)
  expect([status, body.code]).toEqual([400, 'VALIDATION_FAILED'])
  const lists = Object.keys(parts).map((list) => `/${list}`)
  expect(body.errors.filter(({ pointer }) => !lists.some((list) => pointer.startsWith(list)))).toEqual([])
})

test('a document that names what there is not is refused with lines and columns, in YAML and in JSON', async () => {
  const document = {
    format: 1,
    code: 'x',
    title: 'X',
    procedures: ['repair', 'repare'],
    phases: [{ code: 'a', title: 'A', entry: { milestone: 'visit' } }],
  }
  const json = JSON.stringify(document, null, 2)
  const answer = await clinic.send<Refusal>('POST', '/protocols', json)
  expect(answer.status).toBe(422)
  expect(say(answer.body).map((line) => line.split(' ')[0])).toEqual(['7:5', '13:7'])
  const inYaml = await clinic.send<Refusal>('POST', '/checks', toYaml(document as unknown as ProtocolDocument), asYaml)
  expect(say(inYaml.body).map((line) => line.split(' ')[0])).toEqual(['4:23', '8:5'])
})

test('a YAML text that cannot be read is refused with all that is wrong, and a part of a draft without lines', async () => {
  const twice = 'format: 1\nformat: 1\ncode: a\nphases:\n  - { code: a, code: b }\n'
  const { body } = await clinic.send<Refusal>('POST', '/protocols', twice, asYaml)
  expect(body).toMatchObject({ code: 'MALFORMED_DOCUMENT', line: 2, column: 1 })
  expect(say(body)).toEqual(['2:1  the key `format` is given twice', '5:16  the key `code` is given twice'])

  const plain = {
    format: 1,
    code: 'plain',
    title: 'Plain',
    procedures: ['repair'],
    phases: [{ code: 'all', title: 'All', entry: { days: { atLeast: 0 } } }],
  }
  accepted(await clinic.post('/protocols', plain))
  const part = await clinic.send<Refusal>(
    'POST',
    '/protocols/plain/draft/limits',
    { code: 'l', quantity: 1 },
    { 'if-match': '*' },
  )
  expect(part.body.errors).toEqual([{ in: 'body', pointer: '/quantity', detail: 'must be a text and is a number' }])
})

test('nothing is left of a document that is refused, however late', async () => {
  const exercises = [{ code: 'brought', title: 'Brought', kind: 'exercise', attributes: {} }]
  const good = { format: 1, code: 'half', title: 'Half', procedures: ['repair'], exercises }
  const late = { ...good, prescriptions: [{ exercise: 'brought', from: 'nowhere' }] }
  for (const [method, path, body] of [
    ['POST', '/protocols', late],
    ['POST', '/protocols', misshapen],
    ['POST', '/checks', good],
    ['PUT', '/protocols/plain/draft', { ...late, code: 'plain' }],
  ] as const) {
    const headers = typeof body === 'string' ? asYaml : {}
    const { status } = await clinic.send(method, path, body, { ...headers, 'if-match': '*' })
    expect([path, status === 200]).toEqual([path, path === '/checks'])
  }
  expect((await clinic.get('/exercises/brought')).status).toBe(404)
  expect((await clinic.get('/protocols/half')).status).toBe(404)
  expect((await clinic.get('/protocols/mistaken')).status).toBe(404)
  expect((await clinic.get('/protocols/plain/draft')).body).toMatchObject({
    revision: 1,
    document: { prescriptions: [] },
  })
})

/** Every JSON pointer into the value. */
function pointersOf(value: unknown, pointer = ''): string[] {
  if (typeof value !== 'object' || value === null) return [pointer]
  const parts = Object.entries(value).flatMap(([key, part]) =>
    pointersOf(part, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`),
  )
  return [pointer, ...parts]
}

function textAt(text: string, place: Place | undefined): string {
  return text
    .split('\n')
    .slice((place?.line ?? 0) - 1)
    .join('\n')
    .slice((place?.column ?? 0) - 1)
}

test('in JSON every part of any value is found where it is', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      const pointers = pointersOf(value)
      const places = locateInJson(text)(pointers)
      for (const pointer of pointers) {
        const keys = keysOf(pointer)
        const holder = keys.slice(0, -1).reduce<unknown>((part, key) => Reflect.get(part as object, key), value)
        const last = keys.at(-1)
        const isField = last !== undefined && !Array.isArray(holder)
        const part = last === undefined ? value : Reflect.get(holder as object, last)
        const begins = isField
          ? JSON.stringify(last)
          : typeof part === 'object' && part !== null
            ? Array.isArray(part)
              ? '['
              : '{'
            : JSON.stringify(part)
        expect(textAt(text, places.get(pointer)).startsWith(begins)).toBe(true)
      }
    }),
    { numRuns: 200 },
  )
})

test('in YAML every field of a document is found where its name is, and what is not there where it would be', () => {
  const text = toYaml(everyFeature())
  const { value, locate } = parseYaml(text)
  const pointers = pointersOf(value).filter((pointer) => /\/[^/]*[a-z][^/]*$/i.test(pointer))
  const places = locate(pointers)
  expect(pointers.length).toBeGreaterThan(200)
  for (const pointer of pointers) {
    expect(textAt(text, places.get(pointer))).toMatch(new RegExp(`^${keysOf(pointer).at(-1)}:`))
  }
  const missing = locate(['/phases/0/entry/nothing/at/all', '/limits/99', '/nowhere', ''])
  expect([...missing.values()].map((place) => textAt(text, place).slice(0, 7))).toEqual([
    'entry: ',
    'limits:',
    'format:',
    'format:',
  ])
})
