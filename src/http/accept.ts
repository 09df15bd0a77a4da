/** Whether `Accept` names the type with more weight than JSON, which is what everybody else gets. */
export function prefers(accept = '', type: string): boolean {
  const weights = new Map(
    accept.split(',').map((range) => {
      const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
      const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
      return [name, Number.isFinite(weight) ? weight : 0] as const
    }),
  )
  const weightOf = (name: string, ...wider: readonly string[]): number =>
    [name, ...wider].map((range) => weights.get(range)).find((weight) => weight !== undefined) ?? 0
  return weightOf(type) > weightOf('application/json', 'application/*')
}
