import { expect, test } from '@jest/globals'
import type { FastifyRequest } from 'fastify'
import { computeInTurn } from '../../src/http/turns.ts'
import { clinicId } from './test-app.ts'

const socket = { destroyed: false }

function by(id: string, itsSocket = socket): FastifyRequest {
  return { actor: { clinicId, id }, raw: { socket: itsSocket } } as FastifyRequest
}

test('each actor has a turn, and everybody else between two of them', async () => {
  const seen: string[] = []
  const others = setInterval(() => seen.push('-'), 0)
  const compute = (name: string) => (): void => {
    for (const end = performance.now() + 30; performance.now() < end; );
    seen.push(name)
  }
  const work = ['a1', 'a2', 'a3', 'b1', 'c1'].map((name) => computeInTurn(by(name.slice(0, 1)), compute(name)))
  await Promise.all(work)
  clearInterval(others)
  expect(seen.join('').replaceAll(/-+/g, '-')).toBe('a1-a2-b1-c1-a3')
})

test('what fails is told to its own caller, and who has gone is not computed for', async () => {
  let computed = 0
  const outcomes = await Promise.allSettled([
    computeInTurn(by('a'), () => 1),
    computeInTurn(by('a'), () => {
      throw new Error('mine')
    }),
    computeInTurn(by('a', { destroyed: true }), () => {
      computed += 1
    }),
    computeInTurn(by('a'), () => 2),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
  expect(computed).toBe(0)
})
