import { expect, test } from '@jest/globals'
import { takes } from '../../src/http/accept.ts'
import { WrittenLines } from '../../src/http/lines.ts'

test('lines that are written come out as they went in, whatever their length', () => {
  const lines = new WrittenLines()
  const texts = [10, 131_071, 131_072, 3, 400_000, 43_690, 43_691, 43_692, 1, 90_000].map((length, index) =>
    JSON.stringify({ line: (index % 2 === 0 ? 'a' : '“').repeat(length) }),
  )
  for (const [index, text] of texts.entries()) {
    lines.add(text, index % 3 === 0 ? null : { patient: `p${index}`, episode: `e${index}` })
  }
  expect(Buffer.concat(lines.chunks).toString()).toBe(texts.map((text) => `${text}\n`).join(''))
  expect(lines.subjects.map(({ episode }) => episode)).toEqual(['e1', 'e2', 'e4', 'e5', 'e7', 'e8'])
})

test.each<[string | undefined, boolean]>([
  [undefined, true],
  ['*/*', true],
  ['application/*', true],
  ['application/x-ndjson; charset=utf-8', true],
  ['application/json, */*;q=0.1', true],
  ['application/x-ndjson;q=0, */*', false],
  ['application/*;q=0, */*', false],
  ['text/*', false],
  ['', true],
])('Accept: %s takes lines: %s', (accept, isTaken) => {
  expect(takes(accept, 'application/x-ndjson')).toBe(isTaken)
})
