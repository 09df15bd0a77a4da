import { expect, test } from '@jest/globals'
import { createGather, mostGroups, TooManyWaiting } from '../../src/db/gather.ts'

/** Questions that are answered when the test says so. */
function askLater(most?: number) {
  const asked: { group: string; items: readonly string[]; answer: () => void; fail: (error: unknown) => void }[] = []
  const gather = createGather<string, string>(
    (group, items) =>
      new Promise((resolve, reject) => {
        asked.push({ group, items, answer: () => resolve(items.map((item) => `${item}!`)), fail: reject })
      }),
    most,
  )
  return { gather, asked }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('what is asked at the same time goes together; what comes meanwhile goes with the next question', async () => {
  const { gather, asked } = askLater()
  const first = [gather('a', '1'), gather('a', '2'), gather('b', '3')]
  expect(asked).toEqual([])
  await turn()
  expect(asked.map(({ group, items }) => [group, items])).toEqual([
    ['a', ['1', '2']],
    ['b', ['3']],
  ])
  const second = [gather('a', '4'), gather('a', '5')]
  await turn()
  expect(asked).toHaveLength(2)
  expect(gather.longestWait()).toBeGreaterThan(0)
  expect(gather.unanswered()).toBe(5)
  asked[0]?.answer()
  asked[1]?.answer()
  expect(await Promise.all(first)).toEqual(['1!', '2!', '3!'])
  await turn()
  expect(asked[2]).toMatchObject({ group: 'a', items: ['4', '5'] })
  expect(gather.longestWait()).toBe(0)
  asked[2]?.answer()
  expect(await Promise.all(second)).toEqual(['4!', '5!'])
  const alone = gather('a', '6')
  await turn()
  asked[3]?.answer()
  expect(await alone).toBe('6!')
  await turn()
  expect(gather.unanswered()).toBe(0)
})

test('a question has so many items at most', async () => {
  const { gather, asked } = askLater(2)
  const all = ['1', '2', '3'].map((item) => gather('a', item))
  await turn()
  asked[0]?.answer()
  await turn()
  asked[1]?.answer()
  expect(await Promise.all(all)).toEqual(['1!', '2!', '3!'])
  expect(asked.map(({ items }) => items.length)).toEqual([2, 1])
})

test('more than have a chance are refused, and one group counts for no more than one question', async () => {
  const { gather, asked } = askLater(2)
  const first = ['1', '2'].map((item) => gather('a', item))
  await turn()
  const waiting = ['3', '4', '5', '6'].map((item) => gather('a', item))
  await expect(gather('a', '7')).rejects.toThrow(TooManyWaiting)
  expect(gather.unanswered()).toBe(2)
  const other = gather('b', '8')
  expect(gather.unanswered()).toBe(3)
  for (let at = 0; at < 4; at += 1) {
    await turn()
    asked[at]?.answer()
  }
  await turn()
  asked[4]?.answer()
  expect(await Promise.all([...first, ...waiting, other])).toHaveLength(7)
})

test('an error is everybody’s, unless it may come from one item’s data', async () => {
  const { gather, asked } = askLater()
  const lost = Promise.allSettled([gather('a', '1'), gather('a', '2')])
  await turn()
  asked[0]?.fail(new Error('connection lost'))
  expect((await lost).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(asked).toHaveLength(1)

  const mixed = Promise.allSettled([gather('a', 'good'), gather('a', 'bad')])
  await turn()
  asked[1]?.fail(Object.assign(new Error('invalid byte sequence'), { code: '22021' }))
  await turn()
  asked[2]?.answer()
  await turn()
  asked[3]?.fail(Object.assign(new Error('invalid byte sequence'), { code: '22021' }))
  expect(await mixed).toEqual([
    { status: 'fulfilled', value: 'good!' },
    { status: 'rejected', reason: expect.objectContaining({ code: '22021' }) },
  ])
  expect(asked.slice(2).map(({ items }) => items)).toEqual([['good'], ['bad']])
})

test('an error may be nothing', async () => {
  const gather = createGather<string, string>(() => Promise.reject(null))
  expect(await Promise.allSettled([gather('a', '1'), gather('a', '2')])).toEqual([
    { status: 'rejected', reason: null },
    { status: 'rejected', reason: null },
  ])
})

test('an answer for each item is due', async () => {
  const gather = createGather<string, string>(async () => [])
  await expect(gather('a', '1')).rejects.toThrow('each item has one answer')
})

test('whoever asks under ever new names leaves no more groups behind than a bound', async () => {
  const gather = createGather<string, string>(async (group, items) => items.map((item) => `${group}${item}`))
  const names = Array.from({ length: mostGroups * 3 }, (_, index) => String(index))
  for (const name of names) expect(await gather(name, '!')).toBe(`${name}!`)
  await turn()
  expect(gather.size()).toBe(mostGroups)
  expect(await Promise.all(names.map((name) => gather(name, '?')))).toEqual(names.map((name) => `${name}?`))
  await turn()
  expect(gather.size()).toBeGreaterThan(mostGroups)
  expect(gather.unanswered()).toBe(0)
  expect(await gather('another', '!')).toBe('another!')
  expect(gather.size()).toBe(mostGroups)
})

test('a group that asks is not put out for others: what comes for it meanwhile waits', async () => {
  const asked: string[] = []
  let answer = (): void => {}
  const gather = createGather<string, string>((group, items) => {
    asked.push(group)
    if (group !== 'busy') return Promise.resolve(items)
    return new Promise((resolve) => {
      answer = () => resolve(items)
    })
  })
  const first = gather('busy', '1')
  await turn()
  for (let index = 0; index < mostGroups + 10; index += 1) await gather(String(index), '!')
  const second = gather('busy', '2')
  await turn()
  expect(asked.filter((group) => group === 'busy')).toHaveLength(1)
  answer()
  expect(await first).toBe('1')
  await turn()
  answer()
  expect(await second).toBe('2')
  expect(gather.size()).toBe(mostGroups)
})
