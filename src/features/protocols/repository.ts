import type { Database, Transaction } from '../../db/client.ts'
import { fromTimestamp } from '../../db/dates.ts'
import { Prisma } from '../../db/generated/client.ts'
import type {
  AcceptedFinding,
  Condition,
  Contraindication,
  Exercise,
  FactDeclaration,
  Grade,
  Instant,
  Instruction,
  Limit,
  MilestoneDeclaration,
  Phase,
  Prescription,
  ProtocolDocument,
  RedFlag,
  Source,
  TestCase,
} from '../../rules/index.ts'

/** A protocol as the clinic's list shows it. */
export interface ProtocolSummary {
  id: string
  code: string
  title: string
  library: { code: string; hash: string } | null
  latestVersion: number | null
  /** The newest that is not retired: what new episodes get. */
  currentVersion: number | null
  hasDraft: boolean
  draftStatus: DraftStatus | null
  createdAt: Instant
}

/** A version before it is published. */
export type DraftStatus = 'draft' | 'in-review' | 'approved'

/** A version without its rules. */
export interface VersionSummary {
  id: string
  number: number | null
  status: DraftStatus | 'published' | 'retired'
  title: string
  procedures: string[]
  accepted: AcceptedFinding[]
  contentHash: string | null
  changeNote: string | null
  revision: number
  startedFrom: number | null
  /** Of the library's document that it was merged with last, or else adopted from; null: it has nothing from there. */
  libraryHash: string | null
  /** Ids of API keys, as all of `by` are. */
  authors: string[]
  submitted: { by: string; at: Instant; hash: string } | null
  review: { decision: 'approved' | 'returned'; by: string; at: Instant; note: string | null } | null
  createdAt: Instant
  publishedAt: Instant | null
  publishedBy: string | null
  retiredAt: Instant | null
  retiredBy: string | null
  retirementNote: string | null
}

/** The lists of a document that are stored as rows of the version. */
const partKinds = [
  'sources',
  'milestones',
  'facts',
  'phases',
  'prescriptions',
  'contraindications',
  'instructions',
  'limits',
  'redFlags',
] as const

export type PartKind = (typeof partKinds)[number]

interface VersionKey {
  clinicId: string
  versionId: string
}

/** The rows of a version's lists. */
export interface Parts {
  exercises: Prisma.VersionExerciseModel[]
  sources: Prisma.SourceModel[]
  milestones: Prisma.MilestoneModel[]
  facts: Prisma.FactModel[]
  phases: Prisma.PhaseModel[]
  prescriptions: Prisma.PrescriptionModel[]
  contraindications: Prisma.ContraindicationModel[]
  instructions: Prisma.InstructionModel[]
  limits: Prisma.LimitModel[]
  redFlags: Prisma.RedFlagModel[]
}

/** A version's own row, with what it takes of its protocol's. */
type VersionRow = Prisma.ProtocolVersionModel & { protocol: Pick<Prisma.ProtocolModel, 'code' | 'libraryHash'> }

/**
 * The rows with their protocols, without those that were deleted since they were read. Prisma reads an `include` after the
 * rows, too, and would give a row without a protocol that it says is there.
 */
async function withProtocols(
  tx: Transaction,
  clinicId: string,
  rows: readonly Omit<VersionRow, 'protocol'>[],
): Promise<VersionRow[]> {
  if (rows.length === 0) return []
  const protocols = await tx.protocol.findMany({
    where: { clinicId, id: { in: [...new Set(rows.map(({ protocolId }) => protocolId))] } },
  })
  const found = new Map(protocols.map((protocol) => [protocol.id, protocol]))
  return rows.flatMap((row) => {
    const protocol = found.get(row.protocolId)
    return protocol === undefined ? [] : { ...row, protocol }
  })
}

/** Of the version's own row, what its document has. */
type DocumentRow = Pick<VersionRow, 'title' | 'description' | 'procedures' | 'accepted' | 'cases'> & {
  protocol: { code: string }
}

/** Leaves out the members that are null, as the document does. */
function present<T extends object>(members: T): { [K in keyof T]: Exclude<T[K], null> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null)) as {
    [K in keyof T]: Exclude<T[K], null>
  }
}

function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list
}

function sortKeys<T>(members: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** JSONB does not keep the order of members; every stored condition, target and dose comes back in one order. */
function fromJson<T>(value: Prisma.JsonValue): T {
  return value as T
}

function whenOf(row: { condition: Prisma.JsonValue }): Condition | null {
  return row.condition === null ? null : fromJson<Condition>(row.condition)
}

export function toDocument(row: DocumentRow, parts: Parts): ProtocolDocument {
  return present({
    format: 1 as const,
    code: row.protocol.code,
    title: row.title,
    description: row.description,
    procedures: row.procedures,
    exercises: parts.exercises.map(
      (exercise): Exercise =>
        present({
          code: exercise.code,
          title: exercise.title,
          kind: exercise.kind as Exercise['kind'],
          position: exercise.bodyPosition,
          instructions: exercise.instructions,
          target: exercise.target,
          equipment: orNull(exercise.equipment),
          groups: orNull(exercise.groups),
          attributes: sortKeys(fromJson<Record<string, Grade>>(exercise.attributes)),
        }) as Exercise,
    ),
    sources: parts.sources.map(
      (source) => present({ id: source.code, title: source.title, locator: source.locator, url: source.url }) as Source,
    ),
    milestones: parts.milestones.map(
      (milestone) =>
        present({
          code: milestone.code,
          title: milestone.title,
          grantedBy: orNull(milestone.grantedBy),
          preOperative: milestone.preOperative || null,
          sources: orNull(milestone.sources),
        }) as MilestoneDeclaration,
    ),
    facts: parts.facts.map(
      (fact) =>
        present({
          code: fact.code,
          title: fact.title,
          type: fact.type as FactDeclaration['type'],
          unit: fact.unit,
          min: fact.min,
          max: fact.max,
          values: orNull(fact.values),
          ask: fact.ask,
          fixed: fact.fixed || null,
          operation: fromJson<FactDeclaration['operation'] | null>(fact.operation),
        }) as FactDeclaration,
    ),
    phases: parts.phases.map(
      (phase) =>
        present({
          code: phase.code,
          title: phase.title,
          setting: phase.setting,
          entry: fromJson<Condition>(phase.entry),
          goals: orNull(phase.goals),
          sources: orNull(phase.sources),
        }) as Phase,
    ),
    prescriptions: parts.prescriptions.map(
      (prescription) =>
        present({
          code: prescription.code,
          exercise: prescription.exerciseCode,
          group: prescription.groupCode,
          from: prescription.fromPhase,
          through: prescription.throughPhase,
          when: whenOf(prescription),
          dosage: prescription.dosage === null ? null : fromJson<Prescription['dosage']>(prescription.dosage),
          provided: prescription.provided,
          modality: prescription.modality,
          rationale: prescription.rationale,
          sources: orNull(prescription.sources),
          supervision: prescription.supervision as Prescription['supervision'],
          side: prescription.side as Prescription['side'],
        }) as Prescription,
    ),
    contraindications: parts.contraindications.map(
      (rule) =>
        present({
          code: rule.code,
          title: rule.title,
          strength: rule.strength as Contraindication['strength'],
          target: fromJson<Contraindication['target']>(rule.target),
          except: fromJson<Contraindication['except'] | null>(rule.exceptTarget),
          when: whenOf(rule),
          rationale: rule.rationale,
          sources: orNull(rule.sources),
        }) as Contraindication,
    ),
    instructions: parts.instructions.map(
      (rule) =>
        present({
          code: rule.code,
          about: rule.about,
          text: rule.text,
          when: whenOf(rule),
          sources: orNull(rule.sources),
        }) as Instruction,
    ),
    limits: parts.limits.map((rule): Limit => {
      const limit = present({
        code: rule.code,
        kind: rule.kind as Limit['kind'] | null,
        quantity: rule.quantity,
        max: rule.max,
        min: rule.min,
        unit: rule.unit,
        text: rule.text,
        when: whenOf(rule),
        sources: orNull(rule.sources),
      }) as Limit
      return rule.asInstructed ? { ...limit, value: null } : limit
    }),
    redFlags: parts.redFlags.map(
      (flag) =>
        present({
          code: flag.code,
          title: flag.title,
          response: flag.response as RedFlag['response'],
          text: flag.text,
          sources: orNull(flag.sources),
        }) as RedFlag,
    ),
    accepted: orNull(fromJson<AcceptedFinding[] | null>(row.accepted) ?? []),
    cases: orNull(fromJson<TestCase[] | null>(row.cases) ?? []),
  }) as ProtocolDocument
}

function toSummary(row: VersionRow): VersionSummary {
  return {
    id: row.id,
    number: row.number,
    status: row.status as VersionSummary['status'],
    title: row.title,
    procedures: row.procedures,
    accepted: fromJson<AcceptedFinding[] | null>(row.accepted) ?? [],
    contentHash: row.contentHash,
    changeNote: row.changeNote,
    revision: row.revision,
    startedFrom: row.startedFrom,
    libraryHash: row.libraryHash ?? row.protocol.libraryHash,
    authors: row.authors,
    submitted:
      row.submittedAt === null || row.submittedBy === null || row.submittedHash === null
        ? null
        : { by: row.submittedBy, at: fromTimestamp(row.submittedAt), hash: row.submittedHash },
    review:
      row.decision === null || row.reviewedAt === null || row.reviewedBy === null
        ? null
        : {
            decision: row.decision as NonNullable<VersionSummary['review']>['decision'],
            by: row.reviewedBy,
            at: fromTimestamp(row.reviewedAt),
            note: row.reviewNote,
          },
    createdAt: fromTimestamp(row.createdAt),
    publishedAt: row.publishedAt === null ? null : fromTimestamp(row.publishedAt),
    publishedBy: row.publishedBy,
    retiredAt: row.retiredAt === null ? null : fromTimestamp(row.retiredAt),
    retiredBy: row.retiredBy,
    retirementNote: row.retirementNote,
  }
}

const summaryOfProtocol = {
  versions: { select: { number: true, status: true }, orderBy: { number: { sort: 'desc', nulls: 'last' } } },
} as const

type ProtocolRow = Prisma.ProtocolGetPayload<{ include: typeof summaryOfProtocol }>

function toProtocol(row: ProtocolRow): ProtocolSummary {
  const draft = row.versions.find(({ number }) => number === null)
  return {
    id: row.id,
    code: row.code,
    title: row.title,
    library:
      row.libraryCode === null || row.libraryHash === null ? null : { code: row.libraryCode, hash: row.libraryHash },
    latestVersion: row.versions[0]?.number ?? null,
    currentVersion: row.versions.find(({ status }) => status === 'published')?.number ?? null,
    hasDraft: draft !== undefined,
    draftStatus: (draft?.status as DraftStatus | undefined) ?? null,
    createdAt: fromTimestamp(row.createdAt),
  }
}

/** Protocols in the order of their codes, after `after`; only those with a version for `procedure`, with a draft in that state. */
export async function listProtocols(
  tx: Transaction,
  clinicId: string,
  page: { after: string | null; take: number; procedure?: string | undefined; draft?: DraftStatus | undefined },
): Promise<ProtocolSummary[]> {
  const rows = await tx.protocol.findMany({
    where: {
      clinicId,
      ...(page.after !== null && { code: { gt: page.after } }),
      AND: [
        ...(page.procedure === undefined ? [] : [{ versions: { some: { procedures: { has: page.procedure } } } }]),
        ...(page.draft === undefined ? [] : [{ versions: { some: { status: page.draft } } }]),
      ],
    },
    include: summaryOfProtocol,
    orderBy: { code: 'asc' },
    take: page.take,
  })
  return rows.map(toProtocol)
}

export async function readProtocol(tx: Transaction, clinicId: string, code: string): Promise<ProtocolSummary | null> {
  const row = await tx.protocol.findUnique({
    where: { clinicId_code: { clinicId, code } },
    include: summaryOfProtocol,
  })
  return row === null ? null : toProtocol(row)
}

export async function insertProtocol(
  tx: Transaction,
  protocol: {
    clinicId: string
    id: string
    code: string
    title: string
    library: { code: string; hash: string } | null
    createdAt: Instant
  },
): Promise<void> {
  const { library, ...columns } = protocol
  await tx.protocol.create({
    data: { ...columns, libraryCode: library?.code ?? null, libraryHash: library?.hash ?? null },
  })
}

/** Deletes a protocol that has no version any more, and keeps the last revision that it had. */
export async function deleteProtocol(
  tx: Transaction,
  clinicId: string,
  { id, code }: { id: string; code: string },
  lastRevision: number,
): Promise<boolean> {
  const { count } = await tx.protocol.deleteMany({ where: { clinicId, id } })
  if (count === 0) return false
  await tx.deletedProtocol.upsert({
    where: { clinicId_code: { clinicId, code } },
    create: { clinicId, code, lastRevision },
    update: { lastRevision },
  })
  return true
}

/** The last revision of the protocols that had this code before; 0: there was none. */
export async function readDeletedRevision(tx: Transaction, clinicId: string, code: string): Promise<number> {
  const deleted = await tx.deletedProtocol.findUnique({ where: { clinicId_code: { clinicId, code } } })
  return deleted?.lastRevision ?? 0
}

/** Published and retired versions, newest first, below number `below`. */
export async function listVersions(
  tx: Transaction,
  clinicId: string,
  protocolId: string,
  page: { below: number | null; take: number },
): Promise<VersionSummary[]> {
  const rows = await tx.protocolVersion.findMany({
    where: { clinicId, protocolId, number: page.below === null ? { not: null } : { lt: page.below } },
    orderBy: { number: 'desc' },
    take: page.take,
  })
  return (await withProtocols(tx, clinicId, rows)).map(toSummary)
}

export type StoredVersion = VersionSummary & {
  document: ProtocolDocument
  /** Codes of the exercises that the document had when it was last sent as a whole; null: it is not known. */
  brought: string[] | null
}

/** The version with that number or, for `'draft'`, the one that is not published; that one has the exercises that were submitted. */
export async function readVersion(
  tx: Transaction,
  clinicId: string,
  protocolId: string,
  which: number | 'draft',
): Promise<StoredVersion | null> {
  const number = which === 'draft' ? null : which
  const found = await tx.protocolVersion.findFirst({ where: { clinicId, protocolId, number }, select: { id: true } })
  const stored = await readStored(tx, clinicId, found)
  // What was a draft may be published since.
  return stored?.number === number ? stored : null
}

/** Everything about the version that was found, as it is at one moment; null: there is none, or no longer. */
async function readStored(
  tx: Transaction,
  clinicId: string,
  found: { id: string } | null,
): Promise<StoredVersion | null> {
  const [columns] = found === null ? [] : await selectVersions(tx, clinicId, [found.id])
  if (columns === undefined) return null
  const { row, document } = readColumns(columns)
  return { ...toSummary(row), document, brought: fromJson<string[] | null>(row.brought) }
}

/** The newest version that is published and not retired. */
export async function readLatestPublished(
  tx: Transaction,
  clinicId: string,
  protocolId: string,
): Promise<StoredVersion | null> {
  const found = await tx.protocolVersion.findFirst({
    where: { clinicId, protocolId, status: 'published' },
    orderBy: { number: 'desc' },
    select: { id: true },
  })
  return readStored(tx, clinicId, found)
}

/** A version as far as answers are made from it. */
export type VersionContent = Pick<StoredVersion, 'id' | 'number' | 'status' | 'document'>

/** A row with the names that its columns have in the database. */
type Columns = Readonly<Record<string, unknown>>

/** A version with its lists as read_versions gives them; null: the list is empty. */
type VersionColumns = { version: Columns; protocol: Columns } & {
  [List in ListColumn]: readonly Columns[] | null
}

type ListColumn = Exclude<keyof Parts, 'redFlags'> | 'red_flags'

/** So many versions are read in one round trip: a document may have a megabyte. */
const mostAtOnce = 20

/** The versions with these ids, without Prisma: it need not be loaded for an answer. */
export function askVersions(
  db: Pick<Database, 'ask'>,
  clinicId: string,
  ids: readonly string[],
): Promise<VersionContent[]> {
  return inParts(ids, (some) =>
    db.ask<VersionColumns>('read-versions', 'SELECT * FROM read_versions($1::uuid, $2::uuid[])', [clinicId, some]),
  )
}

/** The versions with these ids, as the transaction sees them. */
export function readVersionsById(tx: Transaction, clinicId: string, ids: readonly string[]): Promise<VersionContent[]> {
  return inParts(ids, (some) => selectVersions(tx, clinicId, some))
}

function selectVersions(tx: Transaction, clinicId: string, ids: readonly string[]): Promise<VersionColumns[]> {
  return tx.$queryRaw<VersionColumns[]>`SELECT * FROM read_versions(${clinicId}::uuid, ${[...ids]}::uuid[])`
}

async function inParts(
  ids: readonly string[],
  read: (some: string[]) => Promise<VersionColumns[]>,
): Promise<VersionContent[]> {
  const versions: VersionContent[] = []
  for (let start = 0; start < ids.length; start += mostAtOnce) {
    versions.push(...(await read(ids.slice(start, start + mostAtOnce))).map(toContent))
  }
  return versions
}

function toContent(columns: VersionColumns): VersionContent {
  const { row, document } = readColumns(columns)
  return { id: row.id, number: row.number, status: row.status as StoredVersion['status'], document }
}

const moments = ['createdAt', 'submittedAt', 'reviewedAt', 'publishedAt', 'retiredAt'] as const

/** The version's own row, and its document. */
function readColumns({ version, protocol, red_flags: redFlags, ...lists }: VersionColumns) {
  const row = { ...toRow(version), protocol: toRow(protocol) } as VersionRow
  for (const moment of moments) if (row[moment] !== null) Object.assign(row, { [moment]: new Date(row[moment]) })
  const parts = Object.fromEntries(
    Object.entries({ ...lists, redFlags }).map(([list, rows]) => [list, (rows ?? []).map(toRow)]),
  ) as unknown as Parts
  return { row, document: toDocument(row, parts) }
}

/** The row with the names that Prisma gives its columns. */
function toRow(columns: Columns): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, value]) => [
      name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  )
}

/** The numbers of the protocol's published and retired versions by their ids; with a number only that one's. */
export async function listVersionIds(
  tx: Transaction,
  clinicId: string,
  protocolId: string,
  number?: number,
): Promise<Map<string, number>> {
  const rows = await tx.protocolVersion.findMany({
    where: { clinicId, protocolId, number: number ?? { not: null } },
    select: { id: true, number: true },
  })
  return new Map(rows.map(({ id, number: of }) => [id, of ?? 0]))
}

/** The codes of all phases of these versions, each once. */
export async function listPhaseCodes(
  tx: Transaction,
  clinicId: string,
  versions: readonly string[],
): Promise<string[]> {
  const rows = await tx.phase.findMany({
    where: { clinicId, versionId: { in: [...versions] } },
    select: { code: true },
    distinct: ['code'],
  })
  return rows.map(({ code }) => code).sort()
}

/** False: the protocol has a draft, which somebody else has started. */
export async function insertDraft(
  tx: Transaction,
  draft: {
    clinicId: string
    id: string
    protocolId: string
    document: ProtocolDocument
    revision: number
    startedFrom: number | null
    libraryHash: string | null
    brought: readonly string[]
    author: string
    createdAt: Instant
  },
): Promise<boolean> {
  const { document, author, brought, ...columns } = draft
  const { count } = await tx.protocolVersion.createMany({
    skipDuplicates: true,
    data: {
      ...columns,
      status: 'draft',
      title: document.title,
      description: document.description ?? null,
      procedures: [...document.procedures],
      accepted: toNullableJson(document.accepted),
      authors: [author],
      cases: toNullableJson(document.cases),
      brought: [...brought],
    },
  })
  if (count === 0) return false
  await insertParts(tx, { clinicId: draft.clinicId, versionId: draft.id }, document, partKinds)
  return true
}

/** The hash of the library's document that the protocol's newest version was merged with; null: that which it was adopted from. */
export async function readNewestLibraryHash(
  tx: Transaction,
  clinicId: string,
  protocolId: string,
): Promise<string | null> {
  const row = await tx.protocolVersion.findFirst({
    where: { clinicId, protocolId, number: { not: null } },
    orderBy: { number: 'desc' },
    select: { libraryHash: true },
  })
  return row?.libraryHash ?? null
}

/** The document of a version of the protocol that has this content; null: there is none. */
export async function readVersionOfContent(
  tx: Transaction,
  clinicId: string,
  protocolId: string,
  contentHash: string,
): Promise<StoredVersion | null> {
  const found = await tx.protocolVersion.findFirst({
    where: { clinicId, protocolId, contentHash },
    orderBy: { number: 'asc' },
    select: { id: true },
  })
  return readStored(tx, clinicId, found)
}

/** The draft as its next writer has seen it. */
export interface SeenDraft {
  revision: number
  status: VersionSummary['status']
  authors: readonly string[]
}

/**
 * Replaces the draft's content if it is still at the revision that was seen; false when another writer was first.
 * Only the lists named in `changed` are written again; left out: the document was sent as a whole, with the exercises
 * `brought`. It is not approved any more. With `libraryHash` it has what the library's document of that hash has brought.
 */
export async function replaceDraft(
  tx: Transaction,
  key: VersionKey,
  {
    author,
    seen,
    libraryHash,
    brought,
  }: { author: string; seen: SeenDraft; libraryHash?: string | undefined; brought: string[] },
  document: ProtocolDocument,
  changed?: readonly PartKind[],
): Promise<boolean> {
  const reopened = await reopenDraft(tx, key, {
    seen,
    ...(seen.status === 'approved' && notSubmitted),
    title: document.title,
    description: document.description ?? null,
    procedures: [...document.procedures],
    accepted: toNullableJson(document.accepted),
    cases: toNullableJson(document.cases),
    authors: [...new Set([...seen.authors, author])],
    ...(libraryHash !== undefined && { libraryHash }),
    ...(changed === undefined && { brought }),
  })
  if (!reopened) return false
  await deleteParts(tx, key, changed ?? partKinds)
  await insertParts(tx, key, document, changed ?? partKinds)
  return true
}

const notSubmitted = {
  changeNote: null,
  submittedAt: null,
  submittedBy: null,
  submittedHash: null,
  decision: null,
  reviewedAt: null,
  reviewedBy: null,
  reviewNote: null,
}

/** Takes what was submitted back to be edited; false when another writer was first. */
export function withdrawDraft(tx: Transaction, key: VersionKey, seen: SeenDraft): Promise<boolean> {
  return reopenDraft(tx, key, { seen, ...notSubmitted })
}

/** Gives what was submitted back to its authors, with what the reviewer says; false when another writer was first. */
export function returnDraft(
  tx: Transaction,
  key: VersionKey,
  seen: SeenDraft,
  review: { reviewedAt: Instant; reviewedBy: string; reviewNote: string },
): Promise<boolean> {
  return reopenDraft(tx, key, { seen, ...review, decision: 'returned' })
}

async function reopenDraft(
  tx: Transaction,
  key: VersionKey,
  { seen, ...change }: { seen: SeenDraft } & Omit<Prisma.ProtocolVersionUpdateManyMutationInput, 'status' | 'revision'>,
): Promise<boolean> {
  const { count } = await tx.protocolVersion.updateMany({
    where: { clinicId: key.clinicId, id: key.versionId, revision: seen.revision, status: seen.status },
    data: { ...change, status: 'draft', revision: { increment: 1 } },
  })
  if (count === 0) return false
  // Those that were submitted: a draft takes its exercises from the catalogue.
  if (seen.status !== 'draft') await tx.versionExercise.deleteMany({ where: key })
  return true
}

export async function deleteDraft(tx: Transaction, key: VersionKey, revision: number): Promise<boolean> {
  const { count } = await tx.protocolVersion.deleteMany({
    where: { clinicId: key.clinicId, id: key.versionId, revision, number: null },
  })
  return count === 1
}

/** Keeps the draft as it is for a reviewer, with the catalogue entries that it is about; false when another writer was first. */
export async function submitDraft(
  tx: Transaction,
  key: VersionKey,
  submission: {
    revision: number
    document: ProtocolDocument
    submittedHash: string
    changeNote: string
    submittedAt: Instant
    submittedBy: string
  },
): Promise<boolean> {
  const { revision, document, ...columns } = submission
  if (!(await keepExercises(tx, key, revision, document))) return false
  await tx.protocolVersion.update({
    where: { clinicId_id: { clinicId: key.clinicId, id: key.versionId } },
    data: { ...notSubmitted, ...columns, status: 'in-review' },
  })
  return true
}

/** Stores the approval of what was submitted; false when another writer was first. */
export async function approveDraft(
  tx: Transaction,
  key: VersionKey,
  revision: number,
  review: { reviewedAt: Instant; reviewedBy: string; reviewNote: string | null },
): Promise<boolean> {
  const { count } = await tx.protocolVersion.updateMany({
    where: { clinicId: key.clinicId, id: key.versionId, revision, status: 'in-review' },
    data: { ...review, decision: 'approved', status: 'approved', revision: { increment: 1 } },
  })
  return count === 1
}

/**
 * Freezes the draft, with the catalogue entries that it is about as `document` has them; false when another writer was
 * first. One that is approved has them already.
 */
export async function publishDraft(
  tx: Transaction,
  key: VersionKey,
  publication: {
    revision: number
    status: 'draft' | 'approved'
    number: number
    document: ProtocolDocument
    contentHash: string
    changeNote: string | null
    publishedAt: Instant
    publishedBy: string
  },
): Promise<boolean> {
  const { revision, status, document, changeNote, ...columns } = publication
  const draft = { clinicId: key.clinicId, id: key.versionId }
  if (status === 'approved') {
    const { count } = await tx.protocolVersion.updateMany({
      where: { ...draft, revision, status },
      data: { ...columns, status: 'published', revision: { increment: 1 } },
    })
    return count === 1
  }
  if (!(await keepExercises(tx, key, revision, document))) return false
  await tx.protocolVersion.update({
    where: { clinicId_id: draft },
    data: { ...notSubmitted, ...columns, changeNote, status: 'published' },
  })
  return true
}

/** Raises the draft's revision and stores the exercises of the document with it; false when another writer was first. */
async function keepExercises(
  tx: Transaction,
  key: VersionKey,
  revision: number,
  document: ProtocolDocument,
): Promise<boolean> {
  // The version first: two publications at once would otherwise each wait for the other's exercises.
  const { count } = await tx.protocolVersion.updateMany({
    where: { clinicId: key.clinicId, id: key.versionId, revision, status: 'draft' },
    data: { revision: { increment: 1 } },
  })
  if (count === 0) return false
  await tx.versionExercise.deleteMany({ where: key })
  await tx.versionExercise.createMany({
    data: document.exercises.map((exercise, position) => ({
      ...key,
      code: exercise.code,
      position,
      title: exercise.title,
      kind: exercise.kind,
      bodyPosition: exercise.position ?? null,
      instructions: exercise.instructions ?? null,
      target: exercise.target ?? null,
      equipment: [...(exercise.equipment ?? [])],
      groups: [...(exercise.groups ?? [])],
      attributes: exercise.attributes,
    })),
  })
  return true
}

/** The number that the protocol's next publication gets. Two publications at once: the unique index refuses one. */
export async function nextNumber(tx: Transaction, clinicId: string, protocolId: string): Promise<number> {
  const { _max } = await tx.protocolVersion.aggregate({ where: { clinicId, protocolId }, _max: { number: true } })
  return (_max.number ?? 0) + 1
}

/**
 * How many open episodes follow the version, how many others of its protocol are published, and the procedures whose
 * default that protocol is. Until the transaction ends no other episode can begin to follow it.
 */
export async function readFollowers(
  tx: Transaction,
  { clinicId, versionId }: VersionKey,
  protocol: { id: string; code: string },
): Promise<{ openEpisodes: number; otherPublished: number; defaultOf: string[] }> {
  // Every version that is published: of two that are retired at once, one is the last.
  await tx.$queryRaw`
    SELECT FROM protocol_version WHERE clinic_id = ${clinicId}::uuid AND protocol_id = ${protocol.id}::uuid
      AND status = 'published' ORDER BY id FOR UPDATE`
  const openEpisodes = await tx.episodeProtocol.count({ where: { clinicId, versionId, episode: { status: 'open' } } })
  const defaultOf = await listDefaultsOf(tx, clinicId, protocol.code)
  const otherPublished = await tx.protocolVersion.count({
    where: { clinicId, protocolId: protocol.id, status: 'published', id: { not: versionId } },
  })
  return { openEpisodes, otherPublished, defaultOf }
}

/** Codes of the procedures whose default the protocol is. */
export async function listDefaultsOf(tx: Transaction, clinicId: string, protocol: string): Promise<string[]> {
  const procedures = await tx.procedure.findMany({
    where: { clinicId, defaultProtocolCode: protocol },
    select: { code: true },
    orderBy: { code: 'asc' },
  })
  return procedures.map(({ code }) => code)
}

/** Those of the versions that are retired by now. Until the transaction ends none of the others can be. */
export async function holdVersions(tx: Transaction, clinicId: string, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ id: string; status: string }[]>`
    SELECT id, status FROM protocol_version WHERE clinic_id = ${clinicId}::uuid AND id = ANY(${ids}::uuid[])
    ORDER BY id FOR SHARE`
  return new Set(rows.filter(({ status }) => status === 'retired').map(({ id }) => id))
}

export async function retireVersion(
  tx: Transaction,
  key: VersionKey,
  revision: number,
  retirement: { retiredAt: Instant; retiredBy: string; retirementNote: string | null },
): Promise<boolean> {
  const { count } = await tx.protocolVersion.updateMany({
    where: { clinicId: key.clinicId, id: key.versionId, revision, status: 'published' },
    data: { ...retirement, status: 'retired', revision: { increment: 1 } },
  })
  return count === 1
}

export async function setProtocolTitle(tx: Transaction, clinicId: string, id: string, title: string): Promise<void> {
  await tx.protocol.update({ where: { clinicId_id: { clinicId, id } }, data: { title } })
}

async function deleteParts(tx: Transaction, key: VersionKey, kinds: readonly PartKind[]): Promise<void> {
  const remove = {
    sources: () => tx.source.deleteMany({ where: key }),
    milestones: () => tx.milestone.deleteMany({ where: key }),
    facts: () => tx.fact.deleteMany({ where: key }),
    phases: () => tx.phase.deleteMany({ where: key }),
    prescriptions: () => tx.prescription.deleteMany({ where: key }),
    contraindications: () => tx.contraindication.deleteMany({ where: key }),
    instructions: () => tx.instruction.deleteMany({ where: key }),
    limits: () => tx.limit.deleteMany({ where: key }),
    redFlags: () => tx.redFlag.deleteMany({ where: key }),
  } satisfies Record<PartKind, () => Promise<unknown>>
  for (const kind of kinds) await remove[kind]()
}

function toJson(value: object | string): Prisma.InputJsonValue {
  return value as Prisma.InputJsonValue
}

function toNullableJson(value: object | string | undefined): Prisma.InputJsonValue | typeof Prisma.DbNull {
  return value === undefined ? Prisma.DbNull : toJson(value)
}

async function insertParts(
  tx: Transaction,
  key: VersionKey,
  document: ProtocolDocument,
  kinds: readonly PartKind[],
): Promise<void> {
  const insert = {
    sources: () =>
      tx.source.createMany({
        data: document.sources.map(({ id, ...source }, position) => ({ ...key, position, code: id, ...source })),
      }),
    milestones: () =>
      tx.milestone.createMany({
        data: document.milestones.map((milestone, position) => ({
          ...key,
          position,
          code: milestone.code,
          title: milestone.title,
          grantedBy: [...(milestone.grantedBy ?? [])],
          preOperative: milestone.preOperative ?? false,
          sources: [...(milestone.sources ?? [])],
        })),
      }),
    facts: () =>
      tx.fact.createMany({
        data: document.facts.map((fact, position) => ({
          ...key,
          position,
          ...fact,
          values: [...(fact.values ?? [])],
          operation: toNullableJson(fact.operation),
        })),
      }),
    phases: () =>
      tx.phase.createMany({
        data: document.phases.map((phase, position) => ({
          ...key,
          position,
          code: phase.code,
          title: phase.title,
          setting: phase.setting ?? null,
          entry: toJson(phase.entry),
          goals: [...(phase.goals ?? [])],
          sources: [...(phase.sources ?? [])],
        })),
      }),
    prescriptions: () =>
      tx.prescription.createMany({
        data: document.prescriptions.map((prescription, position) => ({
          ...key,
          position,
          code: prescription.code,
          exerciseCode: prescription.exercise ?? null,
          groupCode: prescription.group ?? null,
          fromPhase: prescription.from,
          throughPhase: prescription.through ?? null,
          condition: toNullableJson(prescription.when),
          supervision: prescription.supervision,
          side: prescription.side,
          dosage: toNullableJson(prescription.dosage),
          provided: prescription.provided ?? null,
          modality: prescription.modality ?? null,
          rationale: prescription.rationale ?? null,
          sources: [...(prescription.sources ?? [])],
        })),
      }),
    contraindications: () =>
      tx.contraindication.createMany({
        data: document.contraindications.map((rule, position) => ({
          ...key,
          position,
          code: rule.code,
          title: rule.title,
          strength: rule.strength,
          target: toJson(rule.target),
          exceptTarget: toNullableJson(rule.except),
          condition: toNullableJson(rule.when),
          rationale: rule.rationale ?? null,
          sources: [...(rule.sources ?? [])],
        })),
      }),
    instructions: () =>
      tx.instruction.createMany({
        data: document.instructions.map((rule, position) => ({
          ...key,
          position,
          code: rule.code,
          about: rule.about,
          text: rule.text,
          condition: toNullableJson(rule.when),
          sources: [...(rule.sources ?? [])],
        })),
      }),
    limits: () =>
      tx.limit.createMany({
        data: document.limits.map((rule, position) => ({
          ...key,
          position,
          code: rule.code,
          kind: rule.kind ?? null,
          quantity: rule.quantity,
          max: rule.max ?? null,
          min: rule.min ?? null,
          asInstructed: rule.max === undefined && rule.min === undefined,
          unit: rule.unit ?? null,
          text: rule.text ?? null,
          condition: toNullableJson(rule.when),
          sources: [...(rule.sources ?? [])],
        })),
      }),
    redFlags: () =>
      tx.redFlag.createMany({
        data: document.redFlags.map((flag, position) => ({
          ...key,
          position,
          code: flag.code,
          title: flag.title,
          response: flag.response,
          text: flag.text ?? null,
          sources: [...(flag.sources ?? [])],
        })),
      }),
  } satisfies Record<PartKind, () => Promise<unknown>>
  for (const kind of kinds) await insert[kind]()
}
