import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import chromium from '@sparticuz/chromium'
import { type Browser, type BrowserContext, chromium as launcher, type Page } from 'playwright-core'
import { buildApp } from '../../src/app.ts'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { toTimestamp } from '../../src/db/dates.ts'
import { insertApiKey } from '../../src/features/api-keys/repository.ts'
import { toInstantText } from '../../src/http/schemas.ts'
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts'
import { apiKey, clinicId } from './test-app.ts'

let files: TestDatabase
let database: Database
let app: Awaited<ReturnType<typeof buildApp>>
let address: string
let browser: Browser

beforeAll(async () => {
  files = await createTestDatabase()
  database = openDatabase(files.url)
  const clock = () => Temporal.Instant.from('2026-11-20T14:30:00Z')
  const createdAt = toInstantText(clock())
  await database.asClinic(clinicId, async (tx) => {
    await tx.clinic.create({
      data: {
        clinicId,
        name: 'Riverside Spine Clinic',
        timeZone: 'America/New_York',
        revision: 1,
        createdAt: toTimestamp(createdAt),
      },
    })
    await insertApiKey(tx, { clinicId, id: clinicId, name: 'docs', key: apiKey, role: 'administrator', createdAt })
  })
  app = await buildApp({ config: { logLevel: 'silent' }, db: database, clock })
  address = await app.listen({ port: 0, host: '127.0.0.1' })
  // Not the package's own arguments: they turn off what this test is about, and its single process ends with a page.
  browser = await launcher.launch({
    executablePath: await chromium.executablePath(),
    args: ['--no-sandbox', '--no-zygote', '--disable-gpu'],
  })
}, 60_000)

afterAll(async () => {
  await browser?.close()
  await app.close()
  await database.close()
  await files.close()
})

/** A page and whatever goes wrong on it: messages, refused policies, failed requests, requests to elsewhere. */
async function openDocs(path: string): Promise<{ page: Page; context: BrowserContext; troubles: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1600 } })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const troubles: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) troubles.push(`${message.type()}: ${message.text()}`)
  })
  page.on('pageerror', (error) => troubles.push(`thrown: ${error.message}`))
  page.on('requestfailed', (request) => troubles.push(`failed: ${request.url()} ${request.failure()?.errorText}`))
  page.on('response', (response) => {
    if (response.status() >= 400) troubles.push(`${response.status()}: ${response.url()}`)
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(address) && !request.url().startsWith('data:'))
      troubles.push(`elsewhere: ${request.url()}`)
  })
  await page.addInitScript({
    content: `document.addEventListener('securitypolicyviolation', (event) => {
      console.error('refused by policy: ' + event.violatedDirective + ' ' + event.blockedURI)
    })`,
  })
  const response = await page.goto(`${address}${path}`)
  expect(response?.headers()['content-security-policy']).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';",
  )
  await page.waitForSelector('.opblock-tag')
  return { page, context, troubles }
}

describe('the documentation page', () => {
  test('opens under a strict policy and asks nothing of any other host', async () => {
    const { page, context, troubles } = await openDocs('/docs')
    expect(await page.title()).toBe('Rehab protocols')
    expect(await page.locator('.info .title').first().innerText()).toMatch(/^Rehab protocols/)
    const { tags, paths } = (await (await fetch(`${address}/docs/json`)).json()) as {
      tags: { name: string }[]
      paths: Record<string, Record<string, { tags?: string[] }>>
    }
    expect(await page.locator('.opblock-tag').count()).toBe(tags.length)
    // Of a document of this size the page shows only what is in view: one group at a time is.
    const inGroup = Object.values(paths).flatMap((item) =>
      Object.values(item).filter((operation) => operation.tags?.includes('patients')),
    )
    await page.locator('#operations-tag-patients').click()
    await page.locator('.opblock').first().waitFor()
    expect(await page.locator('.opblock').count()).toBe(inGroup.length)
    expect(await page.locator('.topbar').count()).toBe(0)
    expect(troubles).toEqual([])
    await context.close()
  }, 60_000)

  test('has the same address with a slash at its end, sends a request with the key that its reader gives it, and forgets the key', async () => {
    const { page, context, troubles } = await openDocs('/docs/')
    await page.locator('button.authorize').first().click()
    await page.locator('.auth-container input').first().fill(apiKey)
    await page.locator('.auth-btn-wrapper button.authorize').first().click()
    await page.locator('.auth-btn-wrapper button.btn-done').first().click()

    await page.locator('#operations-tag-clinic').click()
    const operation = page.locator('#operations-clinic-getClinic')
    await operation.locator('.opblock-summary-control').click()
    await operation.locator('button.execute').click()
    const answer = operation.locator('.live-responses-table .response')
    await answer.waitFor()
    expect(await answer.locator('.response-col_status').innerText()).toMatch(/^200/)
    expect(await answer.locator('.response-col_description').innerText()).toContain('Riverside Spine Clinic')
    await operation.scrollIntoViewIfNeeded()
    await page.screenshot({ path: join(tmpdir(), 'rehab-protocols-docs.png') })

    expect(troubles).toEqual([])
    await page.reload()
    await page.waitForSelector('.opblock-tag')
    expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])')).not.toContain(apiKey)
    await context.close()
  }, 60_000)
})
