/** The service cannot start, and the operator can do something about it: the message is one line that says what. */
export class StartupError extends Error {
  override name = 'StartupError'
}
