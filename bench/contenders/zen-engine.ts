import { evaluateExpressionSync, ZenDecisionContent, ZenEngine, type ZenEngineResponse } from '@gorules/zen-engine'
import { answerOfStatements } from '../answer.ts'
import { all, exerciseVariables, type Line, type Plan, phaseTest, planOf, type Test } from '../lines.ts'
import type { Variables } from '../snapshot.ts'
import type { Contender } from './contender.ts'
import { distinctTests, type Given, linesAboutExercises, listedLines, type Scope, statementsOf } from './scope.ts'

const operators = { is: '==', atLeast: '>=', below: '<', atMost: '<=', above: '>' } as const

/** A dash would be a minus. */
function nameOf(variable: string): string {
  return variable.replaceAll('-', '_')
}

function toExpression(test: Test, name: (variable: string) => string = nameOf): string {
  if (test.op === 'not') return `not (${toExpression(test.of, name)})`
  if (test.op === 'all' || test.op === 'any') {
    if (test.of.length === 0) return String(test.op === 'all')
    return test.of.map((part) => `(${toExpression(part, name)})`).join(test.op === 'all' ? ' and ' : ' or ')
  }
  if (test.op === 'in') return `${name(test.variable)} in ${JSON.stringify(test.values)}`
  return `${name(test.variable)} ${operators[test.op]} ${JSON.stringify(test.value)}`
}

/** −1 before the first phase, otherwise the last phase before the first one that is not open. */
function phaseExpression({ entries }: Plan): string {
  return entries.reduceRight(
    (later, entry, index) => `(${toExpression(entry)}) ? (${later}) : ${index - 1}`,
    String(entries.length - 1),
  )
}

function wholeLine({ phases, test }: Pick<Line, 'phases' | 'test'>): string {
  return toExpression(all(phaseTest(phases), test))
}

interface NumberedRule {
  number: number
  expression: string
}

function pickRules({ lines }: Plan, numbers: readonly number[], toText: (line: Line) => string): NumberedRule[] {
  return numbers.flatMap((number) => {
    const line = lines[number]
    return line === undefined ? [] : { number, expression: toText(line) }
  })
}

function rulesOf(plan: Plan, scope: Scope): NumberedRule[] {
  if (scope === 'reasons') return plan.lines.map((line, number) => ({ number, expression: wholeLine(line) }))
  if (scope === 'exercises') return pickRules(plan, listedLines(plan), wholeLine)
  return distinctTests(plan).map((test, number) => ({ number, expression: toExpression(test) }))
}

/** The numbers of the rules that hold. */
function listHeld(rules: readonly NumberedRule[]): string {
  return `filter([${rules.map(({ number, expression }) => `(${expression}) ? ${number} : -1`).join(', ')}], # >= 0)`
}

/** The same for each exercise; what an engine must know of them is part of the expression. */
function listHeldOfExercises(plan: Plan): string {
  const exercises = plan.judged.map((exercise) => {
    const variables = Object.entries(exerciseVariables(plan.document, exercise))
    return `{${variables.map(([name, value]) => `${nameOf(name)}: ${JSON.stringify(value)}`).join(', ')}}`
  })
  const ofExercise = (variable: string) => `one.${nameOf(variable)}`
  const rules = pickRules(plan, linesAboutExercises(plan), ({ meets, phases, test }) =>
    [toExpression(meets, ofExercise), wholeLine({ phases, test })].map((part) => `(${part})`).join(' and '),
  )
  return `map([${exercises.join(', ')}] as one, ${listHeld(rules)})`
}

/** Phase, rules that hold, and those of each exercise: all of it in one expression, in which the phase is worked out once. */
function wholeExpression(plan: Plan, scope: Scope): string {
  const parts = ['phase', listHeld(rulesOf(plan, scope)), ...(scope === 'exercises' ? [listHeldOfExercises(plan)] : [])]
  return `map([${phaseExpression(plan)}] as phase, [${parts.join(', ')}])[0]`
}

type Node = { id: string; name: string; type: string; content?: object }

/** A graph of nodes one after the other, compiled once. */
function decide(engine: ZenEngine, nodes: readonly Node[]) {
  const chain: Node[] = [
    { id: 'request', name: 'Request', type: 'inputNode' },
    ...nodes,
    { id: 'response', name: 'Response', type: 'outputNode' },
  ]
  const edges = chain
    .slice(1)
    .map(({ id }, index) => ({ id: `to-${id}`, type: 'edge', sourceId: chain[index]?.id, targetId: id }))
  return engine.createDecision(new ZenDecisionContent({ nodes: chain, edges }))
}

function expressionNode(key: string, value: string, passThrough: boolean): Node {
  const content = { expressions: [{ id: key, key, value }], passThrough }
  return { id: key, name: key, type: 'expressionNode', content }
}

/** A decision table that gives the number of every row whose test holds, and passes the phase on. */
function tableNode(rules: readonly NumberedRule[]): Node {
  const content = {
    hitPolicy: 'collect',
    inputs: [{ id: 'when', name: 'When' }],
    outputs: [{ id: 'rule', name: 'Rule', field: 'rule' }],
    rules: rules.map(({ number, expression }) => ({ _id: `row-${number}`, when: expression, rule: String(number) })),
    outputPath: 'held',
    passThrough: true,
  }
  return { id: 'rules', name: 'Rules', type: 'decisionTableNode', content }
}

/** `table`: a decision graph with a decision table. `graph`: one with an expression. `expression`: no graph at all. */
type Form = 'table' | 'graph' | 'expression'

type Listed = [phase: number, held: number[], heldOf?: number[][]]
type Tabled = { phase: number; held: { rule: number }[] }

function prepareForm(engine: ZenEngine, plan: Plan, scope: Scope, form: Form) {
  const fromList = ([phase, held, heldOf]: Listed): Given => ({ phase, held, ...(heldOf && { heldOf }) })
  if (form === 'expression') {
    const expression = wholeExpression(plan, scope)
    return {
      ask: (variables: Variables) => evaluateExpressionSync(expression, variables),
      give: (result: unknown) => fromList(result as Listed),
    }
  }
  const nodes =
    form === 'table'
      ? [expressionNode('phase', phaseExpression(plan), true), tableNode(rulesOf(plan, scope))]
      : [expressionNode('answer', wholeExpression(plan, scope), false)]
  const decision = decide(engine, nodes)
  return {
    ask: (variables: Variables) => decision.evaluate(variables),
    give: (response: unknown): Given => {
      const { result } = response as ZenEngineResponse
      if (form === 'graph') return fromList(result.answer as Listed)
      const { phase, held } = result as Tabled
      return { phase, held: held.map(({ rule }) => rule) }
    },
  }
}

export function zenEngine(name: string, scope: Scope, form: Form): Contender {
  const engine = new ZenEngine()
  return {
    name,
    prepare({ document }) {
      const plan = planOf(document)
      const { ask, give } = prepareForm(engine, plan, scope, form)
      return {
        ask: ({ variables }) => ask(variables),
        read: (response, { variables }) => {
          const given = give(response)
          return answerOfStatements(plan, Number(variables.days), given.phase, statementsOf(plan, scope, given))
        },
      }
    },
  }
}
