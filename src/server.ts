import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Before all else is loaded: what Node makes of the sources is kept for the next start, which takes half as long then. It
// is kept where nobody writes who could not change the sources as well; where nothing can be written there is no cache.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/rehab-protocols', import.meta.url)))
await import('./start.ts')
