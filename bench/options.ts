/** How `npm start` was asked to measure. */
export interface Options {
  /** A quick try: fewer and shorter rounds, and figures that mean little. */
  isShort: boolean
  /** Up to a million episodes, which takes minutes to store. */
  toMillion: boolean
  /** A profile of the service while it is under load, instead of the comparison. */
  withProfile: boolean
}

/** What a part gives: its tables, and the same for `data/results.json`. */
export interface Part {
  text: string
  data: unknown
}
