import { randomUUIDv7 } from 'node:crypto'
import type pg from 'pg'
import { hashDocument } from '../../src/features/protocols/canonical.ts'
import { listProtocols, readVersion } from '../../src/features/protocols/repository.ts'
import type { CalendarDate } from '../../src/rules/index.ts'
import { addDays, daysBetween, type ProtocolDocument } from '../../src/rules/index.ts'
import { pick, seededRandom } from '../random.ts'
import type { BenchClinic, World } from './world.ts'

/** A published version, as far as a record is made for it. */
export interface Published {
  id: string
  document: ProtocolDocument
}

/** The published versions of the clinic's protocols, by code. */
export async function readPublished({ db }: World, { clinicId }: BenchClinic): Promise<Published[]> {
  return db.asClinic(clinicId, async (tx) => {
    const protocols = await listProtocols(tx, clinicId, { after: null, take: 10_000 })
    const versions: Published[] = []
    for (const protocol of protocols) {
      const version = await readVersion(tx, clinicId, protocol.id, 1)
      if (version !== null) versions.push({ id: version.id, document: version.document })
    }
    return versions
  })
}

/** The lists of a version, each a table. */
const partTables = [
  'version_exercise',
  'source',
  'milestone',
  'fact',
  'phase',
  'prescription',
  'contraindication',
  'instruction',
  'protocol_limit',
  'red_flag',
]

/**
 * Publishes copies of the versions under other codes until there are `count`, by SQL, past the service and the triggers,
 * because each publication is checked at length. Returns all of them.
 */
export async function copyProtocols(
  { owner }: World,
  { clinicId }: BenchClinic,
  originals: readonly Published[],
  count: number,
): Promise<Published[]> {
  const copies = Array.from({ length: Math.max(0, count - originals.length) }, (_, index) => {
    const original = originals[index % originals.length] as Published
    const copy = Math.floor(index / originals.length) + 2
    const document = { ...original.document, code: `${original.document.code}-${copy}` }
    const hash = hashDocument(document)
    return { id: randomUUIDv7(), document, original: original.id, protocol: randomUUIDv7(), code: document.code, hash }
  })
  await withoutTriggers(owner, async () => {
    const rows = JSON.stringify(copies.map(({ document: _, ...row }) => row))
    const copied = 'jsonb_to_recordset($2::jsonb) AS copy(id uuid, original uuid, protocol uuid, code text, hash text)'
    await owner.query(
      `INSERT INTO protocol (clinic_id, id, code, title, created_at)
       SELECT $1, copy.protocol, copy.code, v.title, v.created_at
       FROM ${copied} JOIN protocol_version v ON v.clinic_id = $1 AND v.id = copy.original`,
      [clinicId, rows],
    )
    const changed = { id: 'copy.id', protocol_id: 'copy.protocol', content_hash: 'copy.hash', submitted_hash: 'NULL' }
    await copyRows(owner, 'protocol_version', 'id', changed, [clinicId, rows], copied)
    for (const table of partTables) {
      await copyRows(owner, table, 'version_id', { version_id: 'copy.id' }, [clinicId, rows], copied)
    }
  })
  await owner.query('ANALYZE')
  return [...originals, ...copies.map(({ id, document }) => ({ id, document }))]
}

/** Copies the rows of the versions, with other values in some columns. */
async function copyRows(
  owner: pg.Client,
  table: string,
  versionColumn: string,
  changed: Readonly<Record<string, string>>,
  values: readonly string[],
  copied: string,
): Promise<void> {
  const { rows } = await owner.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
    [table],
  )
  const names = rows.map(({ name }) => `"${name}"`)
  const read = rows.map(({ name }) => changed[name] ?? `t."${name}"`)
  await owner.query(
    `INSERT INTO ${table} (${names.join(', ')}) SELECT ${read.join(', ')}
     FROM ${copied} JOIN ${table} t ON t.clinic_id = $1 AND t.${versionColumn} = copy.original`,
    [...values],
  )
}

/** Copies the clinic's episodes with patients and records, by SQL, until there are `times` as many of them. */
export async function multiplyEpisodes({ owner }: World, { clinicId }: BenchClinic, times: number): Promise<void> {
  // Ids begin with a moment: those of a copy are later ones, and stay in order and different from all others.
  await owner.query(
    `CREATE OR REPLACE FUNCTION pg_temp.later(id uuid, copy integer) RETURNS uuid LANGUAGE sql IMMUTABLE RETURN
      (lpad(to_hex(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint + copy * 100000::bigint), 12, '0')
        || substr(replace(id::text, '-', ''), 13))::uuid`,
  )
  await owner.query('CREATE TEMP TABLE original AS SELECT * FROM episode WHERE clinic_id = $1', [clinicId])
  const atOnce = 50
  for (let from = 1; from < times; from += atOnce) {
    const values = [from, Math.min(from + atOnce, times) - 1]
    await withoutTriggers(owner, async () => {
      await owner.query(
        `INSERT INTO patient (clinic_id, id, external_id, revision, created_at)
         SELECT o.clinic_id, pg_temp.later(o.patient_id, k), 'bench-' || k || '-' || o.patient_id, 1, o.created_at
         FROM original o, generate_series($1::int, $2::int) k`,
        values,
      )
      await owner.query(
        `INSERT INTO episode (clinic_id, id, patient_id, surgery_date, procedures, levels, status, revision, changed_at, created_at)
         SELECT clinic_id, pg_temp.later(id, k), pg_temp.later(patient_id, k), surgery_date, procedures, levels, status,
           revision, changed_at, created_at
         FROM original, generate_series($1::int, $2::int) k`,
        values,
      )
      await owner.query(
        `INSERT INTO episode_protocol (clinic_id, episode_id, version_id)
         SELECT p.clinic_id, pg_temp.later(p.episode_id, k), p.version_id
         FROM original o JOIN episode_protocol p ON p.clinic_id = o.clinic_id AND p.episode_id = o.id,
           generate_series($1::int, $2::int) k`,
        values,
      )
      // Entries that name another one name its copy.
      await owner.query(
        `INSERT INTO record_entry (clinic_id, id, episode_id, revision, kind, payload, recorded_at, recorded_by)
         SELECT r.clinic_id, pg_temp.later(r.id, k), pg_temp.later(r.episode_id, k), r.revision, r.kind,
           CASE r.kind
             WHEN 'void' THEN r.payload || jsonb_build_object('entry', pg_temp.later((r.payload ->> 'entry')::uuid, k))
             WHEN 'resolution' THEN r.payload || jsonb_build_object('symptom', pg_temp.later((r.payload ->> 'symptom')::uuid, k))
             ELSE r.payload END,
           r.recorded_at, r.recorded_by
         FROM original o JOIN record_entry r ON r.clinic_id = o.clinic_id AND r.episode_id = o.id,
           generate_series($1::int, $2::int) k`,
        values,
      )
    })
  }
  await owner.query('DROP TABLE original')
}

/** As the superuser and past the triggers, which look at each row and are not what is measured. */
async function withoutTriggers(owner: pg.Client, work: () => Promise<void>): Promise<void> {
  await owner.query('BEGIN')
  await owner.query('SET LOCAL session_replication_role = replica')
  await work()
  await owner.query('COMMIT')
}

interface Entry {
  id: string
  kind: string
  payload: object
}

interface MadeEpisode {
  id: string
  patient: string
  surgery: CalendarDate
  procedures: readonly string[]
  versions: readonly string[]
  entries: readonly Entry[]
}

/** How an episode that is made up is to be. */
export interface Wanted {
  /** How many entries its record has. */
  entries: number
  /** What it follows. */
  versions: readonly Published[]
}

const day = 24 * 60 * 60 * 1000

/** Stores made-up episodes and returns their ids. Surgeries lie within the last half year. */
export async function storeEpisodes(
  { owner }: World,
  clinic: BenchClinic,
  wanted: readonly Wanted[],
  seed: number,
): Promise<string[]> {
  const random = seededRandom(seed)
  const ids: string[] = []
  for (let from = 0; from < wanted.length; from += 500) {
    const episodes = wanted.slice(from, from + 500).map((one) => makeEpisode(clinic.today as CalendarDate, one, random))
    const rows = episodes.map((episode) => {
      const opened = Date.parse(episode.surgery) - day
      // Evenly from the day before the surgery until now.
      const step = (Date.now() - opened) / (episode.entries.length + 1)
      const entries = episode.entries.map((entry, index) => {
        return { ...entry, revision: index + 1, at: new Date(opened + Math.floor(step * (index + 1))).toISOString() }
      })
      return { ...episode, entries, opened: entries[0]?.at, changed: entries.at(-1)?.at, revision: entries.length }
    })
    await withoutTriggers(owner, async () => {
      const text = JSON.stringify(rows)
      const made = `jsonb_to_recordset($2::jsonb) AS made(id uuid, patient uuid, surgery date, procedures text[],
        versions uuid[], opened timestamptz, changed timestamptz, revision integer, entries jsonb)`
      await owner.query(
        `INSERT INTO patient (clinic_id, id, external_id, revision, created_at)
         SELECT $1, patient, 'bench-' || patient, 1, opened FROM ${made}`,
        [clinic.clinicId, text],
      )
      await owner.query(
        `INSERT INTO episode (clinic_id, id, patient_id, surgery_date, procedures, levels, status, revision, changed_at, created_at)
         SELECT $1, id, patient, surgery, procedures, '{}', 'open', revision, changed, opened FROM ${made}`,
        [clinic.clinicId, text],
      )
      await owner.query(
        `INSERT INTO episode_protocol (clinic_id, episode_id, version_id)
         SELECT $1, id, v FROM ${made}, unnest(versions) v`,
        [clinic.clinicId, text],
      )
      await owner.query(
        `INSERT INTO record_entry (clinic_id, id, episode_id, revision, kind, payload, recorded_at, recorded_by)
         SELECT $1, e.id, made.id, e.revision, e.kind, e.payload, e.at, made.patient
         FROM ${made}, jsonb_to_recordset(made.entries) AS e(id uuid, revision integer, kind text, payload jsonb, at timestamptz)`,
        [clinic.clinicId, text],
      )
    })
    ids.push(...episodes.map(({ id }) => id))
  }
  await owner.query('ANALYZE')
  return ids
}

/** What happens to a patient, at random: half milestones, a third observations, now and then a void, a hold or a red flag. */
function makeEpisode(today: CalendarDate, { entries: count, versions }: Wanted, random: () => number): MadeEpisode {
  const surgery = addDays(today, -Math.floor(random() * 183))
  const passed = daysBetween(surgery, today)
  const dates = Array.from({ length: count }, () => Math.floor(random() * (passed + 1))).sort((a, b) => a - b)
  const procedures = [...new Set(versions.flatMap(({ document }) => document.procedures))]
  const milestones = versions.flatMap(({ document }) => document.milestones)
  const flags = versions.flatMap(({ document }) => document.redFlags)
  const entries: Entry[] = [
    entry('surgery', { surgeryDate: surgery, procedures, levels: [], side: null }),
    entry('assignment', { versions: versions.map(({ id }) => id) }),
  ].slice(0, count)
  const voidable: Entry[] = []
  while (entries.length < count) {
    const on = addDays(surgery, dates[entries.length] ?? 0)
    const what = random()
    const target = voidable.at(-1)
    if (what < 0.5 && milestones.length > 0) {
      const { code, grantedBy = [] } = pick(milestones, random)
      const by = grantedBy.length === 0 ? null : pick(grantedBy, random)
      voidable.push(entry('milestone', { code, on, grantedBy: by, note: null }))
      entries.push(...voidable.slice(-1))
    } else if (what < 0.88) {
      voidable.push(entry('fact', { code: 'pain', value: Math.floor(random() * 11), on, note: null }))
      entries.push(...voidable.slice(-1))
    } else if (what < 0.96 && target !== undefined) {
      voidable.pop()
      entries.push(entry('void', { entry: target.id, reason: 'Recorded by mistake' }))
    } else if (what < 0.985) {
      // Of those that are over, and a few that go on.
      const until = random() < 0.8 ? addDays(on, 1 + Math.floor(random() * 10)) : null
      entries.push(entry('hold', { from: on, until, reason: 'Fever' }))
    } else if (flags.length > 0 && entries.length + 1 < count) {
      const { code, title, response } = pick(flags, random)
      const symptom = entry('symptom', { redFlag: code, on, title, response, note: null })
      entries.push(symptom, entry('resolution', { symptom: symptom.id, on, note: 'Seen by the surgeon' }))
    }
  }
  return {
    id: randomUUIDv7(),
    patient: randomUUIDv7(),
    surgery,
    procedures,
    versions: versions.map(({ id }) => id),
    entries,
  }
}

function entry(kind: string, payload: object): Entry {
  return { id: randomUUIDv7(), kind, payload }
}

/** Episodes with 1 to 30 entries; one in ten follows two protocols of different operations. */
export function wantEpisodes(count: number, published: readonly Published[], seed: number, most = 30): Wanted[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => {
    const first = pick(published, random)
    const others = published.filter(
      ({ document }) => !document.procedures.some((code) => first.document.procedures.includes(code)),
    )
    const versions = random() < 0.1 && others.length > 0 ? [first, pick(others, random)] : [first]
    const entries = 1 + Math.floor(random() * most)
    return { entries, versions: entries < 2 ? [] : versions }
  })
}
