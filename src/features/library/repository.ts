import type { Transaction } from '../../db/client.ts'
import { toTimestamp } from '../../db/dates.ts'
import type { Prisma } from '../../db/generated/client.ts'
import type { Instant, ProtocolDocument } from '../../rules/index.ts'
import type { LibraryProtocol } from '../clinics/library.ts'
import { toFormatted } from '../protocols/canonical.ts'
import type { DraftStatus } from '../protocols/repository.ts'

/** Keeps a copy of what the clinic adopts or merges: the library's files change with the next release. */
export async function keepLibraryDocument(
  tx: Transaction,
  { clinicId, keptAt, entry: { document, hash } }: { clinicId: string; keptAt: Instant; entry: LibraryProtocol },
): Promise<void> {
  const json = document as unknown as Prisma.InputJsonObject
  await tx.libraryDocument.createMany({
    data: { clinicId, hash, code: document.code, document: json, keptAt: toTimestamp(keptAt) },
    skipDuplicates: true,
  })
}

export async function readLibraryDocument(
  tx: Transaction,
  clinicId: string,
  hash: string,
): Promise<ProtocolDocument | null> {
  const row = await tx.libraryDocument.findUnique({ where: { clinicId_hash: { clinicId, hash } } })
  // JSONB does not keep the order of members.
  return row === null ? null : toFormatted(row.document as unknown as ProtocolDocument)
}

/** What a clinic's protocol has of the library. */
export interface Following {
  code: string
  adoptedHash: string | null
  /** The newest that is not retired. */
  version: { number: number; libraryHash: string | null; contentHash: string | null } | null
  draft: { status: DraftStatus; libraryHash: string | null } | null
}

/** Those of the codes that the clinic has a protocol of. */
export async function readFollowing(
  tx: Transaction,
  clinicId: string,
  codes: readonly string[],
): Promise<Map<string, Following>> {
  const rows = await tx.protocol.findMany({
    where: { clinicId, code: { in: [...codes] } },
    include: {
      versions: {
        where: { status: { not: 'retired' } },
        select: { number: true, status: true, libraryHash: true, contentHash: true },
        orderBy: { number: 'desc' },
      },
    },
  })
  return new Map(
    rows.map(({ code, libraryHash: adoptedHash, versions }) => {
      const [draft, version] = [
        versions.find(({ number }) => number === null),
        versions.find(({ number }) => number !== null),
      ]
      return [
        code,
        {
          code,
          adoptedHash,
          version:
            version === undefined
              ? null
              : {
                  number: version.number ?? 1,
                  libraryHash: version.libraryHash ?? adoptedHash,
                  contentHash: version.contentHash,
                },
          draft:
            draft === undefined
              ? null
              : { status: draft.status as DraftStatus, libraryHash: draft.libraryHash ?? adoptedHash },
        },
      ]
    }),
  )
}
