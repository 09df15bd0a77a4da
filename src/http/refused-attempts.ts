import type { AuditEvent } from './audit.ts'

/** So many callers without a valid credential are told apart in one clinic and minute; the others are one number. */
const mostCallers = 10
const mostClinics = 10_000

interface Bucket {
  minute: number
  /** There is no such clinic. */
  isNobodys: boolean
  /** By address, credential and outcome: the first attempt is on record, the others are counted. */
  callers: Map<string, { event: AuditEvent; further: number }>
  others: { event: AuditEvent; further: number } | null
}

interface TallyOptions {
  /** False: there is no such clinic. */
  record: (clinicId: string, event: AuditEvent) => Promise<boolean>
  now: () => Temporal.Instant
  onError: (error: unknown) => void
}

/**
 * Puts on record what was refused to callers whom nothing holds accountable. Whoever knows a clinic’s id could fill its
 * chain: so the first attempt of each caller in a minute is a row, the rest of the minute another, and all callers
 * beyond the tenth one more.
 */
export function createTally({ record, now, onError }: TallyOptions) {
  const buckets = new Map<string, Bucket>()
  const minuteOf = (): number => Math.floor(now().epochMilliseconds / 60_000)

  const flush = async (clinicId: string, { callers, others }: Bucket): Promise<void> => {
    for (const { event, further } of [...callers.values(), ...(others === null ? [] : [others])]) {
      if (further > 0) await record(clinicId, { ...event, attempts: further })
    }
  }

  const flushPast = async (until: number): Promise<void> => {
    for (const [clinicId, bucket] of buckets) {
      if (bucket.minute >= until) continue
      buckets.delete(clinicId)
      await flush(clinicId, bucket).catch(onError)
    }
  }

  const timer = setInterval(() => void flushPast(minuteOf()), 60_000)
  timer.unref()

  return {
    async add(clinicId: string, event: AuditEvent): Promise<void> {
      const minute = minuteOf()
      await flushPast(minute)
      const bucket = buckets.get(clinicId) ?? { minute, isNobodys: false, callers: new Map(), others: null }
      if (!buckets.has(clinicId)) {
        if (buckets.size >= mostClinics) return
        buckets.set(clinicId, bucket)
      }
      if (bucket.isNobodys) return
      const key = JSON.stringify([event.address, event.credential, event.outcome])
      const known = bucket.callers.get(key)
      if (known !== undefined) known.further += 1
      else if (bucket.callers.size < mostCallers) {
        bucket.callers.set(key, { event, further: 0 })
        bucket.isNobodys = !(await record(clinicId, event))
      } else if (bucket.others !== null) bucket.others.further += 1
      else bucket.others = { event: ofMany(event), further: 1 }
    },
    async close(): Promise<void> {
      clearInterval(timer)
      await flushPast(Number.POSITIVE_INFINITY)
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
