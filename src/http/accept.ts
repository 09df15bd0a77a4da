/** Whether `Accept` names the type with more weight than JSON, which is what everybody else gets. */
export function prefers(accept = '', type: string): boolean {
  const weightOf = weightsOf(accept)
  return weightOf(type) > weightOf('application/json', 'application/*')
}

/** Whether `Accept` lets the type in; without one, or with nothing in it, everything is. */
export function takes(accept: string | undefined, type: string): boolean {
  return (accept ?? '').trim() === '' || weightsOf(accept ?? '')(type, `${type.split('/', 1)}/*`, '*/*') > 0
}

/** The weight of the first of these ranges that is named; 0: none is. */
function weightsOf(accept: string): (...ranges: readonly string[]) => number {
  const weights = new Map(
    accept.split(',').map((range) => {
      const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
      const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
      return [name, Number.isFinite(weight) ? weight : 0] as const
    }),
  )
  return (...ranges) => ranges.map((range) => weights.get(range)).find((weight) => weight !== undefined) ?? 0
}
