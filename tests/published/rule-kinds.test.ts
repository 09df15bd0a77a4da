import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { completeDocument, documentBody } from '../../src/features/protocols/document-schema.ts'

type Row =
  | { id: string; verdict: 'expressible'; how?: string; in: string[] }
  | { id: string; verdict: 'another-way'; how: string; in: string[] }
  | { id: string; verdict: 'not'; why: string; needs: string; in?: undefined }

interface List {
  protocols: { id: string; rule_kinds: string[] }[]
  rule_kinds: { id: string }[]
}

const folder = import.meta.dirname
const rows = parse(readFileSync(path.join(folder, 'rule-kinds.yaml'), 'utf8')) as Row[]
const listFile = path.resolve(folder, '../../../shared/clinical/published-protocols.json')
// The list lies beside the repository, so that a clone alone cannot be compared with it.
const list = existsSync(listFile) ? (JSON.parse(readFileSync(listFile, 'utf8')) as List) : null
const whenListed = list === null ? test.skip : test

const fields: Record<Row['verdict'], readonly string[]> = {
  expressible: ['how', 'in'],
  'another-way': ['how', 'in'],
  not: ['why', 'needs'],
}

function codesOf(id: string): ReadonlySet<string> {
  const file = path.join(folder, `${id}.yaml`)
  if (!existsSync(file)) return new Set()
  const document = completeDocument(documentBody.parse(parse(readFileSync(file, 'utf8'))))
  const { phases, prescriptions, contraindications, instructions, limits, milestones, redFlags } = document
  const parts = [phases, prescriptions, contraindications, instructions, limits, milestones, redFlags]
  return new Set(parts.flatMap((part) => part.map(({ code }) => code)))
}

function documentOf(reference: string): string {
  return reference.split('#')[0] ?? ''
}

const references = rows.flatMap((row) => row.in ?? [])
const codes = new Map([...new Set(references.map(documentOf))].map((id) => [id, codesOf(id)]))

function count(verdict: Row['verdict']): number {
  return rows.filter((row) => row.verdict === verdict).length
}

const counts = { expressible: count('expressible'), 'another-way': count('another-way'), not: count('not') }

describe('the kinds of rule that published protocols need', () => {
  test(`of ${rows.length}, ${counts.expressible} are expressible, ${counts['another-way']} in another way, ${counts.not} not`, () => {
    expect(counts).toEqual({ expressible: 62, 'another-way': 17, not: 2 })
    expect(new Set(rows.map(({ id }) => id)).size).toBe(81)
  })

  test('each says what its verdict asks for, and nothing else', () => {
    const incomplete = rows.filter((row) => {
      const said = Object.entries(row).filter(([field]) => field !== 'id' && field !== 'verdict')
      const required = row.verdict === 'expressible' ? ['in'] : fields[row.verdict]
      return (
        said.some(([field, value]) => !fields[row.verdict].includes(field) || value.length === 0) ||
        required.some((field) => !Object.hasOwn(row, field))
      )
    })
    expect(incomplete.map(({ id }) => id)).toEqual([])
  })

  test('every document and every code that is named exists', () => {
    const broken = references.filter((reference) => {
      const [id = '', code = '', ...rest] = reference.split('#')
      return rest.length > 0 || !codes.get(id)?.has(code)
    })
    expect(broken).toEqual([])
  })

  test('no rule is named twice for one kind', () => {
    for (const row of rows) expect(row.in ?? []).toEqual([...new Set(row.in)])
  })

  whenListed('the kinds are those of the list', () => {
    expect(rows.map(({ id }) => id).sort()).toEqual((list?.rule_kinds ?? []).map(({ id }) => id).sort())
  })

  whenListed('every kind that an entry needs is shown in the document of that entry', () => {
    const notShown = (list?.protocols ?? []).flatMap((entry) =>
      entry.rule_kinds
        .filter((kind) => {
          const row = rows.find(({ id }) => id === kind)
          return row?.verdict !== 'not' && !row?.in?.map(documentOf).includes(entry.id.toLowerCase())
        })
        .map((kind) => `${entry.id}: ${kind}`),
    )
    expect(notShown).toEqual([])
  })
})
