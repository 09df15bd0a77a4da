import { z } from 'zod'
import { listOf } from '../../http/bodies.ts'
import { calendarDate, instant, slug, text, uuid } from '../../http/schemas.ts'
import { confirm } from '../episodes/schemas.ts'
import { consequence, countsOf, tally } from '../impacts/schemas.ts'
import { actorName } from '../protocols/schemas.ts'
import { outcomes } from './move.ts'

const version = z.int().min(1).max(999_999_999)

const select = z
  .union(
    [
      z.strictObject({ episodes: listOf(uuid, 10_000).min(1) }),
      z.strictObject({ from: version }),
      z.strictObject({ all: z.literal(true) }),
      z.strictObject({ undo: uuid }),
    ],
    { error: 'must be one of `{ episodes: […] }`, `{ from: n }`, `{ all: true }` and `{ undo: id }`' },
  )
  .describe(
    'These `episodes`; every open one that follows version `from`; `all` open ones that follow another version; or, to `undo` a move, its episodes, each back to the version that it had before, even if that is retired by now.',
  )

export const moveBody = z.strictObject({
  to: version.optional().describe('The published version that they are to follow; left out of what undoes a move.'),
  select,
  reason: text(1000).describe('Why; it is kept with each episode’s record.'),
  dryRun: z.boolean().optional().describe('True: say what would come of it, and write nothing.'),
  confirm: confirm.optional(),
  limit: z
    .int()
    .min(0)
    .max(1000)
    .optional()
    .describe('How many of the episodes are listed at most; left out: 100. As lines: all.'),
})

export const moveParams = z.object({ code: slug })
export const oneMoveParams = z.object({ code: slug, move: uuid })

const count = z.int().min(0)

const movedEpisode = z
  .object({
    episode: z.string(),
    patient: z.string(),
    outcome: z.enum(outcomes),
    from: version.nullable().describe('The version that it followed; null: none of this protocol.'),
    to: version.nullable(),
    consequences: z.array(consequence).describe('What the patient loses, gains and does otherwise.'),
    missing: z.array(z.string()).describe('Names of the consequences that were not confirmed.'),
    text: z.string(),
  })
  .meta({
    id: 'MovedEpisode',
    description: 'What came of one episode. It was moved only if `outcome` is `moved` and it was no dry run.',
  })

const summaryFields = {
  protocol: z.string(),
  dryRun: z.boolean(),
  move: uuid.nullable().describe('The move, once an episode was moved; `{ undo }` takes it back.'),
  to: version.nullable().describe('Null: each goes back to its own.'),
  toRetired: z
    .array(version)
    .describe('Of what undoes a move: versions that are retired by now and are followed again.'),
  on: calendarDate.describe('The date of the answers that were compared: today in the clinic’s time zone.'),
  text: z.string(),
  episodes: count.describe('Episodes of the selection.'),
  outcomes: countsOf(outcomes),
  consequences: z.array(tally).describe('Of all episodes of the selection; what takes something away first.'),
  confirm: z
    .array(z.string())
    .describe('Names of all these consequences: sent as `confirm`, they cover each episode as it is now.'),
  unused: z
    .array(z.string())
    .describe('Names that were confirmed and that no episode of the selection has: look whether one is misspelt.'),
}

export const moveResult = z
  .object({
    ...summaryFields,
    items: z.array(movedEpisode).describe('By id; those that follow the version already are only counted.'),
    isCut: z.boolean().describe('There are more than are listed.'),
  })
  .meta({ id: 'MoveResult', description: 'What came of a move, or would come of it.' })

const kindOf = (kind: 'episode' | 'summary') => ({ kind: z.literal(kind) })
export const moveLine = z
  .union([
    movedEpisode.extend(kindOf('episode')),
    z.object(summaryFields).extend(kindOf('summary')),
    z.looseObject({ kind: z.literal('error') }),
  ])
  .meta({
    id: 'MoveLine',
    description:
      'One line. The last one is of kind `summary`, or of kind `error` with the `problem` that ended it: what was moved before is moved, by the `move` that the problem names, and the same request does the rest.',
  })

export const move = z
  .object({
    id: z.string(),
    to: version.nullable().describe('Null: it undid another move.'),
    undoes: z.string().nullable().describe('The move that it undid.'),
    select: z.looseObject({}).describe('As it was asked for.'),
    reason: z.string(),
    confirmed: z.array(z.string()).describe('Names of the consequences that were confirmed.'),
    episodes: count.describe('How many were moved.'),
    at: instant,
    by: actorName,
  })
  .meta({ id: 'Move', description: 'Episodes that were moved to another version of a protocol, or back.' })

export const moveEpisode = z
  .object({ episode: z.string(), from: version, to: version })
  .meta({ id: 'EpisodeOfMove', description: 'The versions that an episode followed before a move, and since.' })
