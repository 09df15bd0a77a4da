import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import request from 'supertest'
import { z } from 'zod'
import { calendarDate, instantInput, intQuery, line, noContent, slug, text, uuid } from '../../src/http/schemas.ts'
import { authorization, startApp, type TestApp } from './test-app.ts'

type Condition =
  | { all: Condition[] }
  | { not: Condition }
  | { days: { atLeast?: number | undefined } }
  | { milestone: string }
const condition: z.ZodType<Condition> = z.lazy(() =>
  z.union([
    z.strictObject({ all: z.array(condition).min(1) }),
    z.strictObject({ not: condition }),
    z.strictObject({ days: z.strictObject({ atLeast: z.int().min(0).optional() }) }),
    z.strictObject({ milestone: slug }),
  ]),
)

const body = z.strictObject({
  surgeryDate: calendarDate,
  procedures: z.array(slug).min(1),
  side: z.enum(['left', 'right', 'bilateral']).optional(),
  displayName: line(20).optional(),
  note: text(20).optional(),
  knownAt: instantInput.optional(),
  attributes: z.record(slug, z.int().min(0).max(3)).optional(),
  when: condition.optional(),
  value: z.union([z.number(), z.boolean(), line(20)]).optional(),
  dose: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('sets'), sets: z.int() }),
      z.strictObject({ kind: z.literal('time') }),
    ])
    .optional(),
})

function registerEcho(app: FastifyInstance): void {
  const routes = app.withTypeProvider<ZodTypeProvider>()
  const about = { tags: ['patients'], summary: 'For the test' }
  routes.post(
    '/echo',
    { schema: { ...about, operationId: 'echo', body, response: { 200: z.record(z.string(), z.json()) } } },
    async ({ body }) => body as Record<string, z.core.util.JSONType>,
  )
  routes.post(
    '/echo/:id',
    {
      schema: {
        ...about,
        operationId: 'echoAll',
        params: z.object({ id: uuid }),
        querystring: z.strictObject({ days: intQuery(1, 30).optional() }),
        body: z.strictObject({ code: slug }),
        response: { 200: z.record(z.string(), z.json()) },
      },
    },
    async ({ query }) => ({ ...query }),
  )
  routes.delete(
    '/echo',
    { schema: { ...about, operationId: 'deleteEcho', response: { 204: noContent } } },
    async (_, reply) => reply.code(204).send(null),
  )
}

let app: TestApp
beforeAll(async () => {
  app = await startApp([registerEcho])
})
afterAll(() => app.close())

const valid = { surgeryDate: '2026-10-01', procedures: ['acdf'] }

async function send(body: unknown, path = '/v1/echo') {
  return request(app.url)
    .post(path)
    .set({ authorization, 'content-type': 'application/json' })
    .send(JSON.stringify(body))
}

/** `/place: what is wrong`, one for each. */
async function findFaults(body: unknown, path?: string): Promise<string[]> {
  const response = await send(body, path)
  expect(response.body.code).toBe('VALIDATION_FAILED')
  return response.body.errors.map((error: { in: string; pointer: string; detail: string }) => {
    return `${error.in === 'body' ? '' : `${error.in} `}${error.pointer}: ${error.detail}`
  })
}

describe('a body', () => {
  test('that is valid arrives', async () => {
    expect((await send(valid)).body).toEqual(valid)
  })

  test('is told every fault at once, by place', async () => {
    expect(await findFaults({ surgerydate: '2026-10-01', procedures: ['ACDF', 7], side: 'lefty' })).toEqual([
      '/surgeryDate: is required',
      '/procedures/0: must be lower-case words joined by hyphens, like `six-week-visit`',
      '/procedures/1: must be a text and is a number',
      '/side: must be one of `left`, `right` or `bilateral`: did you mean `left`?',
      '/surgerydate: is not a field here: did you mean `surgeryDate`?',
    ])
  })

  test('says the first fault in its detail', async () => {
    expect((await send({ ...valid, side: 7 })).body.detail).toBe('`side` must be one of `left`, `right` or `bilateral`')
    expect((await send({})).body.detail).toBe('`surgeryDate` is required (and 1 more: see `errors`)')
  })

  test.each([
    ['2026-02-30', 'is not a date: February 2026 has 28 days'],
    ['2026-02-29', 'is not a date: February 2026 has 28 days'],
    ['2026-04-31', 'is not a date: April 2026 has 30 days'],
    ['2026-13-01', 'is not a date: there is no month 13'],
    ['2026-00-01', 'is not a date: there is no month 00'],
    ['2026-01-00', 'is not a date: January 2026 has 31 days'],
    ['0000-01-01', 'must lie in the years 1900 to 2200'],
    ['1899-12-31', 'must lie in the years 1900 to 2200'],
    ['2201-01-01', 'must lie in the years 1900 to 2200'],
    ['2026-1-1', 'must be a date like `2026-10-01`, without time'],
    ['01.10.2026', 'must be a date like `2026-10-01`, without time'],
    ['2026-10-01T00:00:00Z', 'must be a date like `2026-10-01`, without time'],
    ['', 'must be a date like `2026-10-01`, without time'],
    [20261001, 'must be a text and is a number'],
    [null, 'must be a text and is `null`'],
  ])('with the date %j', async (surgeryDate, fault) => {
    expect(await findFaults({ ...valid, surgeryDate })).toEqual([`/surgeryDate: ${fault}`])
  })

  test.each(['2024-02-29', '2000-02-29', '1900-01-01', '2200-12-31'])(
    'with the date %s arrives',
    async (surgeryDate) => {
      expect((await send({ ...valid, surgeryDate })).body.surgeryDate).toBe(surgeryDate)
    },
  )

  test.each([
    ['2026-11-20T09:30:00Z', '2026-11-20T09:30:00.000Z'],
    ['2026-11-20T09:30:00.1239Z', '2026-11-20T09:30:00.123Z'],
    ['2026-11-20T00:30:00+01:00', '2026-11-19T23:30:00.000Z'],
  ])('with the moment %s gets it in UTC', async (knownAt, moment) => {
    expect((await send({ ...valid, knownAt })).body.knownAt).toBe(moment)
  })

  test.each([
    '2026-11-20',
    '2026-11-20T09:30:00',
    '2026-11-20T25:00:00Z',
    '2026-02-30T09:00:00Z',
    '20261120T093000Z',
    'now',
  ])('with the moment %s', async (knownAt) => {
    expect(await findFaults({ ...valid, knownAt })).toEqual([
      '/knownAt: must be a moment with its zone, like `2026-11-20T09:30:00Z` or `2026-11-20T10:30:00+01:00`',
    ])
  })

  test('has its texts trimmed and bounded', async () => {
    expect((await send({ ...valid, note: '  two\r\nlines ' })).body.note).toBe('two\nlines')
    expect(await findFaults({ ...valid, note: '   ' })).toEqual(['/note: must not be empty'])
    expect(await findFaults({ ...valid, note: 'x'.repeat(21) })).toEqual(['/note: must have at most 20 characters'])
    expect(await findFaults({ ...valid, note: 'bell\u0007' })).toEqual([
      '/note: must not contain control characters other than line breaks and tabs',
    ])
    expect(await findFaults({ ...valid, displayName: 'two\nlines' })).toEqual([
      '/displayName: must be one line without control characters',
    ])
  })

  test('cannot carry what PostgreSQL cannot store', async () => {
    expect(await findFaults({ ...valid, note: 'a\u0000b' })).toContain(
      '/note: contains a NUL character, which no text may have',
    )
    expect(await findFaults({ ...valid, note: '\ud800' })).toContain(
      '/note: must be well-formed Unicode: it contains half a surrogate pair',
    )
    expect(await findFaults({ ...valid, 'a\u0000': 1 })).toContain(
      ': has a field whose name contains a NUL character or half a surrogate pair',
    )
  })

  test('has its own names checked', async () => {
    expect(await findFaults({ ...valid, attributes: { Lifting: 1, impact: 4, rotation: 1.5 } })).toEqual([
      '/attributes/Lifting: has a name that is not allowed here: it must be lower-case words joined by hyphens, like `six-week-visit`',
      '/attributes/impact: must be at most 3',
      '/attributes/rotation: must be a whole number and is a number with a fraction',
    ])
  })

  test.each<[unknown, string[]]>([
    [{ all: [] }, ['/when/all: must not be empty']],
    [
      { all: [{ milestone: 'X' }] },
      ['/when/all/0/milestone: must be lower-case words joined by hyphens, like `six-week-visit`'],
    ],
    [
      { all: [{ not: { days: { atleast: 3 } } }] },
      ['/when/all/0/not/days/atleast: is not a field here: did you mean `atLeast`?'],
    ],
    [{ milestones: 'a' }, ['/when/milestones: is not a field here: did you mean `milestone`?']],
    [{}, ['/when: must have one of the forms that its schema lists, with `all`, `not`, `days` or `milestone`']],
    ['always', ['/when: must be an object and is a text']],
    [
      { milestone: 'a', when: 1 },
      ['/when/when: is not a field here: the fields are `all`, `not`, `days` and `milestone`'],
    ],
  ])('with the condition %j', async (when, faults) => {
    expect(await findFaults({ ...valid, when })).toEqual(faults)
  })

  test('with a choice of forms', async () => {
    expect(await findFaults({ ...valid, value: [] })).toEqual([
      '/value: must be a number and is a list, or must be `true` or `false` and is a list, or must be a text and is a list',
    ])
    expect(await findFaults({ ...valid, dose: { kind: 'set' } })).toEqual([
      '/dose/kind: must be one of `sets` or `time`: did you mean `sets`?',
    ])
    expect(await findFaults({ ...valid, dose: { kind: 'sets' } })).toEqual(['/dose/sets: is required'])
    expect(await findFaults({ ...valid, dose: { kind: 'sets', sets: 1, reps: 2 } })).toEqual([
      '/dose/reps: is not a field here: did you mean `sets`?',
    ])
  })

  test.each([null, [], 'text', 7])('that is %j', async (body) => {
    expect(await findFaults(body)).toHaveLength(1)
  })
})

describe('a request', () => {
  test('is told the faults of its path, body and query together', async () => {
    expect(await findFaults({ Code: 'x' }, '/v1/echo/7?days=0&dayz=true')).toEqual([
      'path id: must be a UUID',
      '/code: is required',
      '/Code: is not a field here: did you mean `code`?',
      'query days: must be a whole number from 1 to 30',
      'query dayz: is not a parameter here: did you mean `days`?',
    ])
  })

  const path = '/v1/echo/01A1F000-0000-7000-8000-000000000001'

  test.each(['', ' ', '0', '31', '1.5', '1e1', '+1', '0x1', 'x', '99999999999999999999'])(
    'with the number "%s" in its query',
    async (days) => {
      expect(await findFaults({ code: 'a' }, `${path}?days=${encodeURIComponent(days)}`)).toEqual([
        'query days: must be a whole number from 1 to 30',
      ])
    },
  )

  test('has its query read as numbers and truths', async () => {
    expect((await send({ code: 'a' }, `${path}?days=30`)).body).toEqual({ days: 30 })
  })

  test('gives a parameter once', async () => {
    expect(await findFaults({ code: 'a' }, `${path}?days=1&days=2`)).toEqual(['query days: is given more than once'])
  })

  test('has a NUL in its path or query', async () => {
    expect(await findFaults({ code: 'a' }, '/v1/echo/a%00')).toContain(
      'path id: contains a NUL character, which no text may have',
    )
    expect(await findFaults({ code: 'a' }, `${path}?days=%00`)).toContain(
      'query days: contains a NUL character, which no text may have',
    )
  })

  test('can be answered with nothing', async () => {
    const response = await request(app.url)
      .delete('/v1/echo')
      .set({ authorization, 'content-type': 'application/json' })
    expect([response.status, response.text]).toEqual([204, ''])
  })
})
