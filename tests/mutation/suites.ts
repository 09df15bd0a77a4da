import { globSync } from 'node:fs'

/** The folders whose test files mutants are run against. */
const folders = ['tests/rules', 'tests/published']

/** The first test that fails ends the run of a mutant: what finds most in the least time comes first. */
const first = ['tests/rules/golden.test.ts', 'tests/rules/references.test.ts', 'tests/rules/check.test.ts']
const last = [
  'tests/rules/diff-random.test.ts',
  'tests/rules/oracle.test.ts',
  'tests/rules/properties.test.ts',
  'tests/published/published.test.ts',
  'tests/rules/check-bounds.test.ts',
]

/** What comes before all others for the mutants of these files. */
const own: readonly { of: RegExp; suites: readonly string[] }[] = [
  { of: /\/(diff[^/]*|diagrams)\.ts$/, suites: ['tests/rules/diagrams.test.ts', 'tests/rules/diff.test.ts'] },
  { of: /\/test-cases\.ts$/, suites: ['tests/rules/test-cases.test.ts'] },
]

/** Tests that are not run; without a title all of the file. */
const leftOut: readonly { file: string; title?: RegExp; because: string }[] = [
  { file: 'tests/rules/planted-faults.test.ts', because: 'it mutates the rules itself, in processes of its own' },
  { file: 'tests/rules/compare.test.ts', because: 'it starts processes, in which no mutant is active' },
  {
    file: 'tests/rules/check-bounds.test.ts',
    title: /in less than \d+ seconds|can be sent and read/,
    because: 'how long the largest documents take says nothing of a mutant',
  },
  { file: 'tests/rules/diff-bounds.test.ts', because: 'how long the largest documents take says nothing of a mutant' },
  {
    file: 'tests/rules/diff-confirmed.test.ts',
    because: 'what is told is compared with what is expected, which takes less time',
  },
  {
    file: 'tests/rules/diff-random.test.ts',
    title: /have shown enough/,
    because: 'a mutant meets too few random pairs to show everything',
  },
  {
    file: 'tests/rules/calendar-date.test.ts',
    title: /time zone of the machine/,
    because: 'it starts processes, in which no mutant is active',
  },
]

/** Every mutant meets the same random cases. */
export const seed = 20_261_120
export const randomCases = 500

/** The test files in the order in which they are run. */
export function findSuites(): string[] {
  const found = globSync(folders.map((folder) => `${folder}/**/*.test.ts`)).sort()
  const others = found.filter((file) => !first.includes(file) && !last.includes(file))
  return [...first, ...others, ...last].filter((file) => !leftOut.some((out) => out.file === file && !out.title))
}

/** The same files, in the order for a mutant of this source file. */
export function sortFor(source: string, suites: readonly string[]): string[] {
  const early = own.find(({ of }) => of.test(source))?.suites ?? []
  return [...early.filter((file) => suites.includes(file)), ...suites.filter((file) => !early.includes(file))]
}

export function isLeftOut(file: string, title: string): boolean {
  return leftOut.some((out) => out.file === file && out.title?.test(title))
}
