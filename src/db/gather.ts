/** Answers the items of one group, in their order. */
export type AskTogether<Item, Answer> = (group: string, items: readonly [Item, ...Item[]]) => Promise<readonly Answer[]>

export interface Gather<Item, Answer> {
  (group: string, item: Item): Promise<Answer>
  /** Milliseconds that the first has waited of those whose question is not on its way yet. */
  longestWait: () => number
  /** How many items have no answer yet; of one group counts as many as go together, however many they are. */
  unanswered: () => number
}

/** So many questions' worth of items of one group may wait; whoever comes then would wait for too long. */
const mostQuestions = 2

/** More wait already than have a chance of being answered soon. */
export class TooManyWaiting extends Error {
  constructor() {
    super('too many wait for the answer to what they have asked together')
    this.name = 'TooManyWaiting'
  }
}

interface Waiting<Item, Answer> {
  item: Item
  since: number
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

/**
 * Asks the database once for what is asked of it at the same time. Alone an item goes at once; while a question of its
 * group is on its way, those that come wait and go together with the next. So a question is sent after all of its items
 * have come, and what was stored before they came is seen.
 *
 * An error is everybody's, unless it may be that of one item's data: then each is asked by itself.
 */
export function createGather<Item, Answer>(ask: AskTogether<Item, Answer>, most = 100): Gather<Item, Answer> {
  const groups = new Map<string, { waiting: Waiting<Item, Answer>[]; underWay: number }>()

  async function answer(name: string, together: readonly Waiting<Item, Answer>[]): Promise<void> {
    const [first, ...others] = together.map(({ item }) => item)
    if (first === undefined) return
    try {
      const answers = await ask(name, [first, ...others])
      if (answers.length !== together.length) throw new Error('each item has one answer')
      for (const [index, { resolve }] of together.entries()) resolve(answers[index] as Answer)
    } catch (error) {
      if (together.length > 1 && isOfData(error)) for (const one of together) await answer(name, [one])
      else for (const { reject } of together) reject(error)
    }
  }

  async function goOn(name: string): Promise<void> {
    for (let group = groups.get(name); group !== undefined; ) {
      const together = group.waiting.splice(0, most)
      group.underWay = together.length
      await answer(name, together)
      group.underWay = 0
      if (group.waiting.length > 0) continue
      groups.delete(name)
      return
    }
  }

  const gather = (name: string, item: Item): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const one = { item, since: performance.now(), resolve, reject }
      const group = groups.get(name)
      if (group === undefined) {
        groups.set(name, { waiting: [one], underWay: 0 })
        // Behind what comes with it from the network.
        setImmediate(() => goOn(name))
      } else if (group.waiting.length < most * mostQuestions) group.waiting.push(one)
      else reject(new TooManyWaiting())
    })
  const longestWait = (): number => {
    const now = performance.now()
    return Math.max(
      0,
      ...[...groups.values()].map(({ waiting: [first] }) => (first === undefined ? 0 : now - first.since)),
    )
  }
  const unanswered = (): number =>
    [...groups.values()].reduce((sum, { waiting, underWay }) => sum + Math.min(waiting.length + underWay, most), 0)
  return Object.assign(gather, { longestWait, unanswered })
}

/** A data exception or an integrity constraint violation of PostgreSQL. */
function isOfData(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^2[23][0-9A-Z]{3}$/.test(code)
}
