/** Answers the items of one group, in their order. */
export type AskTogether<Item, Answer> = (group: string, items: readonly [Item, ...Item[]]) => Promise<readonly Answer[]>

export interface Gather<Item, Answer> {
  (group: string, item: Item): Promise<Answer>
  /** Milliseconds that the first has waited of those whose question is not on its way yet. */
  longestWait: () => number
  /** How many items have no answer yet; of one group counts as many as go together, however many they are. */
  unanswered: () => number
  /** How many groups are kept, those that ask nothing now among them. */
  size: () => number
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

/**
 * So many groups are kept, also while they have nothing to ask. A map of which every question takes an entry out and puts
 * one in leaves tables behind that hold on to each other, and to all that went through them, until the old heap is
 * collected.
 */
export const mostGroups = 1000

interface Waiting<Item, Answer> {
  item: Item
  since: number
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

interface Group<Item, Answer> {
  name: string
  waiting: Waiting<Item, Answer>[]
  underWay: number
  isActive: boolean
}

/**
 * Asks the database once for what is asked of it at the same time. Alone an item goes at once; while a question of its
 * group is on its way, those that come wait and go together with the next. So a question is sent after all of its items
 * have come, and what was stored before they came is seen.
 *
 * An error is everybody's, unless it may be that of one item's data: then each is asked by itself.
 */
export function createGather<Item, Answer>(ask: AskTogether<Item, Answer>, most = 100): Gather<Item, Answer> {
  const groups = new Map<string, Group<Item, Answer>>()
  /** Those that have something to ask, or have asked it. */
  const active: Group<Item, Answer>[] = []

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

  async function goOn(group: Group<Item, Answer>): Promise<void> {
    while (group.waiting.length > 0) {
      const together = group.waiting.splice(0, most)
      group.underWay = together.length
      await answer(group.name, together)
      group.underWay = 0
    }
    group.isActive = false
    active.splice(active.indexOf(group), 1)
  }

  /** Of those that ask nothing now the first go. */
  const makeRoom = (): void => {
    for (const { name, isActive } of groups.values()) {
      if (!isActive) groups.delete(name)
      if (groups.size < mostGroups) return
    }
  }

  const groupOf = (name: string): Group<Item, Answer> => {
    const known = groups.get(name)
    if (known !== undefined) return known
    if (groups.size >= mostGroups) makeRoom()
    const group = { name, waiting: [], underWay: 0, isActive: false }
    groups.set(name, group)
    return group
  }

  const gather = (name: string, item: Item): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const group = groupOf(name)
      if (group.waiting.length >= most * mostQuestions) return reject(new TooManyWaiting())
      group.waiting.push({ item, since: performance.now(), resolve, reject })
      if (group.isActive) return
      group.isActive = true
      active.push(group)
      // Behind what comes with it from the network.
      setImmediate(() => goOn(group))
    })
  const longestWait = (): number => {
    const now = performance.now()
    return active.reduce((longest, { waiting: [first] }) => Math.max(longest, first ? now - first.since : 0), 0)
  }
  const unanswered = (): number =>
    active.reduce((sum, { waiting, underWay }) => sum + Math.min(waiting.length + underWay, most), 0)
  return Object.assign(gather, { longestWait, unanswered, size: () => groups.size })
}

/** A data exception or an integrity constraint violation of PostgreSQL. */
function isOfData(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' && /^2[23][0-9A-Z]{3}$/.test(code)
}
