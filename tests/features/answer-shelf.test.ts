import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { AnswerShelf, cutApart } from '../../src/features/permitted-exercises/answer-shelf.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const made = { state: '1 1', etag: '"x"' }
const json = (id: number, items: readonly string[]): string =>
  JSON.stringify({ episode: id, permitted: items.map((text) => ({ text, list: [{ deep: text }] })), basis: { id } })

test('an answer comes back as the bytes that it was, whatever is in it', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.array(fc.jsonValue())), (value) => {
      const text = JSON.stringify(value)
      expect(cutApart(text).join('')).toBe(text)
      const shelf = new AnswerShelf(1_000_000)
      expect(shelf.put('a', { ...made, json: text }).toString()).toBe(text)
      expect(shelf.get('a')?.body().toString()).toBe(text)
    }),
  )
})

test('is cut between the things in its lists, and around dates, ids and numbers', () => {
  const id = '01a1fe4a-cfc8-7654-b403-6d753979d48e'
  const text = `{"episode":"${id}","on":"2026-11-21","a":[{"b":"until 3 December 2026"},{"b":6,"c":["x"]}]}`
  expect(cutApart(text)).toEqual([
    '{"episode":"',
    id,
    '","on":"',
    '2026-11-21',
    '","a":[{"b":"until 3 December ',
    '2026',
    '"},',
    '{"b":6,"c":["x"]}]}',
  ])
})

test('answers that differ in their dates and ids have the rest in common', () => {
  const shelf = new AnswerShelf(10_000_000)
  const because = 'because it is too early '.repeat(20)
  const say = (day: number): string =>
    json(
      day,
      Array.from({ length: 20 }, (_, index) => `Exercise ${index} is withheld until 2026-11-${day}, ${because}`),
    )
  const days = Array.from({ length: 20 }, (_, index) => index + 10)
  for (const day of days) shelf.put(`${day}`, { ...made, json: say(day) })
  const bytes = days.reduce((sum, day) => sum + say(day).length, 0)
  expect(shelf.size).toBeLessThan(bytes / 5)
  expect(shelf.get('17')?.body().toString()).toBe(say(17))
})

test('takes no more than about the memory that it says, and holds on to no answer as a whole', () => {
  const shelf = new AnswerShelf(100_000_000)
  const fill = (from: number): void => {
    for (let id = from; id < from + 1000; id += 1) {
      // Letters that no other has, in parts that are long enough to be cut out of the whole without being copied.
      const items = Array.from({ length: 20 }, (_, index) =>
        `${id * 20 + index} `.replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '').repeat(10),
      )
      shelf.put(`${id}`, { ...made, json: json(id, [...items, 'and the same '.repeat(1000)]) })
    }
  }
  fill(0)
  collectGarbage()
  const before = [process.memoryUsage().heapUsed, shelf.size] as const
  fill(1000)
  fill(2000)
  collectGarbage()
  const heap = process.memoryUsage().heapUsed - before[0]
  const size = shelf.size - before[1]
  // Whole answers would be five times as much; what else is on the heap comes and goes.
  expect(heap / size).toBeLessThan(2)
})

test('what answers have in common is kept once, and goes with the last of them', () => {
  const shelf = new AnswerShelf(10_000_000)
  const common = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(500))
  shelf.put('1', { ...made, json: json(1, common) })
  const one = shelf.size
  expect(one).toBeGreaterThan(15 * 1000)
  for (let id = 2; id <= 10; id += 1) shelf.put(`${id}`, { ...made, json: json(id, common) })
  expect(shelf.size).toBeLessThan(one * 2)
  expect(shelf.get('7')?.body().toString()).toBe(json(7, common))
  // Another answer in the place of each.
  for (let id = 1; id <= 10; id += 1) shelf.put(`${id}`, { ...made, json: '{}' })
  expect(shelf.size).toBeLessThan(10_000)
})

test('what was asked for longest ago goes first, and the rest stays within its bound', () => {
  const shelf = new AnswerShelf(100_000)
  for (let id = 1; id <= 100; id += 1) {
    shelf.put(`${id}`, { ...made, json: json(id, [`${id}`.repeat(2000)]) })
    shelf.get('1')
    expect(shelf.size).toBeLessThanOrEqual(100_000)
  }
  expect(shelf.get('1')).not.toBeNull()
  expect(shelf.get('2')).toBeNull()
  expect(shelf.get('100')).toMatchObject(made)
  const none = new AnswerShelf(0)
  expect(none.put('1', { ...made, json: '{}' }).toString()).toBe('{}')
  expect([none.get('1'), none.size]).toEqual([null, 0])
})
