import type { z } from 'zod'
import { mostLocations, ProblemError } from '../../http/problems.ts'
import type { Locate } from '../../http/source-places.ts'
import {
  type CaseDifference,
  type CaseResult,
  check,
  type Finding,
  type Opportunity,
  type ProtocolDocument,
  type Witness,
} from '../../rules/index.ts'
import { toTest } from '../permitted-exercises/answer.ts'
import type * as schemas from './schemas.ts'
import { speakCheck, speakDifference, speakFinding, speakOpportunity, speakSides, speakWay } from './sentences.ts'

type Answer = z.output<typeof schemas.check>

function isError({ severity }: Pick<Finding, 'severity'>): boolean {
  return severity === 'error'
}

/** A finding on the wire, with its sentence. */
export function toFinding(finding: Finding, document: ProtocolDocument): z.output<typeof schemas.finding> {
  const { code, severity, name, path, days, witness, counterpart, accepted, failure } = finding
  return {
    code,
    severity,
    name,
    path,
    text: speakFinding(finding, document),
    days: [...days],
    witness: witness === null ? null : toWitness(witness),
    counterpart: counterpart === null ? null : toWitness(counterpart),
    accepted,
    line: null,
    column: null,
    differences: failure === null ? [] : failure.differences.map((difference) => toDifference(difference, failure)),
  }
}

/** Where a test case's answer is not what it expects, with its sentence. */
export function toDifference(difference: CaseDifference, { on }: CaseResult): z.output<typeof schemas.difference> {
  const { kind, path } = difference
  return { kind, path, ...speakSides(difference), text: speakDifference(difference, on) }
}

function toWitness({
  daysSinceSurgery,
  milestones,
  facts,
}: Witness): NonNullable<Answer['findings'][number]['witness']> {
  return { daysSinceSurgery, milestones: [...milestones], facts: [...facts] }
}

function toOpportunity(opportunity: Opportunity): Answer['opportunities'][number] {
  return {
    exercise: opportunity.exercise.code,
    title: opportunity.exercise.title,
    text: speakOpportunity(opportunity),
    decided: opportunity.decided,
    when: opportunity.when.map((way) => ({
      days: way.days,
      milestones: way.milestones.map(({ milestone, grantedBy, least, most }) => ({
        milestone: milestone.code,
        title: milestone.title,
        grantedBy: [...grantedBy],
        leastDays: least,
        mostDays: most,
      })),
      facts: way.facts.map(({ fact, test, least, most }) => ({
        fact: fact.code,
        title: fact.title,
        ask: fact.ask,
        unit: fact.unit,
        test: toTest(test),
        leastDays: least,
        mostDays: most,
      })),
      lifts: way.lifts.map(({ code, title }) => ({ code, title })),
      text: speakWay(way),
    })),
  }
}

/** Checks a version, or a document that has none, and puts what is found on the wire; with its places in a text. */
export function checkDocument(
  document: ProtocolDocument,
  version: number | null,
  locate: Locate | null = null,
): Answer {
  const { findings, opportunities, looks } = check(document)
  const places = locate?.(findings.map(({ path }) => path))
  return {
    protocol: document.code,
    title: document.title,
    version,
    publishable: !findings.some(isError),
    text: speakCheck(findings),
    findings: findings.map((finding) => ({ ...toFinding(finding, document), ...places?.get(finding.path) })),
    opportunities: opportunities.map(toOpportunity),
    looks,
  }
}

/** Refuses a document in which the check finds errors; returns the warnings that nobody has accepted. */
export function requireChecked(document: ProtocolDocument): Answer['findings'] {
  const { findings } = check(document)
  const faults = findings.filter(isError)
  if (faults.length > 0) {
    const places = faults.length === 1 ? 'one error' : `${faults.length} errors`
    throw new ProblemError('CHECK_FAILED', `the check of the draft has found ${places}`, {
      errors: faults.map((fault) => ({ pointer: fault.path, detail: speakFinding(fault, document) })),
      findings: faults.slice(0, mostLocations).map((fault) => toFinding(fault, document)),
    })
  }
  return findings.filter(({ accepted }) => accepted === null).map((finding) => toFinding(finding, document))
}
