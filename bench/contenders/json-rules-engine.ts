import { Engine, Fact, type NestedCondition, type RuleProperties, type TopLevelCondition } from 'json-rules-engine'
import { answerOfStatements } from '../answer.ts'
import { all, exerciseVariables, type Line, type Plan, phaseTest, planOf, type Test } from '../lines.ts'
import type { Variables } from '../snapshot.ts'
import type { Contender } from './contender.ts'
import { distinctTests, type Given, linesAboutExercises, listedLines, type Scope, statementsOf } from './scope.ts'

const operators = {
  is: 'equal',
  atLeast: 'greaterThanInclusive',
  below: 'lessThan',
  atMost: 'lessThanInclusive',
  above: 'greaterThan',
} as const

function toCondition(test: Test): NestedCondition {
  if (test.op === 'all') return { all: test.of.map(toCondition) }
  if (test.op === 'any') return { any: test.of.map(toCondition) }
  if (test.op === 'not') return { not: toCondition(test.of) }
  if (test.op === 'in') return { fact: test.variable, operator: 'in', value: [...test.values] }
  return { fact: test.variable, operator: operators[test.op], value: test.value }
}

function toRoot(test: Test): TopLevelCondition {
  const condition = toCondition(test)
  return 'fact' in condition ? { all: [condition] } : (condition as TopLevelCondition)
}

/** Each of `tests` in turn, the later only if the earlier hold: of conditions of one priority all are evaluated. */
function inTurn(...tests: readonly Test[]): TopLevelCondition {
  const asked = tests.filter((test) => test.op !== 'all' || test.of.length > 0)
  if (asked.length < 2) return toRoot(all(...asked))
  return { all: asked.map((test, index) => ({ ...toCondition(test), priority: asked.length - index })) }
}

/** Facts that are not hashed for a cache that constants do not need. */
function toFacts(variables: Variables): Record<string, Fact> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, new Fact(name, value, { cache: false })]),
  )
}

/** One rule for each phase, the first ones before the later; a phase that opens becomes the fact `phase`. */
function phaseRules({ entries }: Plan): RuleProperties[] {
  return entries.map((entry, index) => ({
    priority: 1000 - index,
    conditions: inTurn({ op: 'is', variable: 'phase', value: index - 1 }, entry),
    event: { type: 'phase' },
    onSuccess: (_, almanac) => {
      almanac.addFact(new Fact('phase', index, { cache: false }))
    },
  }))
}

function ruleOf(conditions: TopLevelCondition, index: number): RuleProperties {
  return { conditions, event: { type: String(index) } }
}

/** The engine's events are the numbers of the rules that hold. */
async function run(engine: Engine, variables: Variables): Promise<Given> {
  const { events, almanac } = await engine.run(toFacts(variables))
  const held = events.flatMap(({ type }) => (type === 'phase' ? [] : Number(type)))
  return { phase: await almanac.factValue<number>('phase'), held }
}

function wholeLine({ phases, test }: Line): TopLevelCondition {
  return inTurn(phaseTest(phases), test)
}

function pickRules(plan: Plan, numbers: readonly number[], toConditions: (line: Line) => TopLevelCondition) {
  return numbers.flatMap((index) => {
    const line = plan.lines[index]
    return line === undefined ? [] : ruleOf(toConditions(line), index)
  })
}

function prepareReasons(plan: Plan) {
  const engine = new Engine([...phaseRules(plan), ...plan.lines.map((line, index) => ruleOf(wholeLine(line), index))])
  return (variables: Variables) => run(engine, { ...variables, phase: -1 })
}

function prepareConditions(plan: Plan) {
  const engine = new Engine([
    ...phaseRules(plan),
    ...distinctTests(plan).map((test, index) => ruleOf(toRoot(test), index)),
  ])
  return (variables: Variables) => run(engine, { ...variables, phase: -1 })
}

function prepareExercises(plan: Plan) {
  const first = new Engine([...phaseRules(plan), ...pickRules(plan, listedLines(plan), wholeLine)])
  const engine = new Engine(
    pickRules(plan, linesAboutExercises(plan), (line) => inTurn(line.meets, phaseTest(line.phases), line.test)),
  )
  const exercises = plan.judged.map((exercise) => exerciseVariables(plan.document, exercise))
  return async (variables: Variables): Promise<Given> => {
    const { phase, held } = await run(first, { ...variables, phase: -1 })
    const heldOf: (readonly number[])[] = []
    for (const exercise of exercises) {
      heldOf.push((await run(engine, { ...variables, ...exercise, phase })).held)
    }
    return { phase, held, heldOf }
  }
}

/** Only one run at a time: an engine that has finished one leaves out what is left of another. */
export function jsonRulesEngine(name: string, scope: Scope): Contender {
  const prepareScope = { reasons: prepareReasons, conditions: prepareConditions, exercises: prepareExercises }[scope]
  return {
    name,
    prepare({ document }) {
      const plan = planOf(document)
      const ask = prepareScope(plan)
      return {
        ask: ({ variables }) => ask(variables),
        read: (given, { variables }) => {
          const { phase } = given as Given
          return answerOfStatements(plan, Number(variables.days), phase, statementsOf(plan, scope, given as Given))
        },
      }
    },
  }
}
