import type { Role } from '../../src/http/access.ts'

// Written by hand and not made from src/http/access.ts: the test compares both with what the service does.
const everybody: readonly Role[] = ['administrator', 'clinician', 'therapist', 'integration', 'reader']
const administrators: readonly Role[] = ['administrator']
const authors: readonly Role[] = ['administrator', 'clinician']
const recorders: readonly Role[] = ['administrator', 'clinician', 'therapist', 'integration']

/** Who may do what: one line for each route of the service. */
export const whoMay: Readonly<Record<string, readonly Role[]>> = {
  'GET /v1/clinic': everybody,
  'PATCH /v1/clinic': administrators,
  'GET /v1/clinic/history': administrators,
  'GET /v1/audit-events': administrators,
  'GET /v1/audit-events/{seq}': administrators,
  'GET /v1/actors': everybody,
  'GET /v1/actors/{id}': everybody,
  'POST /v1/actors/{id}/block': administrators,
  'POST /v1/actors/{id}/unblock': administrators,

  'GET /v1/api-keys': administrators,
  'POST /v1/api-keys': administrators,
  'GET /v1/api-keys/{id}': administrators,
  'POST /v1/api-keys/{id}/rotate': administrators,
  'POST /v1/api-keys/{id}/revoke': administrators,
  'GET /v1/clients': administrators,
  'POST /v1/clients': administrators,
  'GET /v1/clients/{id}': administrators,
  'PATCH /v1/clients/{id}': administrators,
  'POST /v1/clients/{id}/revoke': administrators,

  ...ofCatalogue('attributes'),
  ...ofCatalogue('procedures'),
  ...ofCatalogue('exercises'),

  'GET /v1/protocols': everybody,
  'POST /v1/protocols': authors,
  'GET /v1/protocols/{code}': everybody,
  'DELETE /v1/protocols/{code}': authors,
  'GET /v1/protocols/{code}/history': everybody,
  'GET /v1/protocols/{code}/versions': everybody,
  'GET /v1/protocols/{code}/versions/{number}': everybody,
  'GET /v1/protocols/{code}/versions/{number}/document': everybody,
  'GET /v1/protocols/{code}/versions/{number}/check': everybody,
  'GET /v1/protocols/{code}/versions/{number}/diff/{other}': everybody,
  'GET /v1/protocols/{code}/versions/{number}/impact': everybody,
  'POST /v1/protocols/{code}/versions/{number}/retire': authors,

  'GET /v1/protocols/{code}/draft': everybody,
  'POST /v1/protocols/{code}/draft': authors,
  'PUT /v1/protocols/{code}/draft': authors,
  'PATCH /v1/protocols/{code}/draft': authors,
  'DELETE /v1/protocols/{code}/draft': authors,
  'POST /v1/protocols/{code}/draft/check': everybody,
  'GET /v1/protocols/{code}/draft/impact': everybody,
  'POST /v1/protocols/{code}/draft/submit': authors,
  'POST /v1/protocols/{code}/draft/withdraw': authors,
  'POST /v1/protocols/{code}/draft/approve': authors,
  'POST /v1/protocols/{code}/draft/return': authors,
  'POST /v1/protocols/{code}/draft/publish': authors,
  'PUT /v1/protocols/{code}/draft/phases/order': authors,
  ...ofParts('sources'),
  ...ofParts('milestones'),
  ...ofParts('facts'),
  ...ofParts('phases'),
  ...ofParts('prescriptions'),
  ...ofParts('contraindications'),
  ...ofParts('instructions'),
  ...ofParts('limits'),
  ...ofParts('red-flags'),
  ...ofParts('cases'),

  'POST /v1/protocols/{code}/draft/merge-library': authors,
  'GET /v1/library': everybody,
  'GET /v1/library/{code}': everybody,
  'POST /v1/library/{code}/adopt': authors,

  'POST /v1/protocols/{code}/moves': authors,
  'GET /v1/protocols/{code}/moves': everybody,
  'GET /v1/protocols/{code}/moves/{move}': everybody,
  'GET /v1/protocols/{code}/moves/{move}/episodes': everybody,

  'POST /v1/checks': everybody,
  'POST /v1/simulations': everybody,
  'POST /v1/simulations/timeline': everybody,

  'GET /v1/patients': everybody,
  'POST /v1/patients': recorders,
  'GET /v1/patients/{id}': everybody,
  'PATCH /v1/patients/{id}': recorders,
  'DELETE /v1/patients/{id}': recorders,
  'GET /v1/patients/{id}/episodes': everybody,
  'POST /v1/patients/{id}/episodes': recorders,

  'GET /v1/episodes': everybody,
  'GET /v1/episodes/{id}': everybody,
  'PATCH /v1/episodes/{id}': recorders,
  'POST /v1/episodes/{id}/close': recorders,
  'GET /v1/permitted-exercises': everybody,
  'GET /v1/episodes/{id}/permitted-exercises': everybody,
  'GET /v1/episodes/{id}/permitted-exercises/{exercise}': everybody,
  'GET /v1/episodes/{id}/timeline': everybody,
  'GET /v1/episodes/{id}/record': everybody,
  'GET /v1/episodes/{id}/record/{entry}': everybody,
  'POST /v1/episodes/{id}/record/{entry}/void': recorders,
  ...ofEntries('milestones', recorders),
  'POST /v1/episodes/{id}/milestones/{entry}/revoke': recorders,
  ...ofEntries('facts', recorders),
  ...ofEntries('symptoms', recorders),
  'POST /v1/episodes/{id}/symptoms/{entry}/resolve': recorders,
  ...ofEntries('holds', recorders),
  ...ofEntries('overrides', authors),
}

function ofCatalogue(name: string): Record<string, readonly Role[]> {
  return {
    [`GET /v1/${name}`]: everybody,
    [`POST /v1/${name}`]: authors,
    [`GET /v1/${name}/{code}`]: everybody,
    [`PATCH /v1/${name}/{code}`]: authors,
    [`DELETE /v1/${name}/{code}`]: authors,
  }
}

function ofParts(name: string): Record<string, readonly Role[]> {
  const address = `/v1/protocols/{code}/draft/${name}`
  return {
    [`GET ${address}`]: everybody,
    [`POST ${address}`]: authors,
    [`GET ${address}/{part}`]: everybody,
    [`PUT ${address}/{part}`]: authors,
    [`PATCH ${address}/{part}`]: authors,
    [`DELETE ${address}/{part}`]: authors,
  }
}

function ofEntries(name: string, writers: readonly Role[]): Record<string, readonly Role[]> {
  const address = `/v1/episodes/{id}/${name}`
  return {
    [`GET ${address}`]: everybody,
    [`POST ${address}`]: writers,
    [`GET ${address}/{entry}`]: everybody,
    [`POST ${address}/{entry}/void`]: writers,
  }
}

/** What needs neither a key nor a token, and holds nothing of any clinic. */
export const publicRoutes: readonly string[] = [
  'GET /.well-known/smart-configuration',
  'GET /docs',
  'GET /docs/json',
  'GET /docs/static/*',
  'GET /docs/static/index.html',
  'GET /docs/static/swagger-initializer.js',
  'GET /docs/yaml',
  'GET /livez',
  'GET /openapi.json',
  'GET /openapi.yaml',
  'GET /problems',
  'GET /problems/{code}',
  'GET /protocol-document.schema.json',
  'GET /readyz',
  'POST /oauth/token',
]
