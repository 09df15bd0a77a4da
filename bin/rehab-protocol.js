#!/usr/bin/env node
// Plain JavaScript for whatever Node runs it. The rest is TypeScript, which Node runs as it is, but not in node_modules.
import { readFileSync } from 'node:fs'
import * as nodeModule from 'node:module'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url).href

if (Number(process.versions.node.split('.')[0]) < 26) {
  process.stderr.write(`rehab-protocol needs Node 26 or later; this is ${process.version}\n`)
  process.exit(2)
}

if (root.includes('/node_modules/')) {
  const { emitWarning } = process
  // That stripping types is experimental in Node is not the author's concern.
  process.emitWarning = (warning, ...rest) => {
    if (!String(warning).includes('stripTypeScriptTypes')) emitWarning.call(process, warning, ...rest)
  }
  nodeModule.registerHooks({
    load(url, context, next) {
      if (!url.startsWith(root) || !url.endsWith('.ts')) return next(url, context)
      const source = nodeModule.stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'))
      return { format: 'module', source, shortCircuit: true }
    },
  })
}

await import('../src/commands/protocol.ts')
