import { describe, expect, test } from '@jest/globals'
import type { z } from 'zod'
import type { diff } from '../../src/features/diffs/schemas.ts'
import type { simulation } from '../../src/features/permitted-exercises/schemas.ts'
import { accepted, addDays, everyFeature, publishProtocol, startClinicWithLibrary } from './library-clinic.ts'
import type { Problem } from './support.ts'

type Diff = z.output<typeof diff>

const clinic = await startClinicWithLibrary()

test('show', async () => {
  await publishProtocol(clinic, everyFeature('every-feature'))
  const one = JSON.parse(JSON.stringify(everyFeature('every-feature')).replaceAll('42', '56'))
  accepted(await clinic.put('/protocols/every-feature/draft', one))
  const answer = await clinic.send('GET', '/protocols/every-feature/versions/1/diff/draft', undefined, {
    accept: 'text/markdown',
  })
  process.stdout.write(answer.text)
  const page = await clinic.send('GET', '/protocols/every-feature/versions/1/diff/draft')
  process.stdout.write(page.text.slice(0, 3000))
})
