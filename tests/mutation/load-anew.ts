/** Lets the files of Stryker's sandbox be imported again and again, each time as if for the first time. */
import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** `stryMutAct_9fa48("17")`: whether mutant 17 is active. */
const activity = /\bstryMutAct_\w+\("(\d+)"\)/g
/** `stryCov_9fa48("17", "18")`: mutants 17 and 18 have been reached. */
const coverage = /\bstryCov_\w+\("[^)]*\)/g

const replacements = new Map(
  Object.entries({ '@jest/globals': 'jest-globals.ts', yaml: 'parse-yaml.ts' }).map(([specifier, file]) => [
    specifier,
    new URL(file, import.meta.url).href,
  ]),
)

interface Source {
  /** As Stryker wrote it, without its types. */
  text: string
  mutants: ReadonlySet<string>
  /** Without any mutant: as fast as the original. */
  clean: string
}

function readSource(url: string): Source {
  const text = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'))
  const mutants = new Set([...text.matchAll(activity)].map(([, id = '']) => id))
  return { text, mutants, clean: withMutant(text, null) }
}

/** Leaves of Stryker's switches that of the mutant, so that the others cost no time. */
function withMutant(text: string, mutant: string | null): string {
  return text.replaceAll(activity, (asked, id) => (id === mutant ? asked : 'false')).replaceAll(coverage, 'undefined')
}

/**
 * Imports a file of the sandbox and whatever it imports from there anew; `mutant` is the only one that can be active
 * then, null: every one can, and what is reached is counted.
 */
export function createLoader(sandbox: string): (file: string, mutant: string | null) => Promise<unknown> {
  const root = pathToFileURL(`${sandbox}/`)
  const sources = new Map<string, Source>()
  let loads = 0
  let mutant: string | null = null

  registerHooks({
    resolve: (specifier, context, next) => {
      const replacement = context.parentURL?.startsWith(root.href) && replacements.get(specifier)
      if (replacement) return { url: replacement, format: 'module-typescript', shortCircuit: true }
      const resolved = next(specifier, context)
      return resolved.url.startsWith(root.href) ? { ...resolved, url: `${resolved.url}?load=${loads}` } : resolved
    },
    load: (url, context, next) => {
      if (!url.startsWith(root.href) || context.format !== 'module-typescript') return next(url, context)
      const address = url.replace(/\?.*/, '')
      const source = sources.get(address) ?? readSource(address)
      sources.set(address, source)
      const { text, mutants, clean } = source
      const wanted = mutant === null ? text : mutants.has(mutant) ? withMutant(text, mutant) : clean
      return { format: 'module', source: wanted, shortCircuit: true }
    },
  })

  return (file, only) => {
    loads += 1
    mutant = only
    return import(new URL(file, root).href)
  }
}
