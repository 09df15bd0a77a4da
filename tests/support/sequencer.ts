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
 * The longest files first, so that none is left alone at the end. Jest does so by itself once it has seen how long each
 * takes; on a machine on which the tests have never run it goes by the size of the files, and the longest are not large.
 */
export default class LongestFirst extends TestSequencer {
  override async sort(tests: Tests): Promise<Tests> {
    const usual = await super.sort(tests)
    const rank = ({ path, duration }: Tests[number]): number => {
      const known = longest.findIndex((name) => path.endsWith(name))
      return duration !== undefined || known < 0 ? longest.length : known
    }
    return usual.sort((a, b) => rank(a) - rank(b))
  }
}
