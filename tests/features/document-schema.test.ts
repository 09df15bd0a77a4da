import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { parse } from 'yaml'
import { documentBody } from '../../src/features/protocols/document-schema.ts'
import { toDocumentSchema } from '../../src/features/protocols/json-schema.ts'
import { validateBody } from '../../src/http/validation.ts'
import type { ProtocolDocument } from '../../src/rules/index.ts'
import { everyFeature } from './library-clinic.ts'
import { startClinic } from './support.ts'

// The JSON Schema that editors check a document by: it says what the service says of the shape.

const clinic = await startClinic()

const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true })
addFormats.default(ajv)
const schema = toDocumentSchema()
const validate = ajv.compile(schema)

const root = resolve(import.meta.dirname, '../..')
const files = ['prisma/library', 'tests/published', 'tests/features/golden'].flatMap((folder) =>
  readdirSync(resolve(root, folder))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => [`${folder}/${name}`, parse(readFileSync(resolve(root, folder, name), 'utf8'))] as const)
    .filter(([, value]) => Object.hasOwn(value, 'format')),
)

test('is served to anybody, and committed', async () => {
  const answer = await fetch(`${clinic.address}/protocol-document.schema.json`)
  expect(answer.headers.get('content-type')).toBe('application/schema+json; charset=utf-8')
  expect(await answer.json()).toEqual(schema)
  expect(JSON.parse(readFileSync(resolve(root, 'openapi/protocol-document.schema.json'), 'utf8'))).toEqual(schema)
})

test('describes every member, in words of its own', () => {
  const undescribed: string[] = []
  const look = (part: unknown, path: string): void => {
    if (typeof part !== 'object' || part === null) return
    const members = Object.entries<Record<string, unknown>>(Reflect.get(part, 'properties') ?? {})
    for (const [name, member] of members) {
      const words = member.description ?? (member.$ref === undefined ? '' : 'elsewhere')
      const isCondition = member.const !== undefined || Object.keys(member).length === 0 || 'minProperties' in member
      if ((words === '' || /^Lower-case words/.test(String(words))) && !isCondition) undescribed.push(`${path}/${name}`)
    }
    for (const [name, inner] of Object.entries(part)) look(inner, `${path}/${name}`)
  }
  look(schema, '')
  expect(undescribed).toEqual([])
})

test.each(files)('accepts %s, as the service does', (_name, document) => {
  expect(documentBody.safeParse(document).success).toBe(true)
  expect(validate(document) ? [] : validate.errors).toEqual([])
})

/** The document with another value at one place; undefined: without it. */
function change(at: string, value?: unknown): object {
  const document = structuredClone(everyFeature()) as unknown as Record<string, unknown>
  const keys = at.split('/')
  const last = keys.pop() ?? ''
  const holder = keys.reduce<unknown>((part, key) => Reflect.get(part as object, key), document)
  if (value === undefined) Reflect.deleteProperty(holder as object, last)
  else Reflect.set(holder as object, last, value)
  return document
}

const { prescriptions, limits } = everyFeature() as ProtocolDocument

test.each<[string, object]>([
  ['no title', change('title')],
  ['another format', change('format', 2)],
  ['a member that there is not', change('titel', 'x')],
  ['a code with capitals', change('code', 'Every')],
  ['no procedure', change('procedures', [])],
  ['a phase without an entry', change('phases/0/entry')],
  ['a condition of no form', change('phases/0/entry', { day: 1 })],
  ['days without a bound', change('phases/0/entry', { days: { since: 'brace-fitted' } })],
  ['a fact without a test', change('phases/0/entry', { fact: 'pain', withinDays: 3 })],
  ['a phase test of nothing', change('limits/0/when', { phase: {} })],
  ['a number in words', change('limits/0/when', { fact: 'pain', atLeast: 'three' })],
  ['an exercise and a group', change('prescriptions/0', { ...prescriptions[0], exercise: 'rowing', group: 'rest' })],
  ['neither', change('prescriptions/0', { from: 'ward' })],
  ['half a repetition', change('prescriptions/0/dosage', [{ reps: 1.5 }])],
  ['a target of nothing', change('contraindications/0/target', [{}])],
  ['a target of no attribute', change('contraindications/0/target', [{ attributes: {} }])],
  ['a grade of 4', change('contraindications/0/target', [{ attributes: { impact: 4 } }])],
  ['another strength', change('contraindications/0/strength', 'strict')],
  ['a choice without values', change('facts/0', { code: 'a', title: 'a', type: 'choice', ask: '?' })],
  ['values of no choice', change('facts/0', { code: 'a', title: 'a', type: 'text', ask: '?', values: ['a'] })],
  ['a range of a text', change('facts/0', { code: 'a', title: 'a', type: 'text', ask: '?', min: 1 })],
  ['a milestone named surgery', change('milestones/0/code', 'surgery')],
  ['a limit without a number', change('limits/0', { code: 'a', quantity: 'a' })],
  ['a limit with a number and without', change('limits/0', { ...limits[0], max: 1, value: null })],
  ['a goal without a number', change('limits/0', { code: 'a', kind: 'goal', quantity: 'a', value: null })],
  ['another response', change('redFlags/0/response', 'wait')],
  ['a source that is no address', change('sources/0/url', 'ftp://example.org')],
  ['a case that expects nothing', change('cases', [{ code: 'a', on: 1, expect: {} }])],
  [
    'a case with a line of no kind',
    change('cases', [{ code: 'a', on: 1, record: [{ on: 1 }], expect: { phase: null } }]),
  ],
  [
    'a limit that a case does not compare',
    change('cases', [{ code: 'a', on: 1, expect: { limits: [{ quantity: 'a' }] } }]),
  ],
])('refuses what the service refuses for its shape: %s', (_what, document) => {
  expect(validateBody(documentBody, document).faults).not.toBeNull()
  expect(validate(document)).toBe(false)
})
