import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { runCommand } from '../../src/commands/protocol/run.ts'
import { readLibrary } from '../../src/features/clinics/library.ts'
import { hashDocument } from '../../src/features/protocols/canonical.ts'
import { createTestFolder } from '../support/test-folder.ts'

// Protocols as code: the commands on files, without a server and without a database.

const root = resolve(import.meta.dirname, '../..')
const folder = await createTestFolder()

const knee = `format: 1
code: knee
title: Knee
procedures: [repair]
exercises:
  - { code: walking-outside, title: Walking outside, kind: exercise, attributes: { impact: 1, balance: 2 } }
sources:
  - { id: ward, title: The ward's own experience }
milestones:
  - { code: visit, title: Six-week visit, grantedBy: [surgeon] }
facts:
  - { code: pain, title: Pain now, type: number, min: 0, max: 10, ask: "How bad is it?" }
phases:
  - { code: early, title: Early, entry: { days: { atLeast: 0 } } }
  - { code: late, title: Late, entry: { milestone: visit } }
prescriptions:
  - exercise: walking-outside
    from: late
    when: { fact: pain, atMost: 3 }
    sources: [ward]
  - { exercise: walking, from: early, through: late }
cases:
  - code: before-the-visit
    record: [{ fact: pain, is: 2, on: 41 }]
    on: 41
    expect: { phase: early, withheld: [walking-outside], permitted: [walking] }
  - code: after-the-visit
    title: The visit opens the way
    record: [{ milestone: visit, on: 42 }, { fact: pain, is: 2, on: 42 }]
    on: 42
    expect: { permitted: [walking-outside] }
`

function write(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

function run(...args: string[]) {
  const { text, complaint = '', code } = runCommand(args)
  return { text: text.replaceAll(`${folder}/`, ''), complaint: complaint.replaceAll(`${folder}/`, ''), code }
}

const file = write('knee.yaml', knee)

describe('rehab-protocol', () => {
  test('check: warnings with line and column, and a failure only if one asks for it', () => {
    const checked = run('check', file)
    expect(checked).toEqual({
      code: 0,
      complaint: '',
      text: [
        'knee.yaml:21:5: warning: The prescription `walking` names no source: cite where it comes from in its `sources`, or accept that it has none. [no-source:prescriptions/walking]',
        'knee.yaml: The check has found one warning to correct or to accept with a reason.\n',
      ].join('\n'),
    })
    expect(run('check', file, '--strict').code).toBe(1)
    const [answer] = JSON.parse(run('check', file, '--json').text)
    expect(answer).toMatchObject({
      publishable: true,
      findings: [{ name: 'no-source:prescriptions/walking', line: 21, column: 5 }],
    })
  })

  test('check: every mistake of every file, and 1; a file that is not there, and 2', () => {
    const wrong = write(
      'wrong.yaml',
      knee
        .replace('from: late\n', 'from: latte\n    frm: 1\n')
        .replace('{ milestone: visit }', '{ milestone: visitt }')
        .replace('exercise: walking,', 'exercise: wallking,')
        .replace('procedures: [repair]', 'procedures: [7, repair]'),
    )
    const broken = write('broken.yaml', 'format: 1\ncode: [a\ntitle: b\n')
    const json = write('wrong.json', '{\n  "format": 1,\n  "code": "Knee"\n}')
    expect(run('check', wrong, broken, json, file, join(folder, 'none.yaml'))).toMatchObject({
      code: 2,
      complaint: expect.stringContaining('none.yaml: error: cannot be read: ENOENT'),
    })
    const { text, code } = run('check', wrong, broken, json)
    expect(code).toBe(1)
    expect(text.split('\n').map((line) => line.slice(0, 75))).toEqual([
      'wrong.yaml:4:14: error: `procedures.0` must be a text and is a number',
      'wrong.yaml:19:5: error: `prescriptions.0.frm` is not a field here: did you ',
      'wrong.yaml:15:32: error: `phases.1.entry` names the milestone `visitt`, whi',
      'wrong.yaml:18:5: error: `prescriptions.0.from` names the phase `latte`, whi',
      'wrong.yaml:22:7: error: `prescriptions.1.exercise` names the exercise `wall',
      'broken.yaml:3:1: error: Flow sequence in block collection must be sufficien',
      'wrong.json:3:3: error: `code` must be lower-case words joined by hyphens, l',
      'wrong.json:1:1: error: `title` is required',
      'wrong.json:1:1: error: `procedures` is required',
      '',
    ])
    const unknown = write('unknown.yaml', knee.replace('exercise: walking,', 'exercise: wallking,'))
    expect(run('check', unknown).text).toContain(
      'unknown.yaml:21:7: error: `prescriptions.1.exercise` names the exercise `wallking`',
    )
    const known = write(
      'catalogue.yaml',
      'exercises: [{ code: wallking, title: Wall, kind: exercise, attributes: {} }]\n',
    )
    expect(run('hash', unknown, '--catalogue', known).code).toBe(0)
    for (const command of ['check', 'test', 'table', 'hash']) {
      expect(run(command, unknown, '--catalogue', file)).toMatchObject({
        code: 2,
        complaint: expect.stringContaining('knee.yaml:1:1: error: `format` is not a field here'),
      })
    }
  })

  test('test: what fails, where, and why', () => {
    expect(run('test', file)).toMatchObject({
      code: 0,
      text: 'knee.yaml:23:5: ok: before-the-visit\nknee.yaml:27:5: ok: after-the-visit (The visit opens the way)\nknee.yaml: 2 test cases, all as expected\n',
    })
    const failing = write('failing.yaml', knee.replace('visit, on: 42', 'visit, on: 42, revoked: 42'))
    expect(run('test', failing)).toMatchObject({
      code: 1,
      text: expect.stringContaining(
        'failing.yaml:27:5: FAILED: after-the-visit (The visit opens the way)\n    “Walking outside” should be permitted and is withheld: It begins with the phase “Late”, which needs “Six-week visit” (granted by surgeon) on record.\nfailing.yaml: 1 of 2 test cases failed\n',
      ),
    })
    expect(run('check', failing).text).toContain(
      'failing.yaml:27:5: error: The test case `after-the-visit` fails on day 42',
    )
    expect(run('check', failing).code).toBe(1)
  })

  test('derive and timeline: the answer of a day and the whole course, with a record of dates or days', () => {
    const record = write('record.yaml', '- { milestone: visit, on: 2026-11-12 }\n- { fact: pain, is: 3, on: 42 }\n')
    const asked = ['--surgery', '2026-10-01', '--record', record]
    const answer = run('derive', file, ...asked, '--on', '2026-11-12')
    expect(answer.code).toBe(0)
    expect(answer.text).toContain('12 November 2026, day 42 after the surgery of 1 October 2026 (active)\nKnee: Late\n')
    expect(answer.text).toContain('\nPermitted\n  Walking (walking): ')
    const { permitted } = JSON.parse(run('derive', file, ...asked, '--on', '42', '--json').text)
    expect(permitted.map(({ exercise }: { exercise: string }) => exercise)).toEqual(['walking', 'walking-outside'])
    expect(run('timeline', file, ...asked, '--on', '0').text).toContain(
      '12 November 2026, day 42 (to come)\n  “Knee” is now in the phase “Late”.\n',
    )

    const mistaken = write(
      'mistaken.yaml',
      'record:\n  - { fact: pain, is: 11, on: 42 }\n  - { milestone: visitt, on: 1 }\n',
    )
    expect(run('derive', file, '--surgery', '2026-10-01', '--on', '3', '--record', mistaken)).toMatchObject({
      code: 2,
      complaint: expect.stringMatching(
        /mistaken.yaml:2:19: error: is no value.*\nmistaken.yaml:3:7: error: names the milestone/,
      ),
    })
  })

  test('table: when each exercise is permitted', () => {
    expect(run('table', file, '--exercise', 'walking-outside').text).toBe(
      'Knee: when each exercise can be permitted\n\nWalking outside (walking-outside)\n    from day 0 on, once “Six-week visit” (granted by surgeon) is on record and “Pain now” is at most 3\n',
    )
  })

  test('diff: what a patient is told otherwise, with the lines where it was changed', () => {
    const stricter = write(
      'stricter.yaml',
      knee
        .replace('atMost: 3', 'atMost: 2')
        .replace('title: Knee', 'title: Knee, *stricter*')
        .replace(/^cases:[\s\S]*/m, ''),
    )
    const { text, code, complaint } = run('diff', file, stricter)
    expect([code, complaint]).toEqual([1, ''])
    expect(text).toBe(
      [
        'Knee, *stricter*: from knee.yaml to stricter.yaml',
        'There is one stricter difference.',
        'Days are counted from the surgery, which is day 0.',
        '',
        'Stricter',
        '  “Walking outside” is permitted in fewer cases: no longer from day 0 on, once “Six-week visit” is on record and “Pain now” is above 2 and at most 3.',
        '',
        'Where the document was changed',
        '  stricter.yaml:3:1: title: changed',
        '  stricter.yaml:19:5: prescriptions/walking-outside/when: changed',
        '  knee.yaml:22:1: cases: removed',
        '',
      ].join('\n'),
    )
    expect(run('diff', '--markdown', file, stricter).text).toMatch(
      /^# Knee, \\\*stricter\\\*: from knee.yaml to stricter.yaml\n[\s\S]*\n## Stricter\n\n- “Walking outside”/,
    )
    const answer = JSON.parse(run('diff', '--json', file, stricter).text)
    expect(answer).toMatchObject({
      from: { file: 'knee.yaml', title: 'Knee', contentHash: expect.stringMatching(/^[0-9a-f]{64}$/) },
      to: { file: 'stricter.yaml' },
      isSame: false,
      differences: [{ kind: 'exercise', change: 'lost', direction: 'stricter' }],
    })
    expect(answer.textChanges.at(-1)).toMatchObject({ name: 'cases', before: { line: 22, column: 1 }, after: null })

    const reworded = write('reworded.yaml', knee.replace('title: Knee', 'title: The knee'))
    expect(run('diff', file, reworded)).toMatchObject({
      code: 0,
      text: expect.stringContaining('only text differs.'),
    })
    const [alif, plif] = ['alif', 'plif'].map((name) => resolve(root, `prisma/library/${name}.yaml`))
    expect(run('diff', alif as string, plif as string).text).toContain('The protocol is now for the procedure plif.')
    expect(run('diff', file, file)).toMatchObject({ code: 0, text: expect.stringContaining('are the same') })
    const wrong = write('unequal.yaml', knee.replace('from: late', 'from: latte'))
    expect(run('diff', wrong, join(folder, 'none.yaml'))).toMatchObject({
      code: 2,
      text: '',
      complaint: expect.stringMatching(/^unequal.yaml:18:5: error: `prescriptions.0.from`.*\nnone.yaml: error: cannot/),
    })
  })

  test('hash and format: the canonical form, which a clinic exports', () => {
    const hash = run('hash', file).text
    expect(hash).toMatch(/^[0-9a-f]{64} {2}knee.yaml\n$/)
    const formatted = write('formatted.yaml', run('format', file).text)
    expect(run('hash', formatted).text.split(' ')[0]).toBe(hash.split(' ')[0])
    expect([run('format', '--check', file).code, run('format', '--check', formatted).code]).toEqual([1, 0])
    expect(run('format', '--write', file)).toMatchObject({ code: 0, text: 'knee.yaml: formatted\n' })
    expect(readFileSync(file, 'utf8')).toBe(readFileSync(formatted, 'utf8'))
    const commented = write('commented.yaml', `# Why\n${knee}`)
    expect(run('format', '--write', commented)).toMatchObject({
      code: 1,
      text: expect.stringContaining('has comments'),
    })
    expect(readFileSync(commented, 'utf8')).toBe(`# Why\n${knee}`)
    for (const { document } of readLibrary().protocols.slice(0, 1)) {
      expect(run('hash', resolve(root, 'prisma/library/acdf.yaml')).text).toContain(hashDocument(document))
    }
  })

  test('says how it is used', () => {
    expect(run('--help')).toMatchObject({
      code: 0,
      text: expect.stringContaining('usage: rehab-protocol COMMAND FILE'),
    })
    for (const [, name] of run('--help').text.matchAll(/^ {2}(\w+) {2}/gm)) {
      expect(run(name ?? '', '--help')).toMatchObject({
        code: 0,
        text: expect.stringMatching(`usage: rehab-protocol ${name} (FILE|OLD NEW|BASE OURS THEIRS|--server)`),
      })
    }
    expect(run()).toMatchObject({ code: 2, complaint: expect.stringContaining('usage: ') })
    for (const [args, says] of [
      [['chek', file], 'there is no command `chek`'],
      [['help', 'chek'], 'there is no command `chek`'],
      [['check'], '`check` needs a file'],
      [['table', file, file], '`table` takes one file'],
      [['diff', file], '`diff` takes two files: diff OLD NEW'],
      [['diff', '-', '-'], 'only one file can be the standard input'],
      [['hash', file, '--strict'], '`hash` has no option --strict'],
      [['--json', 'caseload'], '`caseload` is the first argument'],
      [['derive', file], '--surgery is required'],
      [['derive', file, '--surgery', '2026-02-30', '--on', '1'], '--surgery is not a date'],
      [['derive', file, file, '--surgery', '2026-02-03', '--on', '1'], 'two files have the code `knee`'],
    ] as const) {
      expect(() => runCommand(args)).toThrow(says)
    }
  })
})

/** Runs the package's program as a process of its own. */
function start(program: string, ...args: string[]) {
  const { NODE_OPTIONS: _, ...env } = process.env
  return spawnSync(process.execPath, [program, ...args], { cwd: folder, env, encoding: 'utf8' })
}

test('runs as a program, from the checkout', () => {
  const program = join(root, 'bin/rehab-protocol.js')
  expect(start(program, 'test', 'failing.yaml')).toMatchObject({ status: 1, stderr: '' })
  expect(start(program, 'chek')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining('there is no command'),
  })
})

test('runs as an installed package, in which Node strips no types by itself', () => {
  const modules = join(folder, 'node_modules')
  const installed = join(modules, 'rehab-protocols')
  const packed = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' })
  const [{ files }] = JSON.parse(packed.stdout)
  for (const { path } of files) {
    mkdirSync(dirname(join(installed, path)), { recursive: true })
    writeFileSync(join(installed, path), readFileSync(join(root, path)))
  }
  for (const name of ['zod', 'yaml', 'fastest-levenshtein'])
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  expect(start(join(installed, 'bin/rehab-protocol.js'), 'hash', 'formatted.yaml')).toMatchObject({
    status: 0,
    stderr: '',
    stdout: run('hash', join(folder, 'formatted.yaml')).text,
  })
})
