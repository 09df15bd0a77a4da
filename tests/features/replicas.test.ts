import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { scopeOf } from '../../src/http/access.ts'
import { keptOf, onlyAsked } from '../../src/http/audit.ts'

const root = path.resolve(import.meta.dirname, '../..')
const page = readFileSync(path.join(root, 'docs/scaling.md'), 'utf8')
const { paths } = JSON.parse(readFileSync(path.join(root, 'openapi/openapi.json'), 'utf8')) as {
  paths: Record<string, Record<string, { operationId: string }>>
}

const operations = Object.values(paths).flatMap((methods) =>
  Object.entries(methods).map(([method, { operationId }]) => ({ method: method.toUpperCase(), operationId })),
)

const classes = [...page.matchAll(/^\| (\w+) \| (`[^|]+`) \| (never|may|has no use for one) \| ([^|]+) \|$/gm)].map(
  ([, name = '', names = '', from = '', because = '']) => ({
    name,
    from,
    because,
    names: [...names.matchAll(/`([^`]+)`/g)].map(([, one = '']) => one),
  }),
)

/** The classes that an operation is in: of those that name it itself, or else of those that it begins like. */
function classesOf(operationId: string): string[] {
  const named = classes.filter(({ names }) => names.includes(operationId))
  const begun = classes.filter(({ names }) =>
    names.some((one) => one.endsWith('*') && operationId.startsWith(one.slice(0, -1))),
  )
  return (named.length > 0 ? named : begun).map(({ name }) => name)
}

test('each operation is in exactly one class of reads, and each name is one of an operation', () => {
  expect(classes.map(({ name }) => name)).toEqual(['change', 'patient', 'access', 'author', 'published', 'itself'])
  const wrong = operations.map(({ operationId }) => ({ operationId, in: classesOf(operationId) }))
  expect(wrong.filter((one) => one.in.length !== 1)).toEqual([])
  const ids = operations.map(({ operationId }) => operationId)
  const unknown = classes
    .flatMap(({ names }) => names)
    .filter((one) => !ids.some((id) => (one.endsWith('*') ? id.startsWith(one.slice(0, -1)) : id === one)))
  expect(unknown).toEqual([])
})

test('what changes something, tells of a patient or decides who gets in is never read from a replica', () => {
  const from = new Map(classes.map((one) => [one.name, one.from]))
  for (const { method, operationId } of operations) {
    const [name = ''] = classesOf(operationId)
    const scope = scopeOf(operationId)
    const isChange = method !== 'GET' && !onlyAsked.includes(operationId)
    expect({ operationId, isChange: name === 'change' }).toEqual({ operationId, isChange })
    const isKept = scope !== undefined && keptOf(operationId, method, scope) !== 'nothing'
    if (isKept || /^(?:clinic|keys|clients|actors|audit):/.test(scope ?? '')) {
      expect({ operationId, from: from.get(name) }).toEqual({ operationId, from: 'never' })
    }
  }
})
