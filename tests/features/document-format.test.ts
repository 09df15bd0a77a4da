import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { version } from '../../src/features/protocols/schemas.ts'
import { accepted } from './library-clinic.ts'
import { type Problem, startClinic } from './support.ts'

// What a document can say in the parts that are the most particular: that it is stored as it was written, and what an
// author reads who gets one of them wrong.

type Version = z.output<typeof version>

const clinic = await startClinic()
for (const code of ['knee-replacement', 'revision']) {
  accepted(await clinic.post('/procedures', { code, name: code, bodyRegion: 'knee' }))
}
accepted(await clinic.post('/attributes', { code: 'impact', title: 'Impact' }))
for (const code of ['walking', 'stairs']) {
  accepted(await clinic.post('/exercises', { code, title: code, kind: 'exercise', attributes: { impact: 1 } }))
}

const plain = {
  format: 1,
  code: 'knee',
  title: 'Knee',
  procedures: ['knee-replacement'],
  exercises: [],
  sources: [],
  milestones: [],
  facts: [{ code: 'pain', title: 'Pain', type: 'number', ask: 'How bad is it?' }],
  phases: [{ code: 'all', title: 'All along', entry: { days: { atLeast: 0 } } }],
  prescriptions: [{ code: 'walks', exercise: 'walking', from: 'all', supervision: 'independent', side: 'both' }],
  contraindications: [
    { code: 'jumping', title: 'Jumping', strength: 'absolute', target: [{ attributes: { impact: 2 } }] },
  ],
  instructions: [],
  limits: [{ code: 'load', quantity: 'load', max: 5, unit: 'kg' }],
  redFlags: [],
}

const rich = {
  ...plain,
  code: 'rich-knee',
  facts: [
    ...plain.facts,
    { code: 'graft', title: 'Graft', type: 'choice', values: ['own', 'donor'], ask: 'Which graft?', fixed: true },
    { code: 'levels', title: 'Levels', type: 'number', ask: 'How many?', operation: 'levels' },
    {
      code: 'side',
      title: 'Side',
      type: 'choice',
      values: ['left', 'right', 'bilateral'],
      ask: 'Which side?',
      operation: 'side',
    },
    { code: 'again', title: 'Revision', type: 'boolean', ask: 'Again?', operation: { procedure: 'revision' } },
  ],
  phases: [
    ...plain.phases,
    { code: 'later', title: 'Later', entry: { days: { atLeast: [28, 42] } } },
    { code: 'last', title: 'Last', entry: { days: { atLeast: [84, 112], before: [365, 400] } } },
  ],
  prescriptions: [
    {
      ...plain.prescriptions[0],
      provided: 'with the brace locked',
      dosage: [
        { reps: 10, amounts: [{ quantity: 'load', value: 2.5, unit: 'kg' }] },
        { when: { days: { atLeast: 90 } }, amounts: [{ quantity: 'load', value: 5, unit: 'kg' }] },
      ],
    },
  ],
  contraindications: [{ ...plain.contraindications[0], except: [{ exercise: 'stairs' }, { kind: 'activity' }] }],
  limits: [
    { ...plain.limits[0], kind: 'cap' },
    { code: 'flexion', kind: 'goal', quantity: 'knee-flexion', min: 120, unit: 'deg' },
  ],
  accepted: [{ finding: 'no-source:prescriptions/walks', reason: 'The clinic’s own experience.' }],
}

/** Canonical JSON and its hash, as anybody could compute them. */
function hashOf(document: object): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted)
    if (typeof value !== 'object' || value === null) return value
    const names = Object.keys(value).sort()
    return Object.fromEntries(names.map((name) => [name, sorted(Reflect.get(value, name))]))
  }
  return createHash('sha256')
    .update(JSON.stringify(sorted(document)))
    .digest('hex')
}

function withoutExercises(document: object): object {
  return { ...document, exercises: [] }
}

async function readDraft(code: string): Promise<Version> {
  return accepted(await clinic.get<Version>(`/protocols/${code}/draft`))
}

/** What the service says about a document with these members in place of the plain ones. */
async function complaints(members: object): Promise<{ pointer: string; detail: string }[]> {
  const { status, body } = await clinic.post<Problem>('/protocols', { ...plain, code: 'mistaken', ...members })
  expect(status).toBe(400)
  return (body.errors ?? []).map(({ pointer, detail }) => ({ pointer, detail }))
}

describe('a document with everything that can be said', () => {
  test('is stored and answered as it was written, and can be imported again', async () => {
    const created = accepted(await clinic.post<Version>('/protocols', rich))
    expect(withoutExercises(created.document)).toEqual(rich)
    const copy = accepted(await clinic.post<Version>('/protocols', { ...created.document, code: 'rich-knee-copy' }))
    expect(withoutExercises(copy.document)).toEqual({ ...rich, code: 'rich-knee-copy' })
  })

  test('keeps what it accepts when a part is edited, and takes other reasons with the whole', async () => {
    const { revision } = await readDraft('rich-knee')
    const path = '/protocols/rich-knee/draft'
    const limit = { code: 'flexion', quantity: 'knee-flexion', kind: 'goal', min: 130, unit: 'deg' }
    accepted(await clinic.put(`${path}/limits/flexion`, limit, `"${revision}"`))
    const edited = await readDraft('rich-knee')
    expect(edited.document).toMatchObject({ accepted: rich.accepted, limits: [{}, limit] })

    const reasons = [{ finding: 'gap:12', reason: 'Meant so.' }]
    accepted(await clinic.put(path, { ...rich, accepted: reasons }, `"${edited.revision}"`))
    expect((await readDraft('rich-knee')).document.accepted).toEqual(reasons)
    accepted(await clinic.put(path, { ...rich, accepted: undefined }, `"${edited.revision + 1}"`))
    expect(Object.hasOwn((await readDraft('rich-knee')).document, 'accepted')).toBe(false)
  })

  test('takes each part by itself, too', async () => {
    const part = async (kind: string, body: object) => {
      const { revision } = await readDraft('rich-knee')
      return accepted(
        await clinic.send('POST', `/protocols/rich-knee/draft/${kind}`, body, { 'if-match': `"${revision}"` }),
      )
    }
    const prescription = {
      exercise: 'stairs',
      from: 'later',
      provided: 'with a hand on the rail',
      dosage: [{ amounts: [{ quantity: 'height', value: 20, unit: 'cm' }] }],
    }
    expect(await part('prescriptions', prescription)).toMatchObject(prescription)
    const rule = { code: 'no-hops', title: 'Hops', strength: 'caution', target: [{ kind: 'exercise' }] }
    const except = [{ attributes: { impact: 1 } }]
    expect(await part('contraindications', { ...rule, except })).toEqual({ ...rule, except })
    const phase = { code: 'sport', title: 'Sport', entry: { days: { before: [400, 500] } } }
    expect(await part('phases', phase)).toEqual(phase)
  })

  test('keeps the clinic from deleting what only an exception or an operation names', async () => {
    accepted(
      await clinic.post('/exercises', { code: 'ramp', title: 'Ramp', kind: 'exercise', attributes: { impact: 0 } }),
    )
    accepted(await clinic.post('/attributes', { code: 'slope', title: 'Slope' }))
    const except = [{ exercise: 'ramp' }, { attributes: { slope: 1 } }]
    const document = { ...rich, code: 'names', contraindications: [{ ...plain.contraindications[0], except }] }
    accepted(await clinic.post('/protocols', document))
    for (const path of ['/exercises/ramp', '/attributes/slope', '/procedures/revision']) {
      const { etag } = await clinic.get(path)
      const refused = await clinic.delete<Problem>(path, etag)
      expect({ path, status: refused.status, code: refused.body.code }).toEqual({ path, status: 409, code: 'IN_USE' })
      expect(refused.body.detail).toContain('`names`')
    }
  })
})

test('a document that says none of it has the bytes and the hash that it always had', async () => {
  accepted(await clinic.post('/protocols', plain))
  const published = accepted(
    await clinic.send<Version>('POST', '/protocols/knee/draft/publish', {}, { 'if-match': '"1"' }),
  )
  const walking = { code: 'walking', title: 'walking', kind: 'exercise', attributes: { impact: 1 } }
  expect(published.document).toEqual({ ...plain, exercises: [walking] })
  expect(published.contentHash).toBe(hashOf({ ...plain, exercises: [walking] }))
})

describe('an author who gets it wrong reads where, and what to write', () => {
  const limit = { code: 'load', quantity: 'load', unit: 'kg' }
  const fact = { code: 'f', title: 'F', ask: 'F?' }
  const rule = plain.contraindications[0]
  const grant = plain.prescriptions[0]
  const phase = (days: unknown) => ({ phases: [{ code: 'all', title: 'All along', entry: { days } }] })
  const range = 'must be a whole number, or a range of two, like `[28, 42]`'

  test.each<[string, object, string, string]>([
    [
      'a range that ends before it begins',
      phase({ atLeast: [42, 28] }),
      '/phases/0/entry/days/atLeast',
      'must name the earlier day first, like `[28, 42]`; where both are the same, write the one number',
    ],
    [
      'a range of one day',
      phase({ before: [28, 28] }),
      '/phases/0/entry/days/before',
      'must name the earlier day first, like `[28, 42]`; where both are the same, write the one number',
    ],
    ['a range of three days', phase({ atLeast: [1, 2, 3] }), '/phases/0/entry/days/atLeast', range],
    ['a range of no days', phase({ atLeast: [] }), '/phases/0/entry/days/atLeast', range],
    ['days in words', phase({ atLeast: '28' }), '/phases/0/entry/days/atLeast', range],
    [
      'a range beyond a century',
      phase({ atLeast: [28, 36_501] }),
      '/phases/0/entry/days/atLeast/1',
      'must be at most 36500',
    ],
    [
      'levels that are not counted',
      { facts: [{ ...fact, type: 'boolean', operation: 'levels' }] },
      '/facts/0/type',
      'must be `number` for `operation: levels`',
    ],
    [
      'a procedure that is not yes or no',
      { facts: [{ ...fact, type: 'text', operation: { procedure: 'revision' } }] },
      '/facts/0/type',
      'must be `boolean` for `operation: { procedure: … }`',
    ],
    [
      'a side that is no choice',
      { facts: [{ ...fact, type: 'text', operation: 'side' }] },
      '/facts/0/type',
      'must be `choice` for `operation: side`',
    ],
    [
      'sides without both',
      { facts: [{ ...fact, type: 'choice', values: ['left', 'right'], operation: 'side' }] },
      '/facts/0/values',
      'must have `left`, `right` and `bilateral` for `operation: side`',
    ],
    [
      'something else that the operation should tell',
      { facts: [{ ...fact, type: 'text', operation: 'surgeon' }] },
      '/facts/0/operation',
      'must be `levels`, `side` or `{ procedure: … }`',
    ],
    [
      'a goal without a number',
      { limits: [{ ...limit, kind: 'goal', value: null }] },
      '/limits/0/value',
      'must be left out: a goal is a number to work towards, so give it `min`, `max` or both',
    ],
    [
      'another kind of limit',
      { limits: [{ ...limit, kind: 'goals', max: 3 }] },
      '/limits/0/kind',
      'must be one of `cap` or `goal`: did you mean `goal`?',
    ],
    [
      'an exception of nothing',
      { contraindications: [{ ...rule, except: [{}] }] },
      '/contraindications/0/except/0',
      'must name an `exercise`, a `group`, a `kind` or `attributes`',
    ],
    [
      'no exception',
      { contraindications: [{ ...rule, except: [] }] },
      '/contraindications/0/except',
      'must not be empty',
    ],
    [
      'one quantity twice',
      {
        prescriptions: [
          {
            ...grant,
            dosage: [{ amounts: [1, 2].map((value) => ({ quantity: 'load', value, unit: 'kg' })) }],
          },
        ],
      },
      '/prescriptions/0/dosage/0/amounts',
      'must name each `quantity` in one `unit` once',
    ],
    [
      'an amount without a unit',
      { prescriptions: [{ ...grant, dosage: [{ amounts: [{ quantity: 'load', value: 1 }] }] }] },
      '/prescriptions/0/dosage/0/amounts/0/unit',
      'is required',
    ],
    [
      'a negative amount',
      { prescriptions: [{ ...grant, dosage: [{ amounts: [{ quantity: 'load', value: -1, unit: 'kg' }] }] }] },
      '/prescriptions/0/dosage/0/amounts/0/value',
      'must be at least 0',
    ],
    [
      'more amounts than anybody could follow',
      {
        prescriptions: [
          {
            ...grant,
            dosage: [
              { amounts: Array.from({ length: 21 }, (_, at) => ({ quantity: `q${at}`, value: 1, unit: 'kg' })) },
            ],
          },
        ],
      },
      '/prescriptions/0/dosage/0/amounts',
      'must have at most 20 items',
    ],
    [
      'a proviso of several lines',
      { prescriptions: [{ ...grant, provided: 'with\nthe brace' }] },
      '/prescriptions/0/provided',
      'must be one line without control characters',
    ],
    ['an acceptance without a reason', { accepted: [{ finding: 'gap:1' }] }, '/accepted/0/reason', 'is required'],
    [
      'a finding accepted twice',
      { accepted: ['a', 'b'].map((reason) => ({ finding: 'gap:1', reason })) },
      '/accepted',
      'must name each finding once',
    ],
    [
      'too much accepted',
      { accepted: Array.from({ length: 201 }, (_, at) => ({ finding: `gap:${at}`, reason: 'Meant so.' })) },
      '/accepted',
      'must have at most 200 items',
    ],
  ])('%s', async (_what, members, pointer, detail) => {
    expect(await complaints(members)).toEqual([{ pointer, detail }])
  })
})
