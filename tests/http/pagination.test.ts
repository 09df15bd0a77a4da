import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import request from 'supertest'
import { z } from 'zod'
import { cursorOf, pageOf, pageQuery, toPage } from '../../src/http/pagination.ts'
import { slug } from '../../src/http/schemas.ts'
import { authorization, startApp, type TestApp } from './test-app.ts'

const words = Array.from({ length: 7 }, (_, index) => ({ title: index < 4 ? 'same' : 'zest', code: `word-${index}` }))
const cursor = cursorOf(z.tuple([z.string(), slug]))

function registerWords(app: FastifyInstance): void {
  app.withTypeProvider<ZodTypeProvider>().get(
    '/words',
    {
      schema: {
        operationId: 'listWords',
        summary: 'For the test',
        tags: ['service'],
        querystring: z.strictObject({ ...pageQuery, title: z.string().optional() }),
        response: { 200: pageOf(z.object({ title: z.string(), code: slug })) },
      },
    },
    async (request, reply) => {
      const { limit, title } = request.query
      const after = cursor.read(request.query.cursor)
      const rows = words
        .filter((word) => title === undefined || word.title === title)
        .filter((word) => after === null || [word.title, word.code].join() > after.join())
      return toPage(request, reply, rows.slice(0, limit + 1), limit, (word) => cursor.write([word.title, word.code]))
    },
  )
}

let app: TestApp
beforeAll(async () => {
  app = await startApp([registerWords])
})
afterAll(() => app.close())

function list(path: string) {
  return request(app.url).get(path).set({ authorization })
}

describe('a list', () => {
  test('comes whole when it fits', async () => {
    const { body, headers } = await list('/v1/words')
    expect(body).toEqual({ items: words, next: null })
    expect(headers.link).toBe('</v1/words>; rel="first"')
  })

  test.each([1, 2, 3, 6, 7])('comes in pages of %d, each once and in order', async (limit) => {
    const seen: unknown[] = []
    let path: string | undefined = `/v1/words?limit=${limit}`
    for (let pages = 0; path !== undefined; pages += 1) {
      expect(pages).toBeLessThan(8)
      const { body, headers } = await list(path)
      expect(body.items.length).toBeLessThanOrEqual(limit)
      seen.push(...body.items)
      path = /<([^>]+)>; rel="next"/.exec(headers.link ?? '')?.[1]
      if (path === undefined) expect(body.next).toBeNull()
      else expect(new URL(path, app.url).searchParams.get('cursor')).toBe(body.next)
    }
    expect(seen).toEqual(words)
  })

  test('links keep the rest of the query', async () => {
    const { headers, body } = await list('/v1/words?limit=2&title=same')
    expect(headers.link).toBe(
      `</v1/words?limit=2&title=same>; rel="first", </v1/words?limit=2&title=same&cursor=${body.next}>; rel="next"`,
    )
  })

  test.each(['0', '201', '-1', 'x', ''])('of "%s" items is refused', async (limit) => {
    const { status, body } = await list(`/v1/words?limit=${limit}`)
    expect(status).toBe(400)
    expect(body.errors).toEqual([{ in: 'query', pointer: 'limit', detail: 'must be a whole number from 1 to 200' }])
  })

  test.each([
    ['nothing', ''],
    ['what is not base64url', 'a+b='],
    ['what is not JSON', Buffer.from('{').toString('base64url')],
    ['what is not UTF-8', Buffer.from([0x22, 0xff, 0x22]).toString('base64url')],
    ['another list’s key', Buffer.from('["a"]').toString('base64url')],
    ['another type', Buffer.from('[1, "a"]').toString('base64url')],
    ['an id that cannot be', Buffer.from('["a", "A B"]').toString('base64url')],
    ['one character less', cursor.write(['same', 'word-1']).slice(0, -1)],
  ])('from a cursor that is %s is refused', async (_name, text) => {
    const { status, body } = await list(`/v1/words?cursor=${encodeURIComponent(text)}`)
    expect(status).toBe(400)
    expect(body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ in: 'query', pointer: 'cursor' }] })
  })
})
