import type { CalendarDate, Dose, PrescribedSide, Status, Strength } from '../../rules/index.ts'
import type { Misfit } from '../episodes/assignment.ts'
import { speakHow, speakReason } from '../permitted-exercises/sentences.ts'
import {
  join,
  nameDay,
  nameUnit,
  quote,
  speakBounds,
  speakCode,
  speakDate,
  speakDose,
  speakQuantity,
} from '../phrases.ts'
import type { Consequence, End, HiddenBy, Reading } from './consequences.ts'
import type { Summary } from './summary.ts'

// What another version does to patients, in words for whoever decides about it.

const statuses: Readonly<Record<Status, string>> = {
  active: 'What the protocols permit may be done, which is not so today',
  'no-phase': 'Nothing is permitted: no protocol is assigned, or none has a phase that is reached',
  'on-hold': 'Nothing is permitted: there is a hold, or a red flag is open',
  closed: 'Nothing is permitted: the episode is closed',
}

const sides: Readonly<Record<PrescribedSide, string>> = {
  both: 'both sides',
  operative: 'the operated side',
  'non-operative': 'the side that was not operated on',
  left: 'the left side',
  right: 'the right side',
}

const strengths: Readonly<Record<Strength, string>> = {
  absolute: 'absolute contraindication',
  relative: 'relative contraindication',
  caution: 'caution',
}

const whenHidden: Readonly<Record<HiddenBy, string>> = {
  hold: 'Once the hold or the red flag is over: ',
  override: 'Without the override: ',
  surgery: 'On the day of the surgery: ',
  correction: 'With the surgery as it was before the correction: ',
}

function speakWhen({ hidden }: Consequence): string {
  return hidden === undefined ? '' : whenHidden[hidden]
}

/** One sentence about what happens to whichever patient it happens to, without what is this patient's own. */
export function speakInGeneral(consequence: Consequence): string {
  return `${speakWhen(consequence)}${sayInGeneral(consequence)}`
}

/** The same about one patient, with what it was, what it becomes and why. */
export function speakConsequence(consequence: Consequence, on: CalendarDate): string {
  return `${speakWhen(consequence)}${sayOfPatient(consequence, on)}`
}

function sayInGeneral(consequence: Consequence): string {
  switch (consequence.kind) {
    case 'loss':
      return `${quote(consequence.exercise.title)} is no longer permitted.`
    case 'gain':
      return `${quote(consequence.exercise.title)} becomes permitted. ${speakHow(consequence.after)}`
    case 'status':
      return `${statuses[consequence.after]}.`
    case 'phase': {
      const { protocol, before, after } = consequence
      if (after === null) return `${quote(protocol.title)} has no current phase any more.`
      return before?.code === after.code
        ? `The phase ${quote(after.title)} of ${quote(protocol.title)} has another title, setting or goals.`
        : `The phase of ${quote(protocol.title)} becomes ${quote(after.title)}.`
    }
    case 'dose': {
      const { exercise, change, after } = consequence
      return `The dose of ${quote(exercise.title)} becomes ${change === 'other' ? 'another one' : change}: ${speakDose(after)}${speakNote(after)}.`
    }
    case 'side':
      return `${quote(consequence.exercise.title)} is for ${sides[consequence.after]}.`
    case 'supervision':
      return consequence.after === 'supervised'
        ? `${quote(consequence.exercise.title)} is to be done under supervision, no longer on one’s own.`
        : `${quote(consequence.exercise.title)} may be done on one’s own, no longer only under supervision.`
    case 'provided': {
      const { exercise, after } = consequence
      return after.length === 0
        ? `${quote(exercise.title)} has no proviso any more.`
        : `${quote(exercise.title)} is permitted provided: ${join(after.map(quote), 'and')}.`
    }
    case 'caution': {
      const { exercise, change, title } = consequence
      return `${quote(exercise.title)} ${change === 'added' ? 'has the caution' : 'no longer has the caution'} ${quote(title)}.`
    }
    case 'description':
      return `${quote(consequence.exercise.title)} is described otherwise: its title, instructions, position or equipment.`
    case 'limit': {
      const { quantity, unit, end, change, after } = consequence
      const what = `limit on ${speakCode(quantity)}`
      if (after === null) return `The ${what} (${end === 'max' ? 'at most' : 'at least'}) no longer applies.`
      const bounds = speakBounds({ min: end === 'min' ? after : null, max: end === 'max' ? after : null, unit })
      if (change === 'added') return `There is a ${what}: ${bounds}.`
      return `The ${what} becomes ${change === 'tightened' ? 'tighter' : 'more relaxed'}: ${bounds}.`
    }
    case 'limit-text': {
      const { quantity, after } = consequence
      const what = `limit on ${speakCode(quantity)}`
      return after.length === 0
        ? `Nothing is said beside the ${what} any more.`
        : `The words beside the ${what} become ${join(after.map(quote), 'and')}.`
    }
    case 'until': {
      const { after } = consequence
      return `${nameEnding(consequence)} ${after === null ? 'has no day any more on which it ends' : `ends on ${nameDay(after.day, null)}`}.`
    }
    case 'instructed-limit': {
      const { quantity, text, change } = consequence
      const words = text === null ? '' : ` (${quote(text)})`
      return `${begin(speakCode(quantity))} ${change === 'added' ? 'is' : 'is no longer'} limited to what the clinician instructs${words}.`
    }
    case 'avoid': {
      const { strength, title, change } = consequence
      return `The ${strengths[strength]} ${quote(title)} ${change === 'added' ? 'applies' : 'no longer applies'}.`
    }
    case 'instruction': {
      const { about, text, change } = consequence
      return `The instruction on ${speakCode(about)}, ${quote(text)}, ${change === 'added' ? 'is given' : 'is no longer given'}.`
    }
    case 'goal': {
      const { quantity, text, change } = consequence
      const words = text === null ? '' : ` (${quote(text)})`
      return `A goal for ${speakCode(quantity)} ${change === 'added' ? 'is' : 'is no longer'} ${speakBounds(consequence)}${words}.`
    }
    case 'red-flag': {
      const { redFlag, change } = consequence
      if (change === 'added') return `${quote(redFlag.title)} is a new symptom to watch for.`
      if (change === 'removed') return `${quote(redFlag.title)} is no longer a symptom to watch for.`
      return `What is said about the symptom ${quote(redFlag.title)} is another.`
    }
    case 'question': {
      const { fact, ask, change } = consequence
      return `${quote(fact.title)} (${quote(ask)}) is ${change === 'added' ? 'to be asked' : 'no longer asked'}.`
    }
    case 'reading': {
      const { fact, before, after } = consequence
      return `What is on record of ${quote(fact.title)} was meant ${speakReading(before)} and would be read ${speakReading(after)}: it has to be recorded anew.`
    }
  }
}

function sayOfPatient(consequence: Consequence, on: CalendarDate): string {
  switch (consequence.kind) {
    case 'loss': {
      const [reason] = consequence.reasons
      return reason === undefined
        ? sayInGeneral(consequence)
        : `${sayInGeneral(consequence)} ${speakReason(reason, on)}`
    }
    case 'phase': {
      const { before, after } = consequence
      if (before?.code === after?.code) return sayInGeneral(consequence)
      return `${sayInGeneral(consequence).slice(0, -1)}, instead of ${before === null ? 'none' : quote(before.title)}.`
    }
    case 'dose': {
      const { exercise, before, after } = consequence
      return `The dose of ${quote(exercise.title)} becomes ${speakDose(after)}${speakNote(after)}, instead of ${speakDose(before)}.`
    }
    case 'side':
      return `${sayInGeneral(consequence).slice(0, -1)}, instead of ${sides[consequence.before]}.`
    case 'limit': {
      const { quantity, unit, end, before, after } = consequence
      const bounds = (value: number | null): string =>
        speakBounds({ min: end === 'min' ? value : null, max: end === 'max' ? value : null, unit })
      if (before === null) return `${begin(speakCode(quantity))} is limited to ${bounds(after)}, which it was not.`
      if (after === null) return `${begin(speakCode(quantity))} is no longer limited to ${bounds(before)}.`
      return `The limit on ${speakCode(quantity)} becomes ${bounds(after)}, instead of ${bounds(before)}.`
    }
    case 'limit-text': {
      const { before } = consequence
      const instead = before.length === 0 ? 'nothing' : join(before.map(quote), 'and')
      return `${sayInGeneral(consequence).slice(0, -1)}, instead of ${instead}.`
    }
    case 'until': {
      const { before, after } = consequence
      const day = ({ date, day: number }: End): string => `on ${speakDate(date)} (${nameDay(number, null)})`
      const instead = before === null ? 'without such a day' : day(before)
      if (after === null) return `${sayInGeneral(consequence).slice(0, -1)}; it was to end ${instead}.`
      return `${nameEnding(consequence)} ends ${day(after)}, instead of ${instead}.`
    }
    default:
      return sayInGeneral(consequence)
  }
}

function nameEnding({ of, about }: Extract<Consequence, { kind: 'until' }>): string {
  switch (of) {
    case 'limit':
      return `The limit on ${about.title}`
    case 'avoid':
      return `What is to be avoided by ${quote(about.title)}`
    case 'instruction':
      return `The instruction ${quote(about.title)}`
  }
}

/** Why an episode cannot follow a version, to go on with. */
export function speakMisfit(misfit: Misfit): string {
  switch (misfit.kind) {
    case 'twice':
      return `it would follow ${quote(misfit.protocol.title)} twice.`
    case 'other-procedures': {
      const { protocol, procedures, surgery } = misfit
      return `${quote(protocol.title)} is then for ${join(procedures.map(quote), 'and')}, and the surgery is ${join(surgery.map(quote), 'and')}.`
    }
    case 'uncovered':
      return `none of its protocols would be for ${join(misfit.procedures.map(quote), 'and')}, so that nothing would be withheld because of that surgery. Give it another protocol for that first.`
  }
}

function speakNote(dose: Dose | null): string {
  return dose?.note === undefined ? '' : ` (${quote(dose.note)})`
}

const readings: Readonly<Record<Reading['type'], string>> = {
  number: 'as a number',
  boolean: 'as yes or no',
  choice: 'as a choice',
  text: 'as text',
}

/** "in kg", "as a choice". */
export function speakReading({ type, unit }: Reading): string {
  return unit === null ? readings[type] : `in ${nameUnit(unit)}`
}

function begin(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** What is not looked at is said, so that nobody takes it for unchanged. */
const notLater = ' Later days were not compared.'

/** Sentences that say what comes of it as a whole. */
export function speakSummary({ episodes, cannotFollow, outcomes, kinds, later }: Summary): string {
  if (episodes === 0) return 'No open episode follows another version.'
  const follow = episodes === 1 ? 'follows another version' : 'follow another version'
  const all = `${speakCount(episodes, 'open episode')} that ${follow}`
  const explained = outcomes['explained-otherwise']
  const reworded =
    explained === 0
      ? ''
      : ` For ${speakQuantity(explained, null)} only reasons or the wording of explanations would be others.`
  const unfit =
    cannotFollow === 0
      ? ''
      : ` ${speakQuantity(cannotFollow, null)} cannot follow it, because of ${cannotFollow === 1 ? 'its surgery: it stays where it is' : 'their surgeries: they stay where they are'}.`
  if (outcomes.changed === 0) return `Of ${all} none would change.${reworded}${unfit}${notLater}`
  const parts = (
    [
      ['loss', 'would lose an exercise'],
      ['gain', 'would gain an exercise'],
      ['dose', 'would have another dose'],
      ['limit', 'would have another limit'],
    ] as const
  ).flatMap(([kind, what]) => (kinds[kind] > 0 ? [`${speakQuantity(kinds[kind], null)} ${what}`] : []))
  const how = parts.length === 0 ? '' : `: ${join(parts, 'and')}`
  const hidden =
    later === 0
      ? ''
      : ` For ${speakQuantity(later, null)} there is more that does not show on the date: it comes once a hold, a red flag or an override is over, or with the surgery.`
  return `Of ${all} ${speakQuantity(outcomes.changed, null)} would change${how}.${hidden}${reworded}${unfit}${notLater}`
}

export function speakCount(number: number, noun: string): string {
  return `${speakQuantity(number, null)} ${noun}${number === 1 ? '' : 's'}`
}
