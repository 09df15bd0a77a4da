import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { runCommand } from '../../src/commands/protocol/run.ts'
import { everyFeatureYaml } from '../features/library-clinic.ts'
import { createTestFolder } from '../support/test-folder.ts'

const folder = await createTestFolder()
const uncommented = everyFeatureYaml.replaceAll(/^ *#.*\n/gm, '')

function write(name: string, ...changes: [from: string, to: string][]): string {
  const file = join(folder, name)
  writeFileSync(
    file,
    changes.reduce((text, [from, to]) => {
      expect(text).toContain(from)
      return text.replace(from, to)
    }, uncommented),
  )
  return file
}

const base = write('base.yaml')
const file = write('ours.yaml', ['title: Left the hospital', 'title: Went home'])
const theirs = write('theirs.yaml', ['Rest between two walks.', 'Rest after a walk.'])
const other = write('other.yaml', ['title: Left the hospital', 'title: Discharged'])

function run(...args: string[]) {
  const { text, complaint = '', code } = runCommand(args)
  return { text, complaint: complaint.replaceAll(`${folder}/`, ''), code }
}

test('merge: prints what both have changed, or writes it', () => {
  const merged = run('merge', base, file, theirs)
  expect([merged.code, merged.complaint]).toEqual([0, ''])
  expect(merged.text).toContain('title: Went home')
  expect(merged.text).toContain('Rest after a walk.')
  expect(JSON.parse(run('merge', base, file, theirs, '--json').text)).toMatchObject({ conflicts: [] })
  expect(run('merge', base, file, theirs, '--write').code).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe(merged.text)
})

test('merge: a conflict is told of, and nothing is written', () => {
  const before = readFileSync(file, 'utf8')
  expect(run('merge', base, file, other, '--write')).toEqual({
    code: 1,
    text: '',
    complaint: [
      '/milestones/hospital-discharge/title: Ours has changed `title` of the milestone `hospital-discharge` from “Left the hospital” to “Went home”, and theirs to “Discharged”.',
      'ours.yaml: one conflict, not merged\n',
    ].join('\n'),
  })
  expect(readFileSync(file, 'utf8')).toBe(before)
})

const limitFor = (when: string) => `  - { code: new, quantity: load, max: 1, when: ${when} }\n`

test('merge: refuses files in which it is not clear which part is which', () => {
  const walks = '  - exercise: garden-walking\n    from: ward\n    dosage: [{ reps: 5 }]\n'
  const own = '  - { code: lifted, quantity: lifted-load, max: 2, unit: kg }\n'
  const twice = write(
    'twice.yaml',
    ['limits:\n', `limits:\n${own}`],
    ['prescriptions:\n', `prescriptions:\n${walks}${walks}`],
  )
  const before = readFileSync(twice, 'utf8')
  for (const files of [
    [base, twice, theirs],
    [base, theirs, twice],
    [twice, base, theirs],
  ]) {
    const { code, text, complaint } = run('merge', ...files, '--write')
    expect([code, text]).toEqual([2, ''])
    expect(complaint).toMatch(
      /^twice\.yaml:\d+:\d+: error: `limits\.\d+` has the name `lifted`, which an earlier one has already/,
    )
    expect(complaint).toMatch(/`prescriptions\.1` needs a `code`: another prescription is called `garden-walking`/)
  }
  expect(readFileSync(twice, 'utf8')).toBe(before)
})

test('merge: what comes of it must be a sound protocol', () => {
  const fewer = write('fewer.yaml', ['values: [own, donor]', 'values: [own]'])
  const asking = write('asking.yaml', ['limits:\n', `limits:\n${limitFor('{ fact: graft, is: donor }')}`])
  expect(run('merge', base, fewer, asking, '--write')).toEqual({
    code: 1,
    text: '',
    complaint: expect.stringMatching(
      /`limits\.\d\.when` compares `graft` with .*\nfewer\.yaml: what comes of it is no sound protocol, not merged\n$/,
    ),
  })
  expect(readFileSync(fewer, 'utf8')).toContain('values: [own]')
})

test('merge: comments are not lost, and three files are needed', () => {
  const commented = join(folder, 'commented.yaml')
  writeFileSync(commented, everyFeatureYaml)
  const kept = run('merge', base, commented, theirs, '--write')
  expect([kept.code, kept.complaint]).toEqual([
    1,
    'commented.yaml: has comments, which merging would lose: not written\n',
  ])
  expect(readFileSync(commented, 'utf8')).toBe(everyFeatureYaml)
  expect(run('merge', base, file, 'none.yaml')).toMatchObject({
    code: 2,
    complaint: expect.stringContaining('none.yaml: error: cannot be read'),
  })
  expect(() => run('merge', base, file)).toThrow('takes three files')
  expect(() => run('merge', base, file, theirs, other)).toThrow('takes three files')
})
