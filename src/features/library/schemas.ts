import { z } from 'zod'
import { slug } from '../../http/schemas.ts'
import { diff } from '../diffs/schemas.ts'
import { protocolDocument } from '../protocols/document-schema.ts'
import { draftChange, draftStatus, exerciseChange, withRules } from '../protocols/schemas.ts'

const hash = z.string().describe('SHA-256 of the library’s document in canonical form.')
const libraryHash = z
  .string()
  .nullable()
  .describe('Of the library’s document that it was merged with last, or adopted from; null: of none that is known.')
const isNewest = z.boolean().describe('Whether that is what the library has now.')

const following = z
  .object({
    code: z.string(),
    adoptedHash: z.string().nullable().describe('Of what it was adopted from; null: it was not adopted.'),
    version: z
      .object({
        number: z.int().min(1),
        libraryHash,
        isNewest,
        isOwn: z.boolean().describe('Whether it says anything else than that document of the library.'),
      })
      .nullable()
      .describe('The newest version that is not retired; null: there is none.'),
    draft: z.object({ status: draftStatus, libraryHash, isNewest }).nullable().describe('Null: there is none.'),
  })
  .nullable()
  .describe('The clinic’s protocol of that code; null: it has none, and can adopt it.')

export const libraryProtocol = z
  .object({
    code: z.string(),
    title: z.string(),
    description: z.string().nullable(),
    procedures: z.array(z.string()),
    hash,
    protocol: following,
  })
  .meta({ id: 'LibraryProtocol', description: 'A built-in protocol, and what the clinic has of it.' })

export const adoptedVersion = z
  .object({
    ...withRules,
    exercisesChanged: z
      .array(exerciseChange)
      .describe(
        'How the clinic’s catalogue differs from the exercises of the library’s document: the catalogue stays.',
      ),
  })
  .meta({ id: 'AdoptedVersion', description: 'A draft that was adopted from the library just now.' })

const path = z.string().min(1).max(400)

export const mergeBody = z.strictObject({
  resolutions: z
    .array(
      z
        .strictObject({
          path: path.describe('Of the conflict that this decides.'),
          take: z
            .enum(['ours', 'theirs', 'base'])
            .optional()
            .describe('What the clinic has, what the library has, or what both started from.'),
          value: z
            .unknown()
            .optional()
            .describe(
              'Another value in its place, of the shape that the conflict shows; `null`: nothing is to be there.',
            ),
        })
        .refine((one) => (one.take === undefined) !== (one.value === undefined), {
          error: 'must have either `take` or `value`',
        })
        .meta({ oneOf: [{ required: ['take'] }, { required: ['value'] }] }),
    )
    .max(2000)
    .default([])
    .describe('What is decided about each conflict.'),
  again: z
    .boolean()
    .default(false)
    .describe('Merge what the library has now once more, from what both started from before it was merged.'),
  dryRun: z.boolean().default(false).describe('Only say what would come of it: nothing is stored.'),
})

const side = z.unknown().describe('What is there; null: nothing.')

const conflict = z
  .object({
    path: z
      .string()
      .describe(
        'The list, the part’s code and the member: `/limits/lifting/text`. Members that only say something together are one: `number` of a limit, `answers` of a fact, `grants` and `span` of a prescription, `matches` of a contraindication, `situation` of a test case.',
      ),
    reason: z
      .enum([
        'both-changed',
        'both-added',
        'changed-and-removed',
        'order',
        'still-named',
        'renamed',
        'reads-otherwise',
        'base-unknown',
        'shared-exercise',
      ])
      .describe(
        '`order`: it is not clear which phase comes first; `still-named`: one side has removed what the other names; `renamed`: one side has given a part another code, and the other has removed or changed it; `reads-otherwise`: one side has changed the unit or the type of a fact, and the other what is compared with it; `base-unknown`: what both started from is not known; `shared-exercise`: the exercise is the clinic’s catalogue’s, which all its protocols share.',
      ),
    base: side,
    ours: side,
    theirs: side,
    members: z
      .array(z.string())
      .nullable()
      .describe('Those that are decided together; null: a single one, or the part.'),
    isOpen: z.boolean().describe('Whether nobody has decided it yet.'),
    text: z.string().describe('What each side has done, in words.'),
  })
  .meta({
    id: 'MergeConflict',
    description: 'What a merge does not decide. `ours` is the clinic’s, `theirs` the library’s.',
  })

export const mergeConflicts = z.array(conflict)

export const mergeAnswer = z
  .object({
    protocol: z.string(),
    library: z.object({ code: z.string(), title: z.string(), hash }).describe('What is merged.'),
    base: z
      .object({ hash: z.string().nullable(), isKnown: z.boolean() })
      .describe('What both started from. If it is not known, everything that differs is a conflict.'),
    startedFrom: z
      .int()
      .min(1)
      .nullable()
      .describe('The version that a draft is started from; null: there is a draft.'),
    dryRun: z.boolean(),
    isUpToDate: z
      .boolean()
      .describe(
        'True: what the library has now was merged or adopted already, and nothing was stored; `text` says whether the clinic’s differs from it.',
      ),
    revision: z.int().min(1).nullable().describe('Of the draft that holds the merge; null: nothing was stored.'),
    text: z.string().describe('What came of it, in words.'),
    conflicts: mergeConflicts.describe('All of them, those that are decided too.'),
    changes: z.array(draftChange).describe('What the merge changes in the clinic’s document, part by part.'),
    moreChanges: z.int().min(0).describe('How many more changes are not listed.'),
    exercisesChanged: z.array(exerciseChange).describe('What it changes in the clinic’s catalogue.'),
    exercisesChangedSince: z
      .array(exerciseChange)
      .describe(
        'What was changed in the catalogue since the version that the draft is started from: not by the merge, but the draft has it, and `diff` tells what comes of it.',
      ),
    diff: diff
      .nullable()
      .describe(
        'What it changes for patients. Changes of both sides can meet in one rule without a conflict: look here. Null while conflicts are open.',
      ),
    document: protocolDocument.nullable().describe('The merged document; null while conflicts are open.'),
  })
  .meta({ id: 'LibraryMerge', description: 'What came of merging the library’s document into the clinic’s.' })

export const libraryParams = z.object({ code: slug })
