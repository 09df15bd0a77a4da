import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import request from 'supertest'
import { z } from 'zod'
import { ifMatchHeader, requireIfMatch } from '../../src/http/etag.ts'
import { instant } from '../../src/http/schemas.ts'
import type { Instant } from '../../src/rules/types.ts'
import { authorization, startApp, type TestApp } from './test-app.ts'

const note = z.object({ text: z.string(), revision: z.int().min(1) }).meta({ id: 'Note', description: 'A note.' })

function registerNote(app: FastifyInstance): void {
  let current = { text: 'first', revision: 7 }
  const routes = app.withTypeProvider<ZodTypeProvider>()
  const about = { summary: 'For the test', tags: ['service'] }
  routes.get('/note', { schema: { ...about, operationId: 'getNote', response: { 200: note } } }, async () => current)
  const entry = z.object({ revision: z.int(), recordedAt: instant, voided: z.boolean() })
  routes.get('/entry', { schema: { ...about, operationId: 'getEntry', response: { 200: entry } } }, async () => {
    return { revision: 7, recordedAt: '2026-11-20T14:30:00.000Z' as Instant, voided: true }
  })
  routes.put(
    '/note',
    {
      schema: {
        ...about,
        operationId: 'putNote',
        headers: ifMatchHeader,
        body: z.strictObject({ text: z.string() }),
        response: { 200: note },
      },
    },
    async (request) => {
      requireIfMatch(request, current.revision)
      current = { text: request.body.text, revision: current.revision + 1 }
      return current
    },
  )
}

let app: TestApp
beforeAll(async () => {
  app = await startApp([registerNote])
})
afterAll(() => app.close())

function put(ifMatch: string | null) {
  const call = request(app.url).put('/v1/note').set({ authorization })
  return (ifMatch === null ? call : call.set('if-match', ifMatch)).send({ text: 'changed' })
}

async function currentTag(): Promise<string> {
  return String((await request(app.url).get('/v1/note').set({ authorization })).headers.etag)
}

describe('a change', () => {
  test.each([null, '', ' '])('without If-Match (%j) is a 428', async (ifMatch) => {
    const { status, body } = await put(ifMatch)
    expect(status).toBe(428)
    expect(body).toMatchObject({
      code: 'PRECONDITION_REQUIRED',
      currentRevision: 7,
      errors: [
        { in: 'header', pointer: 'If-Match', detail: 'is required: read the resource and send its `ETag`, now "7"' },
      ],
    })
  })

  test.each(['"6"', '"8"', '"06"', 'W/"7"', '"1", "2"'])(
    'with another tag, %s, is a 412 that says which is current',
    async (ifMatch) => {
      const response = await put(ifMatch)
      expect(response.status).toBe(412)
      expect(response.headers.etag).toBe('"7"')
      expect(response.body).toMatchObject({ code: 'PRECONDITION_FAILED', currentRevision: 7 })
    },
  )

  test.each(['7', '"7', '"7" "8"', '*, "7"', '"7",'])('with what is not a tag, %s, is a 400', async (ifMatch) => {
    const { status, body } = await put(ifMatch)
    expect(status).toBe(400)
    expect(body.errors).toEqual([
      { in: 'header', pointer: 'If-Match', detail: 'must be `*` or entity tags in double quotes, like "7"' },
    ])
  })

  test('with the current tag, alone or among others, or with a star, is made', async () => {
    for (const write of [(tag: string) => tag, (tag: string) => `"1" , ${tag}`, () => '*']) {
      const tag = await currentTag()
      const response = await put(write(tag))
      expect(response.status).toBe(200)
      expect(response.headers.etag).toBe(`"${response.body.revision}"`)
      expect(await currentTag()).toBe(response.headers.etag)
      expect(response.headers.etag).not.toBe(tag)
    }
  })

  test('with a tag that was current before is lost', async () => {
    const tag = await currentTag()
    const answers = await Promise.all([put(tag), put(tag)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412])
  })
})

describe('a read', () => {
  test('with the tag that the caller has is a 304 without a body', async () => {
    const tag = await currentTag()
    for (const ifNoneMatch of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
      for (const method of ['get', 'head'] as const) {
        const response = await request(app.url)[method]('/v1/note').set({ authorization, 'if-none-match': ifNoneMatch })
        const { etag, 'content-length': length } = response.headers
        const seen = [method, response.status, response.text ?? '', etag, length]
        expect(seen).toEqual([method, 304, '', tag, undefined])
      }
    }
  })

  test('with another tag, or nonsense, is answered', async () => {
    for (const ifNoneMatch of ['"0"', 'nonsense', '']) {
      const response = await request(app.url).get('/v1/note').set({ authorization, 'if-none-match': ifNoneMatch })
      expect(response.status).toBe(200)
    }
  })

  test('of an entry has no tag: its revision is the one that it made, not its own', async () => {
    const response = await request(app.url).get('/v1/entry').set({ authorization, 'if-none-match': '"7"' })
    expect([response.status, response.headers.etag]).toEqual([200, undefined])
  })

  test('may be a HEAD', async () => {
    const response = await request(app.url).head('/v1/note').set({ authorization })
    expect([response.status, response.headers.etag]).toEqual([200, await currentTag()])
  })
})
