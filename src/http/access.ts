import type { FastifyInstance } from 'fastify'
import type { Actor } from './auth.ts'
import { listWords } from './nearest.ts'
import { ProblemError } from './problems.ts'

/** What can be allowed, and what each allows. */
export const scopes = {
  'clinic:read': 'Read the clinic’s settings, and the names of those who act in it.',
  'clinic:write': 'Change the clinic’s settings, among them who must approve what is published.',
  'keys:manage': 'Make, rotate and revoke API keys, register clients, and shut somebody out.',
  'audit:read': 'Read who did what in the clinic, and what was done to its settings, keys and clients.',
  'catalogue:read': 'Read procedures, exercises and attributes.',
  'catalogue:write': 'Change procedures, exercises and attributes.',
  'protocols:read': 'Read protocols, their drafts and histories; check, compare and simulate.',
  'protocols:write': 'Write drafts, submit them, and take them back.',
  'protocols:approve': 'Approve what was submitted, or return it.',
  'protocols:publish': 'Publish and retire versions.',
  'protocols:assign': 'Choose the protocol versions that a patient follows, instead of the clinic’s defaults.',
  'patients:read': 'Find and read patients.',
  'patients:write': 'Add, change and delete patients.',
  'episodes:read': 'Read episodes and their records, and ask what is permitted.',
  'episodes:write': 'Open episodes, and correct what was operated on and when.',
  'record:write': 'Record milestones, facts, symptoms and holds, and void them.',
  'clearances:write': 'Record milestones that only named people may grant.',
  'overrides:write': 'Record and void one patient’s exceptions to the protocol.',
} as const

export type Scope = keyof typeof scopes

export const scopeNames = Object.keys(scopes) as [Scope, ...Scope[]]

const reads: readonly Scope[] = ['clinic:read', 'catalogue:read', 'protocols:read', 'patients:read', 'episodes:read']
const keepsRecords: readonly Scope[] = [...reads, 'patients:write', 'episodes:write', 'record:write']

/** Who may do what. */
export const scopesOfRole = {
  administrator: scopeNames,
  clinician: [
    ...keepsRecords,
    'clearances:write',
    'overrides:write',
    'protocols:assign',
    'catalogue:write',
    'protocols:write',
    'protocols:approve',
    'protocols:publish',
  ],
  therapist: [...keepsRecords, 'clearances:write'],
  integration: keepsRecords,
  reader: reads,
} as const satisfies Record<string, readonly Scope[]>

export type Role = keyof typeof scopesOfRole

export const roleNames = Object.keys(scopesOfRole) as [Role, ...Role[]]

export function isRole(name: string): name is Role {
  return Object.hasOwn(scopesOfRole, name)
}

/** Most callers have one role and all that it has: every request asks, and gets the same set. */
const allOf = new Map<string, ReadonlySet<Scope>>(roleNames.map((role) => [role, new Set<Scope>(scopesOfRole[role])]))

/** What these roles allow together and, where they are named, no more than `only`. A role that is not known allows nothing. */
export function allow(roles: readonly string[], only: readonly string[] | null): ReadonlySet<Scope> {
  const [role = ''] = roles
  const all = roles.length === 1 && only === null ? allOf.get(role) : undefined
  if (all !== undefined) return all
  const allowed = roles.filter(isRole).flatMap((role): readonly Scope[] => scopesOfRole[role])
  return new Set(only === null ? allowed : allowed.filter((scope) => only.includes(scope)))
}

export function rolesWith(scope: Scope): Role[] {
  return roleNames.filter((role) => (scopesOfRole[role] as readonly Scope[]).includes(scope))
}

/** The scope that each operation needs, by its operationId: the one place that says it. */
export const scopeOfOperation: Readonly<Record<string, Scope>> = {
  getClinic: 'clinic:read',
  updateClinic: 'clinic:write',
  listClinicHistory: 'audit:read',
  listAuditEvents: 'audit:read',
  getAuditEvent: 'audit:read',
  listActors: 'clinic:read',
  getActor: 'clinic:read',
  blockActor: 'keys:manage',
  unblockActor: 'keys:manage',

  listApiKeys: 'keys:manage',
  createApiKey: 'keys:manage',
  getApiKey: 'keys:manage',
  rotateApiKey: 'keys:manage',
  revokeApiKey: 'keys:manage',
  listClients: 'keys:manage',
  registerClient: 'keys:manage',
  getClient: 'keys:manage',
  updateClient: 'keys:manage',
  revokeClient: 'keys:manage',

  listAttributes: 'catalogue:read',
  createAttribute: 'catalogue:write',
  getAttribute: 'catalogue:read',
  updateAttribute: 'catalogue:write',
  deleteAttribute: 'catalogue:write',
  listProcedures: 'catalogue:read',
  createProcedure: 'catalogue:write',
  getProcedure: 'catalogue:read',
  updateProcedure: 'catalogue:write',
  deleteProcedure: 'catalogue:write',
  listExercises: 'catalogue:read',
  createExercise: 'catalogue:write',
  getExercise: 'catalogue:read',
  updateExercise: 'catalogue:write',
  deleteExercise: 'catalogue:write',

  listProtocols: 'protocols:read',
  createProtocol: 'protocols:write',
  getProtocol: 'protocols:read',
  deleteProtocol: 'protocols:write',
  listProtocolHistory: 'protocols:read',
  listVersions: 'protocols:read',
  getVersion: 'protocols:read',
  exportVersion: 'protocols:read',
  checkVersion: 'protocols:read',
  diffVersions: 'protocols:read',
  listLibrary: 'protocols:read',
  getLibraryProtocol: 'protocols:read',
  adoptLibraryProtocol: 'protocols:write',
  mergeLibrary: 'protocols:write',
  // What names patients' episodes.
  getVersionImpact: 'episodes:read',
  getDraftImpact: 'episodes:read',
  listMoves: 'episodes:read',
  getMove: 'episodes:read',
  listMovedEpisodes: 'episodes:read',
  moveEpisodes: 'protocols:assign',
  retireVersion: 'protocols:publish',
  checkDocument: 'protocols:read',
  simulate: 'protocols:read',
  simulateTimeline: 'protocols:read',

  getDraft: 'protocols:read',
  startDraft: 'protocols:write',
  replaceDraft: 'protocols:write',
  changeDraft: 'protocols:write',
  deleteDraft: 'protocols:write',
  checkDraft: 'protocols:read',
  submitDraft: 'protocols:write',
  withdrawDraft: 'protocols:write',
  approveDraft: 'protocols:approve',
  returnDraft: 'protocols:approve',
  publishDraft: 'protocols:publish',
  orderDraftPhases: 'protocols:write',
  ...partsOfDrafts({
    Source: 'Sources',
    Milestone: 'Milestones',
    Fact: 'Facts',
    Phase: 'Phases',
    Prescription: 'Prescriptions',
    Contraindication: 'Contraindications',
    Instruction: 'Instructions',
    Limit: 'Limits',
    RedFlag: 'RedFlags',
    Case: 'Cases',
  }),

  listPatients: 'patients:read',
  createPatient: 'patients:write',
  getPatient: 'patients:read',
  updatePatient: 'patients:write',
  deletePatient: 'patients:write',

  listPatientEpisodes: 'episodes:read',
  openEpisode: 'episodes:write',
  listEpisodes: 'episodes:read',
  getEpisode: 'episodes:read',
  updateEpisode: 'episodes:write',
  closeEpisode: 'episodes:write',
  getCaseload: 'episodes:read',
  getPermittedExercises: 'episodes:read',
  getExerciseVerdict: 'episodes:read',
  getTimeline: 'episodes:read',

  listRecord: 'episodes:read',
  getRecordEntry: 'episodes:read',
  voidRecordEntry: 'record:write',
  listMilestones: 'episodes:read',
  getMilestone: 'episodes:read',
  recordMilestone: 'record:write',
  voidMilestone: 'record:write',
  revokeMilestone: 'record:write',
  listFacts: 'episodes:read',
  getFact: 'episodes:read',
  recordFact: 'record:write',
  voidFact: 'record:write',
  listSymptoms: 'episodes:read',
  getSymptom: 'episodes:read',
  recordSymptom: 'record:write',
  voidSymptom: 'record:write',
  resolveSymptom: 'record:write',
  listHolds: 'episodes:read',
  getHold: 'episodes:read',
  recordHold: 'record:write',
  voidHold: 'record:write',
  listOverrides: 'episodes:read',
  getOverride: 'episodes:read',
  recordOverride: 'overrides:write',
  voidOverride: 'overrides:write',
}

/** What the operation needs, by that table. */
export function scopeOf(operationId: string): Scope | undefined {
  return Object.hasOwn(scopeOfOperation, operationId) ? scopeOfOperation[operationId] : undefined
}

/** The six operations on each kind of part of a draft: one of them, many of them. */
function partsOfDrafts(nouns: Readonly<Record<string, string>>): Record<string, Scope> {
  return Object.fromEntries(
    Object.entries(nouns).flatMap(([one, many]): [string, Scope][] => [
      [`listDraft${many}`, 'protocols:read'],
      [`getDraft${one}`, 'protocols:read'],
      [`addDraft${one}`, 'protocols:write'],
      [`replaceDraft${one}`, 'protocols:write'],
      [`changeDraft${one}`, 'protocols:write'],
      [`removeDraft${one}`, 'protocols:write'],
    ]),
  )
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route needs; put there from the table above. */
    scope?: Scope
  }
}

/** Gives every route of this scope what it needs. One that is not in the table stops the boot. */
export function requireScopes(app: FastifyInstance, needed: (operationId: string) => Scope | undefined): void {
  app.addHook('onRoute', (route) => {
    const operationId = route.schema?.operationId ?? ''
    const scope = needed(operationId)
    if (scope === undefined) {
      throw new Error(
        `the route ${route.method} ${route.url} states no scope: add \`${operationId || 'its operationId'}: '<scope>',\` to scopeOfOperation in src/http/access.ts, and a line to tests/features/access-matrix.ts`,
      )
    }
    route.config = { ...route.config, scope }
  })
  app.addHook('onRequest', async (request) => {
    const { scope } = request.routeOptions.config
    // Every route of the scope has one: what has none is refused, and not let through.
    if (scope === undefined) throw new Error(`${request.routeOptions.url} was registered without a scope`)
    requireScope(request.actor, scope)
  })
}

/** Lets the request pass only if whoever makes it has the scope; `what` says what needs it, if it is not the whole request. */
export function requireScope(actor: Actor, scope: Scope, what = 'this request'): void {
  if (actor.scopes.has(scope)) return
  const roles = rolesWith(scope)
  throw new ProblemError(
    'INSUFFICIENT_SCOPE',
    `${what} needs the scope \`${scope}\`, which ${speakActor(actor)} does not have: use a key or an account that has it (${roles.length === 1 ? 'the role' : 'one of the roles'} ${listWords(roles)}), or ask an administrator of the clinic`,
    {
      requiredScope: scope,
      roles,
      headers: {
        'www-authenticate': `Bearer realm="rehab-protocols", error="insufficient_scope", scope="${scope}"`,
      },
    },
  )
}

function speakActor({ kind, role }: Actor): string {
  const noun = { 'api-key': 'this API key', person: 'this account', client: 'this client' }[kind]
  return `${noun} (${role})`
}
