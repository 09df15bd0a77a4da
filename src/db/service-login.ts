import { createHmac } from 'node:crypto'
import pg from 'pg'
import { serviceRole } from './client.ts'
import { explainConnectionProblem } from './connection-problem.ts'

const login = 'rehab_login'

/**
 * Makes the login with which the service connects to its embedded server, and returns its address: a session of the
 * superuser's could leave the service's role again. The password follows from the superuser's, so that every process
 * on the same data folder has the same.
 */
export async function ensureServiceLogin(superuserUrl: string): Promise<string> {
  const address = new URL(superuserUrl)
  const password = createHmac('sha256', decodeURIComponent(address.password)).update(login).digest('base64url')
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [login])
    if (rowCount === 0) {
      await client.query(`CREATE ROLE ${login} LOGIN PASSWORD ${pg.escapeLiteral(password)} IN ROLE ${serviceRole}`)
    }
  } catch (error) {
    throw explainConnectionProblem(superuserUrl, error)
  } finally {
    await client.end().catch(() => {})
  }
  address.username = login
  address.password = password
  return address.href
}
