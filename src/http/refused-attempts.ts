import type { AuditEvent } from './audit.ts'

interface Bucket {
  /** By who, from where, with what and how refused: the first attempt is on record, the others are counted. */
  callers: Map<string, Counted>
  /** By outcome. */
  others: Map<string, Counted>
}

interface Counted {
  event: AuditEvent
  further: number
}

interface TallyOptions {
  /** False: there is no such clinic. */
  record: (clinicId: string, event: AuditEvent) => Promise<boolean>
  now: () => Temporal.Instant
  /** Told how many attempts the record lacks for good; 0: it is tried again. */
  onError: (error: unknown, attempts: number) => void
  /** So many are told apart in one clinic and minute; the others are one number for each outcome. */
  mostCallers?: number
}

export type Tally = ReturnType<typeof createTally>

/** So many clinics that are not there are known; of another the database is asked. */
const mostNobodies = 10_000

/** So many rows wait at most for a database that does not take them. */
const mostOwed = 10_000

/** After so many clinics whose record cannot be written, the others wait for the next minute. */
const mostFailures = 3

/**
 * Puts on record what was refused to callers whom nothing holds accountable. Whoever knows a clinic’s id could fill its
 * chain: so the first attempt of each caller in a minute is a row, the rest of the minute another, and all callers
 * beyond so many one more for each outcome.
 */
export function createTally({ record, now, onError, mostCallers = 10 }: TallyOptions) {
  const minuteOf = (): number => Math.floor(now().epochMilliseconds / 60_000)
  let minute: number | null = null
  /** Of this minute, and of clinics that are there or are being asked for. */
  const buckets = new Map<string, Bucket>()
  /** Of this minute too: what is not there may be made. */
  const nobodies = new Set<string>()
  /** Counts of minutes that are over, which are not on record yet. */
  let owed: { clinicId: string; event: AuditEvent }[] = []

  /** Begins another minute. */
  const turn = (): void => {
    for (const [clinicId, { callers, others }] of buckets) {
      for (const { event, further } of [...callers.values(), ...others.values()]) {
        if (further > 0) owed.push({ clinicId, event: { ...event, attempts: further } })
      }
    }
    buckets.clear()
    nobodies.clear()
    minute = minuteOf()
  }

  /** Writes what is owed. A clinic whose record cannot be written keeps no other waiting, and is tried again. */
  const payDue = async (): Promise<void> => {
    const due = owed
    owed = []
    const failed: typeof owed = []
    const failing = new Set<string>()
    for (const row of due) {
      if (failing.has(row.clinicId)) failed.push(row)
      else if (failing.size === mostFailures) owed.push(row)
      else {
        await record(row.clinicId, row.event).catch((error: unknown) => {
          failing.add(row.clinicId)
          failed.push(row)
          onError(error, 0)
        })
      }
    }
    // Behind those whose turn it was not, so that these come first the next time.
    owed.push(...failed)
    if (owed.length > mostOwed) giveUp(owed.splice(mostOwed), 'too many rows wait for the record')
  }

  let paying = Promise.resolve()
  const pay = (): Promise<void> => {
    paying = paying.then(payDue)
    return paying
  }

  const keepUp = async (): Promise<void> => {
    if (minuteOf() !== minute) turn()
    await pay()
  }

  const giveUp = (rows: typeof owed, why: string): void =>
    onError(
      new Error(why),
      rows.reduce((sum, { event }) => sum + event.attempts, 0),
    )

  const timer = setInterval(() => void keepUp(), 60_000)
  timer.unref()

  return {
    async add(clinicId: string, event: AuditEvent): Promise<void> {
      if (minuteOf() !== minute) await keepUp()
      if (nobodies.has(clinicId)) return
      const bucket = buckets.get(clinicId) ?? { callers: new Map(), others: new Map() }
      buckets.set(clinicId, bucket)
      const { callers, others } = bucket
      const key = JSON.stringify([event.actor, event.address, event.credential, event.outcome])
      const known = callers.get(key)
      if (known !== undefined) known.further += 1
      else if (callers.size < mostCallers) {
        const counted = { event, further: 0 }
        callers.set(key, counted)
        try {
          if (await record(clinicId, event)) return
        } catch (error) {
          counted.further += 1
          throw error
        }
        if (buckets.get(clinicId) === bucket) buckets.delete(clinicId)
        nobodies.add(clinicId)
        const [first = ''] = nobodies
        if (nobodies.size > mostNobodies) nobodies.delete(first)
      } else {
        const counted = others.get(event.outcome) ?? { event: ofMany(event), further: 0 }
        counted.further += 1
        others.set(event.outcome, counted)
      }
    },
    async close(): Promise<void> {
      clearInterval(timer)
      turn()
      await pay()
      if (owed.length > 0) giveUp(owed, 'the record could not be written')
    },
  }
}

/** What is true of all of them. */
function ofMany(event: AuditEvent): AuditEvent {
  return {
    ...event,
    actor: null,
    actorKind: 'unknown',
    credential: null,
    operation: '',
    method: '',
    route: '',
    requestId: null,
    address: null,
    userAgent: null,
    target: [],
    patients: [],
    episodes: [],
  }
}
