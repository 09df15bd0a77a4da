/** What one part of `npm run test:safety` has found. */
export interface Figures {
  title: string
  /** In words, for people. */
  figures: string
  passed: boolean
}
