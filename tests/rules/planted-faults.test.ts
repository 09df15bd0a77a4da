import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import type { Noticed } from './plant-faults.ts'
import { faultOfProperty, faults } from './planted-faults.ts'

/** In a process of its own: jest would keep every faulty copy in its cache. */
function plantFaults(): Noticed {
  const program = path.join(import.meta.dirname, 'plant-faults.ts')
  const env = { ...process.env, NODE_OPTIONS: '' }
  return JSON.parse(
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', program], { env, encoding: 'utf8' }),
  )
}

const noticed = plantFaults()

describe('the golden cases notice that', () => {
  const own = faults.filter(({ noticedBy }) => noticedBy === undefined)
  test.each(own.map(({ name }) => name))('%s', (name) => {
    expect(noticed[name]?.golden).toBe(true)
  })
})

describe('a property notices that', () => {
  const own = faults.flatMap(({ name, noticedBy }) => (noticedBy === undefined ? [] : [[name, noticedBy] as const]))
  test.each(own)('%s: %s', (name, property) => {
    expect(noticed[name]?.properties[property]).toBe(true)
  })
})

describe('each property fails on some fault', () => {
  test.each(Object.entries(faultOfProperty))('%s, when %s', (property, name) => {
    expect(noticed[name]?.properties[property]).toBe(true)
  })
})
