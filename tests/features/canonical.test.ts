import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { z } from 'zod'
import { hashDocument, partOrder, toCanonical, toCanonicalJson } from '../../src/features/protocols/canonical.ts'
import { readYaml, toYaml } from '../../src/features/protocols/document-body.ts'
import { completeDocument, documentBody } from '../../src/features/protocols/document-schema.ts'
import type { version } from '../../src/features/protocols/schemas.ts'
import type { ProtocolDocument, TestCase } from '../../src/rules/index.ts'
import { smallSituations } from '../rules/situations.ts'
import { accepted } from './library-clinic.ts'
import { startClinic } from './support.ts'

// Import ∘ export is the identity: of the document, of its bytes and of its hash, in JSON and in YAML.

const clinic = await startClinic()

/** What YAML would rather read as something else. */
const awkward = fc.constantFrom(
  ...[
    'null',
    '~',
    'yes',
    'no',
    '1e3',
    '0x1f',
    '007',
    '.5',
    '1_000',
    '2026-01-01',
    '-',
    '- x',
    '? x',
    ': x',
    'a: b',
    '# x',
  ],
  ...[
    'a # b',
    '"',
    "'",
    "it's",
    '{a}',
    '[a]',
    '*a',
    '&a',
    '!a',
    '%a',
    '@a',
    '`a`',
    '|',
    '>',
    '---',
    '...',
    '<<',
    '=',
    ',',
  ],
  ...[
    'a\u2028b',
    'a\u0085b',
    '\ufeffa',
    'a\u00a0',
    'é',
    '👩‍⚕️',
    'a\tb',
    '\\n',
    'a'.repeat(150),
    'word '.repeat(40).trim(),
  ],
)

const line = fc.oneof(awkward, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 })).filter(isLine)
const text = fc
  .oneof(
    line,
    fc.array(line, { minLength: 2, maxLength: 4 }).map((lines) => lines.join('\n')),
    fc.constant('a\n\n  b\n c'),
  )
  .map((words) => words.trim())

function isLine(words: string): boolean {
  const schema = z.object({ title: documentBody.shape.title })
  return schema.safeParse({ title: words }).data?.title === words
}

const testCase: fc.Arbitrary<TestCase> = fc.record(
  {
    code: fc.constantFrom('one', 'two'),
    title: line,
    levels: fc.subarray(['L4-L5', 'L5-S1']),
    side: fc.constantFrom('left', 'right', 'bilateral'),
    record: fc.array(
      fc.oneof(
        fc.record({ milestone: fc.constant('visit'), on: fc.integer({ min: -9, max: 99 }) }),
        fc.record({
          fact: fc.constant('pain'),
          is: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), line),
          on: fc.nat(99),
        }),
        fc.record({ hold: line, from: fc.nat(9), until: fc.integer({ min: 10, max: 19 }) }),
      ),
      { maxLength: 3 },
    ),
    on: fc.integer({ min: -9, max: 99 }),
    expect: fc.record(
      {
        phase: fc.constant(null),
        permitted: fc.constant(['walk']),
        dose: fc.constant({ walk: null, on: { reps: 1 } }),
      },
      { requiredKeys: ['permitted'] },
    ),
  },
  { requiredKeys: ['code', 'on', 'expect'] },
)

/** A document as an author may write it: what says nothing is there or not, and the exercises are in any order. */
const documents: fc.Arbitrary<ProtocolDocument> = fc
  .record({
    situation: smallSituations(1, 1),
    titles: fc.array(line, { minLength: 3, maxLength: 3 }),
    text,
    cases: fc.array(testCase, { maxLength: 2 }),
    says: fc.boolean(),
  })
  .map(({ situation, titles: [title = '', rule = '', reason = ''], text, cases, says }) => {
    const [version] = situation.versions
    if (version === undefined) throw new Error('a situation has a version')
    // The generator draws what nobody can write, too: any phase, and goals without a number.
    const written = JSON.stringify(version.document).replaceAll('"phase":{}', '"phase":{"from":"first"}')
    const document: ProtocolDocument = JSON.parse(written)
    return {
      ...document,
      title,
      ...(says ? { description: text, accepted: [{ finding: rule, reason }] } : { accepted: [] }),
      sources: [{ id: 'book', title: rule }],
      milestones: document.milestones.map((milestone) => ({
        ...milestone,
        ...(!says && { preOperative: false, sources: [] }),
      })),
      phases: document.phases.map((phase) => ({ ...phase, goals: says ? [text] : [] })),
      contraindications: document.contraindications.map((rule) => ({
        ...rule,
        title,
        rationale: text,
        sources: says ? ['book'] : [],
      })),
      limits: document.limits.map((limit) => (limit.value === null ? { ...limit, kind: 'cap' } : limit)),
      cases,
    }
  })

function importOf(value: unknown): ProtocolDocument {
  return completeDocument(documentBody.parse(value))
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, part]) => [name, reversed(part)]),
  )
}

describe('the canonical form', () => {
  test('of any document is what an import of its export gives, byte for byte, in JSON and in YAML', () => {
    fc.assert(
      fc.property(documents, (document) => {
        const exported = toCanonical(importOf(document))
        for (const imported of [importOf(JSON.parse(JSON.stringify(exported))), importOf(readYaml(toYaml(exported)))]) {
          expect(toCanonicalJson(imported)).toBe(toCanonicalJson(exported))
          expect(hashDocument(imported)).toBe(hashDocument(document))
          expect(toYaml(toCanonical(imported))).toBe(toYaml(exported))
          expect(JSON.stringify(toCanonical(imported))).toBe(JSON.stringify(exported))
        }
      }),
      { numRuns: 40 },
    )
  })

  test('does not depend on how it is written, nor on exercises that it does not name', () => {
    fc.assert(
      fc.property(documents, (document) => {
        const unnamed = { code: 'unnamed', title: 'Unnamed', kind: 'activity' as const, attributes: {} }
        const other = { ...document, exercises: [unnamed, ...document.exercises.toReversed()] }
        expect(hashDocument(importOf(reversed(other)))).toBe(hashDocument(document))
        expect(hashDocument({ ...document, title: `${document.title}.` })).not.toBe(hashDocument(document))
      }),
      { numRuns: 15 },
    )
  })

  test('knows every member that a document can have', () => {
    const names = new Set<string>()
    const look = (schema: unknown): void => {
      if (typeof schema !== 'object' || schema === null) return
      for (const name of Object.keys(Reflect.get(schema, 'properties') ?? {})) names.add(name)
      for (const part of Object.values(schema)) look(part)
    }
    look(z.toJSONSchema(documentBody, { io: 'input' }))
    const ofDocument = Object.keys(documentBody.shape)
    expect([...names].filter((name) => !partOrder.includes(name) && !ofDocument.includes(name))).toEqual([])
    expect(partOrder.filter((name) => !names.has(name))).toEqual([])
    const whole = Object.fromEntries(ofDocument.toReversed().map((name) => [name, name]))
    expect(
      Object.keys(
        toCanonical({ ...whole, exercises: [], prescriptions: [], contraindications: [], cases: [{}] } as never),
      ),
    ).toEqual(ofDocument)
  })
})

test('what the service stores is what was imported', async () => {
  for (const code of ['repair', 'revision'])
    accepted(await clinic.post('/procedures', { code, name: code, bodyRegion: 'knee' }))
  for (const code of ['impact', 'twisting']) accepted(await clinic.post('/attributes', { code, title: code }))
  let stored = 0
  for (const [index, drawn] of fc.sample(documents, 8).entries()) {
    // The catalogue has one exercise of a name.
    const own = JSON.stringify({ ...drawn, code: `drawn-${index}`, cases: [] }).replaceAll(
      /"(walk|bend|lift|swim|gentle|water)"/g,
      (_, name) => `"${name}-${index}"`,
    )
    const document = importOf(JSON.parse(own))
    const created = await clinic.post<z.output<typeof version>>('/protocols', document)
    // It names what neither it nor the catalogue has.
    if (created.status === 422) continue
    stored += 1
    expect(toYaml(toCanonical(accepted(created).document))).toBe(toYaml(toCanonical(document)))
  }
  expect(stored).toBeGreaterThan(2)
})
