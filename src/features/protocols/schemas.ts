import { z } from 'zod'
import { instant, slug, text } from '../../http/schemas.ts'
import { finding } from '../checks/schemas.ts'
import { protocolDocument } from './document-schema.ts'

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
    hasDraft: z.boolean(),
    createdAt: instant,
  })
  .meta({ id: 'Protocol', description: 'A named series of versions for one or more procedures.' })

const versionFields = {
  id: z.string(),
  number: z.int().min(1).nullable().describe('Given when it is published; a draft has none.'),
  status: z.enum(['draft', 'published', 'retired']),
  title: z.string(),
  procedures: z.array(z.string()),
  contentHash: z.string().nullable().describe('SHA-256 of the published document in canonical form.'),
  changeNote: z.string().nullable(),
  revision: z.int().min(1),
  createdAt: instant,
  publishedAt: instant.nullable(),
  retiredAt: instant.nullable(),
}

export const versionSummary = z
  .object(versionFields)
  .meta({ id: 'VersionSummary', description: 'A protocol version without its rules.' })

export const version = z.object({ ...versionFields, document: protocolDocument }).meta({
  id: 'ProtocolVersion',
  description: 'A protocol version. Once published it never changes, and neither do the exercises in it.',
})

export const publishedVersion = z
  .object({
    ...versionFields,
    document: protocolDocument,
    warnings: z.array(finding).describe('What the check warns of and the author has not accepted.'),
  })
  .meta({ id: 'PublishedVersion', description: 'A version that was published just now.' })

export const startBody = z.strictObject({
  from: z.int().min(1).optional().describe('The version to start from; left out: the newest.'),
})

export const publishBody = z.strictObject({
  changeNote: text(2000).optional().describe('What changed, and why.'),
})

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
