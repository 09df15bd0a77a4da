// A patient 50 days after an ACDF, and what they may do today: what a clinic's software would send, in three requests.

const [address, key] = process.argv.slice(2)

if (address === undefined || key === undefined || !URL.canParse(address)) {
  process.stderr.write('usage: npm run --silent example -- <address> <API key>\n')
  process.exit(2)
}

async function send(method: 'GET' | 'POST', path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(new URL(path, address), {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const answer = (await response.json()) as Record<string, unknown>
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer.detail}`)
  return answer
}

// A reader like `head` closes the pipe when it has seen enough.
process.stdout.on('error', () => process.exit(0))

try {
  const { timeZone } = await send('GET', '/v1/clinic')
  const surgery = Temporal.Now.plainDateISO(String(timeZone)).subtract({ days: 50 })
  const patient = await send('POST', '/v1/patients', { externalId: `example-${Date.now()}` })
  const episode = await send('POST', `/v1/patients/${patient.id}/episodes`, {
    procedures: ['acdf'],
    surgeryDate: surgery.toString(),
  })
  await send('POST', `/v1/episodes/${episode.id}/milestones`, {
    code: 'hospital-discharge',
    on: surgery.add({ days: 2 }).toString(),
  })
  const answer = await send('GET', `/v1/episodes/${episode.id}/permitted-exercises`)
  process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`)
} catch (error) {
  const reason =
    error instanceof Error ? `${error.message}${error.cause ? ` (${String(error.cause)})` : ''}` : String(error)
  process.stderr.write(`the example failed: ${reason}\n`)
  process.exit(1)
}
