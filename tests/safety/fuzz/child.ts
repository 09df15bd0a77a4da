// The service in a process of its own, for the fuzz: takes orders from the one that started it.
import { publicUrl } from './requests.ts'
import { startService } from './service.ts'

// What fails is told with its cause, which a HEAD cannot be answered with. To be too busy is no failure.
const logTo = {
  write(line: string): void {
    if (!line.includes('"code":"SERVICE_UNAVAILABLE"')) process.stderr.write(line)
  },
}
const service = await startService(process.argv[2] ?? '', { config: { logLevel: 'error', publicUrl }, logTo })

function measure(): Record<string, number> {
  for (let times = 0; times < 3; times += 1) (globalThis.gc as (() => void) | undefined)?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heapUsed, external }
}

process.on('message', async (order: string) => {
  if (order === 'clinic') process.send?.(await service.makeClinic())
  else if (order === 'memory') process.send?.(measure())
  else if (order === 'cpu') process.send?.(process.cpuUsage())
  else {
    await service.close()
    process.disconnect?.()
  }
})
// Ctrl-C is for the one that started it.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())
process.send?.(service.address)
