/** What test files get when they import `@jest/globals` during a mutation run: their tests are collected, not run. */
import { createRequire } from 'node:module'
import { format } from 'node:util'

export interface CollectedTest {
  title: string
  run: () => unknown
}

type Body = (...values: never[]) => unknown
type Add = (title: string, body: Body) => void

/** jest's own `expect`. */
export const { jestExpect: expect } = createRequire(createRequire(import.meta.url).resolve('@jest/globals'))(
  '@jest/expect',
)

let collected: CollectedTest[] = []
let titles: readonly string[] = []

/** Fills in a title as jest does. */
function fillIn(title: string, values: readonly unknown[]): string {
  let next = 0
  return title.replaceAll(/%[sdifjop]/g, (placeholder) => {
    const value = values[next]
    next += 1
    return format(placeholder === '%p' ? '%o' : placeholder, value)
  })
}

type Each = Add & { each: (rows: readonly unknown[]) => Add }

function withEach(add: Add): Each {
  const each = (rows: readonly unknown[]) => (title: string, body: Body) => {
    for (const row of rows) {
      const values = (Array.isArray(row) ? row : [row]) as never[]
      add(fillIn(title, values), () => body(...values))
    }
  }
  return Object.assign((title: string, body: Body) => add(title, body), { each })
}

export const describe = withEach((title, body) => {
  const outer = titles
  titles = [...outer, title]
  body()
  titles = outer
})

const collect = withEach((title, body) => {
  collected.push({ title: [...titles, title].join(' > '), run: body as () => unknown })
})

export const test = Object.assign(collect, { skip: withEach(() => undefined) })

/** The tests of the file that `load` imports. */
export async function collectTests(load: () => Promise<unknown>): Promise<readonly CollectedTest[]> {
  collected = []
  titles = []
  await load()
  return collected
}
