import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { AnswerShelf, cutAtItems } from '../../src/features/permitted-exercises/answer-shelf.ts'

const made = { state: '1 1', etag: '"x"' }
const json = (id: number, items: readonly string[]): string =>
  JSON.stringify({ episode: id, permitted: items.map((text) => ({ text, list: [{ deep: text }] })), basis: { id } })

test('an answer comes back as the bytes that it was, whatever is in it', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.array(fc.jsonValue())), (value) => {
      const text = JSON.stringify(value)
      expect(Buffer.from(cutAtItems(Buffer.from(text)).join(''), 'latin1').toString()).toBe(text)
      const shelf = new AnswerShelf(1_000_000)
      expect(shelf.put('a', { ...made, json: text }).toString()).toBe(text)
      expect(shelf.get('a')?.body().toString()).toBe(text)
    }),
  )
})

test('is cut before whatever begins two levels down, and nowhere in it', () => {
  const parts = cutAtItems(Buffer.from('{"a":{"b":[]},"c":[{"d":"}],{\\\\"},{"e":[{"f":1}]}],"g":[{}]}'))
  expect(parts).toEqual(['{"a":{"b":', '[]},"c":[', '{"d":"}],{\\\\"},', '{"e":[{"f":1}]}],"g":[', '{}]}'])
})

test('what answers have in common is kept once, and goes with the last of them', () => {
  const shelf = new AnswerShelf(10_000_000)
  const common = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(500))
  shelf.put('1', { ...made, json: json(1, common) })
  const one = shelf.size
  expect(one).toBeGreaterThan(20 * 1000)
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
