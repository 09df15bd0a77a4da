import { serverVariable } from './test-database.ts'
import { folderVariable } from './test-folder.ts'
import { startTestServer } from './test-server.ts'

declare global {
  var testServer: Awaited<ReturnType<typeof startTestServer>> | undefined
}

export default async function setUp(): Promise<void> {
  const server = await startTestServer()
  globalThis.testServer = server
  process.env[serverVariable] = server.url
  process.env[folderVariable] = server.folder
}
