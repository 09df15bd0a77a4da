/** Mistakes that would let somebody in, lose something or hide it, as replacements in the source, with what notices each. */

export interface Fault {
  name: string
  in: string
  /** Text that occurs once in the file. */
  replace: string
  by: string
  /** Without a title it is the whole file, whose tests build on one another. */
  noticedBy: { file: string; title: string }
}

const isolation = 'tests/features/isolation.test.ts'
const tokens = 'tests/features/access-tokens.test.ts'
const keys = 'tests/features/api-keys.test.ts'
const audit = 'tests/features/audit.test.ts'

export const faults: readonly Fault[] = [
  // Who may do what
  {
    name: 'a route without a scope',
    in: 'src/http/access.ts',
    replace: "  listPatients: 'patients:read',\n",
    by: '',
    noticedBy: { file: isolation, title: 'is in the matrix, and in the document' },
  },
  {
    name: 'a route with the scope of another',
    in: 'src/http/access.ts',
    replace: "createApiKey: 'keys:manage'",
    by: "createApiKey: 'protocols:write'",
    noticedBy: { file: isolation, title: 'lets in the clinician where the matrix names it' },
  },
  {
    name: 'a scope that is stated and not asked for',
    in: 'src/http/access.ts',
    replace: 'requireScope(request.actor, scope)',
    by: 'void scope',
    noticedBy: { file: isolation, title: 'lets in the reader where the matrix names it' },
  },
  {
    name: 'a key that allows more than whoever made it may',
    in: 'src/http/access.ts',
    replace: 'only === null ? allowed : allowed.filter((scope) => only.includes(scope))',
    by: 'allowed',
    noticedBy: { file: keys, title: 'is shown once, has the scopes that it was made with' },
  },

  // Whose it is
  {
    name: 'a query without its clinic',
    in: 'src/features/patients/repository.ts',
    replace: '      clinicId,\n      ...(filter.externalId',
    by: '      ...(filter.externalId',
    noticedBy: { file: isolation, title: 'own filters still give no foreign row' },
  },
  {
    name: 'a query without its clinic, for what is found already',
    in: 'src/features/patients/repository.ts',
    replace: 'where: { clinicId, patientId: id }',
    by: 'where: { patientId: id }',
    noticedBy: { file: isolation, title: 'every statement names its clinic' },
  },
  {
    name: 'a transaction without its clinic',
    in: 'src/db/client.ts',
    replace: "          await tx.$queryRaw`SELECT set_config('app.clinic_id'",
    by: "          await tx.$queryRaw`SELECT set_config('app.clinic'",
    noticedBy: { file: 'tests/db/client.test.ts', title: 'own rows and no others' },
  },
  {
    name: 'a clinic that stays set on the connection',
    in: 'src/db/client.ts',
    replace: ", true),\n              set_config('idle",
    by: ", false),\n              set_config('idle",
    noticedBy: { file: 'tests/db/client.test.ts', title: 'leaves nothing set on the connection' },
  },
  {
    name: 'a service that acts as the owner of the tables',
    in: 'src/db/client.ts',
    replace: ' -c role=',
    by: ' -c application_name=',
    noticedBy: { file: isolation, title: 'SQL as the service’s role' },
  },

  // Keys and tokens
  {
    name: 'a token with alg none',
    in: 'src/http/access-tokens.ts',
    replace: '    const { payload, protectedHeader } = await jwtVerify(token, keys, {',
    by: `    const unsigned = token.endsWith('.') ? decodeJwt(token) : null
    if (unsigned !== null) return unsigned
    const { payload, protectedHeader } = await jwtVerify(token, keys, {`,
    noticedBy: { file: tokens, title: 'with alg none' },
  },
  {
    name: 'a token that has expired',
    in: 'src/http/access-tokens.ts',
    replace: 'clockTolerance: clockSkewSeconds',
    by: 'clockTolerance: clockSkewSeconds + 86_400',
    noticedBy: { file: tokens, title: 'expired' },
  },
  {
    name: 'a token for another audience',
    in: 'src/http/access-tokens.ts',
    replace: '      audience,\n      algorithms',
    by: '      algorithms',
    noticedBy: { file: tokens, title: 'for another audience' },
  },
  {
    name: 'a token for a sign-in',
    in: 'src/http/access-tokens.ts',
    replace: '!isForAccess(protectedHeader.typ, payload, tokenType)',
    by: '!isForAccess(protectedHeader.typ, {}, tokenType)',
    noticedBy: { file: tokens, title: 'for a sign-in, by its claims' },
  },
  {
    name: 'an issuer that speaks for every clinic',
    in: 'src/http/access-tokens.ts',
    replace: 'uuid.test(clinic) && (clinics === null || clinics.includes(clinic))',
    by: 'uuid.test(clinic)',
    noticedBy: { file: tokens, title: 'an issuer speaks for its own clinics only' },
  },
  {
    name: 'a key of a clinic that is shut out',
    in: 'src/http/auth.ts',
    replace: 'found !== null && !found.revoked && ',
    by: 'found !== null && ',
    noticedBy: { file: keys, title: 'of a suspended clinic is refused' },
  },
  {
    name: 'a key of somebody who is shut out',
    in: 'prisma/migrations/20261121050000_cheaper_rows/migration.sql',
    replace: 'k.revoked_at IS NOT NULL OR c.suspended_at IS NOT NULL OR a.blocked_at IS NOT NULL',
    by: 'k.revoked_at IS NOT NULL OR c.suspended_at IS NOT NULL',
    noticedBy: { file: keys, title: 'whose actor is shut out is refused' },
  },
  {
    name: 'a key past its end',
    in: 'src/http/auth.ts',
    replace: 'Temporal.Instant.compare(now, found.expiresAt) < 0',
    by: 'Temporal.Instant.compare(now, found.expiresAt) < 2',
    noticedBy: { file: keys, title: 'is refused from the moment on which it expires' },
  },

  // Writing
  {
    name: 'an update without If-Match',
    in: 'src/features/patients/routes.ts',
    replace: `        requireIfMatch(request, current.revision)
        if (body.externalId`,
    by: '        if (body.externalId',
    noticedBy: { file: 'tests/features/patients.test.ts', title: 'needs the revision that was read' },
  },
  {
    name: 'a retry that is done again',
    in: 'src/http/idempotency.ts',
    replace: 'await keepAnswer(tx, holder, { ...answer, fingerprint, isSealed: true, body: seal(body, secret) })',
    by: 'void [keepAnswer, seal, fingerprint]',
    noticedBy: { file: 'tests/features/idempotency.test.ts', title: 'makes of the same request one episode' },
  },
  {
    name: 'a key that serves for another body',
    in: 'src/http/idempotency.ts',
    replace: 'if (!Buffer.from(fingerprint).equals(kept.fingerprint)) {',
    by: 'if (fingerprint.length !== kept.fingerprint.length) {',
    noticedBy: { file: 'tests/features/idempotency.test.ts', title: 'is a 422 that says so' },
  },

  {
    name: 'two who change an episode at once, and neither waits',
    in: 'src/features/episodes/repository.ts',
    replace: '::uuid FOR UPDATE',
    by: '::uuid',
    noticedBy: { file: 'tests/features/concurrent-updates.test.ts', title: 'as many count as are acknowledged' },
  },
  {
    name: 'a change that does not wait for the disk',
    in: 'src/db/embedded-postgres.ts',
    replace: "  unix_socket_directories: '',\n",
    by: "  unix_socket_directories: '',\n  synchronous_commit: 'off',\n",
    noticedBy: { file: 'tests/db/embedded-postgres.test.ts', title: 'is made on the first start' },
  },
  {
    name: 'a backup without one of the tables',
    in: 'src/db/backup/tables.ts',
    replace: "AND c.relpersistence <> 'u'",
    by: "AND c.relpersistence <> 'u' AND c.relname <> 'record_entry'",
    noticedBy: { file: 'tests/db/backup.test.ts', title: 'is of one moment' },
  },

  // Too much
  {
    name: 'a rate limit that refuses nobody',
    in: 'src/http/rate-limits.ts',
    replace: 'if (!isExceeded) return',
    by: 'if (!isExceeded || max > 0) return',
    noticedBy: { file: 'tests/http/rate-limits.test.ts', title: 'is its own, with whichever of its keys' },
  },
  {
    name: 'a guess of a key that is not counted',
    in: 'src/http/rate-limits.ts',
    replace: "await hold(byAddress, request, reply, 'from this address')",
    by: 'void byAddress',
    noticedBy: { file: 'tests/http/rate-limits.test.ts', title: 'bounds guesses of keys' },
  },
  {
    name: 'load that is taken on however long others have waited',
    in: 'src/http/load-shedding.ts',
    replace: ' || longestWait() > mostPatience',
    by: '',
    noticedBy: { file: 'tests/http/limits.test.ts', title: 'while others have waited for long' },
  },

  // On record
  {
    name: 'an audit row edited, and nobody refused it',
    in: 'prisma/migrations/20261120223000_audit/migration.sql',
    replace: 'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_event',
    by: 'CREATE TRIGGER append_only BEFORE DELETE ON audit_event',
    noticedBy: { file: audit, title: 'is added to by one function only, and changed by nobody' },
  },
  {
    name: 'an audit row edited, and the check does not see it',
    in: 'src/features/audit/chain.ts',
    replace: 'if (hashRow(row) !== row.hash)',
    by: 'if (hashRow(row).length !== row.hash.length)',
    noticedBy: { file: audit, title: '' },
  },
  {
    name: 'a change without its row',
    in: 'src/http/audit.ts',
    replace: 'runAs({ beforeCommit, onMade }, done)',
    by: 'runAs({ onMade }, done)',
    noticedBy: { file: audit, title: 'is in one transaction with its row' },
  },
  {
    name: 'a read without its row',
    in: 'src/http/audit.ts',
    replace: "(trail.kept === 'read' && !trail.isRecorded) ||",
    by: '',
    noticedBy: { file: audit, title: 'that reads a patient’s data is on record before it is answered' },
  },
  {
    name: 'an answer that is kept whatever happens to the record',
    in: 'src/features/permitted-exercises/read-answer.ts',
    replace: 'kept: kept?.state ?? null, event })',
    by: 'kept: kept?.state ?? null, event }).then((now) => now && kept ? { state: kept.state, entries: null } : now)',
    noticedBy: { file: 'tests/features/staleness.test.ts', title: 'never ignores what was acknowledged' },
  },
  {
    name: 'a refusal without its row',
    in: 'src/http/audit.ts',
    replace: 'await refuse(request, trail, trail.problem)',
    by: 'void refuse',
    noticedBy: { file: audit, title: 'that is refused is on record with its problem' },
  },

  // In the log
  {
    name: 'the address of a request in the log',
    in: 'src/http/request-log.ts',
    replace: 'route: request.routeOptions.url ?? null',
    by: 'route: request.url',
    noticedBy: { file: 'tests/http/service.test.ts', title: 'has no patient in it' },
  },
  {
    name: 'the words of a database error in the log',
    in: 'src/http/request-log.ts',
    replace: 'message: fromDatabase ? describeDatabaseError(error) : error.message',
    by: 'message: error.message',
    noticedBy: { file: 'tests/http/service.test.ts', title: 'has no patient in it' },
  },
]
