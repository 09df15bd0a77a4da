import { findNearest, listWords } from '../../http/nearest.ts'
import type { DocumentFlaw, ProtocolDocument } from '../../rules/index.ts'

const whereToAdd: Record<Extract<DocumentFlaw, { code: 'unknown-reference' }>['kind'], string> = {
  procedure: 'create it under `/v1/procedures`',
  exercise: 'bring it along in `exercises`, or create it under `/v1/exercises`',
  group: 'put an exercise into it',
  attribute: 'create it under `/v1/attributes`',
  phase: 'add it to `phases`',
  milestone: 'declare it in `milestones`',
  fact: 'declare it in `facts`',
  source: 'add it to `sources`',
  contraindication: 'add it to `contraindications`',
  'red flag': 'add it to `redFlags`',
  quantity: 'limit it in `limits`',
}

/** One sentence for an author: what is wrong at that place, and what to write instead. */
export function describeFlaw(flaw: DocumentFlaw): string {
  switch (flaw.code) {
    case 'unknown-reference': {
      const nearest = findNearest(flaw.name, flaw.known)
      const hint = nearest.length > 0 ? `did you mean ${listWords(nearest)}? Otherwise ` : ''
      return `names the ${flaw.kind} \`${flaw.name}\`, which does not exist: ${hint}${whereToAdd[flaw.kind]}`
    }
    case 'duplicate-code':
      return `has the name \`${flaw.name}\`, which an earlier one has already: give it another`
    case 'phase-in-entry':
      return 'asks about the phase in a phase’s own entry: use `days`, `milestone` or `fact`'
    case 'phases-reversed':
      return `goes from \`${flaw.from}\` through \`${flaw.through}\`, which comes earlier: exchange them`
    case 'empty-span':
      return `can never be true: no day is at least ${flaw.atLeast} and before ${flaw.before}`
    case 'test-does-not-fit':
      return `compares \`${flaw.fact}\` with \`${flaw.test}\`, which no value of its type, ${flaw.type}, can meet`
    case 'value-does-not-fit':
      return `is no value that \`${flaw.fact}\` can have: write one of its type, ${flaw.type}, as \`facts\` declares it`
    case 'role-may-not-grant':
      return `names the role \`${flaw.role}\`, which may not grant \`${flaw.milestone}\`: only ${listWords(flaw.roles)} may`
    case 'before-the-surgery':
      return `lies before the surgery, which \`${flaw.milestone}\` cannot: write day 0 or later, or declare it with \`preOperative\``
    case 'after-the-day':
      return `is day ${flaw.on}, which the answer of day ${flaw.day} does not know: write an earlier day, or ask about a later one in \`on\``
    case 'cannot-be-lifted':
      return `names \`${flaw.contraindication}\`, which is ${flaw.strength === 'absolute' ? 'absolute: no override lifts it' : 'a caution: there is nothing to lift'}`
    case 'unit-of-no-limit':
      return `is a unit in which nothing limits \`${flaw.quantity}\`: ${flaw.units.length === 0 ? 'its limits have none, so leave it out' : `write ${listWords(flaw.units)}, or leave it out`}`
    case 'procedures-not-said':
      return `must say in \`procedures\` which were done: the fact \`${flaw.fact}\` asks whether \`${flaw.procedure}\` was one of them`
    case 'too-many-tests':
      return `has ${flaw.tests} tests in its conditions, more than the ${flaw.most} that can be decided in time: make them simpler, or split the protocol`
  }
}

export function toLocations(flaws: readonly DocumentFlaw[]): { pointer: string; detail: string }[] {
  return flaws.map((flaw) => ({ pointer: flaw.path, detail: describeFlaw(flaw) }))
}

/** The flaws of a document that the one before it did not have, in whatever part. */
export function addedFlaws(
  before: ProtocolDocument,
  old: readonly DocumentFlaw[],
  after: ProtocolDocument,
  found: readonly DocumentFlaw[],
): DocumentFlaw[] {
  const left = old.map((flaw) => ({ what: identify(flaw), where: nameParts(before, flaw.path) }))
  const take = (flaw: DocumentFlaw, isSame: (where: string) => boolean): boolean => {
    const index = left.findIndex(({ what, where }) => what === identify(flaw) && isSame(where))
    if (index !== -1) left.splice(index, 1)
    return index !== -1
  }
  // In its place first: of two alike, the one that was added is to blame.
  return found
    .filter((flaw) => !take(flaw, (where) => where === nameParts(after, flaw.path)))
    .filter((flaw) => !take(flaw, () => true))
}

function identify(flaw: DocumentFlaw): string {
  return JSON.stringify({ ...flaw, path: '', known: [] })
}

/** The path with the code of a part in place of its place in the list, which an edit of another part can change. */
function nameParts(document: ProtocolDocument, path: string): string {
  return path.replace(/^\/([a-zA-Z]+)\/(\d+)/, (whole, list: string, index: string) => {
    const parts: unknown = Reflect.get(document, list)
    const part: unknown = Array.isArray(parts) ? parts[Number(index)] : undefined
    if (typeof part !== 'object' || part === null) return whole
    return `/${list}/${Reflect.get(part, 'code') ?? Reflect.get(part, 'id') ?? index}`
  })
}
