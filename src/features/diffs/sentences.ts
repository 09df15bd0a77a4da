import type {
  Diff,
  Difference,
  DiffOccasion,
  DiffWitness,
  Dose,
  FactValue,
  Named,
  PhaseMove,
  PhaseSays,
  PrescribedSide,
  ProtocolDocument,
  Side,
  Strength,
  TextChange,
  Undecided,
} from '../../rules/index.ts'
import { speakWay } from '../checks/sentences.ts'
import {
  join,
  nameUnit,
  quote,
  speakBounds,
  speakCode,
  speakDose,
  speakQuantity,
  speakRoles,
  speakValue,
} from '../phrases.ts'

// What changes from one version to another, in words for whoever reviews it.

/** "from day 28 through day 41, once “Visit” is on record, as long as “Pain” is not". */
export function speakOccasion({ days, milestones, facts, operation, without }: DiffOccasion): string {
  const way = speakWay({ days, milestones, facts, lifts: [] })
  const known = operation.length === 0 ? 'known' : 'observed'
  const absent = [...speakAbsent(without.milestones, 'reached'), ...speakAbsent(without.facts, known)]
  const told = operation.length === 0 ? '' : `, where ${join(operation.map(speakOperation), 'and')}`
  return `${way}${told}${absent.length === 0 ? '' : `, as long as ${join(absent, 'and')}`}`
}

/** "the operation was on at most 2 levels", "the left side was operated on". */
function speakOperation({ told, test }: DiffOccasion['operation'][number]): string {
  if (typeof told === 'object') {
    return `the procedure ${speakCode(told.procedure)} was ${test?.is === true ? '' : 'not '}part of the operation`
  }
  if (test === null) return told === 'side' ? 'the operated side is not on record' : 'no levels are on record'
  if (told === 'levels') {
    const { is = null, atLeast = is, atMost = is } = test
    return `the operation was on ${speakLevels(asNumber(atLeast), asNumber(atMost))}`
  }
  const sides = test.is === undefined ? (test.in ?? ['left', 'right', 'bilateral']) : [test.is]
  const named = sides.map((side) => whichSide[side as Side])
  return `${join(named, 'or')} ${sides.at(-1) === 'bilateral' ? 'were' : 'was'} operated on`
}

function asNumber(value: FactValue | null): number | null {
  return typeof value === 'number' ? value : null
}

function speakLevels(least: number | null, most: number | null): string {
  const levels = (number: number): string => (number === 1 ? 'one level' : `${number} levels`)
  if (least !== null && least === most) return levels(least)
  if (least === null && most === null) return 'any number of levels'
  return join(
    [...(least === null ? [] : [`at least ${levels(least)}`]), ...(most === null ? [] : [`at most ${levels(most)}`])],
    'and',
  )
}

const whichSide: Readonly<Record<Side, string>> = {
  left: 'the left side',
  right: 'the right side',
  bilateral: 'both sides',
}

function speakAbsent(items: readonly Named[], verb: string): string[] {
  if (items.length === 0) return []
  const [only] = items
  if (items.length === 1 && only !== undefined) return [`${quote(only.title)} is not ${verb}`]
  return [
    `none of ${join(
      items.map(({ title }) => quote(title)),
      'and',
    )} is ${verb}`,
  ]
}

/** More occasions than this are counted and not said. */
const mostOccasions = 2

/** All occasions in one phrase. */
function speakOccasions({ occasions, isComplete }: Pick<Difference, 'occasions' | 'isComplete'>): string {
  if (occasions.length === 0) return 'in some cases'
  const said = occasions.slice(0, mostOccasions).map(speakOccasion)
  const more = occasions.length - said.length
  if (!isComplete) return `${said.join('; ')}; and in other cases`
  if (more === 0) return said.join('; ')
  return `${said.join('; ')}; and in ${more === 1 ? 'one more case' : `${more} more cases`}`
}

/** "On day 42, with “Visit” reached on day 40 (by surgeon) and “Pain now” observed as 3 on day 41." */
export function speakWitness(
  { daysSinceSurgery, side, levels, procedures, milestones, facts }: DiffWitness,
  titles: Titles,
): string {
  const nameOf = (code: string): string => quote(titles.get(code)?.title ?? code)
  const parts = [
    ...(side === null ? [] : [`${side === 'bilateral' ? 'both sides' : `the ${side} side`} operated on`]),
    ...(levels === null ? [] : [`${speakLevels(levels, levels)} operated on`]),
    ...procedures.map((procedure) => `the procedure ${speakCode(procedure)}`),
    ...milestones.map(
      ({ code, day, grantedBy }) =>
        `${nameOf(code)} reached on day ${sign(day)}${grantedBy === null ? '' : ` (granted by ${speakRoles([grantedBy])})`}`,
    ),
    ...facts.map(
      ({ code, value, day }) =>
        `${nameOf(code)} observed as ${speakValue(value, titles.get(code)?.unit)} on day ${sign(day)}`,
    ),
  ]
  const what = parts.length === 0 ? 'nothing on record' : join(parts, 'and')
  return `For example on day ${sign(daysSinceSurgery)}, with ${what}.`
}

function sign(day: number): string {
  return day < 0 ? `−${-day}` : String(day)
}

/** Titles of milestones and facts by code, and units of facts. */
export type Titles = ReadonlyMap<string, { title: string; unit: string | null }>

const gained = {
  newly: 'is newly permitted',
  earlier: 'is permitted earlier: also',
  longer: 'is permitted for longer: also',
  more: 'is permitted in more cases: also',
} as const
const lost = {
  'no-longer': 'is no longer permitted; it was',
  later: 'is permitted later: no longer',
  shorter: 'is permitted for a shorter time: no longer',
  fewer: 'is permitted in fewer cases: no longer',
} as const

function speakReading({ change, occasions }: Extract<Difference, { kind: 'exercise' }>): string {
  const reading = occasions[0]?.reading ?? null
  const all: Readonly<Record<string, string>> = { ...gained, ...lost }
  return all[reading ?? ''] ?? (change === 'gained' ? gained.more : lost.fewer)
}

const sides: Readonly<Record<PrescribedSide, string>> = {
  both: 'for both sides',
  operative: 'for the operated side',
  'non-operative': 'for the side that was not operated on',
  left: 'for the left side',
  right: 'for the right side',
}

function speakSide(side: PrescribedSide | null): string {
  return side === null ? 'for no side' : sides[side]
}

const operatedOn: Readonly<Record<Side, string>> = {
  left: 'where the left side was operated on, ',
  right: 'where the right side was operated on, ',
  bilateral: 'where both sides were operated on, ',
}

function speakWholeDose(dose: Dose | null): string {
  return `${speakDose(dose)}${dose?.note === undefined ? '' : ` (${quote(dose.note)})`}`
}

const strengths: Readonly<Record<Strength, string>> = {
  absolute: 'absolute contraindication',
  relative: 'relative contraindication',
  caution: 'caution',
}

const responses: Readonly<Record<string, string>> = {
  emergency: 'an emergency',
  'contact-surgeon': 'a reason to contact the surgeon',
}

const types: Readonly<Record<string, string>> = {
  number: 'a number',
  boolean: 'a yes or no',
  choice: 'a choice',
  text: 'a text',
}

function speakUnit(unit: string | null): string {
  return unit === null ? 'without a unit' : `in ${nameUnit(unit)}`
}

/** More titles than this are counted and not said. */
const mostTitles = 6

export function speakTitles(items: readonly Named[]): string {
  const titles = items.map(({ title }) => quote(title))
  const more = titles.length - mostTitles
  return join(more > 1 ? [...titles.slice(0, mostTitles), `${more} others`] : titles, 'and')
}

function speakPhase(phase: PhaseSays | null): string {
  if (phase === null) return 'no phase'
  const parts = [
    ...(phase.setting === null ? [] : [speakCode(phase.setting)]),
    ...(phase.goals.length === 0 ? [] : [`goals ${join(phase.goals.map(quote), 'and')}`]),
  ]
  return parts.length === 0 ? 'a phase without setting and goals' : parts.join(', ')
}

function begin(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** One sentence about one difference; about several that differ alike, if they are given. */
export function speakDifference(difference: Difference, alike: readonly Named[] = []): string {
  const when = speakOccasions(difference)
  switch (difference.kind) {
    case 'exercise': {
      const all = alike.length > 1 ? alike : [difference.exercise]
      const reading = speakReading(difference)
      const said = all.length > 1 ? reading.replace(/^is /, 'are ').replace('it was', 'they were') : reading
      return `${speakTitles(all)} ${said} ${when}.`
    }
    case 'prescribed': {
      const all = alike.length > 1 ? alike : [difference.exercise]
      const verb = `${all.length > 1 ? 'are' : 'is'}${difference.change === 'gained' ? '' : ' no longer'}`
      return `${speakTitles(all)} ${verb} prescribed where an override could permit ${all.length > 1 ? 'them' : 'it'} in spite of relative contraindications: ${when}.`
    }
    case 'dose':
      return `The dose of ${quote(difference.exercise.title)} is ${speakWholeDose(difference.after)}, instead of ${speakWholeDose(difference.before)}, ${when}.`
    case 'side': {
      // Where the cases are of that side alone, they say so.
      const isSaid = difference.occasions.some(({ operation }) => operation.some(({ told }) => told === 'side'))
      const operated = difference.operated === null || isSaid ? '' : operatedOn[difference.operated]
      return `${quote(difference.exercise.title)} is ${speakSide(difference.after)}, instead of ${speakSide(difference.before)}, ${operated}${when}.`
    }
    case 'supervision':
      return difference.after === 'supervised'
        ? `${quote(difference.exercise.title)} is to be done under supervision, no longer on one’s own, ${when}.`
        : `${quote(difference.exercise.title)} may be done on one’s own, no longer only under supervision, ${when}.`
    case 'provided': {
      const { before, after, exercise } = difference
      const proviso = (texts: readonly string[]): string =>
        texts.length === 0 ? 'without a proviso' : `provided: ${join(texts.map(quote), 'and')}`
      return `${quote(exercise.title)} is permitted ${proviso(after)}, instead of ${proviso(before)}, ${when}.`
    }
    case 'cautions': {
      const { exercise, added, removed } = difference
      const parts = [
        ...(added.length === 0 ? [] : [`has the caution ${speakTitles(added)} now`]),
        ...(removed.length === 0 ? [] : [`no longer has the caution ${speakTitles(removed)}`]),
      ]
      return `${quote(exercise.title)} ${join(parts, 'and')} ${when}.`
    }
    case 'limit': {
      const { quantity, unit, end, change, before, after } = difference
      const bounds = (value: number | null): string =>
        speakBounds({ min: end === 'min' ? value : null, max: end === 'max' ? value : null, unit })
      const of = begin(speakCode(quantity))
      if (change === 'added') return `${of} is limited to ${bounds(after)}, which it was not, ${when}.`
      if (change === 'removed') return `${of} is no longer limited to ${bounds(before)} ${when}.`
      const word = change === 'tightened' ? 'tighter' : 'more relaxed'
      return `The limit on ${speakCode(quantity)} is ${word}: ${bounds(after)}, instead of ${bounds(before)}, ${when}.`
    }
    case 'instructed-limit': {
      const { quantity, text, change } = difference
      const words = text === null ? '' : ` (${quote(text)})`
      const verb = change === 'added' ? 'is' : 'is no longer'
      return `${begin(speakCode(quantity))} ${verb} limited to what the clinician instructs${words} ${when}.`
    }
    case 'goal': {
      const { quantity, change, text } = difference
      const words = text === null ? '' : ` (${quote(text)})`
      const verb = change === 'added' ? 'is' : 'is no longer'
      return `A goal for ${speakCode(quantity)} ${verb} ${speakBounds(difference)}${words} ${when}.`
    }
    case 'contraindication': {
      const { rule, strength, change, isPart, exercises } = difference
      const about = exercises.length === 0 ? '' : ` (about ${speakTitles(exercises)})`
      const part = isPart ? 'A part of the' : 'The'
      return `${part} ${strengths[strength]} ${quote(rule.title)}${about} ${change === 'added' ? 'applies' : 'no longer applies'} ${when}.`
    }
    case 'instruction': {
      const { about, text, change } = difference
      return `The instruction on ${speakCode(about)}, ${quote(text)}, ${change === 'added' ? 'is given' : 'is no longer given'} ${when}.`
    }
    case 'phase':
      return `Of the current phase the answer says ${speakPhase(difference.after)}, instead of ${speakPhase(difference.before)}, ${when}.`
    case 'match': {
      const { rule, strength, exercise, change } = difference
      return `The ${strengths[strength]} ${quote(rule.title)} is ${change === 'added' ? 'now' : 'no longer'} about ${quote(exercise.title)}.`
    }
    case 'red-flag': {
      const { redFlag, change, before, after } = difference
      const name = quote(redFlag.title)
      if (change === 'added') return `${name} is a new symptom to watch for: ${responses[after ?? ''] ?? after}.`
      if (change === 'removed') return `${name} is no longer a symptom to watch for.`
      return `${name} is ${responses[after ?? ''] ?? after}, no longer ${responses[before ?? ''] ?? before}.`
    }
    case 'asks': {
      const { what, named, ask, change } = difference
      const when = change === 'added' ? 'now' : 'no longer'
      if (alike.length > 1) return `The ${what}s ${speakTitles(alike)} are ${when} asked for.`
      const question = ask === null ? '' : ` (${quote(ask)})`
      return `The ${what} ${quote(named.title)}${question} is ${when} asked for.`
    }
    case 'told': {
      const { fact, before, after } = difference
      const told = (what: string | null): string => (what === null ? 'asked' : `told by the operation (${what})`)
      return `${quote(fact.title)} is ${told(after)}, no longer ${told(before)}.`
    }
    case 'read': {
      const { fact, what, before, after, exercises } = difference
      const depending = exercises.length === 0 ? '' : ` What is said of ${speakTitles(exercises)} depends on it.`
      const read =
        what === 'unit'
          ? `Numbers of ${quote(fact.title)} that are recorded ${speakUnit(before)} are read ${speakUnit(after)}; they are not converted.`
          : `${quote(fact.title)} is ${types[after ?? '']}, no longer ${types[before ?? '']}: what is recorded as the one is not read as the other.`
      return `${read}${depending}`
    }
    case 'procedure':
      return `The protocol is ${difference.change === 'added' ? 'now' : 'no longer'} for the procedure ${speakCode(difference.procedure)}.`
  }
}

const entered: Readonly<Record<string, string>> = {
  newly: 'is new: it is the current phase',
  'no-longer': 'is no longer a phase that is reached; it was the current one',
  earlier: 'is entered earlier: it is the current phase also',
  later: 'is entered later: it is no longer the current phase',
  longer: 'lasts longer: it is the current phase also',
  shorter: 'ends earlier: it is no longer the current phase',
  more: 'is the current phase also',
  fewer: 'is no longer the current phase',
}

/** One sentence about a phase that is current in other cases. */
export function speakMove(move: PhaseMove): string {
  const reading = move.occasions[0]?.reading ?? (move.change === 'gained' ? 'more' : 'fewer')
  return `${quote(move.phase.title)} ${entered[reading]} ${speakOccasions(move)}.`
}

/** One sentence about what was not decided. */
export function speakUndecided(undecided: Undecided): string {
  switch (undecided.kind) {
    case 'exercise':
      return `There are too many cases to say whether ${quote(undecided.of.title)} is permitted otherwise.`
    case 'phase':
      return `There are too many cases to say when the phase ${quote(undecided.of.title)} is the current one.`
    case 'limit':
      return `There are too many cases to say whether the limits on ${speakCode(undecided.quantity)} differ.`
    case 'differences':
      return 'There are more differences than are told.'
    case 'phases':
      return 'There are too many cases to say whether what the current phase says differs.'
    default:
      return `There are too many cases to say whether the ${undecided.kind} differ.`
  }
}

function count(number: number, noun: string): string {
  return number === 1 ? `one ${noun}` : `${speakQuantity(number, null)} ${noun}s`
}

/** Members of the document, in their lists, that patients read and that decide nothing. */
const readByPatients: Readonly<Record<string, string>> = {
  'redFlags/title': 'The name of the symptom',
  'redFlags/text': 'The text of the symptom',
  'contraindications/title': 'The name of the contraindication',
  'facts/title': 'The name of the fact',
  'facts/ask': 'The question of the fact',
  'limits/text': 'The text of the limit on',
  'exercises/title': 'The name of the exercise',
  'exercises/instructions': 'The instructions of the exercise',
  'phases/title': 'The name of the phase',
  'milestones/title': 'The name of the milestone',
}

/** What of a change of text patients read: which words, and of what; null: nothing. */
function readWords({ change, name }: TextChange): { what: string; list: string; code: string } | null {
  const [list = '', code = '', member = '', ...more] = name.split('/')
  const what = readByPatients[`${list}/${member}`]
  return what === undefined || more.length > 0 || change === 'reordered' ? null : { what, list, code }
}

/** Words that patients read, before and after. */
export function speakWords(text: readonly TextChange[], documents: readonly ProtocolDocument[]): string[] {
  return text.flatMap((change) => {
    const words = readWords(change)
    if (words === null) return []
    const { what, list, code } = words
    const items = documents.flatMap((document): readonly { code: string; title?: string; quantity?: string }[] => {
      const { redFlags, contraindications, facts, limits, exercises, phases, milestones } = document
      return { redFlags, contraindications, facts, limits, exercises, phases, milestones }[list] ?? []
    })
    const item = items.find((one) => one.code === code)
    const named = item?.title === undefined ? speakCode(item?.quantity ?? code) : quote(item.title)
    const [was, is] = [change.before, change.after].map((end) => (end === null ? null : quote(String(end.value))))
    return [`${what} ${named}: now ${is ?? 'nothing'}, instead of ${was ?? 'nothing'}`]
  })
}

/** One sentence that says what came of the comparison as a whole; `told` counts what is told together as one. */
export function speakDiff(found: Diff, told?: Readonly<Record<Difference['direction'], number>>): string {
  const words = found.text.filter((change) => readWords(change) !== null).length
  const reads = words === 0 ? '' : ` Patients read other words in ${words === 1 ? 'one place' : `${words} places`}.`
  return `${speakMeaning(found, told)}${reads}`
}

function speakMeaning(
  { differences, undecided, text }: Diff,
  told?: Readonly<Record<Difference['direction'], number>>,
): string {
  const of = (direction: Difference['direction']): number =>
    told?.[direction] ?? differences.filter((difference) => difference.direction === direction).length
  const parts = (['stricter', 'laxer', 'other'] as const).flatMap((direction) =>
    of(direction) > 0 ? [count(of(direction), `${direction} difference`)] : [],
  )
  const open = undecided.length === 0 ? '' : ` Not everything was decided: what is named as undecided may differ too.`
  if (parts.length > 0) {
    const verb = parts[0]?.startsWith('one ') ? 'is' : 'are'
    return `There ${verb} ${join(parts, 'and')}.${open}`
  }
  if (undecided.length > 0) return `No difference was found, but not everything was decided: what is named may differ.`
  return text.length === 0
    ? 'The versions are the same.'
    : 'Both versions give the same answers in every case, overrides aside; only text differs.'
}
