import { describe, expect, test } from '@jest/globals'
import { check, derive, type ProtocolDocument, runCases } from '../../src/rules/index.ts'
import { readPublished } from '../published/published.ts'
import { confirm, confirmOpportunity } from '../rules/check-witness.ts'
import { documents } from './library.ts'

const library = documents.map((document) => [document.code, document] as const)
const published = readPublished().map(({ id, document }) => [id, document] as const)

function errorsIn(document: ProtocolDocument): string[] {
  return check(document).findings.flatMap(({ severity, name }) => (severity === 'error' ? name : []))
}

/** Whatever derive does not confirm. */
function unconfirmed(document: ProtocolDocument): unknown[] {
  const { findings, opportunities } = check(document)
  return [
    ...findings.map((finding) => [finding.name, confirm(document, finding, derive)]),
    ...opportunities.map((found) => [found.exercise.code, confirmOpportunity(document, found, derive)]),
  ].filter(([, wrong]) => wrong !== null)
}

describe('the library', () => {
  test.each(library)('the check of %s finds no errors', (_code, document) => {
    expect(errorsIn(document)).toEqual([])
  })

  test.each(library)(
    'every warning about %s is accepted with a reason, and everything accepted is found',
    (_, document) => {
      const { findings } = check(document)
      expect(findings.filter(({ accepted }) => accepted === null).map(({ name }) => name)).toEqual([])
      expect((document.accepted ?? []).map(({ finding }) => finding).sort()).toEqual(
        findings.map(({ name }) => name).sort(),
      )
      expect((document.accepted ?? []).filter(({ reason }) => reason.trim().length < 20)).toEqual([])
    },
  )

  test.each(library)('derive confirms what the check says of %s', (_code, document) => {
    expect(unconfirmed(document)).toEqual([])
  })

  test.each(library)(
    '%s shows how cases look, on both sides of a day, and each has the answer it expects',
    (_code, document) => {
      const days = (document.cases ?? []).map(({ on }) => on)
      expect(days).toEqual(expect.arrayContaining([0, 41, 42]))
      expect(runCases(document).filter(({ differences }) => differences.length > 0)).toEqual([])
    },
  )

  test.each(library)('every exercise that %s prescribes can be permitted', (_code, document) => {
    const never = check(document).opportunities.filter(({ when, decided }) => when.length === 0 || !decided)
    expect(never.map(({ exercise }) => exercise.code)).toEqual([])
  })

  /** From which day, after which milestones, and what has to be lifted. */
  const takes = (document: ProtocolDocument, code: string): unknown[] => {
    const found = check(document).opportunities.find(({ exercise }) => exercise.code === code)
    return (found?.when ?? []).map(({ days, milestones, lifts }) => [
      days.from,
      milestones.map(({ milestone }) => milestone.code),
      lifts.map((rule) => rule.code),
    ])
  }

  const fusions = library.filter(([code]) => code !== 'lumbar-microdiscectomy-standard')
  test.each(fusions)('%s: training with weights takes six weeks, the visit and two clearances', (_code, document) => {
    const needs = ['six-week-visit', 'training-clearance-doctor', 'training-clearance-therapist']
    expect(takes(document, 'weightlifting')).toEqual([[42, needs, []]])
    expect(takes(document, 'seated-forward-bend')).toEqual([[42, ['six-week-visit'], ['bending-at-the-waist']]])
  })

  test('lumbar microdiscectomy: leg raises take six weeks and a clearance, the water another', () => {
    const document = documents.find(({ code }) => code === 'lumbar-microdiscectomy-standard')
    expect(document).toBeDefined()
    if (document === undefined) return
    expect(takes(document, 'leg-raise')).toEqual([[42, ['strengthening-clearance'], []]])
    expect(takes(document, 'swimming')).toEqual([[42, ['strengthening-clearance', 'immersion-clearance'], []]])
    expect(takes(document, 'water-walking')).toEqual([[0, ['immersion-clearance'], []]])
  })
})

describe('the published protocols', () => {
  test.each(published)('the check of %s finds no errors', (_id, document) => {
    expect(errorsIn(document())).toEqual([])
  })

  test.each(published)('derive confirms what the check says of %s', (_id, document) => {
    expect(unconfirmed(document())).toEqual([])
  })
})
