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
