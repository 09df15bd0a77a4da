import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { plant } from './plant-faults.ts'
import { faults } from './planted-faults.ts'

const root = path.resolve(import.meta.dirname, '../..')

describe('npm run test:safety', () => {
  test('runs parts by their names, each of which is there', () => {
    const env = { ...process.env, NODE_OPTIONS: '' }
    const { status, stderr } = spawnSync(process.execPath, ['tests/safety/run.ts', 'nothing'], { cwd: root, env })
    expect(status).toBe(2)
    expect(String(stderr)).toMatch(
      /no part is called nothing: routes, limits, backups, isolation, staleness, audit, retries, fuzz, crashes, faults/,
    )
    const source = readFileSync(path.join(import.meta.dirname, 'run.ts'), 'utf8')
    const suites = [...source.matchAll(/suites\('(\w+)', \[([^\]]+)\]\)/g)].flatMap(([, folder, names = '']) =>
      [...names.matchAll(/'([\w-]+)'/g)].map(([, name]) => `tests/${folder}/${name}.test.ts`),
    )
    expect(suites.length).toBeGreaterThan(10)
    expect(suites.filter((file) => !existsSync(path.join(root, file)))).toEqual([])
    for (const name of ['isolation', 'staleness', 'audit', 'retries', 'fuzz', 'crashes', 'plant-faults']) {
      expect(existsSync(path.join(import.meta.dirname, `${name}.ts`))).toBe(true)
    }
  })

  test.each(faults.map((fault) => [fault.name, fault] as const))('can plant %s', (_name, fault) => {
    const source = readFileSync(path.join(root, fault.in), 'utf8')
    expect(plant(fault, source)).not.toBe(source)
    const { file, title } = fault.noticedBy
    const written = title.replace(/ (the )?(clinician|reader).*/, '')
    expect(readFileSync(path.join(root, file), 'utf8')).toContain(written)
  })
})
