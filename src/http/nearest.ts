import { distance } from 'fastest-levenshtein'

/** Nobody mistypes a longer one, and two long texts take long to compare. */
const mostLetters = 200

/** The known words that a mistyped one may have meant, most similar first; none when nothing resembles it. */
export function findNearest(word: string, known: Iterable<string>, most = 3): string[] {
  if (word.length > mostLetters) return []
  const wanted = word.toLowerCase()
  return [...new Set(known)]
    .map((candidate) => ({ candidate, score: dissimilarity(wanted, candidate.toLowerCase()) }))
    .filter(({ score }) => score <= 0.5)
    .sort((a, b) => a.score - b.score || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, most)
    .map(({ candidate }) => candidate)
}

/** 0 for the same word, 1 for one that shares nothing; a word that is contained in the other resembles it. */
function dissimilarity(a: string, b: string): number {
  const longest = Math.max(a.length, b.length)
  if (longest === 0) return 0
  const edits = distance(a, b) / longest
  const shortest = Math.min(a.length, b.length)
  const contained = shortest >= 3 && (a.includes(b) || b.includes(a))
  return contained ? Math.min(edits, 0.4) : edits
}

/** `a`, `b` or `c`, in backticks. */
export function listWords(words: readonly string[], conjunction = 'or'): string {
  const quoted = words.map((word) => `\`${word}\``)
  const last = quoted.pop()
  if (last === undefined) return ''
  return quoted.length === 0 ? last : `${quoted.join(', ')} ${conjunction} ${last}`
}
