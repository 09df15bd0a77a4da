import type { ProtocolDocument } from '../../src/rules/index.ts'

const sources = ['ward']

interface Ward {
  /** Day of the second phase. */
  late?: number
  /** Minutes of the walk. */
  minutes?: number
  lifting?: number | null
  hops?: boolean
  skips?: boolean
  title?: string
  procedures?: string[]
}

/** A small protocol whose versions differ in what is asked for. */
export function wardProtocol(code: string, ward: Ward = {}): ProtocolDocument {
  const { late = 42, minutes = 10, lifting = 10, hops = true, skips = false, title = 'On the ward' } = ward
  const given = { supervision: 'independent', side: 'both', sources } as const
  const exercises = ['walk', 'hop', 'skip'].map((name) => ({
    code: `${code}-${name}`,
    title: `${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    kind: 'exercise' as const,
    attributes: { impact: 1 as const },
  }))
  return {
    format: 1,
    code,
    title,
    procedures: ward.procedures ?? ['acdf'],
    exercises: exercises.filter(({ code: name }) => !name.endsWith('skip') || skips),
    sources: [{ id: 'ward', title: 'The ward’s own experience' }],
    milestones: [{ code: 'visit', title: 'Visit', grantedBy: ['surgeon'] }],
    facts: [],
    phases: [
      { code: 'early', title: 'Early', entry: { days: { atLeast: 0 } } },
      { code: 'late', title: 'Later', entry: { all: [{ days: { atLeast: late } }, { milestone: 'visit' }] } },
    ],
    prescriptions: [
      {
        ...given,
        code: 'walks',
        exercise: `${code}-walk`,
        from: 'early',
        through: 'late',
        dosage: [{ durationMinutes: minutes }],
      },
      ...(hops ? [{ ...given, code: 'hops', exercise: `${code}-hop`, from: 'late' }] : []),
      ...(skips ? [{ ...given, code: 'skips', exercise: `${code}-skip`, from: 'early', through: 'late' }] : []),
    ],
    contraindications: [],
    instructions: [],
    limits:
      lifting === null ? [] : [{ code: 'lifting', quantity: 'lifted-load', max: lifting, unit: '[lb_av]', sources }],
    redFlags: [],
  }
}
