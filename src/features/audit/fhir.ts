import type { Problem } from '../../http/problems.ts'
import type { RecordedEvent } from './repository.ts'

export const fhirLinesMediaType = 'application/fhir+ndjson'

const entityType = 'http://terminology.hl7.org/CodeSystem/audit-entity-type'
const entityRole = 'http://terminology.hl7.org/CodeSystem/object-role'

/** An event as a FHIR R4 AuditEvent; what FHIR has no word for is told with our own names. */
export function toAuditEvent(event: RecordedEvent, clinicId: string): object {
  const details = [
    ['method', event.method],
    ['route', event.route],
    ['request-id', event.requestId],
    ['user-agent', event.userAgent],
    ['attempts', String(event.attempts)],
    ...event.target.map((named) => named.split('=', 2)),
  ].flatMap(([type, value]) => (value ? [{ type, valueString: value }] : []))
  return {
    resourceType: 'AuditEvent',
    id: String(event.seq),
    extension: [
      {
        url: 'urn:rehab-protocols:audit-chain',
        extension: [
          { url: 'seq', valueString: String(event.seq) },
          { url: 'previousHash', valueString: event.previousHash },
          { url: 'hash', valueString: event.hash },
        ],
      },
    ],
    type: {
      system: 'http://terminology.hl7.org/CodeSystem/audit-event-type',
      code: 'rest',
      display: 'RESTful Operation',
    },
    ...(event.operation && { subtype: [{ system: 'urn:rehab-protocols:operation', code: event.operation }] }),
    action: actionOf(event.method),
    recorded: event.at,
    outcome: event.status === null ? '0' : event.status < 500 ? '4' : '8',
    ...(event.status !== null && { outcomeDesc: `${event.outcome} (${event.status})` }),
    agent: [
      {
        type: { coding: [{ system: 'urn:rehab-protocols:actor-kind', code: event.actorKind }] },
        ...(event.actor !== null && {
          who: { identifier: { system: 'urn:rehab-protocols:actor', value: event.actor } },
        }),
        ...(event.credential !== null && { altId: event.credential }),
        requestor: true,
        ...(event.address !== null && {
          network: { address: event.address, type: event.actorKind === 'operator' ? '1' : '2' },
        }),
      },
    ],
    source: {
      observer: { identifier: { system: 'urn:rehab-protocols:clinic', value: clinicId } },
      type: [{ system: 'http://terminology.hl7.org/CodeSystem/security-source-type', code: '4' }],
    },
    entity: [
      ...event.patients.map((id) => ({
        what: { reference: `Patient/${id}` },
        type: { system: entityType, code: '1' },
        role: { system: entityRole, code: '1' },
      })),
      ...event.episodes.map((id) => ({
        what: { reference: `EpisodeOfCare/${id}` },
        type: { system: entityType, code: '2' },
        role: { system: entityRole, code: '4' },
      })),
      ...(details.length > 0 ? [{ type: { system: entityType, code: '2' }, detail: details }] : []),
    ],
  }
}

function actionOf(method: string): string {
  return { GET: 'R', HEAD: 'R', POST: 'C', PUT: 'U', PATCH: 'U', DELETE: 'D' }[method] ?? 'E'
}

/** The last line of an export that is complete. */
export function toLastLine(count: number): object {
  return toOutcome('information', 'informational', `complete: ${count} audit events`)
}

/** The last line of one that is not. */
export function toErrorLine({ code, detail }: Problem): object {
  return toOutcome('error', 'exception', `incomplete: ${code}: ${detail}`)
}

function toOutcome(severity: string, code: string, diagnostics: string): object {
  return { resourceType: 'OperationOutcome', issue: [{ severity, code, diagnostics }] }
}
