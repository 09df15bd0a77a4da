// Makes the database client in src/db/generated from schema.prisma, after every install and without a download.
// Plain JavaScript for whatever Node runs the install.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const client = join(root, 'src', 'db', 'generated', 'client.ts')
const prisma = findPrisma()

if (prisma !== null) generate(prisma)
else if (!existsSync(client)) {
  // Not an error: an image is built with `npm ci --omit=dev` and brings the client along.
  process.stderr.write(
    'prisma is not installed, so src/db/generated was not made: copy it from a full install, or run npm ci\n',
  )
}

// Under a name of its own: `prisma` is an optional peer of @prisma/client, for which `npm ci --omit=dev` would install it
// with all that it needs, and so is `typescript`.
function findPrisma() {
  try {
    const manifest = createRequire(import.meta.url).resolve('prisma-cli/package.json')
    return join(dirname(manifest), 'build', 'index.js')
  } catch {
    return null
  }
}

function generate(prisma) {
  const schema = join(root, 'prisma', 'schema.prisma')
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [prisma, 'generate', `--schema=${schema}`], {
    cwd: root,
    encoding: 'utf8',
    env: {
      ...process.env,
      // `generate` does not run the native engine but downloads it unless told of a file: any file.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      // Neither ask for newer versions nor report the use of this one.
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    },
  })
  if (status === 0) return
  process.stderr.write(`prisma generate failed:\n${error ?? `${stdout}${stderr}`}\n`)
  process.exitCode = 1
}
