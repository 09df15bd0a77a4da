import type { Chance } from './chance.ts'
import type { Model } from './model.ts'
import { encode, type Plan, targetOf } from './requests.ts'
import type { Sent } from './wire.ts'

type Loose = Record<string, unknown>

export function toSent(plan: Plan): Sent {
  const body = encode(plan)
  return {
    method: plan.operation.method,
    target: targetOf(plan),
    headers: { ...plan.headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) },
    ...(body !== undefined && { body }),
  }
}

function withBody(plan: Plan, body: string | Buffer): Sent {
  const headers = {
    'content-type': 'application/json',
    ...plan.headers,
    'content-length': String(Buffer.byteLength(body)),
  }
  return { method: plan.operation.method, target: targetOf(plan), headers, body }
}

const injected = [
  ...["'; DROP TABLE patient; --", '" OR ""="', '1; SELECT sleep(5)', "\\'; --", '%27', '$1', '{{7*7}}'],
  ...['<script>alert(1)</script>', '%s%n%x', '../../../etc/passwd', 'file:///etc/passwd', 'http://169.254.169.254/'],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'null', 'true', '-0'],
  ...[
    '\u0000',
    'a\u0000b',
    '\ud800',
    'x\udfff',
    '\ufeffbom',
    '\u202eevil',
    '\u0085',
    '\u2028',
    'e\u0301',
    'ﬀ',
    '\u{10ffff}',
  ],
  ...['', ' ', '\t', '\n', '  padded  ', 'x'.repeat(201), 'x'.repeat(5001), 'x'.repeat(100_000), '💪'.repeat(101)],
]

const dates = [
  ...['0000-01-01', '0001-01-01', '1582-10-10', '1899-12-31', '1900-01-01', '1900-02-29', '2000-02-29', '2026-02-29'],
  ...[
    '2026-02-30',
    '2026-13-01',
    '2026-00-10',
    '2026-10-00',
    '2200-12-31',
    '2201-01-01',
    '9999-12-31',
    '+010000-01-01',
  ],
  ...['-000001-01-01', '2026-1-1', '20261001', '2026-10-01T00:00:00Z', '2026-W01', '２０２６-10-01', ' 2026-10-01'],
]

const moments = [
  ...['2026-11-20T09:30:00Z', '1900-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999Z', '0000-01-01T00:00:00Z'],
  ...[
    '2026-11-20T24:00:00Z',
    '2026-11-20T23:59:60Z',
    '2026-11-20T09:30:00',
    '2026-11-20T09:30:00+25:00',
    '-271821-04-20T00:00:00Z',
  ],
  ...['2026-11-20T09:30:00-00:00', '2026-03-08T02:30:00-05:00', '2026-11-20 09:30:00Z', '0001-01-01T00:00:00+23:59'],
]

const numbers = [
  ...[0, -0, -1, 1, 0.1, 1.5, -1.5, 2 ** 31 - 1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 53, 2 ** 53 + 2, 2 ** 63, 1e21],
  ...[1e300, -1e300, Number.MIN_VALUE, Number.MAX_VALUE, 99999, 36500, 36501, -36501, 1e9, 999_999_999],
]

const kinds: unknown[] = [
  null,
  true,
  false,
  0,
  '',
  'x',
  [],
  {},
  [[]],
  [null],
  { a: 1 },
  { $ref: '#' },
  '2026-10-01',
  1.5,
]

interface Place {
  holder: Loose | unknown[]
  key: string | number
}

function placesOf(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null || found.length > 400) return found
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
    found.push({ holder: value as Loose, key })
    placesOf((value as Loose)[key], found)
  }
  return found
}

/** The request with one thing in it wrong, or on the edge of it. */
export function spoilSlightly(plan: Plan, model: Model, chance: Chance): Sent {
  const made = structuredClone({ ...plan, operation: null }) as unknown as Plan
  made.operation = plan.operation
  const parts = ['address', 'query', 'headers']
  if (plan.body !== undefined) parts.push('body', 'body', 'body', 'body', 'body', 'text')
  else parts.push('body-none')
  switch (chance.pick(parts)) {
    case 'address':
      return spoilAddress(made, model, chance)
    case 'query':
      return spoilQuery(made, model, chance)
    case 'headers':
      return spoilHeaders(made, chance)
    case 'text':
      return spoilText(made, chance)
    case 'body-none':
      return chance.percent(50)
        ? withBody(made, chance.pick(['', '{}', 'null', '[]', '{"reason":"x"}', '{', '"x"']))
        : spoilQuery(made, model, chance)
  }
  spoilBody(made, model, chance)
  return toSent(made)
}

function spoilBody(plan: Plan, model: Model, chance: Chance): void {
  if (typeof plan.body !== 'object' || plan.body === null) {
    plan.body = chance.pick(kinds)
    return
  }
  const places = placesOf(plan.body)
  if (places.length === 0 || chance.percent(6)) {
    ;(plan.body as Loose)[chance.pick(['extra', 'code', 'id', 'clinicId', 'constructor', 'toString', ''])] =
      chance.pick(kinds)
    return
  }
  const { holder, key } = chance.pick(places)
  const at = holder as Loose
  const value = at[key]
  const kind = chance.evenly(8)
  if (kind === 0) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1)
    else delete at[key]
  } else if (kind === 1) at[key] = chance.pick(kinds)
  else if (kind === 2) at[key] = null
  else if (Array.isArray(value))
    at[key] = chance.pick<unknown>([
      [],
      [...value, ...value],
      Array.from({ length: 1001 }, () => value[0]),
      [...value, null],
      value.toReversed(),
    ])
  else if (typeof value === 'number')
    at[key] = chance.pick([value + 1, value - 1, -value, value + 0.5, String(value), ...numbers])
  else if (typeof value === 'string') at[key] = spoiltText(value, model, chance)
  else if (typeof value === 'boolean') at[key] = chance.pick<unknown>([!value, String(value), 0])
  else at[key] = chance.pick<unknown>([{ ...(value as Loose), extra: 1 }, [value], {}])
}

function spoiltText(value: string, model: Model, chance: Chance): string {
  if (/^\d{4}-\d{2}-\d{2}$/.test(value)) return chance.pick([...dates, ...dates, ...injected])
  if (/^\d{4}-\d{2}-\d{2}T/.test(value)) return chance.pick([...moments, ...moments, ...dates])
  return chance.pick([
    ...[
      `${value}x`,
      value.slice(0, -1),
      value.toUpperCase(),
      ` ${value} `,
      `${value}\n`,
      value.repeat(40).slice(0, 201),
    ],
    ...[
      'x'.repeat(80),
      'x'.repeat(81),
      'x'.repeat(200),
      'x'.repeat(1000),
      'x'.repeat(2000),
      'x'.repeat(2001),
      '💪'.repeat(100),
    ],
    ...[
      chance.pick(injected),
      chance.pick(injected),
      chance.pick(model.codes('/v1/exercises/{code}').concat('walking')),
    ],
  ])
}

function spoilAddress(plan: Plan, model: Model, chance: Chance): Sent {
  const segments = plan.address.split('/')
  const index = chance.between(2, segments.length - 1)
  const old = segments[index] ?? ''
  segments[index] = chance.pick([
    ...[
      `${old}x`,
      old.slice(0, -1),
      old.toUpperCase(),
      '01a1f000-0000-7000-8000-00000000dead',
      'acdf',
      '0',
      '1',
      '99999',
      '1e3',
    ],
    ...[
      '%00',
      '%',
      '%zz',
      '%ff',
      '%c0%ae',
      '%2e%2e',
      '..',
      '.',
      '%2f',
      old.replaceAll('-', '%2D'),
      'x'.repeat(200),
      'x'.repeat(201),
    ],
    ...[
      'x'.repeat(9000),
      '*',
      ':id',
      '{code}',
      '%F0%9F%92%AA',
      '%27%20OR%201=1',
      'a%0d%0aX:1',
      ';a=b',
      '%5c',
      '__proto__',
      'constructor',
    ],
    ...[
      `${old}%20`,
      '',
      'draft',
      'adopted',
      '0x1',
      '01',
      '-1',
      '2147483648',
      '9'.repeat(19),
      '4294967297',
      '00000000-0000-0000-0000-000000000000',
    ],
    ...model.codes('/v1/patients/{id}').slice(-1),
    ...model.codes('/v1/episodes/{id}').slice(-1),
  ])
  return { ...toSent(plan), target: targetOf({ address: segments.join('/'), query: plan.query }) }
}

function spoilQuery(plan: Plan, model: Model, chance: Chance): Sent {
  const names = plan.operation.parameters.flatMap((one) => (one.in === 'query' ? [one.name] : []))
  const name = chance.pick([
    ...names,
    ...names,
    'unknown',
    'Limit',
    'limit',
    'cursor',
    'format',
    '__proto__',
    'toString',
    'limit[]',
    '',
  ])
  const value = chance.pick([
    ...[
      '0',
      '1',
      '-1',
      '201',
      '200',
      '1e2',
      '1.0',
      '+5',
      ' 5',
      '5 ',
      '０',
      '',
      '999999999',
      '1000000000',
      '9'.repeat(30),
      'true',
      'null',
    ],
    ...[
      chance.pick(dates),
      chance.pick(moments),
      chance.pick(injected),
      chance.pick(injected),
      'yaml',
      'JSON',
      'walking',
    ],
    ...(model.cursors.length > 0
      ? [chance.pick(model.cursors), `${chance.pick(model.cursors)}A`, spoiltCursor(chance.pick(model.cursors), chance)]
      : []),
  ])
  const target = targetOf({ address: plan.address, query: plan.query })
  const joiner = target.includes('?') ? '&' : '?'
  const coded = `${encodeURIComponent(name)}=${encodeURIComponent(value.toWellFormed()).slice(0, 6000)}`
  const added = chance.pick([
    coded,
    coded,
    coded,
    coded,
    `${coded}&${coded}`,
    encodeURIComponent(name),
    `${name}=%zz`,
    `${name}=%ff`,
    `&&=&${coded}`,
    `${coded}#frag`,
    `${coded}?x=1`,
  ])
  return { ...toSent(plan), target: `${target}${joiner}${added}` }
}

/** A cursor with other values in it, as somebody writes who has read one. */
function spoiltCursor(cursor: string, chance: Chance): string {
  try {
    const key = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[]
    const index = chance.evenly(key.length)
    key[index] = chance.pick<unknown>([...kinds, ...numbers, ...injected.slice(0, 40), ...moments, ...dates])
    return Buffer.from(JSON.stringify(key)).toString('base64url').slice(0, 2000)
  } catch {
    return `${cursor}=`
  }
}

function spoilHeaders(plan: Plan, chance: Chance): Sent {
  const sent = toSent(plan)
  const { headers } = sent
  const tags = [
    '',
    '"0"',
    '"1"',
    '"999999"',
    'W/"1"',
    '1',
    '"1',
    '*, "1"',
    '"1", "2", "3"',
    '"é"',
    '"-1"',
    '"1e9"',
    `"${'9'.repeat(400)}"`,
    '"a b"',
    'x'.repeat(1001),
    ', ,',
  ]
  switch (chance.evenly(7)) {
    case 0:
      delete headers['if-match']
      break
    case 1:
      headers['if-match'] = Buffer.from(chance.pick(tags)).toString('latin1')
      break
    case 2: {
      const type = chance.pick([
        'text/plain',
        'application/xml',
        'application/json; charset=utf-16',
        'APPLICATION/JSON',
        'application/json;',
        'json',
        ';',
        'application/merge-patch+json',
        'application/yaml',
        'application/json, text/plain',
        'multipart/form-data; boundary=x',
        'application/x-www-form-urlencoded',
        'application/json; charset="utf-8"',
        'application/problem+json',
      ])
      headers['content-type'] = type
      break
    }
    case 3:
      delete headers['content-type']
      break
    case 4:
      headers['content-encoding'] = chance.pick(['gzip', 'identity', 'br', 'x', 'deflate, gzip', ''])
      break
    case 5:
      headers.accept = chance.pick([
        'text/html',
        'application/xml;q=1',
        '*/*;q=0',
        'application/yaml',
        'text/markdown',
        'application/x-ndjson',
        'q=,;;',
        '',
        'application/json;q=abc',
        'a'.repeat(5000),
        'application/problem+json;q=0.1',
        'text/markdown;q=1e9, application/json;q=-1',
      ])
      break
    case 6:
      Object.assign(
        headers,
        chance.pick<Record<string, string | string[]>>([
          { 'x-request-id': 'own-id-1' },
          { 'x-request-id': 'bad id <>' },
          { 'x-request-id': 'x'.repeat(65) },
          { 'x-forwarded-for': '10.0.0.1, evil' },
          { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'javascript' },
          { 'x-http-method-override': 'DELETE' },
          { origin: 'https://evil.example', 'access-control-request-method': 'PUT' },
          { 'if-none-match': '*' },
          { 'if-none-match': 'x,,"' },
          { 'if-modified-since': 'yesterday' },
          { range: 'bytes=0-1' },
          { expect: '100-continue' },
          { cookie: 'a=b; __proto__=c' },
          { 'accept-encoding': 'gzip, br', 'accept-language': 'tlh' },
          { te: 'trailers' },
          { 'idempotency-key': 'same-key-for-all' },
          { 'idempotency-key': 'x'.repeat(300) },
          { 'content-length': String(headers['content-length'] ?? '0') },
        ]),
      )
      break
  }
  return sent
}

function spoilText(plan: Plan, chance: Chance): Sent {
  const whole = encode(plan)
  const text = typeof whole === 'string' ? whole : ''
  const cut = chance.between(0, text.length)
  const made = chance.pick([
    ...[
      text.slice(0, cut),
      `${text}x`,
      `${text.slice(0, cut)}\u0000${text.slice(cut)}`,
      text.replace('{', '{"__proto__":{"a":1},'),
      `\ufeff${text}`,
    ],
    ...[
      text.replace('{', '{"code":"a","code":"b",'),
      text.replaceAll('"', "'"),
      text.replace(/}$/, ',}'),
      text.replaceAll(':', '='),
      '',
      ' ',
      'null',
    ],
    ...[
      text.replace(/"([a-z ]+)"(?=[,}])/i, '"\\ud800"'),
      text.replace(/"([a-z ]+)"(?=[,}])/i, '"a\\u0000b"'),
      text.replace(/: ?\d+/, ':1e400'),
      text.replace(/: ?\d+/, ':-0'),
      text.replace(/: ?\d+/, `:${'9'.repeat(400)}`),
      text.replace(/: ?\d+/, ':0x10'),
      text.replace(/: ?\d+/, ':01'),
    ],
    ...[text.replace(/": ?"[^"]*"/, '": "\\u202e\\ud83d"'), text.replace('{', '{"constructor":{"prototype":{"x":1}},')],
  ])
  return withBody(plan, made)
}

const yamls = [
  'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n',
  ...[
    'a: &a\n  b: *a\n',
    '--- a\n--- b\n',
    '!!js/function "x"',
    '!!binary aGk=',
    '<<: {a: 1}\n',
    'a: 1\na: 2\n',
    '\tformat: 1',
    '? [a]\n: b',
    '&x *x',
    '%YAML 9.9\n---\n',
  ],
  ...[
    'format: 1\ncode: !!str z\ntitle: 2026-10-01\n',
    'format: 0x1\n',
    'format: .inf\n',
    '[',
    '- '.repeat(5000),
    '{'.repeat(3000),
    'a:\n'.repeat(3),
    '"\\ud800"',
    '*unknown',
    '__proto__: {a: 1}',
    `${' '.repeat(10)}x: |\n y`,
  ],
  ...[
    '- '.repeat(100_000),
    '['.repeat(100_000),
    `? ${'? '.repeat(2000)}`,
    `a: ${'"'.repeat(20_000)}`,
    `${'a: {'.repeat(500)}`,
    `format: 1\nprocedures: [${'acdf, '.repeat(20_000)}]`,
    `x: ${'!!str '.repeat(3000)}`,
  ],
]

/** What somebody sends who wants to see what happens. */
export function attack(plan: Plan, chance: Chance): Sent {
  const { operation } = plan
  const yaml = operation.bodies.has('application/yaml')
  const choice = chance.evenly(12)
  if (plan.body !== undefined && choice < 5) {
    if (yaml && chance.percent(40))
      return withBody({ ...plan, headers: { ...plan.headers, 'content-type': 'application/yaml' } }, chance.pick(yamls))
    const deep = chance.pick([50, 99, 101, 1000, 20_000])
    return withBody(
      plan,
      chance.pick<string | Buffer>([
        '['.repeat(deep) + ']'.repeat(deep),
        `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`,
        `{"all":[${'{"not":'.repeat(deep)}1${'}'.repeat(deep)}]}`,
        JSON.stringify({ ...(plan.body as object), when: nest(60) }),
        Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
        Buffer.from([0xed, 0xa0, 0x80]),
        Buffer.from('{"a":1}', 'utf16le'),
        Buffer.alloc(1024 * 1024 + 1, 0x20),
        `{"code":"${'a'.repeat(900_000)}"}`,
        `{${Array.from({ length: 20_000 }, (_, index) => `"k${index}":1`).join(',')}}`,
        `[${'0,'.repeat(100_000)}0]`,
        `{"reason":"${'\\ud83d'.repeat(500)}"}`,
        `{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"x":1}}}`,
        `{"a":${'9'.repeat(10_000)}}`,
        `{"a":1e${'9'.repeat(400)}}`,
        '\u0000',
        ' '.repeat(100_000),
        '"',
        'grant_type=a&grant_type=b',
        `grant_type=${'%'.repeat(50)}&=&&`,
        Array.from({ length: 60 }, (_, index) => `a${index}=1`).join('&'),
      ]),
    )
  }
  if (plan.body !== undefined && choice < 8) {
    const made = structuredClone({ ...plan, operation: null }) as unknown as Plan
    const places = placesOf(made.body)
    for (let times = chance.between(1, 5); times > 0 && places.length > 0; times -= 1) {
      const { holder, key } = chance.pick(places)
      ;(holder as Loose)[key] = chance.pick<unknown>([...injected, ...dates, ...numbers, ...kinds])
    }
    return toSent({ ...made, operation })
  }
  if (choice < 10) return bytes(plan, chance)
  const method = chance.pick([
    'PATCH',
    'PUT',
    'DELETE',
    'POST',
    'GET',
    'HEAD',
    'OPTIONS',
    'TRACE',
    'PROPFIND',
    'QUERY',
    'SEARCH',
    'PURGE',
  ])
  const sent = toSent(plan)
  if (choice === 10) return { ...sent, method }
  const strange = chance.pick([
    '/',
    '//',
    '/v1',
    '/v1/',
    '/v1//patients',
    '/V1/patients',
    '/openapi.json',
    '/openapi.yaml',
    '/docs',
    '/docs/',
    '/docs/static/../../package.json',
    '/docs/static/%2e%2e/%2e%2e/package.json',
    '/docs/static/index.css',
    '/docs/json',
    '/docs/yaml',
    '/protocol-document.schema.json',
    '/metrics',
    '/.env',
    '/v1/patients/',
    '/v1/patients?',
    '/%',
    '/%00',
    `/${'a'.repeat(20_000)}`,
    '/v1/../livez',
    '/v1/patients/%2e%2e/clinic',
    '/problems/',
    '/problems/__proto__',
    '/problems/constructor',
    '/docs/static/swagger-ui.css',
    '/favicon.ico',
    '*',
    '/v1/episodes;x=1',
    '/v1\\patients',
    '/?x=%',
    '/livez?x=1',
    '/readyz/',
  ])
  return { method: chance.pick(['GET', 'GET', 'GET', method]), target: strange, headers: { ...plan.headers } }
}

function nest(depth: number): unknown {
  let condition: unknown = { days: { atLeast: 1 } }
  for (let level = 0; level < depth; level += 1) condition = level % 2 === 0 ? { not: condition } : { all: [condition] }
  return condition
}

/** Bytes that no HTTP library writes. */
function bytes(plan: Plan, chance: Chance): Sent {
  const { method } = plan.operation
  const encoded = encode(plan)
  const body = typeof encoded === 'string' ? encoded : ''
  const auth = plan.headers.authorization === undefined ? '' : `Authorization: ${plan.headers.authorization}\r\n`
  const type = plan.headers['content-type'] === undefined ? '' : `Content-Type: ${plan.headers['content-type']}\r\n`
  const length = Buffer.byteLength(body)
  const start = `${method} ${targetOf(plan)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${auth}${type}`
  const raw = chance.pick([
    `${start}Content-Length: ${length}\r\nContent-Length: ${length + 1}\r\n\r\n${body}`,
    `${start}Content-Length: ${length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${start}Transfer-Encoding: chunked\r\n\r\nzz\r\n${body}\r\n0\r\n\r\n`,
    `${start}Transfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    `${start}Transfer-Encoding: xchunked\r\n\r\n${body}`,
    `${start}Content-Length: ${length + 50}\r\n\r\n${body}`,
    `${start}Content-Length: -1\r\n\r\n${body}`,
    `${start}Content-Length: 99999999999\r\n\r\n${body}`,
    `${start}Content-Length: 0x10\r\n\r\n${body}`,
    `${start}X: ${'a'.repeat(20_000)}\r\n\r\n`,
    `${start}${Array.from({ length: 1500 }, (_, index) => `X${index}: 1`).join('\r\n')}\r\n\r\n`,
    `${start}X\u0000: 1\r\n\r\n`,
    `${start}X: a\u0000b\r\n\r\n`,
    `${start}X : 1\r\n\r\n`,
    `${start}X: 1\r\n folded\r\n\r\n`,
    `${start}If-Match: "1"\r\nIf-Match: "2"\r\nContent-Length: ${length}\r\n\r\n${body}`,
    `${start}Authorization: Bearer other\r\n\r\n`,
    `${start}Content-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n${body}`,
    `${start}Expect: 100-continue\r\nContent-Length: ${length}\r\n\r\n${body}`,
    `${start}Expect: nonsense\r\nContent-Length: ${length}\r\n\r\n${body}`,
    `${start}Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 0\r\n\r\n`,
    `${start}X: \xff\xfe\r\nContent-Length: 0\r\n\r\n`,
    `${method} ${targetOf(plan)} HTTP/1.0\r\n${auth}\r\n`,
    `${method} ${targetOf(plan)} HTTP/2.0\r\n\r\n`,
    `${method} ${targetOf(plan)} HTTP/1.1\r\n${auth}\r\n`,
    `${method} ${targetOf(plan)} HTTP/1.1\r\nHost: a\r\nHost: b\r\n${auth}Connection: close\r\n\r\n`,
    `${method} http://evil.example${targetOf(plan)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${auth}\r\n`,
    `${method} ${targetOf(plan)}\u0001 HTTP/1.1\r\nHost: x\r\n\r\n`,
    `${method} ${targetOf(plan)}é"<>|{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${auth}\r\n`,
    `${method.toLowerCase()} ${targetOf(plan)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n`,
    `OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    `${start}\r\n${start}\r\n`,
    'GET\r\n\r\n',
    '\r\n\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ])
  return { method, target: targetOf(plan), headers: plan.headers, raw: Buffer.from(raw, 'latin1') }
}
