import type { z } from 'zod'
import type { ProtocolDocument } from '../../rules/index.ts'
import {
  caseBody,
  contraindicationBody,
  factBody,
  instructionBody,
  limitBody,
  milestoneBody,
  phaseBody,
  prescriptionBody,
  redFlagBody,
  sourceBody,
  storedParts,
} from './document-schema.ts'
import type { PartKind } from './repository.ts'
import { renaming } from './schemas.ts'

interface KindWords {
  /** In addresses. */
  path: string
  /** In operationIds; with an `s` there are several, as with `noun`. */
  one: string
  /** In sentences. */
  noun: string
  /** The field that names it. */
  key: 'code' | 'id'
  body: z.ZodObject
  /** What it is for, and what names it; for the OpenAPI document. */
  about: string
  /** Why it may not be removed, and what that does. */
  removing: string
  /** What a merge patch cannot say of it, or says in a way of its own. */
  patching?: string
}

const namedByConditions = 'Refused while a condition names it: the answer says where.'
const rulesGo = 'Nothing else names it, so that it can always be removed.'
const patchingConditions =
  'A condition is merged, too: to put one form in the place of another, remove the old one, as in `{ "when": { "days": null, "milestone": "six-week-visit" } }`.'

const testCaseBody = caseBody as unknown as z.ZodObject

/** The lists of a document whose parts are edited one at a time. */
export type EditableKind = PartKind | 'cases'

/** The parts of a draft that are edited one at a time. */
const kinds = {
  sources: {
    path: 'sources',
    one: 'Source',
    noun: 'source',
    key: 'id',
    body: sourceBody,
    about: 'What the protocol rests on: an article, a guideline, the clinic’s own decision. Rules cite it by its `id`.',
    removing: 'Refused while a rule cites it: the answer says where.',
  },
  milestones: {
    path: 'milestones',
    one: 'Milestone',
    noun: 'milestone',
    key: 'code',
    body: milestoneBody,
    about:
      'Dated events that conditions ask for; one with `grantedBy` is a clearance, which only those roles may give.',
    removing: namedByConditions,
  },
  facts: {
    path: 'facts',
    one: 'Fact',
    noun: 'fact',
    key: 'code',
    body: factBody,
    about:
      'What the protocol reads about a patient, with the question that fills it. Until it is answered it is unknown.',
    removing: namedByConditions,
  },
  phases: {
    path: 'phases',
    one: 'Phase',
    noun: 'phase',
    key: 'code',
    body: phaseBody,
    about:
      'The stages of recovery. Their order has a meaning: a phase is reached only if all before it are reached, too.',
    removing: 'Refused while a prescription or a condition names it: the answer says where.',
    patching: patchingConditions.replace('"when"', '"entry"'),
  },
  prescriptions: {
    path: 'prescriptions',
    one: 'Prescription',
    noun: 'prescription',
    key: 'code',
    body: prescriptionBody,
    about: 'What grants an exercise, or a group of them, in a span of phases. Nothing is permitted without one.',
    removing: 'What no other prescription grants is not permitted any more.',
    patching: `${patchingConditions} \`dosage\` is a list, which is replaced as a whole.`,
  },
  contraindications: {
    path: 'contraindications',
    one: 'Contraindication',
    noun: 'contraindication',
    key: 'code',
    body: contraindicationBody,
    about: 'What withholds exercises, or warns of them, while its condition is true or unknown.',
    removing:
      'What it alone withheld is permitted wherever a prescription grants it: look at the check before you publish.',
    patching: `${patchingConditions} \`target\` and \`except\` are lists, which are replaced as a whole.`,
  },
  instructions: {
    path: 'instructions',
    one: 'Instruction',
    noun: 'instruction',
    key: 'code',
    body: instructionBody,
    about:
      'Guidance in words, shown while its condition is true or unknown: posture, the brace, the wound. It permits and withholds nothing.',
    removing: rulesGo,
    patching: patchingConditions,
  },
  limits: {
    path: 'limits',
    one: 'Limit',
    noun: 'limit',
    key: 'code',
    body: limitBody,
    about:
      'Numbers for daily life and exercise: a `cap`, of which the strictest is in force, or a `goal` to work towards.',
    removing:
      'Without a limit on a quantity nothing restricts it: leave one with `value: null` for “as the clinician instructs”.',
    patching: `A merge patch cannot set \`value\` to \`null\` (“as the clinician instructs”), because \`null\` removes: replace the limit for that. ${patchingConditions}`,
  },
  redFlags: {
    path: 'red-flags',
    one: 'RedFlag',
    noun: 'red flag',
    key: 'code',
    body: redFlagBody,
    about: 'Symptoms that stop everything: while one is open, nothing is permitted.',
    removing: 'From the next version on, this symptom cannot be reported any more.',
  },
  cases: {
    path: 'cases',
    one: 'Case',
    noun: 'test case',
    key: 'code',
    body: testCaseBody,
    about: 'Patients whom the author has thought of, each with what the protocol must answer. Publishing runs them.',
    removing: 'What it expects is not looked at any more when the draft is checked or published.',
    patching: '`record` is a list, which is replaced as a whole; `expect` is merged.',
  },
} as const satisfies Record<EditableKind, KindWords>

/** A part as it is sent, as it is stored and, with what was renamed, as the answer to a change; each is one schema. */
function schemasOf(kind: EditableKind) {
  const { one, about: description } = kinds[kind]
  const body: z.ZodObject = kinds[kind].body
  const stored: z.ZodObject = kind === 'cases' ? testCaseBody : storedParts[kind]
  const named = kind === 'cases' ? stored : stored.meta({ id: `Protocol${one}`, description })
  return {
    body: body === stored ? named : body.meta({ id: `${one}Body`, description }),
    stored: named,
    replaced: stored
      .safeExtend({ renamed: renaming.optional().describe('Only if it has got another name.') })
      .meta({ id: `Replaced${one}`, description: `A ${kinds[kind].noun} that was changed.` }),
  }
}

export const partKinds = Object.fromEntries(
  Object.entries(kinds).map(([kind, words]) => [kind, { ...words, ...schemasOf(kind as EditableKind) }]),
) as Record<EditableKind, KindWords & ReturnType<typeof schemasOf>>

/** The name of a part: its code or, of a source, its id. */
export function nameOf(kind: EditableKind, part: object): string {
  return String(Reflect.get(part, partKinds[kind].key))
}

/** The parts of that kind, in their order. */
export function partsOf(document: ProtocolDocument, kind: EditableKind): readonly object[] {
  return document[kind] ?? []
}
