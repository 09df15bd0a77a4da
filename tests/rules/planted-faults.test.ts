import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { faults } from './planted-faults.ts'

/** In a process of its own: jest would keep every faulty copy in its cache. */
function countNoticed(): Record<string, number> {
  const program = path.join(import.meta.dirname, 'plant-faults.ts')
  const env = { ...process.env, NODE_OPTIONS: '' }
  return JSON.parse(execFileSync(process.execPath, [program], { env, encoding: 'utf8' }))
}

const noticed = countNoticed()

test.each(faults.map(({ name }) => name))('the golden cases notice that %s', (name) => {
  expect(noticed[name]).toBeGreaterThan(0)
})
