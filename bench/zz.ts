import { measureImpact } from './impact.ts'

const r = await measureImpact()
console.log(r.text)
