import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'

const root = path.resolve(import.meta.dirname, '..')
const page = readFileSync(path.join(root, 'SECURITY.md'), 'utf8')

/** What the page says of a test: a link to its file, with its title or the start of it. */
const named = [...page.matchAll(/\[([^\]]+)\]\((tests\/[^)]+)\)/g)].map(([, title = '', file = '']) => ({
  file,
  title,
}))

interface Row {
  cells: string[]
  /** Of the table that it is in. */
  columns: string[]
}

const rows: Row[] = [...page.matchAll(/(?:^\|.*\|\n)+/gm)].flatMap(([table]) => {
  const [columns = [], , ...body] = table
    .trim()
    .split('\n')
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
  return body.map((cells) => ({ cells, columns }))
})

function rowsOf(heading: string): Row[] {
  const [, after = ''] = page.split(`\n## ${heading}\n`)
  const [section = ''] = after.split('\n## ')
  return rows.filter(({ cells }) => section.includes(`| ${cells[0]} |`))
}

describe('SECURITY.md', () => {
  test('names many tests, and each is there', () => {
    expect(named.length).toBeGreaterThan(60)
    const missing = named.filter(({ file, title }) => !readFileSync(path.join(root, file), 'utf8').includes(title))
    expect(missing).toEqual([])
  })

  test('has for each promise and each risk of the API Top 10 a way to meet it, and a test', () => {
    const promises = rowsOf('What is promised')
    const risks = rowsOf('OWASP API Security Top 10 (2023)')
    expect(promises.length).toBeGreaterThan(12)
    expect(risks.map(({ cells }) => cells[0]?.split(' ')[0])).toEqual(
      Array.from({ length: 10 }, (_, at) => `API${at + 1}`),
    )
    for (const { cells } of [...promises, ...risks])
      expect(cells).toEqual([expect.any(String), expect.stringMatching(/\S/), expect.stringContaining('](tests/')])
  })

  test('has a row for every item of ASVS 5 on access control, tokens and logging', () => {
    const items = rowsOf('OWASP ASVS 5.0').flatMap(({ cells }) => cells[0]?.match(/\b\d+\.\d+\.\d+\b/g) ?? [])
    const wanted = {
      '8.1': 4,
      '8.2': 4,
      '8.3': 3,
      '8.4': 2,
      '9.1': 3,
      '9.2': 4,
      '10.3': 5,
      '16.1': 1,
      '16.2': 5,
      '16.3': 4,
      '16.4': 3,
      '16.5': 4,
    }
    const all = Object.entries(wanted).flatMap(([section, count]) =>
      Array.from({ length: count }, (_, at) => `${section}.${at + 1}`),
    )
    expect(all.filter((item) => !items.includes(item))).toEqual([])
    expect(items.filter((item, at) => items.indexOf(item) !== at)).toEqual([])
  })
})
