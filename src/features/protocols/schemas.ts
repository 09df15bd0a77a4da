import { z } from 'zod'
import { actorKinds } from '../../http/auth.ts'
import { instant, slug, text } from '../../http/schemas.ts'
import { finding } from '../checks/schemas.ts'
import { eventKinds } from '../protocol-events/repository.ts'
import { protocolDocument } from './document-schema.ts'

export const draftStatus = z
  .enum(['draft', 'in-review', 'approved'])
  .describe('`draft`: it is being edited; `in-review`: submitted, and not to be edited; `approved`: to be published.')

export const actorName = z
  .object({
    id: z.string(),
    kind: z.enum(actorKinds).nullable(),
    name: z.string().nullable().describe('Null: the clinic does not know them.'),
  })
  .meta({
    id: 'ActorName',
    description: 'Who did something: an API key, a person or a client (`GET /v1/actors/{id}`).',
  })

export const protocol = z
  .object({
    id: z.string(),
    code: z.string(),
    title: z.string(),
    library: z
      .object({ code: z.string(), hash: z.string() })
      .nullable()
      .describe('The built-in protocol that it was adopted from, with the SHA-256 of that document.'),
    latestVersion: z.int().min(1).nullable().describe('Number of the newest version; null while nothing is published.'),
    currentVersion: z
      .int()
      .min(1)
      .nullable()
      .describe('Number of the newest version that is not retired, which new episodes get; null: there is none.'),
    hasDraft: z.boolean(),
    draftStatus: draftStatus.nullable().describe('Null without a draft.'),
    createdAt: instant,
  })
  .meta({ id: 'Protocol', description: 'A named series of versions for one or more procedures.' })

const versionFields = {
  id: z.string(),
  number: z.int().min(1).nullable().describe('Given when it is published; a draft has none.'),
  status: z
    .enum(['draft', 'in-review', 'approved', 'published', 'retired'])
    .describe('In this order; from `in-review` and `approved` it can go back to `draft`, and from nowhere else.'),
  title: z.string(),
  procedures: z.array(z.string()),
  accepted: z
    .array(z.object({ finding: z.string(), reason: z.string() }))
    .describe('The warnings of the check that the authors let stand, and why.'),
  contentHash: z
    .string()
    .nullable()
    .describe(
      'SHA-256 of the document in canonical form, as it is exported: the same content has the same hash in every clinic. The exercises of the groups that it names are content.',
    ),
  changeNote: z.string().nullable().describe('What changed, and why; given when it is submitted or published.'),
  revision: z.int().min(1).describe('Goes on from one draft of the protocol to the next.'),
  startedFrom: z.int().min(1).nullable().describe('The version that the draft was started from; null: from none.'),
  libraryHash: z
    .string()
    .nullable()
    .describe(
      'SHA-256 of the library’s document that it was merged with last, or adopted from; null: it has nothing from the library.',
    ),
  authors: z.array(actorName).describe('All who have edited it; empty: it is older than the record of that.'),
  submitted: z
    .object({
      by: actorName,
      at: instant,
      hash: z.string().describe('SHA-256 of what was submitted, in canonical form.'),
    })
    .nullable()
    .describe('Who put it before a reviewer last; null: nobody.'),
  review: z
    .object({ decision: z.enum(['approved', 'returned']), by: actorName, at: instant, note: z.string().nullable() })
    .nullable()
    .describe('What the reviewer decided about what was submitted; null: nothing yet.'),
  createdAt: instant,
  publishedAt: instant.nullable(),
  publishedBy: actorName.nullable(),
  retiredAt: instant.nullable(),
  retiredBy: actorName.nullable(),
  retirementNote: z.string().nullable(),
}

export const versionSummary = z
  .object(versionFields)
  .meta({ id: 'VersionSummary', description: 'A protocol version without its rules.' })

const joined = z
  .object({
    code: z.literal('joined-by-group'),
    exercise: z.string().describe('Its code.'),
    title: z.string(),
    groups: z.array(z.string()).describe('Those of its groups that the protocol names.'),
    prescriptions: z.array(z.string()).describe('Codes of the prescriptions that permit it for that.'),
    text: z.string(),
  })
  .meta({ id: 'JoinedExercise', description: 'An exercise that the document did not have and its rules are about.' })

/** A version with its rules. */
export const withRules = {
  ...versionFields,
  document: protocolDocument,
  joinedByGroup: z
    .array(joined)
    .describe(
      'Exercises of the catalogue that come under a group which the protocol names, and that the document did not have when it was last sent as a whole, or the version that the draft was started from. What the group permits is permitted of them, too. Look at each.',
    ),
}

export const version = z.object(withRules).meta({
  id: 'ProtocolVersion',
  description: 'A protocol version. Once published it never changes, and neither do the exercises in it.',
})

export const publishedVersion = z
  .object({
    ...withRules,
    warnings: z.array(finding).describe('What the check warns of and the author has not accepted.'),
  })
  .meta({ id: 'PublishedVersion', description: 'A version that was published just now.' })

export const submittedVersion = z
  .object({
    ...withRules,
    warnings: z.array(finding).describe('What the check warns of and the author has not accepted.'),
  })
  .meta({ id: 'SubmittedVersion', description: 'A draft that was submitted just now.' })

export const exerciseChange = z
  .object({
    exercise: z.string().describe('Its code.'),
    change: z
      .enum(['added', 'removed', 'changed'])
      .describe('`added`, `removed`: its groups or attributes bring it under a rule of the protocol, or no longer do.'),
    fields: z.array(z.string()).describe('The fields that have changed.'),
  })
  .meta({ id: 'ExerciseChange', description: 'How an exercise of the catalogue differs from what it was.' })

export const startedVersion = z
  .object({
    ...withRules,
    exercisesChanged: z
      .array(exerciseChange)
      .describe('How the exercises of the catalogue differ from those of the version that it was started from.'),
  })
  .meta({ id: 'StartedVersion', description: 'A draft that was started from a version just now.' })

export const retiredVersion = z
  .object({
    ...versionFields,
    openEpisodes: z.int().min(0).describe('How many open episodes go on following it.'),
    defaultOf: z
      .array(z.string())
      .describe('Procedures whose default protocol is without a published version now: new episodes must name one.'),
    newEpisodes: z
      .object({
        version: z.int().min(1).nullable().describe('The newest that is not retired; null: there is none.'),
        text: z.string(),
      })
      .describe('What new episodes with this protocol get from now on, unless they name a version.'),
  })
  .meta({ id: 'RetiredVersion', description: 'A version that was retired just now.' })

const part = z.unknown().optional()

export const draftChange = z
  .object({
    kind: z.string().describe('The member of the document: `limits`, `title`, …'),
    code: z.string().nullable().describe('Names the part in its list; null: the member itself.'),
    change: z.enum(['added', 'removed', 'changed', 'reordered']),
    before: part.describe('What was there; left out if nothing was, or where it is too long.'),
    after: part.describe('What is there now; left out if nothing is, or where it is too long.'),
  })
  .meta({ id: 'DraftChange', description: 'What an edit did to one part of a draft.' })

export const historyEvent = z
  .object({
    version: z.int().min(1).nullable().describe('The number that the draft has got by now; null: it has none.'),
    kind: z.enum(eventKinds),
    revision: z.int().min(1).describe('The revision that this made.'),
    at: instant,
    by: actorName,
    note: z.string().nullable().describe('The change note, or what the reviewer or whoever retired it said.'),
    startedFrom: z.int().min(1).optional().describe('Of `started`: the version that it was started from.'),
    merged: z
      .object({
        from: z.string().nullable().describe('What it was merged with before; null: not known.'),
        library: z.string(),
      })
      .optional()
      .describe('Of `merged`: hashes of the library’s document before and after.'),
    changes: z.array(draftChange).optional().describe('Of `edited` and `merged`: what was changed.'),
    moreChanges: z.int().min(0).optional().describe('Of `edited` and `merged`: how many more changes are not listed.'),
    lostApproval: z.boolean().optional().describe('True: an approval did not count any more after this.'),
    approval: z.enum(['none', 'second-person']).optional().describe('Of `published`: the clinic’s rule at that time.'),
    openEpisodes: z.int().min(0).optional().describe('Of `retired`: how many open episodes went on following it.'),
  })
  .meta({ id: 'ProtocolEvent', description: 'Something that was done to a protocol.' })

export const submitBody = z.strictObject({ changeNote: text(2000).describe('What changed, and why.') })

export const noteBody = z.strictObject({ note: text(2000).optional() })

export const returnBody = z.strictObject({ note: text(2000).describe('What has to be changed, and why.') })

export const retireBody = z.strictObject({
  episodes: z
    .literal('keep')
    .optional()
    .describe(
      'Needed while open episodes follow the version. `keep`: they go on following it, and their answers stay what they are.',
    ),
  defaults: z
    .literal('keep')
    .optional()
    .describe(
      'Needed if this leaves the default protocol of a procedure without a published version. `keep`: new episodes for it are refused, unless they name a protocol.',
    ),
  note: text(2000).optional().describe('Why it is retired.'),
})

export const startBody = z.strictObject({
  from: z.int().min(1).max(999_999_999).optional().describe('The version to start from; left out: the newest.'),
})

export const publishBody = z.strictObject({
  changeNote: text(2000)
    .optional()
    .describe('What changed, and why. A draft that is approved has one already: leave it out.'),
})

export const renaming = z
  .object({
    from: z.string(),
    to: z.string(),
    uses: z.array(z.string()).describe('Every other place that was changed with it, as JSON pointers into the draft.'),
    consequences: z.array(
      z.object({ code: z.enum(['records-keep-the-old-code']), text: z.string() }).describe('What to bear in mind.'),
    ),
  })
  .meta({ id: 'Renaming', description: 'A part of a draft has got another name.' })

export const codeParams = z.object({ code: slug })
export const partParams = z.object({ code: slug, part: slug })

export const versionParams = z.object({
  code: slug,
  number: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, { error: 'must be a version number' })
    .transform(Number)
    .meta({ type: 'integer', minimum: 1 }),
})
/** What a document can be sent as. */
export const documentTypes = ['application/json', 'application/yaml']
