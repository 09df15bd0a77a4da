import { createRequire } from 'node:module'

// Imported, it has another shape than its types say.
const { default: TestSequencer }: typeof import('@jest/test-sequencer') = createRequire(import.meta.url)(
  '@jest/test-sequencer',
)

type Tests = Parameters<InstanceType<typeof TestSequencer>['sort']>[0]

/** What takes longest, the longest first. */
const longest = [
  'rules/oracle',
  'features/fuzz',
  'features/isolation',
  'features/protocols',
  'features/idempotency',
  'rules/properties',
  'features/audit',
  'rules/check',
  'features/caseload',
  'features/drafts',
  'features/record',
].map((name) => `/tests/${name}.test.ts`)

/**
 * The longest files first, so that none is left alone at the end. Jest by itself begins with files of which it has not
 * yet seen how long they take, and with the largest of them; the longest are not large.
 */
export default class LongestFirst extends TestSequencer {
  override async sort(tests: Tests): Promise<Tests> {
    const rank = ({ path }: Tests[number]): number => {
      const known = longest.findIndex((name) => path.endsWith(name))
      return known < 0 ? longest.length : known
    }
    return (await super.sort(tests)).sort((a, b) => rank(a) - rank(b))
  }
}
