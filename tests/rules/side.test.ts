import { expect, test } from '@jest/globals'
import type { PrescribedSide, Side } from '../../src/rules/index.ts'
import { commonSide, resolveSide } from '../../src/rules/side.ts'

test.each<[PrescribedSide, Side | null, PrescribedSide]>([
  ['operative', 'left', 'left'],
  ['operative', 'right', 'right'],
  ['operative', 'bilateral', 'both'],
  ['operative', null, 'operative'],
  ['non-operative', 'left', 'right'],
  ['non-operative', 'right', 'left'],
  // There is no other side.
  ['non-operative', 'bilateral', 'non-operative'],
  ['non-operative', null, 'non-operative'],
  ['left', 'right', 'left'],
  ['right', 'bilateral', 'right'],
  ['both', 'left', 'both'],
  ['both', null, 'both'],
])('%s is, where %s was operated on, %s', (side, operated, resolved) => {
  expect(resolveSide(side, operated)).toBe(resolved)
})

const named = { a: 'operative', b: 'non-operative', c: 'left', d: 'right', e: 'both' } as const

/** Grants written as the protocol and the side: `1a 2c`. */
test.each<[string, Side | null, PrescribedSide | null]>([
  ['1a', 'left', 'left'],
  ['1a', null, 'operative'],
  ['1b', null, 'non-operative'],
  ['1a 1b', null, 'both'],
  ['1a 1b', 'right', 'both'],
  ['1a 2b', 'left', null],
  ['1a 2b', null, null],
  ['1a 2c', 'left', 'left'],
  ['1a 2c', 'right', null],
  ['1a 2c', null, null],
  ['1a 1c', null, 'left'],
  ['1a 2e', null, 'operative'],
  ['1c 2d', null, null],
  ['1c 1d', null, 'both'],
  ['1c 1d 2a', null, 'operative'],
  ['1b', 'bilateral', null],
  ['1b 1d', 'bilateral', 'right'],
  ['1e 2b', 'right', 'left'],
])('of the grants %s, where %s was operated on, is left: %s', (grants, operated, common) => {
  const list = grants.split(' ').map((grant) => ({
    protocol: grant.slice(0, 1),
    version: 1,
    side: named[grant.slice(1) as keyof typeof named],
  }))
  expect(commonSide(list, operated)).toBe(common)
})

test('two versions of one protocol are two protocols', () => {
  const grants = (['left', 'right'] as const).map((side, index) => ({ protocol: 'hip', version: index + 1, side }))
  expect(commonSide(grants, 'left')).toBeNull()
})
