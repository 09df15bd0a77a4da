import type { FastifyInstance, FastifyRequest, FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify'
import { z } from 'zod'
import { findNearest, listWords } from './nearest.ts'
import { mostLocations, ProblemError, type ProblemLocation } from './problems.ts'

/** One thing that is wrong in one part of a request. `detail` goes on after the field's name: "must be …". */
interface Finding {
  path: readonly PropertyKey[]
  detail: string
}

/** What a part of a request failed with; the error handler adds what is wrong in the other parts. */
export class InvalidPart extends Error {
  readonly findings: readonly Finding[]

  constructor(findings: readonly Finding[]) {
    super('the request is not valid')
    this.name = 'InvalidPart'
    this.findings = findings
  }
}

export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const noun = httpPart === 'body' ? 'field' : 'parameter'
  return (data: unknown) => {
    const { value, findings } = validate(schema, data, noun)
    return findings.length === 0 ? { value } : { error: new InvalidPart(findings) }
  }
}

/** Makes every route of the scope that takes no parameters refuse those that it is given, as all the others do. */
export function refuseUnknownParameters(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (route.schema !== undefined) route.schema = { querystring: noParameters, ...route.schema }
  })
}

const noParameters = z.strictObject({})

/** What is wrong with the value of a body, each at its place and in the words of a problem; or else what it means. */
export function validateBody<Value>(
  schema: z.ZodType<Value>,
  data: unknown,
): { value: Value; faults: null } | { value: null; faults: readonly { pointer: string; detail: string }[] } {
  const { value, findings } = validate(schema, data, 'field')
  if (findings.length === 0) return { value: value as Value, faults: null }
  return { value: null, faults: findings.map(({ path, detail }) => ({ pointer: toPointer(path), detail })) }
}

function validate<Value>(schema: z.ZodType<Value>, data: unknown, noun: Noun): { value?: Value; findings: Finding[] } {
  const unstorable = findUnstorable(data)
  const result = schema.safeParse(data, { error: describeIssue })
  if (result.success) return { value: result.data, findings: unstorable }
  const { issues } = result.error
  const others = afterthoughts.get(schema)?.(data, issues) ?? []
  const findings = [...describeFirst(withoutConsequences(issues), schema, noun, data), ...others]
  return { findings: withoutRepetition([...unstorable, ...findings]) }
}

type Afterthought = (data: unknown, issues: readonly Issue[]) => readonly Finding[]

const afterthoughts = new WeakMap<z.ZodType, Afterthought>()

/** What else there is to say of a body that does not fit the schema, beside what does not fit. */
export function alsoFind(schema: z.ZodType, find: Afterthought): void {
  afterthoughts.set(schema, find)
}

/** What a request leads to, as `schema` reads it. Throws the problem that a body like it would be. */
export function parseAsBody<Value>(schema: z.ZodType<Value>, data: unknown): Value {
  const { value, faults } = validateBody(schema, data)
  if (faults === null) return value
  throw toInvalid(faults)
}

/** The problem of places that are not valid, with a sentence about the first. */
export function toInvalid(errors: readonly ProblemLocation[]): ProblemError {
  return new ProblemError('VALIDATION_FAILED', summarise(errors), { errors })
}

/** Each description compares with every known name, so that only as many are made as are shown. */
function describeFirst(issues: readonly Issue[], schema: z.core.$ZodType, noun: Noun, data: unknown): Finding[] {
  return issues.slice(0, mostLocations + 1).flatMap((issue) => toFindings(issue, schema, noun, data))
}

/** A response that does not fit its schema is a fault of ours: the caller must not get a half-understood answer. */
export class InvalidResponse extends Error {
  readonly findings: readonly Finding[]

  constructor(method: string, url: string, findings: readonly Finding[]) {
    const places = findings.map(({ path, detail }) => `${toPointer(path) || 'the whole'} ${detail}`)
    super(`the answer of ${method} ${url} does not fit its schema: ${places.join('; ')}`)
    this.name = 'InvalidResponse'
    this.findings = findings
  }
}

export const serializerCompiler: FastifySerializerCompiler<z.ZodType> = ({ schema, method, url }) => {
  assertWireOnly(schema, `${method} ${url}`)
  return (data) => {
    const result = schema.safeParse(data, { error: describeIssue })
    if (result.success) return JSON.stringify(result.data)
    const findings = withoutConsequences(result.error.issues).flatMap((issue) =>
      toFindings(issue, schema, 'field', data),
    )
    throw new InvalidResponse(method, url, findings)
  }
}

/** An answer is what its schema says: one that would be transformed on its way out stops the boot. */
function assertWireOnly(schema: z.ZodType, route: string): void {
  // Of the forms below JSON shows everything: the whole of its schema, which takes long to make, is made of others only.
  if (isPlain(schema)) return
  try {
    z.toJSONSchema(schema, { io: 'output', unrepresentable: 'throw' })
  } catch (cause) {
    throw new Error(`the answer of ${route} has a schema that JSON cannot show`, { cause })
  }
}

/** Those that were found plain; one that holds itself is found while it is looked at. */
const plain = new WeakSet<z.core.$ZodType>()

function isPlain(schema: z.core.$ZodType): boolean {
  if (plain.has(schema)) return true
  plain.add(schema)
  const isOne = hasPlainForm(schema)
  if (!isOne) plain.delete(schema)
  return isOne
}

function hasPlainForm(schema: z.core.$ZodType): boolean {
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
    case 'enum':
    case 'unknown':
    case 'never':
      return true
    case 'literal':
      return def.values.every((value) => value === null || ['string', 'number', 'boolean'].includes(typeof value))
    case 'object':
      return [...Object.values(def.shape), ...(def.catchall ? [def.catchall] : [])].every(isPlain)
    case 'array':
      return isPlain(def.element)
    case 'record':
      return isPlain(def.keyType) && isPlain(def.valueType)
    case 'tuple':
      return [...def.items, ...(def.rest ? [def.rest] : [])].every(isPlain)
    case 'union':
      return def.options.every(isPlain)
    case 'optional':
    case 'nullable':
      return isPlain(def.innerType)
    case 'lazy':
      return isPlain(def.getter())
    default:
      return false
  }
}

const parts = [
  { name: 'params', in: 'path' },
  { name: 'body', in: 'body' },
  { name: 'querystring', in: 'query' },
  { name: 'headers', in: 'header' },
] as const

/** The problem of a request of which `failed` is the first part that is not valid; looks into the parts after it, too. */
export function toValidationProblem(
  error: InvalidPart,
  failed: string | undefined,
  request: FastifyRequest,
): ProblemError {
  const first = parts.findIndex(({ name }) => name === failed)
  const locations = parts.slice(Math.max(first, 0)).flatMap((part, index) => {
    const findings = index === 0 ? error.findings : findingsOf(request, part.name)
    return findings.map((finding) => toLocation(part.in, finding))
  })
  return toInvalid(locations)
}

function findingsOf(request: FastifyRequest, part: (typeof parts)[number]['name']): readonly Finding[] {
  const validate: unknown = request.getValidationFunction(part)
  if (typeof validate !== 'function') return []
  const { error } = validate(readPart(request, part) ?? null) as { error?: unknown }
  return error instanceof InvalidPart ? error.findings : []
}

function readPart(request: FastifyRequest, part: (typeof parts)[number]['name']): unknown {
  return part === 'querystring' ? request.query : request[part]
}

function toLocation(place: 'path' | 'body' | 'query' | 'header', { path, detail }: Finding): ProblemLocation {
  return place === 'body'
    ? { pointer: toPointer(path), detail }
    : { parameter: path.map(String).join('.'), in: place, detail }
}

/** RFC 6901. */
export function toPointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** A place for the log: names that the route's schema does not have are the caller's own words, and become `*`. */
export function maskPlace(
  place: ProblemLocation,
  { body, querystring }: { body?: unknown; querystring?: unknown },
): string {
  if ('pointer' in place) {
    const segments = place.pointer.split('/').slice(1)
    const names = segments.map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
    const known = whichAreKnown(names, body)
    return segments.map((segment, index) => (known[index] ? `/${segment}` : '/*')).join('')
  }
  const isOwn = place.in === 'path' || place.in === 'header'
  return isOwn || whichAreKnown([place.parameter], querystring)[0] === true ? place.parameter : '*'
}

function whichAreKnown(names: readonly string[], schema: unknown): boolean[] {
  let forms = schema instanceof z.core.$ZodType ? unwrap(schema) : []
  return names.map((name) => {
    const isKnown = forms.some((form) =>
      form instanceof z.core.$ZodArray || form instanceof z.core.$ZodTuple
        ? /^\d{1,6}$/.test(name)
        : form instanceof z.core.$ZodObject && Object.hasOwn(form._zod.def.shape, name),
    )
    forms = forms.flatMap((form) => childrenOf(form, name)).flatMap(unwrap)
    return isKnown
  })
}

function summarise(locations: readonly ProblemLocation[]): string {
  const first = locations[0]
  if (first === undefined) return 'the request is not valid'
  const name = 'pointer' in first ? first.pointer.slice(1).replaceAll('/', '.') : first.parameter
  const sentence = `${name === '' ? 'the body' : `\`${name}\``} ${first.detail}`
  return locations.length === 1 ? sentence : `${sentence} (and ${locations.length - 1} more: see \`errors\`)`
}

/** PostgreSQL stores no NUL, and half a surrogate pair would silently become another character. */
function findUnstorable(data: unknown, path: readonly PropertyKey[] = []): Finding[] {
  if (typeof data === 'string') {
    if (data.includes('\0')) return [{ path, detail: 'contains a NUL character, which no text may have' }]
    if (!data.isWellFormed())
      return [{ path, detail: 'must be well-formed Unicode: it contains half a surrogate pair' }]
    return []
  }
  if (typeof data !== 'object' || data === null) return []
  return Object.entries(data).flatMap(([key, value]) => {
    const place = [...path, Array.isArray(data) ? Number(key) : key]
    const unreadable = key.includes('\0') || !key.isWellFormed()
    return unreadable
      ? [{ path, detail: 'has a field whose name contains a NUL character or half a surrogate pair' }]
      : findUnstorable(value, place)
  })
}

function withoutRepetition(findings: readonly Finding[]): Finding[] {
  const seen = new Set<string>()
  return findings.filter(({ path, detail }) => {
    const key = `${toPointer(path)} ${detail}`
    return !seen.has(key) && seen.add(key)
  })
}

type Issue = z.core.$ZodIssue
type Noun = 'field' | 'parameter'

/** zod measures the length of a list where it wants a text: what has the wrong type is not judged further. */
function withoutConsequences(issues: readonly Issue[]): Issue[] {
  const wrongType = new Set(issues.filter(({ code }) => code === 'invalid_type').map(({ path }) => toPointer(path)))
  return issues.filter(({ code, path }) => code === 'invalid_type' || !wrongType.has(toPointer(path)))
}

function toFindings(issue: Issue, schema: z.core.$ZodType, noun: Noun, data: unknown): Finding[] {
  if (issue.code === 'unrecognized_keys') {
    const known = [...fieldsAt(schema, issue.path)]
    return issue.keys
      .slice(0, mostLocations)
      .map((key) => ({ path: [...issue.path, key], detail: describeUnknownField(key, known, noun) }))
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return toUnionFindings(issue, schema, noun, data)
  if (issue.code === 'invalid_key') {
    const inner = issue.issues.map(({ message }) => message).join(', and ')
    return [{ path: issue.path, detail: `has a name that is not allowed here: it ${inner}` }]
  }
  if (issue.code === 'invalid_element') {
    return issue.issues.flatMap((inner) =>
      toFindings({ ...inner, path: [...issue.path, ...inner.path] }, schema, noun, data),
    )
  }
  if (noun === 'parameter' && issue.code === 'invalid_type' && Array.isArray(valueAt(data, issue.path))) {
    return [{ path: issue.path, detail: 'is given more than once' }]
  }
  return [{ path: issue.path, detail: issue.message }]
}

function describeUnknownField(key: string, known: readonly string[], noun: Noun): string {
  const nearest = findNearest(key, known)
  if (nearest.length > 0) return `is not a ${noun} here: did you mean ${listWords(nearest)}?`
  if (known.length === 0) return `is not a ${noun} here: there are none`
  return `is not a ${noun} here: the ${noun}s are ${listWords(known, 'and')}`
}

/** What is wrong with the form that the author most probably meant, or which forms there are if that cannot be told. */
function toUnionFindings(
  issue: z.core.$ZodIssueInvalidUnion,
  schema: z.core.$ZodType,
  noun: Noun,
  data: unknown,
): Finding[] {
  const value = valueAt(data, issue.path)
  const branches = issue.errors.map((issues) => {
    const errors = withoutConsequences(issues)
    const cost = errors.reduce((sum, error) => sum + costOf(error, value), 0)
    return { errors, cost: Math.min(cost, notThisForm) }
  })
  const least = Math.min(...branches.map(({ cost }) => cost))
  const best = branches.filter(({ cost }) => cost === least)
  const only = best[0]
  if (only !== undefined && best.length === 1 && least < notThisForm) {
    return only.errors.flatMap((error) =>
      toFindings({ ...error, path: [...issue.path, ...error.path] }, schema, noun, data),
    )
  }
  const fields = [...fieldsAt(schema, issue.path)]
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && fields.length > 0) {
    const unknown = Object.keys(value).filter((key) => !fields.includes(key))
    if (unknown.length > 0) {
      return unknown.map((key) => ({ path: [...issue.path, key], detail: describeUnknownField(key, fields, noun) }))
    }
    return [{ path: issue.path, detail: `must have one of the forms that its schema lists, with ${listWords(fields)}` }]
  }
  if (value === undefined) return [{ path: issue.path, detail: 'is required' }]
  if (issue.message !== noForm) return [{ path: issue.path, detail: issue.message }]
  const messages = new Set(
    best.flatMap(({ errors }) => errors.filter(({ path }) => path.length === 0).map(({ message }) => message)),
  )
  return [
    {
      path: issue.path,
      detail: messages.size === 0 ? noForm : [...messages].join(', or '),
    },
  ]
}

/** What is said where a schema has no words of its own for what is in none of its forms. */
const noForm = 'has none of the forms that are allowed here'

const notThisForm = 100

/** How unlikely it makes it that the author of `value` meant this form of a union. */
function costOf(issue: Issue, value: unknown): number {
  const [field, ...deeper] = issue.path
  if (field === undefined) {
    if (issue.code === 'invalid_type') return notThisForm
    return issue.code === 'unrecognized_keys' ? 10 * issue.keys.length : 1
  }
  if (valueAt(value, [field]) === undefined) return 10
  return issue.code === 'invalid_value' && deeper.length === 0 ? 30 : 1
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    data,
  )
}

/** The names of the fields that an object at this place may have, in every form that it may take. */
function fieldsAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): Set<string> {
  const here = unwrap(schema)
  const [key, ...rest] = path
  if (key === undefined) {
    return new Set(here.flatMap((form) => (form instanceof z.core.$ZodObject ? Object.keys(form._zod.def.shape) : [])))
  }
  return new Set(here.flatMap((form) => childrenOf(form, key)).flatMap((child) => [...fieldsAt(child, rest)]))
}

function childrenOf(schema: z.core.$ZodType, key: PropertyKey): z.core.$ZodType[] {
  if (schema instanceof z.core.$ZodObject) {
    const child =
      typeof key === 'string' && Object.hasOwn(schema._zod.def.shape, key) ? schema._zod.def.shape[key] : undefined
    return child === undefined ? [] : [child]
  }
  if (schema instanceof z.core.$ZodArray) return [schema._zod.def.element]
  if (schema instanceof z.core.$ZodRecord) return [schema._zod.def.valueType]
  if (schema instanceof z.core.$ZodTuple) return [...schema._zod.def.items]
  return []
}

/** The forms behind what is optional, nullable, lazy, a default, a union and so on. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.core.$ZodUnion) return schema._zod.def.options.flatMap(unwrap)
  if (schema instanceof z.core.$ZodIntersection)
    return [...unwrap(schema._zod.def.left), ...unwrap(schema._zod.def.right)]
  if (schema instanceof z.core.$ZodPipe) return unwrap(schema._zod.def.in)
  if (schema instanceof z.core.$ZodLazy) return unwrap(schema._zod.innerType)
  if (
    schema instanceof z.core.$ZodOptional ||
    schema instanceof z.core.$ZodNullable ||
    schema instanceof z.core.$ZodDefault ||
    schema instanceof z.core.$ZodPrefault ||
    schema instanceof z.core.$ZodReadonly
  ) {
    return unwrap(schema._zod.def.innerType)
  }
  return [schema]
}

const kindNames: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: '`true` or `false`',
  object: 'an object',
  record: 'an object',
  array: 'a list',
  tuple: 'a list',
  null: '`null`',
}

/** The words for what zod finds; a schema's own message goes before. Never repeats a value, because it may be a patient's. */
function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return describeWrongType(issue)
    case 'too_small':
      return describeBound(
        issue.origin,
        Number(issue.minimum),
        issue.inclusive === false ? 'more than' : 'at least',
        issue.exact,
      )
    case 'too_big':
      return describeBound(
        issue.origin,
        Number(issue.maximum),
        issue.inclusive === false ? 'less than' : 'at most',
        issue.exact,
      )
    case 'invalid_value':
      if (issue.input === undefined) return 'is required'
      return describeChoice(issue.values.map(String), issue.input)
    case 'invalid_union':
      if (issue.input === undefined) return 'is required'
      if (Array.isArray(issue.options)) return describeChoice(issue.options.map(String), discriminatorOf(issue))
      return noForm
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`
    case 'invalid_format':
      return `must be ${formatNames[issue.format] ?? `a text of the form ${issue.pattern ?? issue.format}`}`
    default:
      return undefined
  }
}

const formatNames: Record<string, string> = {
  uuid: 'a UUID',
  url: 'a URL',
  email: 'an e-mail address',
}

function describeWrongType(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidType>): string {
  if (issue.input === undefined || (issue.input === null && (issue.path ?? []).length === 0)) return 'is required'
  return `must be ${kindNames[issue.expected] ?? issue.expected} and is ${kindOf(issue.input)}`
}

function kindOf(value: unknown): string {
  if (value === null) return '`null`'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'number' && !Number.isFinite(value)) return 'not a number that JSON can hold'
  if (typeof value === 'number' && !Number.isInteger(value)) return 'a number with a fraction'
  if (typeof value === 'boolean') return `\`${value}\``
  return kindNames[typeof value] ?? typeof value
}

function describeBound(origin: string, bound: number, comparison: string, exact: boolean | undefined): string {
  const amount = exact === true ? 'exactly' : comparison
  switch (origin) {
    case 'string':
      return bound === 1 && amount === 'at least'
        ? 'must not be empty'
        : `must have ${amount} ${count(bound, 'character')}`
    case 'array':
    case 'set':
    case 'tuple':
      return bound === 1 && amount === 'at least' ? 'must not be empty' : `must have ${amount} ${count(bound, 'item')}`
    case 'object':
    case 'record':
    case 'map':
      return `must have ${amount} ${count(bound, 'field')}`
    default:
      return `must be ${amount} ${bound}`
  }
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`
}

function describeChoice(values: readonly string[], given: unknown): string {
  const nearest = typeof given === 'string' ? findNearest(given, values, 1) : []
  const suggestion = nearest.length > 0 ? `: did you mean ${listWords(nearest)}?` : ''
  return `must be ${values.length > 1 ? 'one of ' : ''}${listWords(values)}${suggestion}`
}

function discriminatorOf(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidUnion>): unknown {
  const { input, discriminator } = issue as { input?: unknown; discriminator?: unknown }
  if (typeof input !== 'object' || input === null || typeof discriminator !== 'string') return undefined
  return Reflect.get(input, discriminator)
}
