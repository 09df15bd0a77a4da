import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { expect, test } from '@jest/globals'

const root = resolve(import.meta.dirname, '../..')

function compare(...args: string[]): { status: number | null; text: string } {
  const { NODE_OPTIONS: _, ...env } = process.env
  const { status, stdout } = spawnSync(process.execPath, ['tests/rules/compare.ts', ...args], {
    cwd: root,
    env,
    encoding: 'utf8',
  })
  return { status, text: stdout }
}

test('the command compares as many random cases as it is asked for, and counts the differences', () => {
  const { status, text } = compare('300', '1')
  expect(text).toMatch(/^seed 1$/m)
  expect(text).toMatch(/^\d+ cases, 0 differences$/m)
  expect(status).toBe(0)
}, 60_000)

test('it refuses a number that is none', () => {
  expect(compare('many').status).toBe(2)
})
