import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from '@jest/globals'

const source = resolve(import.meta.dirname, '../src')

/** Every import of every file of ours: from, to, both relative to src/; a package keeps its name. */
const imports = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('db/generated'))
  .flatMap((file) => {
    const text = readFileSync(join(source, file), 'utf8')
    const specifiers = text.matchAll(
      /^\s*(?:import|export)\b[^'"]*?from\s+'([^']+)'|\bimport\(\s*'([^']+)'|^import\s+'([^']+)'/gm,
    )
    return [...specifiers].map(([, from, dynamic, bare]) => {
      const specifier = from ?? dynamic ?? bare ?? ''
      const to = specifier.startsWith('.') ? relative(source, resolve(source, dirname(file), specifier)) : specifier
      return { file, to, isOurs: specifier.startsWith('.') }
    })
  })

function offenders(breaks: (from: string, to: string, isOurs: boolean) => boolean): string[] {
  return imports.filter(({ file, to, isOurs }) => breaks(file, to, isOurs)).map(({ file, to }) => `${file} → ${to}`)
}

/** The feature that a file belongs to, or null. */
function featureOf(file: string): string | null {
  return /^features\/([^/]+)\//.exec(file)?.[1] ?? null
}

test('the imports were found at all', () => {
  expect(imports.length).toBeGreaterThan(200)
  expect(imports.some(({ file, to }) => file === 'rules/derive.ts' && to === 'rules/decide.ts')).toBe(true)
})

test('the rules import nothing outside themselves', () => {
  expect(offenders((from, to, isOurs) => from.startsWith('rules/') && !(isOurs && to.startsWith('rules/')))).toEqual([])
})

test('the rules have one door, and do not go through it themselves', () => {
  expect(
    offenders((from, to) => !from.startsWith('rules/') && to.startsWith('rules/') && to !== 'rules/index.ts'),
  ).toEqual([])
  expect(offenders((from, to) => from.startsWith('rules/') && to === 'rules/index.ts')).toEqual([])
})

test('http and db know no feature', () => {
  expect(offenders((from, to) => /^(http|db)\//.test(from) && to.startsWith('features/'))).toEqual([])
  expect(offenders((from, to) => from.startsWith('db/') && to.startsWith('http/'))).toEqual([])
})

test('features do not import the routes of others, and nothing above them', () => {
  expect(
    offenders((from, to) => featureOf(from) !== null && /\/routes\.ts$/.test(to) && featureOf(to) !== featureOf(from)),
  ).toEqual([])
  expect(
    offenders(
      (from, to) => from.startsWith('features/') && /^(app|server|open-service-database)\.ts$|^commands\//.test(to),
    ),
  ).toEqual([])
})

test('Prisma stops at repositories and db', () => {
  const allowed = /^db\/|\/repository\.ts$/
  expect(offenders((from, to) => /generated\/|^@prisma\//.test(to) && !allowed.test(from))).toEqual([])
})

test('the request stops at routes and http', () => {
  const text = (file: string): string => readFileSync(join(source, file), 'utf8')
  const files = [...new Set(imports.map(({ file }) => file))]
  const repositories = files.filter((file) => file.endsWith('/repository.ts'))
  expect(repositories.filter((file) => text(file).includes('FastifyRequest'))).toEqual([])
})

test('no file is a drawer for everything', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc)(\.ts)?$/.test(file))).toEqual([])
})
