import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'

const root = path.resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')
const dependencies = Object.keys(JSON.parse(read('package.json')).dependencies).sort()
const lock: Record<string, { dev?: boolean; devOptional?: boolean }> = JSON.parse(read('package-lock.json')).packages
const page = read('docs/dependencies.md')

test('each dependency has its reason, and no line is about one that is gone', () => {
  const rows = [...page.matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)].map(([, name = '', reason = '']) => ({ name, reason }))
  expect(rows.map(({ name }) => name)).toEqual(dependencies)
  for (const { reason } of rows) expect(reason.length).toBeGreaterThan(3)
})

test('each is imported by the service, and nothing else is', () => {
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    /(?<!generated.*)\.ts$/.test(file),
  )
  const imported = new Set(
    sources.flatMap((file) =>
      [
        ...read(`src/${file}`).matchAll(
          /\bfrom '([^'.][^']*)'|\bimport\('([^'.][^']*)'\)|\bresolve\('([^'.][^']*)'\)/g,
        ),
      ].map(([, ...found]) => {
        const [first = '', second = ''] = (found.find((one) => one !== undefined) ?? '').split('/')
        return first.startsWith('@') ? `${first}/${second}` : first
      }),
    ),
  )
  const packages = [...imported].filter((name) => !name.startsWith('node:')).sort()
  // The generated database client imports it, and its sources are not among ours.
  expect([...new Set([...packages, '@prisma/client'])].sort()).toEqual(dependencies)
})

test('production installs nothing that is there for development', () => {
  const installed = Object.entries(lock).filter(([name, { dev }]) => name !== '' && dev !== true)
  expect(installed.filter(([, { devOptional }]) => devOptional === true).map(([name]) => name)).toEqual([])
  expect(installed.map(([name]) => name)).not.toContain('node_modules/typescript')
  expect(installed.length).toBeLessThan(145)
})
