import { createClinic } from '../src/features/clinics/create-clinic.ts'
import { readLibrary } from '../src/features/clinics/library.ts'
import { adopt, bringVocabulary } from '../src/features/library/adopt.ts'
import type { Authorship } from '../src/features/protocols/authoring.ts'
import { hashDocument } from '../src/features/protocols/canonical.ts'
import { makeApiKey } from '../src/http/auth.ts'
import type { Context } from '../src/http/context.ts'
import { toInstantText } from '../src/http/schemas.ts'
import { exampleKeySet, signExample } from './example-client.ts'

/** What earlier steps remembered: ids and ETags. */
export type Memory = Readonly<Record<string, string>>

export interface StepRequest {
  params?: Record<string, string | number>
  query?: Record<string, string | number>
  headers?: Record<string, string>
  /** Sent as JSON, or as it is when it is a text (then give its content-type in `headers`). */
  body?: unknown
}

export interface Answer {
  status: number
  headers: Record<string, string | undefined>
  // biome-ignore lint/suspicious/noExplicitAny: the answer is validated against the document afterwards
  body: any
}

/** One request of the walk through the service whose answers become the examples of the OpenAPI document. */
export interface Step {
  /** Method and path are the document's. */
  operationId: string
  request?: StepRequest | ((memory: Memory) => StepRequest)
  expect: number
  remember?: (answer: Answer) => Record<string, string | undefined>
  /** Without the API key. */
  anonymous?: true
  /** Only prepares later steps: the document shows another answer of this operation. */
  unrecorded?: true
}

/** The library of the examples: short documents, one of which has changed since the clinic adopted it. */
export const exampleLibrary = new URL('./library/', import.meta.url)

const clinicId = '01a1f000-0000-7000-8000-00000000c11c'

/** Makes the clinic of the examples, with the built-in library, and returns its key. */
export async function prepare({ db, clock, ids }: Pick<Context, 'db' | 'clock' | 'ids'>): Promise<string> {
  const apiKey = makeApiKey(clinicId, new Uint8Array(32).fill(7))
  const now = toInstantText(clock())
  await createClinic(db, {
    id: clinicId,
    name: 'Riverside Spine Clinic',
    timeZone: 'America/New_York',
    apiKey,
    now,
    nextId: ids,
  })
  await adoptEarlier({ clinicId, actorId: ids(), now, nextId: ids }, db)
  return apiKey
}

/** The ankle's protocol, as the clinic adopted it with an earlier release of the library. */
async function adoptEarlier(author: Authorship, db: Context['db']): Promise<void> {
  const library = readLibrary(exampleLibrary)
  const newest = library.protocols.find(({ document }) => document.code === 'ankle-example')
  if (newest === undefined) throw new Error('the library of the examples has an ankle')
  const document = {
    ...newest.document,
    prescriptions: newest.document.prescriptions.map((rule) => ({ ...rule, when: { days: { atLeast: 56 } } })),
    limits: newest.document.limits.map((limit) => ({ ...limit, max: 30 })),
    redFlags: newest.document.redFlags.slice(0, 1),
  }
  await db.asClinic(author.clinicId, async (tx) => {
    await bringVocabulary(tx, author, library, document)
    await adopt(tx, author, { document, hash: hashDocument(document) })
  })
}

/** Remembers the ETag under `name`. */
function rememberTag(name: string): Step['remember'] {
  return ({ headers }) => ({ [name]: headers.etag })
}

/** Remembers the id under `name`. */
function rememberId(name: string): Step['remember'] {
  return ({ body }) => ({ [name]: body.id })
}

/** A change of what has the remembered ETag. */
function guarded(tag: string, request: StepRequest): Step['request'] {
  return (memory) => ({ ...request, headers: { 'If-Match': memory[tag] ?? '' } })
}

const service: Step[] = [
  { operationId: 'getLiveness', anonymous: true, expect: 200 },
  { operationId: 'getReadiness', anonymous: true, expect: 200 },
  { operationId: 'listProblems', anonymous: true, expect: 200 },
  { operationId: 'getProblem', anonymous: true, request: { params: { code: 'protocol-not-found' } }, expect: 200 },
  { operationId: 'getProblem', anonymous: true, request: { params: { code: 'protocol-notfound' } }, expect: 404 },
]

const clinic: Step[] = [
  { operationId: 'getClinic', expect: 200, remember: rememberTag('clinic') },
  { operationId: 'getClinic', anonymous: true, expect: 401 },
  { operationId: 'updateClinic', request: { body: { name: 'Riverside Spine and Rehabilitation' } }, expect: 428 },
  { operationId: 'updateClinic', request: guarded('clinic', { body: { timezone: 'America/New_York' } }), expect: 400 },
  {
    operationId: 'updateClinic',
    request: guarded('clinic', { body: { name: 'Riverside Spine and Rehabilitation' } }),
    expect: 200,
  },
  { operationId: 'updateClinic', request: guarded('clinic', { body: { name: 'Riverside' } }), expect: 412 },
]

const identity: Step[] = [
  { operationId: 'listClinicHistory', request: { query: { limit: 2 } }, expect: 200 },
  { operationId: 'listAuditEvents', request: { query: { limit: 2 } }, expect: 200 },
  { operationId: 'getAuditEvent', request: { params: { seq: '2' } }, expect: 200 },
  {
    operationId: 'createApiKey',
    request: { body: { name: 'Tablet in the gym', role: 'therapist', scopes: ['episodes:read', 'record:write'] } },
    expect: 201,
    remember: rememberId('apiKey'),
  },
  {
    operationId: 'createApiKey',
    request: { body: { name: 'Screen in the hall', role: 'reader', scopes: ['record:write'] } },
    expect: 422,
  },
  { operationId: 'listApiKeys', request: { query: { limit: 2 } }, expect: 200 },
  { operationId: 'getApiKey', request: ({ apiKey = '' }) => ({ params: { id: apiKey } }), expect: 200 },
  {
    operationId: 'rotateApiKey',
    request: ({ apiKey = '' }) => ({ params: { id: apiKey }, body: { oldKeyUntil: '2026-11-27T12:00:00Z' } }),
    expect: 201,
    remember: rememberId('nextKey'),
  },
  {
    operationId: 'rotateApiKey',
    request: ({ apiKey = '' }) => ({ params: { id: apiKey }, body: {} }),
    expect: 409,
  },
  {
    operationId: 'revokeApiKey',
    request: ({ nextKey = '' }) => ({ params: { id: nextKey }, body: { reason: 'The tablet was lost.' } }),
    expect: 200,
  },

  {
    operationId: 'registerClient',
    request: { body: { name: 'Hospital records', jwks: exampleKeySet } },
    expect: 201,
    remember: ({ body, headers }) => ({
      client: body.id,
      clientId: body.clientId,
      clientSince: body.createdAt,
      clientTag: headers.etag,
    }),
  },
  { operationId: 'listClients', expect: 200 },
  { operationId: 'getClient', request: ({ client = '' }) => ({ params: { id: client } }), expect: 200 },
  {
    operationId: 'getSmartConfiguration',
    anonymous: true,
    expect: 200,
    remember: ({ body }) => ({ tokens: body.token_endpoint }),
  },
  { operationId: 'issueToken', anonymous: true, request: askForToken('one'), expect: 200 },
  { operationId: 'issueToken', anonymous: true, request: askForToken('one'), expect: 401 },
  { operationId: 'issueToken', anonymous: true, request: { body: { grant_type: 'password' } }, expect: 400 },
  {
    operationId: 'updateClient',
    request: ({ client = '', clientTag = '' }) => ({
      params: { id: client },
      headers: { 'If-Match': clientTag },
      body: { scopes: ['patients:read', 'episodes:read', 'record:write'] },
    }),
    expect: 200,
  },
  {
    operationId: 'revokeClient',
    request: ({ client = '' }) => ({ params: { id: client }, body: { reason: 'The contract has ended.' } }),
    expect: 200,
  },

  { operationId: 'listActors', request: { query: { limit: 2 } }, expect: 200 },
  { operationId: 'getActor', request: ({ client = '' }) => ({ params: { id: client } }), expect: 200 },
  {
    operationId: 'blockActor',
    request: ({ client = '' }) => ({ params: { id: client }, body: { reason: 'Asks for every patient at night.' } }),
    expect: 200,
  },
  {
    operationId: 'unblockActor',
    request: ({ client = '' }) => ({ params: { id: client }, body: { reason: 'It was the backup.' } }),
    expect: 200,
  },
]

/** What a client sends for an access token. */
function askForToken(jti: string): Step['request'] {
  return ({ clientId = '', tokens = '', clientSince = '' }) => ({
    body: {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: signExample({
        iss: clientId,
        sub: clientId,
        aud: tokens,
        exp: Math.floor(Date.parse(clientSince) / 1000) + 240,
        jti,
      }),
      scope: 'patients:read episodes:read record:write',
    },
  })
}

const attribute = {
  code: 'breath-holding',
  title: 'Holding the breath',
  description: 'How much one tends to hold one’s breath while doing it.',
}

const catalogue: Step[] = [
  { operationId: 'createAttribute', request: { body: attribute }, expect: 201, remember: rememberTag('attribute') },
  { operationId: 'createAttribute', request: { body: attribute }, expect: 409 },
  {
    operationId: 'createAttribute',
    request: { body: { code: 'Breath Holding', titel: 'Holding the breath' } },
    expect: 400,
  },
  { operationId: 'listAttributes', request: { query: { limit: 2 } }, expect: 200 },
  { operationId: 'getAttribute', request: { params: { code: 'lifting' } }, expect: 200 },
  { operationId: 'getAttribute', request: { params: { code: 'liftin' } }, expect: 404 },
  {
    operationId: 'updateAttribute',
    request: guarded('attribute', { params: { code: 'breath-holding' }, body: { title: 'Breath holding' } }),
    expect: 200,
    remember: rememberTag('attribute'),
  },
  {
    operationId: 'deleteAttribute',
    request: guarded('attribute', { params: { code: 'breath-holding' } }),
    expect: 204,
  },
  {
    operationId: 'deleteAttribute',
    request: { params: { code: 'lifting' }, headers: { 'If-Match': '*' } },
    expect: 409,
  },

  {
    operationId: 'createProcedure',
    request: {
      body: {
        code: 'cervical-laminoplasty',
        name: 'Cervical laminoplasty',
        bodyRegion: 'cervical',
        approach: 'posterior',
        indications: ['Spinal cord under pressure at several levels'],
      },
    },
    expect: 201,
  },
  {
    operationId: 'createProcedure',
    request: { body: { code: 'foraminotomy', name: 'Foraminotomy', bodyRegion: 'cervical' } },
    expect: 201,
    unrecorded: true,
    remember: rememberTag('foraminotomy'),
  },
  { operationId: 'listProcedures', request: { query: { limit: 2 } }, expect: 200 },
  { operationId: 'getProcedure', request: { params: { code: 'acdf' } }, expect: 200 },
  { operationId: 'getProcedure', request: { params: { code: 'acfd' } }, expect: 404 },
  {
    operationId: 'updateProcedure',
    request: guarded('foraminotomy', { params: { code: 'foraminotomy' }, body: { approach: 'posterior' } }),
    expect: 200,
    remember: rememberTag('foraminotomy'),
  },
  {
    operationId: 'deleteProcedure',
    request: guarded('foraminotomy', { params: { code: 'foraminotomy' } }),
    expect: 204,
  },

  {
    operationId: 'createExercise',
    request: {
      body: {
        code: 'scapular-setting',
        title: 'Scapular setting',
        kind: 'exercise',
        position: 'sitting',
        instructions: 'Sit upright and draw your shoulder blades gently back and down.',
        target: 'Muscles between the shoulder blades',
        groups: ['posture'],
        attributes: { lifting: 0, impact: 0, rotation: 0, 'upper-extremity-resistance': 0 },
      },
    },
    expect: 201,
    remember: rememberTag('exercise'),
  },
  { operationId: 'listExercises', request: { query: { limit: 2, kind: 'exercise' } }, expect: 200 },
  { operationId: 'getExercise', request: { params: { code: 'walking' } }, expect: 200 },
  { operationId: 'getExercise', request: { params: { code: 'wallking' } }, expect: 404 },
  {
    operationId: 'updateExercise',
    request: guarded('exercise', { params: { code: 'scapular-setting' }, body: { equipment: ['chair'] } }),
    expect: 200,
  },
  {
    operationId: 'createExercise',
    request: { body: { code: 'neck-rotation', title: 'Neck rotation', kind: 'exercise', attributes: { rotation: 1 } } },
    expect: 201,
    unrecorded: true,
    remember: rememberTag('neck-rotation'),
  },
  {
    operationId: 'deleteExercise',
    request: guarded('neck-rotation', { params: { code: 'neck-rotation' } }),
    expect: 204,
  },
]

const document = {
  format: 1,
  code: 'laminoplasty-home',
  title: 'Cervical laminoplasty, at home',
  procedures: ['cervical-laminoplasty'],
  sources: [{ id: 'clinic', title: 'Clinic policy', locator: 'Cervical surgery, 2026' }],
  milestones: [{ code: 'collar-off', title: 'Collar no longer needed', grantedBy: ['surgeon'], sources: ['clinic'] }],
  facts: [
    {
      code: 'pain',
      title: 'Pain now',
      type: 'number',
      unit: '{score}',
      min: 0,
      max: 10,
      ask: 'How bad is your pain, 0 to 10?',
    },
  ],
  phases: [
    { code: 'collar', title: 'With the collar', entry: { days: { atLeast: 0 } }, sources: ['clinic'] },
    {
      code: 'home',
      title: 'Exercise at home',
      entry: { milestone: 'collar-off' },
      goals: ['Upright posture'],
      sources: ['clinic'],
    },
  ],
  prescriptions: [
    {
      code: 'scapular-setting-at-home',
      exercise: 'scapular-setting',
      from: 'home',
      when: { fact: 'pain', atMost: 4, withinDays: 2 },
      supervision: 'independent',
      provided: 'sitting upright',
      dosage: [
        { sets: 2, reps: 8, timesPerDay: 2 },
        { when: { days: { since: 'collar-off', atLeast: 14 } }, sets: 3, reps: 10, timesPerDay: 2 },
      ],
      sources: ['clinic'],
    },
  ],
  contraindications: [
    {
      code: 'no-lifting-in-collar',
      title: 'Lifting while the collar is worn',
      strength: 'absolute',
      target: [{ attributes: { lifting: 1 } }],
      when: { not: { milestone: 'collar-off' } },
      sources: ['clinic'],
    },
  ],
  limits: [
    {
      code: 'lifted-load',
      quantity: 'lifted-load',
      max: 10,
      unit: '[lb_av]',
      when: { days: { before: 42 } },
      sources: ['clinic'],
    },
    {
      code: 'turning-the-head',
      kind: 'goal',
      quantity: 'neck-rotation',
      min: 60,
      unit: 'deg',
      when: { days: { atLeast: 84 } },
      sources: ['clinic'],
    },
  ],
  redFlags: [
    { code: 'new-weakness', title: 'New weakness of an arm or a leg', response: 'emergency', sources: ['clinic'] },
  ],
}

/** The same, with a mistake that only the check finds: the exercise is granted before the phase that it begins with. */
const contradictory = {
  ...document,
  prescriptions: [{ ...document.prescriptions[0], when: { not: { milestone: 'collar-off' } } }],
}

const ofProtocol = { code: document.code }

/** Adds, reads, changes, replaces and removes one part of the draft. */
function editPart(one: string, part: object, replacement: object, patch: object): Step[] {
  const { id = '', code = id } = part as { id?: string; code?: string }
  const { code: later = code } = patch as { code?: string }
  const address = { params: { ...ofProtocol, part: code } }
  return [
    { operationId: `listDraft${one}s`, request: { params: ofProtocol }, expect: 200 },
    {
      operationId: `addDraft${one}`,
      request: guarded('draft', { params: ofProtocol, body: part }),
      expect: 201,
      remember: rememberTag('draft'),
    },
    { operationId: `getDraft${one}`, request: address, expect: 200 },
    { operationId: `getDraft${one}`, request: { params: { ...ofProtocol, part: 'something-else' } }, expect: 404 },
    {
      operationId: `replaceDraft${one}`,
      request: guarded('draft', { ...address, body: { ...part, ...replacement } }),
      expect: 200,
      remember: rememberTag('draft'),
    },
    {
      operationId: `changeDraft${one}`,
      request: guarded('draft', { ...address, body: patch }),
      expect: 200,
      remember: rememberTag('draft'),
    },
    {
      operationId: `removeDraft${one}`,
      request: guarded('draft', { params: { ...ofProtocol, part: later } }),
      expect: 204,
      remember: rememberTag('draft'),
    },
  ]
}

const ofAnkle = { code: 'ankle-example' }

const library: Step[] = [
  { operationId: 'listLibrary', expect: 200 },
  { operationId: 'getLibraryProtocol', request: { params: ofAnkle }, expect: 200 },
  { operationId: 'getLibraryProtocol', request: { params: { code: 'ankel-example' } }, expect: 404 },
  { operationId: 'adoptLibraryProtocol', request: { params: { code: 'wrist-example' } }, expect: 201 },
  { operationId: 'adoptLibraryProtocol', request: { params: ofAnkle }, expect: 409 },
  {
    operationId: 'changeDraftLimit',
    request: { params: { ...ofAnkle, part: 'standing' }, headers: { 'If-Match': '*' }, body: { max: 15 } },
    expect: 200,
    unrecorded: true,
    remember: rememberTag('ankle'),
  },
  { operationId: 'mergeLibrary', request: guarded('ankle', { params: ofAnkle, body: {} }), expect: 409 },
  {
    operationId: 'mergeLibrary',
    request: guarded('ankle', {
      params: ofAnkle,
      body: { resolutions: [{ path: '/limits/standing/number', take: 'ours' }] },
    }),
    expect: 200,
  },
]

const protocols: Step[] = [
  { operationId: 'createProtocol', request: { body: document }, expect: 201, remember: rememberTag('draft') },
  { operationId: 'createProtocol', request: { body: document }, expect: 409 },
  {
    operationId: 'createProtocol',
    request: {
      body: { ...document, code: 'laminoplasty-other', prescriptions: [{ exercise: 'scapular-seting', from: 'home' }] },
    },
    expect: 422,
  },
  { operationId: 'listProtocols', request: { query: { limit: 2 } }, expect: 200 },
  { operationId: 'getProtocol', request: { params: { code: 'acdf-standard' } }, expect: 200 },
  { operationId: 'getProtocol', request: { params: { code: 'acdf-standart' } }, expect: 404 },
  { operationId: 'getDraft', request: { params: ofProtocol }, expect: 200 },
  { operationId: 'getDraft', request: { params: { code: 'acdf-standard' } }, expect: 404 },
  {
    operationId: 'changeDraft',
    request: guarded('draft', { params: ofProtocol, body: { description: 'For one to four levels.' } }),
    expect: 200,
    remember: rememberTag('draft'),
  },
  {
    operationId: 'changeDraft',
    request: guarded('draft', { params: ofProtocol, body: { description: null } }),
    expect: 200,
    unrecorded: true,
    remember: rememberTag('draft'),
  },
  {
    operationId: 'orderDraftPhases',
    request: guarded('draft', { params: ofProtocol, body: { codes: ['collar'] } }),
    expect: 422,
  },
  {
    operationId: 'orderDraftPhases',
    request: guarded('draft', { params: ofProtocol, body: { codes: document.phases.map(({ code }) => code) } }),
    expect: 200,
    remember: rememberTag('draft'),
  },
  ...editPart(
    'Source',
    { id: 'guideline', title: 'The surgeons’ guideline' },
    { locator: 'page 4' },
    { url: 'https://example.org/guideline' },
  ),
  ...editPart(
    'Milestone',
    { code: 'six-week-visit', title: 'Six-week visit', sources: ['clinic'] },
    { grantedBy: ['surgeon'] },
    { code: 'six-weeks-visit', grantedBy: ['surgeon', 'clinician'] },
  ),
  ...editPart(
    'Fact',
    { code: 'sleep', title: 'Slept well', type: 'boolean', ask: 'Did you sleep well?' },
    { ask: 'Did you sleep well last night?' },
    { title: 'Slept well last night' },
  ),
  ...editPart(
    'Instruction',
    { code: 'wear-the-collar', about: 'collar', text: 'Wear the collar by day and by night.', sources: ['clinic'] },
    { when: { not: { milestone: 'collar-off' } } },
    { text: 'Wear the collar by day and by night, also in the shower.' },
  ),
  ...editPart(
    'RedFlag',
    { code: 'fever', title: 'Fever', response: 'contact-surgeon', sources: ['clinic'] },
    { title: 'Fever of more than 38 °C' },
    { text: 'Call the ward.' },
  ),
  ...editPart(
    'Phase',
    { code: 'training', title: 'Training', entry: { days: { atLeast: 84 } }, sources: ['clinic'] },
    { entry: { all: [{ days: { atLeast: 84 } }, { milestone: 'collar-off' }] } },
    { goals: ['Back to work'] },
  ),
  ...editPart(
    'Prescription',
    {
      code: 'walking-always',
      exercise: 'walking',
      from: 'collar',
      through: 'home',
      supervision: 'independent',
      sources: ['clinic'],
    },
    { dosage: [{ durationMinutes: 10, timesPerDay: 3 }] },
    { through: null, when: { days: { atLeast: 1 } } },
  ),
  ...editPart(
    'Contraindication',
    {
      code: 'no-impact',
      title: 'Running and jumping',
      strength: 'relative',
      target: [{ attributes: { impact: 2 } }],
      when: { days: { before: [70, 84] } },
      sources: ['clinic'],
    },
    { rationale: 'The bone needs ten to twelve weeks.' },
    { when: { days: { before: 84 } } },
  ),
  ...editPart(
    'Limit',
    {
      code: 'sitting',
      quantity: 'sitting',
      max: 30,
      unit: 'min',
      when: { days: { before: 28 } },
      sources: ['clinic'],
    },
    { text: 'Stand up and walk a little after half an hour.' },
    { code: 'sitting', max: 45 },
  ),
  ...editPart(
    'Case',
    { code: 'still-in-the-collar', on: 10, expect: { phase: 'collar', withheld: ['scapular-setting'] } },
    { title: 'Ten days after the operation, with the collar' },
    { on: 14, expect: { phase: 'collar' } },
  ),
  { operationId: 'checkDraft', request: { params: ofProtocol }, expect: 200 },
  { operationId: 'checkDraft', request: { params: { code: 'acdf-standard' } }, expect: 404 },
  {
    operationId: 'submitDraft',
    request: guarded('draft', { params: ofProtocol, body: { changeNote: 'First version.' } }),
    expect: 200,
    remember: rememberTag('draft'),
  },
  {
    operationId: 'replaceDraft',
    request: guarded('draft', { params: ofProtocol, body: document }),
    expect: 409,
  },
  {
    operationId: 'publishDraft',
    request: guarded('draft', { params: ofProtocol, body: {} }),
    expect: 409,
  },
  {
    operationId: 'returnDraft',
    request: guarded('draft', {
      params: ofProtocol,
      body: { note: 'Say in the change note who has agreed to it.' },
    }),
    expect: 200,
    remember: rememberTag('draft'),
  },
  { operationId: 'approveDraft', request: guarded('draft', { params: ofProtocol, body: {} }), expect: 409 },
  {
    operationId: 'submitDraft',
    request: guarded('draft', { params: ofProtocol, body: { changeNote: 'First version.' } }),
    expect: 200,
    unrecorded: true,
    remember: rememberTag('draft'),
  },
  {
    operationId: 'withdrawDraft',
    request: guarded('draft', { params: ofProtocol, body: { note: 'The note is still the old one.' } }),
    expect: 200,
    remember: rememberTag('draft'),
  },
  {
    operationId: 'submitDraft',
    request: guarded('draft', { params: ofProtocol, body: { changeNote: 'First version, agreed with the surgeons.' } }),
    expect: 200,
    unrecorded: true,
    remember: rememberTag('draft'),
  },
  {
    operationId: 'approveDraft',
    request: guarded('draft', { params: ofProtocol, body: { note: 'Agreed.' } }),
    expect: 200,
    remember: rememberTag('draft'),
  },
  { operationId: 'publishDraft', request: guarded('draft', { params: ofProtocol, body: {} }), expect: 201 },
  { operationId: 'listVersions', request: { params: ofProtocol }, expect: 200 },
  { operationId: 'getVersion', request: { params: { ...ofProtocol, number: 1 } }, expect: 200 },
  { operationId: 'getVersion', request: { params: { ...ofProtocol, number: 7 } }, expect: 404 },
  { operationId: 'checkVersion', request: { params: { ...ofProtocol, number: 1 } }, expect: 200 },
  { operationId: 'checkVersion', request: { params: { ...ofProtocol, number: 7 } }, expect: 404 },
  { operationId: 'checkDocument', request: { body: contradictory }, expect: 200 },
  {
    operationId: 'checkDocument',
    request: { body: { ...document, prescriptions: [{ exercise: 'scapular-seting', from: 'home' }] } },
    expect: 422,
  },
  {
    operationId: 'exportVersion',
    request: { params: { ...ofProtocol, number: 1 }, query: { format: 'json' } },
    expect: 200,
  },
  {
    operationId: 'startDraft',
    request: { params: ofProtocol, body: { from: 1 } },
    expect: 201,
    remember: rememberTag('draft'),
  },
  {
    operationId: 'replaceDraft',
    request: guarded('draft', { params: ofProtocol, body: contradictory }),
    expect: 200,
    unrecorded: true,
  },
  { operationId: 'replaceDraft', request: guarded('draft', { params: ofProtocol, body: document }), expect: 412 },
  {
    operationId: 'getDraft',
    request: { params: ofProtocol },
    expect: 200,
    unrecorded: true,
    remember: rememberTag('draft'),
  },
  { operationId: 'diffVersions', request: { params: { ...ofProtocol, number: '1', other: 'draft' } }, expect: 200 },
  { operationId: 'diffVersions', request: { params: { ...ofProtocol, number: '1', other: '7' } }, expect: 404 },
  { operationId: 'publishDraft', request: guarded('draft', { params: ofProtocol, body: {} }), expect: 422 },
  {
    operationId: 'replaceDraft',
    request: guarded('draft', {
      params: ofProtocol,
      body: {
        ...document,
        title: 'Cervical laminoplasty, the first twelve weeks',
        accepted: [{ finding: 'empty-phase:collar', reason: 'As long as the collar is worn nothing is exercised.' }],
      },
    }),
    expect: 200,
    remember: rememberTag('draft'),
  },
  {
    operationId: 'publishDraft',
    request: guarded('draft', { params: ofProtocol, body: {} }),
    expect: 201,
    unrecorded: true,
  },
  {
    operationId: 'getVersion',
    request: { params: { ...ofProtocol, number: 1 } },
    expect: 200,
    unrecorded: true,
    remember: rememberTag('version'),
  },
  {
    operationId: 'retireVersion',
    request: guarded('version', {
      params: { ...ofProtocol, number: 1 },
      body: { note: 'The second version covers twelve weeks.' },
    }),
    expect: 200,
  },
  { operationId: 'listProtocolHistory', request: { params: ofProtocol, query: { limit: 3 } }, expect: 200 },
  {
    operationId: 'createProtocol',
    request: { body: { ...document, code: 'laminoplasty-trial', title: 'A trial' } },
    expect: 201,
    unrecorded: true,
    remember: rememberTag('trial'),
  },
  { operationId: 'deleteDraft', request: guarded('trial', { params: { code: 'laminoplasty-trial' } }), expect: 204 },
  {
    operationId: 'deleteProtocol',
    request: { params: { code: 'laminoplasty-trial' }, headers: { 'If-Match': '*' } },
    expect: 204,
  },
  { operationId: 'deleteProtocol', request: { params: ofProtocol }, expect: 409 },
]

const patients: Step[] = [
  {
    operationId: 'createPatient',
    request: { body: { externalId: 'mrn-10482', displayName: 'A. Sample' } },
    expect: 201,
    remember: ({ body, headers }) => ({ patient: body.id, patientTag: headers.etag }),
  },
  { operationId: 'createPatient', request: { body: { externalId: 'mrn-10482' } }, expect: 409 },
  {
    operationId: 'createPatient',
    request: { body: { externalId: 'mrn-10483' } },
    expect: 201,
    unrecorded: true,
    remember: ({ body, headers }) => ({ other: body.id, otherTag: headers.etag }),
  },
  { operationId: 'listPatients', request: { query: { limit: 1 } }, expect: 200 },
  { operationId: 'getPatient', request: ({ patient = '' }) => ({ params: { id: patient } }), expect: 200 },
  { operationId: 'getPatient', request: { params: { id: '01a1f000-0000-7000-8000-00000000dead' } }, expect: 404 },
  {
    operationId: 'updatePatient',
    request: ({ patient = '', patientTag = '' }) => ({
      params: { id: patient },
      headers: { 'If-Match': patientTag },
      body: { displayName: 'Alex Sample' },
    }),
    expect: 200,
  },
  {
    operationId: 'deletePatient',
    request: ({ other = '', otherTag = '' }) => ({ params: { id: other }, headers: { 'If-Match': otherTag } }),
    expect: 204,
  },
]

/** A request about the ACDF patient's episode. */
function ofEpisode(request: StepRequest = {}): Step['request'] {
  return ({ episode = '' }) => ({ ...request, params: { id: episode, ...request.params } })
}

/** A request about the entry of that record whose id is remembered under `name`. */
function ofEntry(name: string, request: StepRequest = {}): Step['request'] {
  return ({ episode = '', [name]: entry = '' }) => ({ ...request, params: { id: episode, entry } })
}

const episodes: Step[] = [
  {
    operationId: 'openEpisode',
    request: ({ patient = '' }) => ({
      params: { id: patient },
      body: { procedures: ['acdf'], surgeryDate: '2026-10-01', levels: ['C5-C6'] },
    }),
    expect: 201,
    remember: rememberId('episode'),
  },
  {
    operationId: 'openEpisode',
    request: ({ patient = '' }) => ({
      params: { id: patient },
      body: { procedures: ['acdf'], surgeryDate: '2026-02-30' },
    }),
    expect: 400,
  },
  {
    operationId: 'openEpisode',
    request: ({ patient = '' }) => ({
      params: { id: patient },
      body: { procedures: ['acfd'], surgeryDate: '2026-10-01' },
    }),
    expect: 422,
  },
  { operationId: 'listPatientEpisodes', request: ({ patient = '' }) => ({ params: { id: patient } }), expect: 200 },
  { operationId: 'listEpisodes', request: { query: { status: 'open', procedure: 'acdf' } }, expect: 200 },
  { operationId: 'getEpisode', request: { params: { id: '01a1f000-0000-7000-8000-00000000dead' } }, expect: 404 },

  {
    operationId: 'recordMilestone',
    request: ofEpisode({ body: { code: 'hospital-discharge', on: '2026-10-03' } }),
    expect: 201,
    unrecorded: true,
    remember: rememberId('discharge'),
  },
  {
    operationId: 'recordMilestone',
    request: ofEpisode({
      body: { code: 'six-week-visit', on: '2026-11-12', grantedBy: 'surgeon', note: 'Fusion on course.' },
    }),
    expect: 201,
    remember: rememberId('visit'),
  },
  {
    operationId: 'recordMilestone',
    request: ofEpisode({ body: { code: 'six-week-vist', on: '2026-11-12' } }),
    expect: 422,
  },
  { operationId: 'listMilestones', request: ofEpisode(), expect: 200 },
  { operationId: 'getMilestone', request: ofEntry('visit'), expect: 200 },
  { operationId: 'getEpisode', request: ofEpisode(), expect: 200, remember: rememberTag('episodeTag') },

  { operationId: 'getPermittedExercises', request: ofEpisode({ query: { on: '2026-11-20' } }), expect: 200 },
  {
    operationId: 'getPermittedExercises',
    request: { params: { id: '01a1f000-0000-7000-8000-00000000dead' } },
    expect: 404,
  },
  { operationId: 'getTimeline', request: ofEpisode({ query: { on: '2026-11-20' } }), expect: 200 },
  { operationId: 'getTimeline', request: { params: { id: '01a1f000-0000-7000-8000-00000000dead' } }, expect: 404 },
  {
    operationId: 'getExerciseVerdict',
    request: ofEpisode({ params: { exercise: 'weightlifting' }, query: { on: '2026-11-20' } }),
    expect: 200,
  },
  { operationId: 'getExerciseVerdict', request: ofEpisode({ params: { exercise: 'weightlifing' } }), expect: 404 },

  {
    operationId: 'recordOverride',
    request: ofEpisode({
      body: {
        exercise: 'seated-forward-bend',
        effect: 'permit',
        from: '2026-11-20',
        until: '2026-12-18',
        reason: 'Supple, without pain, and knows how to bend at the hips.',
        lifts: ['bending-at-the-waist'],
      },
    }),
    expect: 201,
    remember: rememberId('override'),
  },
  { operationId: 'listOverrides', request: ofEpisode(), expect: 200 },
  { operationId: 'getOverride', request: ofEntry('override'), expect: 200 },
  {
    operationId: 'voidOverride',
    request: ofEntry('override', { body: { reason: 'Meant for another patient.' } }),
    expect: 201,
  },
  {
    operationId: 'voidOverride',
    request: ofEntry('override', { body: { reason: 'Meant for another patient.' } }),
    expect: 409,
  },

  {
    operationId: 'recordHold',
    request: ofEpisode({
      body: { from: '2026-11-20', until: '2026-11-23', reason: 'Fever; see the family doctor first.' },
    }),
    expect: 201,
    remember: rememberId('hold'),
  },
  { operationId: 'listHolds', request: ofEpisode(), expect: 200 },
  { operationId: 'getHold', request: ofEntry('hold'), expect: 200 },
  {
    operationId: 'voidHold',
    request: ofEntry('hold', { body: { reason: 'The fever was measured wrongly.' } }),
    expect: 201,
  },

  {
    operationId: 'recordSymptom',
    request: ofEpisode({
      body: { redFlag: 'pain-tingling-numbness', on: '2026-11-18', note: 'Tingling in the left hand.' },
    }),
    expect: 201,
    remember: rememberId('symptom'),
  },
  {
    operationId: 'recordSymptom',
    request: ofEpisode({ body: { redFlag: 'tingling', on: '2026-11-18' } }),
    expect: 422,
  },
  { operationId: 'listSymptoms', request: ofEpisode(), expect: 200 },
  { operationId: 'getSymptom', request: ofEntry('symptom'), expect: 200 },
  {
    operationId: 'resolveSymptom',
    request: ofEntry('symptom', { body: { on: '2026-11-19', note: 'Seen by the surgeon: a passing irritation.' } }),
    expect: 201,
  },
  {
    operationId: 'recordSymptom',
    request: ofEpisode({ body: { redFlag: 'muscle-weakness', on: '2026-11-19' } }),
    expect: 201,
    unrecorded: true,
    remember: rememberId('mistaken'),
  },
  {
    operationId: 'voidSymptom',
    request: ofEntry('mistaken', { body: { reason: 'Recorded for the wrong patient.' } }),
    expect: 201,
  },

  {
    operationId: 'revokeMilestone',
    request: ofEntry('visit', { body: { on: '2026-11-20', reason: 'The X-ray was of another patient.' } }),
    expect: 201,
  },
  {
    operationId: 'voidMilestone',
    request: ofEntry('discharge', { body: { reason: 'Discharged a day later.' } }),
    expect: 201,
  },
  {
    operationId: 'updateEpisode',
    request: ({ episode = '', episodeTag = '' }) => ({
      params: { id: episode },
      headers: { 'If-Match': episodeTag },
      body: { surgeryDate: '2026-10-02' },
    }),
    expect: 412,
  },
  {
    operationId: 'getEpisode',
    request: ofEpisode(),
    expect: 200,
    unrecorded: true,
    remember: rememberTag('episodeTag'),
  },
  {
    operationId: 'updateEpisode',
    request: ({ episode = '', episodeTag = '' }) => ({
      params: { id: episode },
      headers: { 'If-Match': episodeTag },
      body: { surgeryDate: '2026-10-02' },
    }),
    expect: 200,
  },
  { operationId: 'listRecord', request: ofEpisode(), expect: 200 },
  { operationId: 'getRecordEntry', request: ofEntry('symptom'), expect: 200 },
  {
    operationId: 'voidRecordEntry',
    request: ofEntry('symptom', { body: { reason: 'It was cramp from lying on the arm.' } }),
    expect: 201,
  },
  {
    operationId: 'closeEpisode',
    request: ofEpisode({ body: { on: '2026-11-20', reason: 'Moved away; care continues elsewhere.' } }),
    expect: 201,
  },
  {
    operationId: 'closeEpisode',
    request: ofEpisode({ body: { on: '2026-11-20', reason: 'Moved away.' } }),
    expect: 409,
  },

  // The clinic's own protocol reads a fact, which those of the library do not.
  {
    operationId: 'openEpisode',
    request: ({ patient = '' }) => ({
      params: { id: patient },
      body: {
        procedures: ['cervical-laminoplasty'],
        surgeryDate: '2026-11-02',
        protocols: [{ code: 'laminoplasty-home' }],
      },
    }),
    expect: 201,
    unrecorded: true,
    remember: rememberId('episode'),
  },
  {
    operationId: 'recordFact',
    request: ofEpisode({ body: { code: 'pain', value: 3, on: '2026-11-20' } }),
    expect: 201,
    remember: rememberId('fact'),
  },
  {
    operationId: 'recordFact',
    request: ofEpisode({ body: { code: 'pain', value: 11, on: '2026-11-20' } }),
    expect: 422,
  },
  { operationId: 'listFacts', request: ofEpisode(), expect: 200 },
  { operationId: 'getFact', request: ofEntry('fact'), expect: 200 },
  { operationId: 'voidFact', request: ofEntry('fact', { body: { reason: 'Asked about yesterday.' } }), expect: 201 },
]

/** The next version of the clinic's protocol, and the patient who follows the one before. */
const moves: Step[] = [
  {
    operationId: 'startDraft',
    request: { params: ofProtocol, body: { from: 2 } },
    expect: 201,
    unrecorded: true,
    remember: rememberTag('draft'),
  },
  {
    operationId: 'replaceDraft',
    request: guarded('draft', {
      params: ofProtocol,
      body: {
        ...document,
        title: 'Cervical laminoplasty, the first twelve weeks',
        limits: document.limits.map((limit) => (limit.code === 'lifted-load' ? { ...limit, max: 5 } : limit)),
        accepted: [{ finding: 'empty-phase:collar', reason: 'As long as the collar is worn nothing is exercised.' }],
      },
    }),
    expect: 200,
    unrecorded: true,
    remember: rememberTag('draft'),
  },
  { operationId: 'getDraftImpact', request: { params: ofProtocol, query: { from: 2 } }, expect: 200 },
  { operationId: 'getDraftImpact', request: { params: { code: 'laminoplasty-hom' } }, expect: 404 },
  {
    operationId: 'publishDraft',
    request: guarded('draft', { params: ofProtocol, body: {} }),
    expect: 201,
    unrecorded: true,
  },
  { operationId: 'getVersionImpact', request: { params: { ...ofProtocol, number: 3 } }, expect: 200 },
  { operationId: 'getVersionImpact', request: { params: { ...ofProtocol, number: 7 } }, expect: 404 },
  {
    operationId: 'updateEpisode',
    request: ({ episode = '' }) => ({
      params: { id: episode },
      headers: { 'If-Match': '*' },
      body: { protocols: [{ code: 'laminoplasty-home', version: 3 }] },
    }),
    expect: 409,
  },
  {
    operationId: 'moveEpisodes',
    request: {
      params: ofProtocol,
      body: {
        to: 3,
        select: { from: 2 },
        reason: 'Less to lift in the first six weeks.',
        confirm: ['limit-tightened:lifted-load/[lb_av]/max=5'],
      },
    },
    expect: 200,
    remember: ({ body }) => ({ move: body.move }),
  },
  {
    operationId: 'moveEpisodes',
    request: { params: ofProtocol, body: { to: 1, select: { all: true }, reason: 'Back to the first version.' } },
    expect: 409,
  },
  {
    operationId: 'moveEpisodes',
    request: { params: ofProtocol, body: { to: 7, select: { all: true }, reason: 'On to the next version.' } },
    expect: 422,
  },
  { operationId: 'listMoves', request: { params: ofProtocol }, expect: 200 },
  { operationId: 'getMove', request: ({ move = '' }) => ({ params: { ...ofProtocol, move } }), expect: 200 },
  {
    operationId: 'getMove',
    request: { params: { ...ofProtocol, move: '01a1f000-0000-7000-8000-00000000dead' } },
    expect: 404,
  },
  {
    operationId: 'listMovedEpisodes',
    request: ({ move = '' }) => ({ params: { ...ofProtocol, move } }),
    expect: 200,
  },
]

const simulated = {
  protocols: [{ code: 'laminoplasty-home' }],
  surgeryDate: '2026-11-02',
  on: '2026-12-20',
  milestones: [{ code: 'collar-off', on: '2026-12-01', grantedBy: 'surgeon' }],
  facts: [{ code: 'pain', value: 2, on: '2026-12-19' }],
}

const simulations: Step[] = (['simulate', 'simulateTimeline'] as const).flatMap((operationId) => [
  { operationId, request: { body: simulated }, expect: 200 },
  {
    operationId,
    request: { body: { protocols: [{ code: 'laminoplasty-hom' }], surgeryDate: '2026-11-02', on: '2026-12-20' } },
    expect: 422,
  },
])

/** In this order; the first success of an operation, and the first answer of each error status, become its examples. */
export const steps: readonly Step[] = [
  ...service,
  ...clinic,
  ...catalogue,
  ...protocols,
  ...library,
  ...patients,
  ...episodes,
  ...simulations,
  ...moves,
  ...identity,
]
