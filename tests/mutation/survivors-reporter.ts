/** Compares the mutants that survive with those that `survivors.md` explains, and fails the run where the two differ. */
import { readFileSync } from 'node:fs'
import type { schema } from '@stryker-mutator/api/core'
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin'
import type { Reporter } from '@stryker-mutator/api/report'

const tables = new URL('survivors.md', import.meta.url)
const longest = 80

function shorten(text: string): string {
  const flat = text.replaceAll(/\s+/g, ' ')
  return flat.length <= longest ? flat : `${flat.slice(0, longest / 2)}…${flat.slice(-longest / 4)}`
}

function code(text: string): string {
  const fence = text.includes('`') ? '`` ' : '`'
  return `${fence}${text.replaceAll('|', '\\|')}${[...fence].reverse().join('')}`
}

/** The line that the mutant changes, with « » round what it changes, and what it puts there: cells of a table's row. */
function describeMutant(file: string, source: string, { location, replacement = '' }: schema.MutantResult): string {
  const lines = source.split('\n')
  const { start, end } = location
  const first = lines[start.line - 1] ?? ''
  const last = lines[end.line - 1] ?? ''
  const changed =
    start.line === end.line
      ? first.slice(start.column - 1, end.column - 1)
      : [first.slice(start.column - 1), ...lines.slice(start.line, end.line - 1), last.slice(0, end.column - 1)].join(
          ' ',
        )
  const before = first.slice(0, start.column - 1).trimStart()
  const line = `${before}«${shorten(changed)}»${last.slice(end.column - 1).trimEnd()}`
  return `| ${file.replace('src/rules/', '')} | ${code(line)} | ${code(shorten(replacement))} |`
}

/** The rows of the tables without their last cell, the reason. */
function readExplained(): Set<string> {
  const rows = readFileSync(tables, 'utf8').matchAll(/^(\| \S+\.ts \|.*[^\\]\|) [^|]*\S \|$/gm)
  return new Set([...rows].map(([, row = '']) => row))
}

class SurvivorsReporter implements Reporter {
  onMutationTestReportReady({ files }: Readonly<schema.MutationTestResult>): void {
    const explained = readExplained()
    const survived = new Set<string>()
    const ranOutOfTime = new Set<string>()
    for (const [file, { source, mutants }] of Object.entries(files)) {
      for (const mutant of mutants) {
        if (mutant.status === 'Survived' || mutant.status === 'NoCoverage') {
          survived.add(describeMutant(file, source, mutant))
        } else if (mutant.status === 'Timeout') ranOutOfTime.add(describeMutant(file, source, mutant))
      }
    }
    const mutated = Object.keys(files).map((file) => `| ${file.replace('src/rules/', '')} |`)
    this.#list('Survivors that tests/mutation/survivors.md does not explain', survived.difference(explained))
    this.#list(
      'Explained in tests/mutation/survivors.md, but not among the survivors',
      [...explained.difference(survived).difference(ranOutOfTime)].filter((row) =>
        mutated.some((file) => row.startsWith(file)),
      ),
    )
  }

  #list(title: string, found: Iterable<string>): void {
    const rows = [...found]
    if (rows.length === 0) return
    process.stdout.write(`\n${title}: ${rows.length}\n${rows.join('\n')}\n`)
    process.exitCode = 1
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.Reporter, 'survivors', SurvivorsReporter)]
