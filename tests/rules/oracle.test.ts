import { isDeepStrictEqual } from 'node:util'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Derivation, derive, type Reason } from '../../src/rules/index.ts'
import { consult, type OracleAnswer } from './oracle.ts'
import { ask, situations } from './situations.ts'

/** More for a longer run: `RULES_RANDOM_CASES=1000000 npx jest tests/rules/oracle`. */
const wanted = Number(process.env.RULES_RANDOM_CASES ?? 20_000)
const datesEach = 20

const reached = new Map<string, number>()

function note(what: string): void {
  reached.set(what, (reached.get(what) ?? 0) + 1)
}

function sayReason(reason: Reason): string {
  const rule = 'rule' in reason ? `${reason.protocol}/${reason.rule}` : ''
  const sure = 'certain' in reason ? (reason.certain ? 'certain' : 'uncertain') : ''
  switch (reason.kind) {
    case 'contraindication':
      return `contraindication ${rule} ${reason.strength} ${sure}`
    case 'condition-not-met':
      return `condition-not-met ${rule} ${sure}`
    case 'phase-not-reached':
    case 'phase-passed':
      return `${reason.kind} ${rule}`
    case 'no-phase':
      return `no-phase ${reason.protocol}`
    case 'red-flag':
      return `red-flag ${reason.redFlag.code} ${reason.entry}`
    case 'hold':
    case 'override':
      return `${reason.kind} ${reason.entry}`
    default:
      return reason.kind
  }
}

/** The derivation in the oracle's words. */
function inShort(derivation: Derivation | null): OracleAnswer | null {
  if (derivation === null) return null
  const sure = (rule: { certain: boolean }) => (rule.certain ? 'certain' : 'uncertain')
  const name = (rule: { protocol: string; rule: string; certain: boolean }) =>
    `${rule.protocol}/${rule.rule} ${sure(rule)}`
  note(`status ${derivation.status}`)
  return {
    status: derivation.status,
    phases: Object.fromEntries(derivation.protocols.map(({ code, phase }) => [code, phase?.code ?? null])),
    permitted: Object.fromEntries(
      derivation.permitted.map(({ exercise, dose, side, supervision, grantedBy, cautions }) => {
        note(`permitted on ${side}`)
        for (const caution of cautions) note(caution.kind)
        for (const grant of grantedBy) note(`granted by ${grant.kind}`)
        const grants = grantedBy.map((grant) =>
          grant.kind === 'override' ? grant.entry : `${grant.protocol}/${grant.rule}`,
        )
        return [
          exercise.code,
          {
            dose,
            side,
            supervision,
            grants: grants.sort(),
            cautions: cautions
              .map((caution) =>
                caution.kind === 'lifted'
                  ? `lifted ${caution.protocol}/${caution.rule}`
                  : `caution ${caution.protocol}/${caution.rule} ${sure(caution)}`,
              )
              .sort(),
          },
        ]
      }),
    ),
    withheld: Object.fromEntries(
      derivation.withheld.map(({ exercise, reasons }) => {
        for (const reason of reasons) note(`${reason.kind}${'certain' in reason ? ` ${sure(reason)}` : ''}`)
        return [exercise.code, reasons.map(sayReason).sort()]
      }),
    ),
    avoid: derivation.avoid.map(name).sort(),
    instructions: derivation.instructions.map(name).sort(),
    limits: derivation.limits
      .map((limit) => {
        note(limit.supersededBy === null ? 'limit in force' : 'limit superseded')
        return limit.supersededBy === null ? name(limit) : `${name(limit)} superseded`
      })
      .sort(),
  }
}

test('agrees with the oracle on random documents, records and dates', () => {
  let cases = 0
  fc.assert(
    fc.property(situations(datesEach), (situation) => {
      for (const day of situation.days) {
        cases += 1
        const asked = ask(situation, day)
        const derived = inShort(derive(asked))
        const consulted = consult(asked)
        // The matcher is slow; it only has to show a difference.
        if (!isDeepStrictEqual(derived, consulted)) expect(derived).toEqual(consulted)
      }
    }),
    // On average eight or nine dates are drawn.
    { numRuns: Math.ceil(wanted / 8) },
  )
  const kinds = [...reached].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => `${kind} ${count}`)
  process.stdout.write(`oracle: ${cases} cases; ${kinds.join(', ')}\n`)

  for (const kind of everyKind) expect(`${kind} ${reached.get(kind) ?? 0}`).not.toBe(`${kind} 0`)
})

const everyKind = [
  'episode-closed',
  'red-flag',
  'hold',
  'no-protocol',
  'no-phase',
  'contraindication certain',
  'contraindication uncertain',
  'override',
  'phase-not-reached',
  'phase-passed',
  'condition-not-met certain',
  'condition-not-met uncertain',
  'sides-disagree',
  'not-prescribed',
  'caution',
  'lifted',
  'granted by prescription',
  'granted by override',
  'permitted on both',
  'permitted on left',
  'permitted on operative',
  'limit in force',
  'limit superseded',
]
